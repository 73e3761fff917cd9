"""Sounds on the command line: paths, ``-`` for standard input, ``--raw`` and ``--track``, microphone, references."""

from __future__ import annotations

import queue
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, overload

import typer

from hearfelt.cli.display.progress import progress
from hearfelt.errors import AudioError, ExtraMissingError, require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hearfelt.audio.decoders.raw import RawFormat
    from hearfelt.audio.reader import Sound
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.inference.reference import Reference, SoundStatistics

__all__ = [
    "STANDARD_INPUT",
    "Reading",
    "check_standard_input",
    "microphone",
    "parse_raw",
    "parse_reading",
    "read_reference",
    "reference_from",
    "sound_of",
]

STANDARD_INPUT: Final = "-"
_STDIN_NAME: Final = "standard input"
_REFERENCE_SUFFIX: Final = ".json"


@dataclass(frozen=True)
class Reading:
    """How to read the sounds.

    Attributes:
        raw: format of the samples, if the files have no header.
        track: the audio track; None for the file's default.
    """

    raw: RawFormat | None = None
    track: int | None = None

    def of(self, source: str | Path | BinaryIO) -> Sound:
        """Give the sound of a path or an open file."""
        from hearfelt.audio.decoders.raw import RawSound
        from hearfelt.audio.inputs import AudioTrack

        if self.raw is not None:
            return RawSound(source, self.raw)
        return source if self.track is None else AudioTrack(source, self.track)


def parse_reading(raw: str | None, track: int | None) -> Reading:
    """Parse ``--raw`` and ``--track``.

    Raises:
        typer.BadParameter: if the value is wrong.

    Example:
        >>> parse_reading(None, 1)
        Reading(raw=None, track=1)
    """
    if raw is not None and track is not None:
        raise typer.BadParameter("raw samples have no tracks; leave out --track or --raw", param_hint="--track")
    return Reading(parse_raw(raw), track)


def parse_raw(value: str | None) -> RawFormat | None:
    """Parse ``--raw``.

    Raises:
        typer.BadParameter: if the value is wrong.

    Example:
        >>> parse_raw("s16le:8000")
        RawFormat(encoding='s16le', rate_hz=8000, channels=1)
    """
    if value is None:
        return None
    from hearfelt.audio.decoders.raw import RawFormat
    from hearfelt.errors import AudioError

    try:
        return RawFormat.parse(value)
    except AudioError as error:
        raise typer.BadParameter(str(error).removeprefix("raw sound: "), param_hint="--raw") from None


def check_standard_input(paths: Sequence[str]) -> None:
    """Check that standard input is given at most once, and that something is piped into it.

    Raises:
        typer.BadParameter: if not.
    """
    count = paths.count(STANDARD_INPUT)
    if count > 1:
        raise typer.BadParameter(f"- was given {count} times; standard input can be read once", param_hint="PATH")
    if count and (getattr(sys.stdin, "buffer", None) is None or sys.stdin.isatty()):
        raise typer.BadParameter(
            "- is standard input, and nothing is piped into it; write: some-program | hearfelt …",
            param_hint="PATH",
        )


@contextmanager
def sound_of(source: str, reading: Reading, *, is_read_again: bool = False) -> Iterator[Sound]:
    """Open the sound of a command-line argument.

    Raw samples from a pipe are read as they come; anything else from a pipe is saved to a temporary file first, since
    most formats cannot be read sequentially.

    Args:
        source: a path, or ``-`` for standard input.
        reading: how to read it.
        is_read_again: whether the sound will be read more than once.

    Raises:
        AudioError: if what is piped in is too long or cannot be saved.
    """
    from hearfelt.audio.inputs import saved

    if source != STANDARD_INPUT:
        yield reading.of(source)
    elif reading.raw is not None and not is_read_again:
        yield reading.of(sys.stdin.buffer)
    else:
        with saved(sys.stdin.buffer, _STDIN_NAME) as file:
            yield reading.of(file)


BLOCK_S: Final = 0.1
"""How long one block of samples is."""

_UNPLUGGED_S: Final = 5.0  # without a block for this long, the microphone was unplugged


@contextmanager
def microphone(name: str | None = None) -> Iterator[tuple[int, Iterator[NDArray[np.float32]]]]:
    """Open a microphone; it is closed when this ends.

    Args:
        name: a number, or part of a name, as ``python -m sounddevice`` lists them; by default the system's.

    Yields:
        The rate in Hz, and blocks ``(n,)`` of 0.1 s, one channel, as they come.

    Raises:
        ExtraMissingError: if sounddevice, or the library PortAudio under it, is not installed.
        AudioError: if there is no microphone, it cannot be opened, or it gives nothing any more.
    """
    device = _sounddevice()
    blocks: queue.SimpleQueue[NDArray[np.float32]] = queue.SimpleQueue()

    def keep(samples: NDArray[np.float32], frames: int, times: object, status: object) -> None:
        blocks.put(samples[:, 0].copy())  # (n, 1) -> (n,); sounddevice uses its array again

    wanted = int(name) if name is not None and name.isdecimal() else name
    try:
        found = device.query_devices(wanted, "input")
        rate_hz = round(found["default_samplerate"])
        stream = device.InputStream(
            rate_hz, round(BLOCK_S * rate_hz), found["index"], channels=1, dtype="float32", callback=keep
        )
        stream.start()
    except (device.PortAudioError, ValueError) as error:
        called = "no microphone" if name is None else f"no microphone {name!r}"
        raise AudioError(f"{called} can be opened ({_reason(error)}); connect one, or give --file") from error
    with stream:
        yield rate_hz, _coming(blocks, str(found["name"]))


def _sounddevice() -> Any:
    try:
        return require("sounddevice", "listen")
    except OSError as error:  # its wheel for Linux comes without the library
        raise ExtraMissingError(
            "the library PortAudio is not installed; a microphone needs it: apt install libportaudio2, or give --file"
        ) from error


def _coming(blocks: queue.SimpleQueue[NDArray[np.float32]], name: str) -> Iterator[NDArray[np.float32]]:
    while True:
        try:
            yield blocks.get(timeout=_UNPLUGGED_S)
        except queue.Empty:
            raise AudioError(f"{name}: no sound came for {_UNPLUGGED_S:.0f} s; check that it is still there") from None


def _reason(error: Exception) -> str:
    return str(error.args[0] if error.args else error).strip().rstrip(".").lower()


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

    if given.suffix.casefold() == _REFERENCE_SUFFIX and not given.is_dir():
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
