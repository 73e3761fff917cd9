"""Classic features of many files: read, augment and measure each, in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.inputs import name_of
from hearfelt.audio.reader import read_audio
from hearfelt.augmentation.perturbations import Perturbation
from hearfelt.errors import AudioError
from hearfelt.features.classic import RATE_HZ, classic_features, measured_part
from hearfelt.runtime.pool import Pool, WorkerLostError, workers_for

__all__ = ["Task", "measure_file", "measure_files"]

_SOUNDS_A_PROCESS: Final = 150  # starting a process takes as long as measuring so many


@dataclass(frozen=True)
class Task:
    """One file or a part of one, and the sounds to measure of it.

    Attributes:
        source: the file or the part.
        changes: one for each sound; ``None`` is the clip as it is.
    """

    source: Path | Excerpt
    changes: tuple[Perturbation | None, ...]


def measure_file(task: Task) -> NDArray[np.float32] | AudioError:
    """Take the features of one file, read once however many changed copies are wanted.

    An augmentation is applied to the part that is measured, already cut and at 22,050 Hz, so that noise has the drawn
    ratio to what is measured, and a stretch loses nothing at the end of the part.

    Returns:
        Features, ``(changes, 162)``, or the error of a file that cannot be measured.
    """
    try:
        audio = read_audio(task.source, strict=True)
        part = measured_part(audio.samples, audio.rate_hz)
        changed = (part if change is None else change.apply(part, RATE_HZ) for change in task.changes)
        return np.stack([classic_features(sound, RATE_HZ, window=None) for sound in changed])
    except AudioError as error:
        return error


def measure_files(tasks: Sequence[Task], processes: int | None = None) -> Iterator[NDArray[np.float32] | AudioError]:
    """Take the features of many files, in the order given.

    Few files are measured right here, because a process takes longer to start; many by worker processes, so that a file
    that crashes a decoder costs that file only.

    Args:
        tasks: the files.
        processes: how many work at most; by default one for each core, and in a process that is itself a
            worker only this one.

    Yields:
        What :func:`measure_file` returns for each task.

    Raises:
        HearfeltError: if a process cannot be started.
    """
    workers = workers_for(sum(len(task.changes) for task in tasks), _SOUNDS_A_PROCESS, processes)
    if workers == 1:
        yield from map(measure_file, tasks)
        return
    with Pool(None, workers) as pool:
        for task, future in zip(tasks, pool.map(_measured, tasks), strict=True):
            measured: NDArray[np.float32] | AudioError
            try:
                measured = np.frombuffer(future.result(), np.float32).reshape(len(task.changes), -1)
            except AudioError as error:
                measured = error
            except WorkerLostError as error:
                measured = AudioError(f"{name_of(task.source)}: cannot be read ({error})")
            yield measured


def _measured(_: None, task: Task) -> bytes:
    measured = measure_file(task)
    if isinstance(measured, AudioError):
        raise measured
    return measured.tobytes()
