"""References given on the command line: files that ``hearfelt reference`` wrote, or recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from hearfelt.cli.display.progress import progress
from hearfelt.errors import AudioError

if TYPE_CHECKING:
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.inference.reference import Reference, SoundStatistics

__all__ = ["read_reference", "reference_from"]

_SUFFIX = ".json"


@overload
def read_reference(given: Path, recognizer: Recognizer) -> Reference: ...
@overload
def read_reference(given: None, recognizer: Recognizer) -> None: ...
@overload
def read_reference(given: Path | None, recognizer: Recognizer) -> Reference | None: ...
def read_reference(given: Path | None, recognizer: Recognizer) -> Reference | None:
    """Give the reference of ``--reference``: a file of ``hearfelt reference``, a folder, or one recording.

    Raises:
        ModelError: if the model takes no reference, or the file is none, or of another model.
        AudioError: if no recording can be read.
    """
    if given is None:
        return None
    from hearfelt.inference.reference import Reference

    if given.suffix.casefold() == _SUFFIX and not given.is_dir():
        reference = Reference.load(given)
    else:
        reference, _ = reference_from(recognizer, [str(given)])
    recognizer.window_classifier(reference)  # refuses one of another model before anything is answered
    return reference


def reference_from(recognizer: Recognizer, paths: Sequence[str]) -> tuple[Reference, list[AudioError]]:
    """Make a reference from files and folders; what cannot be read is reported and left out.

    Returns:
        The reference, and the errors.

    Raises:
        ModelError: if the model takes no reference.
        AudioError: if no recording can be read.
    """
    from hearfelt.audio.reader import audio_files
    from hearfelt.cli.display.output import printable
    from hearfelt.runtime.files import path_given

    folders = [(path_given(path), path) for path in paths]
    sounds = [sound for folder, path in folders for sound in (audio_files(folder) if folder.is_dir() else [path])]
    errors: list[AudioError] = []

    def statistics() -> Iterator[SoundStatistics]:
        with progress("reading the reference", len(sounds)) as advance:
            for sound in sounds:
                try:
                    yield recognizer.statistics(sound)
                except AudioError as error:
                    print(f"hearfelt: {printable(str(error))}", file=sys.stderr, flush=True)
                    errors.append(error)
                advance(1)

    if not sounds:
        raise AudioError(f"{paths[0]}: no sound in this folder; WAV, FLAC, OGG, Opus, MP3 or AIFF is wanted")
    return recognizer.reference_of(statistics()), errors
