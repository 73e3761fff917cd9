"""Training runs on other machines: files of an earlier call travel there, the results travel back."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hearfelt.errors import CorpusError
from hearfelt.runtime.executor import Executor
from hearfelt.runtime.files import atomic_write
from hearfelt.training.runs import ANSWERS, Finished, Run, do_run
from hearfelt.training.trainer import RUN
from hearfelt.training.training_set import EncoderSource

__all__ = ["run_remotely"]

_LAST = (RUN, ANSWERS)  # say that what stands before them is whole


@dataclass(frozen=True, eq=False)
class _RemoteRun:
    """A run together with the files of its folder.

    Attributes:
        run: its folder means nothing on another machine.
        files: content by path below the folder.
    """

    run: Run
    files: Mapping[str, bytes] = field(repr=False)


def run_remotely(executor: Executor, runs: Mapping[int, Run]) -> Iterator[tuple[int, Finished]]:
    """Do runs with an executor, and write their results here.

    No disk has to be shared for models and answers. Recordings are read where a run is done: test clips, and
    training clips of a network that takes sound, must lie at the same place on every machine.

    Args:
        executor: does the runs.
        runs: by number.

    Yields:
        What came of each under its number, as it is done.

    Raises:
        CorpusError: if a recording is not there on a machine.
        HearfeltError: as the first run that fails.
    """
    remote = {number: _RemoteRun(run, _files_below(run.folder)) for number, run in runs.items()}
    for number, files in executor(_do_remote, remote):
        run = runs[number]
        for name in sorted(files, key=lambda name: (name in _LAST, _LAST.index(name) if name in _LAST else 0)):
            with atomic_write(run.folder / name, "wb") as file:
                file.write(files[name])
        for name in remote[number].files.keys() - files.keys():  # such as a checkpoint, which is of no more use
            (run.folder / name).unlink(missing_ok=True)
        yield number, do_run(run)  # reads what has just been written, and checks that it is this very run


def _do_remote(remote: _RemoteRun) -> dict[str, bytes]:
    _refuse_missing(remote.run)
    with tempfile.TemporaryDirectory(prefix="hearfelt-") as folder:
        run = replace(remote.run, folder=Path(folder))
        for name, content in remote.files.items():
            path = run.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        do_run(run)
        return _files_below(run.folder)


def _refuse_missing(run: Run) -> None:
    """A clip that is not there would be counted as one that cannot be answered."""
    needed = run.training_set.clips if isinstance(run.training_set.features, EncoderSource) else ()
    missing = [clip.path for clip in (*run.test, *needed) if not clip.path.is_file()]
    if missing:
        raise CorpusError(
            f"{missing[0]}: not there on the machine {platform.node()}, and {len(missing) - 1:,} others;"
            " recordings must lie at the same place on every machine of the cluster"
        )


def _files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
