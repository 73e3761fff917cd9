"""Runs that are done on other machines: what an earlier call left travels there, and what comes of it travels back."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hearfelt.errors import CorpusError
from hearfelt.runtime.files import atomic_write
from hearfelt.training.executor import Spread
from hearfelt.training.runs import ANSWERS, Finished, Run, do_run
from hearfelt.training.sound_training_set import SoundLesson
from hearfelt.training.trainer import RUN

__all__ = ["do_away"]

_LAST = (RUN, ANSWERS)  # say that what stands before them is whole


@dataclass(frozen=True, eq=False)
class _Parcel:
    """A run without its folder, and the folder's files.

    Attributes:
        run: its folder means nothing on another machine.
        files: content by path below the folder.
    """

    run: Run
    files: Mapping[str, bytes] = field(repr=False)


def do_away(spread: Spread, runs: Mapping[int, Run]) -> Iterator[tuple[int, Finished]]:
    """Do runs wherever their pieces are done, and write everything that comes of them here.

    No disk has to be shared for models and answers. Recordings are read where a run is done: test clips, and what
    a network that takes sound learns from, must lie at the same place on every machine.

    Args:
        spread: does the pieces.
        runs: by number.

    Yields:
        What came of each under its number, as it is done.

    Raises:
        CorpusError: if a recording is not there on a machine.
        HearfeltError: as the first run that fails.
    """
    parcels = {number: _Parcel(run, _files_below(run.folder)) for number, run in runs.items()}
    for number, files in spread(_do_parcel, parcels):
        run = runs[number]
        for name in sorted(files, key=lambda name: (name in _LAST, _LAST.index(name) if name in _LAST else 0)):
            with atomic_write(run.folder / name, "wb") as file:
                file.write(files[name])
        for name in parcels[number].files.keys() - files.keys():  # such as a checkpoint, which is of no more use
            (run.folder / name).unlink(missing_ok=True)
        yield number, do_run(run)  # reads what has just been written, and checks that it is this very run


def _do_parcel(parcel: _Parcel) -> dict[str, bytes]:
    _refuse_missing(parcel.run)
    with tempfile.TemporaryDirectory(prefix="hearfelt-") as place:
        run = replace(parcel.run, folder=Path(place))
        for name, content in parcel.files.items():
            path = run.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        do_run(run)
        return _files_below(run.folder)


def _refuse_missing(run: Run) -> None:
    """A clip that is not there would be counted as one that cannot be answered."""
    learned = run.lesson.clips if isinstance(run.lesson, SoundLesson) else ()
    missing = [clip.path for clip in (*run.test, *learned) if not clip.path.is_file()]
    if missing:
        raise CorpusError(
            f"{missing[0]}: not there on the machine {platform.node()}, and {len(missing) - 1:,} others;"
            " recordings must lie at the same place on every machine of the cluster"
        )


def _files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
