"""Features of many clips: measured in several processes, cached, and written as a table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.inputs import name_of
from hearfelt.audio.reader import Audio, read_audio
from hearfelt.augmentation.perturbations import Perturbation
from hearfelt.corpora.clips import PART_COLUMNS, Clip
from hearfelt.errors import AudioError, HearfeltError, require
from hearfelt.features.classic import FEATURE_NAMES, GROUPS, RATE_HZ, classic_features, measured_part
from hearfelt.runtime.cache import Cache, default_cache, sound_digests
from hearfelt.runtime.files import atomic_write
from hearfelt.runtime.pool import Pool, workers_for
from hearfelt.runtime.worker import is_worker

__all__ = [
    "SILENT_RMS",
    "TABLE_COLUMNS",
    "Measured",
    "Task",
    "feature_bytes",
    "features_of",
    "measure",
    "measure_file",
    "measure_files",
    "refuse_other_tables",
    "write_features",
]


TABLE_COLUMNS: Final = ("clip", "speaker", "emotion", *FEATURE_NAMES)
_FACTS: Final = len(TABLE_COLUMNS) - len(FEATURE_NAMES)
SILENT_RMS: Final = 1e-4  # -80 dB: three steps of 16-bit sound

_VERSION: Final = 1  # of the cached values; raised when a feature changes
_KEPT_AT_ONCE: Final = 512  # sounds after which the cache is written: no more is lost by a Ctrl-C
_SUFFIXES: Final = (".csv", ".parquet")
_NOTHING: Final[Mapping[Path | Excerpt, NDArray[np.float32]]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Measured:
    """The features of each clip.

    Attributes:
        features: ``(clips, 162)`` in the order of the clips; zeros for a clip that failed.
        errors: why a clip failed, by its index.
    """

    features: NDArray[np.float32]
    errors: Mapping[int, AudioError]

    @property
    def silent(self) -> tuple[int, ...]:
        """Indices of the clips whose measured part is silent; their features are finite all the same."""
        quiet = np.flatnonzero(self.features[:, GROUPS["rms"].start] < SILENT_RMS)
        return tuple(int(place) for place in quiet if int(place) not in self.errors)


def measure(
    clips: Sequence[Clip],
    *,
    augmentations: Sequence[Perturbation | None] | None = None,
    given: Mapping[Path | Excerpt, NDArray[np.float32]] = _NOTHING,
    processes: int | None = None,
    cache: Cache | None = None,
    progress: Callable[[int], None] | None = None,
) -> Measured:
    """Measure the 162 features of each clip, going on where a clip cannot be read.

    Features are cached by the content of the file and by the augmentation: a changed file is measured
    again, a renamed one is not.

    Args:
        clips: which clips; one may come several times, and is read once if it does so in a row.
        augmentations: one for each clip, or ``None`` for the clip as it is; by default no clip is changed.
        given: features of unchanged sounds that are measured already; they are cached as well.
        processes: how many work at most; by default one for each core.
        cache: where features are kept; the user's cache by default.
        progress: called with the number of clips just measured, cached ones included.

    Raises:
        HearfeltError: if there are not as many augmentations as clips.
    """
    changes = [None] * len(clips) if augmentations is None else list(augmentations)
    if len(changes) != len(clips):
        raise HearfeltError(f"{len(changes)} augmentations for {len(clips)} clips; one for each clip is needed")
    cache = default_cache() if cache is None else cache
    report = progress or (lambda _: None)
    keys = _keys([clip.sound for clip in clips], changes) if cache.path else [""] * len(clips)
    features = np.zeros((len(clips), len(FEATURE_NAMES)), dtype=np.float32)
    kept = cache.get_many(key for key in keys if key)
    known = [place for place, key in enumerate(keys) if len(kept.get(key, b"")) == features[:1].nbytes]
    for place in known:
        features[place] = np.frombuffer(kept[keys[place]], dtype="<f4")
    cached = set(known)
    there = {place for place, clip in enumerate(clips) if changes[place] is None and clip.sound in given} - cached
    features[list(there)] = [given[clips[place].sound] for place in there] or 0
    fresh = {keys[place]: features[place].astype("<f4").tobytes() for place in there if keys[place]}
    report(len(cached | there))
    unknown = [place for place in range(len(clips)) if place not in cached | there]
    batches = [list(batch) for _, batch in groupby(unknown, key=lambda place: clips[place].sound)]
    tasks = [Task(clips[batch[0]].sound, tuple(changes[place] for place in batch)) for batch in batches]
    errors: dict[int, AudioError] = {}
    try:
        for batch, answer in zip(batches, measure_files(tasks, processes), strict=True):
            if isinstance(answer, AudioError):
                errors.update(dict.fromkeys(batch, answer))
            else:
                features[batch] = answer
                fresh.update((keys[place], features[place].astype("<f4").tobytes()) for place in batch if keys[place])
            if len(fresh) >= _KEPT_AT_ONCE:
                cache.put_many(fresh)
                fresh.clear()
            report(len(batch))
    finally:
        cache.put_many(fresh)
    return Measured(features, errors)


def features_of(
    clips: Sequence[Clip],
    *,
    augmentations: Sequence[Perturbation | None] | None = None,
    given: Mapping[Path | Excerpt, NDArray[np.float32]] = _NOTHING,
    processes: int | None = None,
    cache: Cache | None = None,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Measure the 162 features of each clip, as :func:`measure` does, where no clip may fail.

    Returns:
        Features in the order of the clips, ``(clips, 162)``.

    Raises:
        AudioError: if a clip cannot be read; it names the first.
    """
    measured = measure(
        clips, augmentations=augmentations, given=given, processes=processes, cache=cache, progress=progress
    )
    if measured.errors:
        raise measured.errors[min(measured.errors)]
    return measured.features


def _keys(sounds: Sequence[Path | Excerpt], changes: Sequence[Perturbation | None]) -> list[str]:
    """Name each sound by its content and the change; no name for a file that cannot be opened."""
    digests = sound_digests(sounds)
    return [
        digests[sound] and f"classic:{_VERSION}:{digests[sound]}:{change!r}"
        for sound, change in zip(sounds, changes, strict=True)
    ]


def refuse_other_tables(path: Path) -> None:
    """Raise an error unless :func:`write_features` can write such a file; call it before measuring for minutes.

    Raises:
        HearfeltError: if the path ends neither in ``.csv`` nor in ``.parquet``.
        ExtraMissingError: if it ends in ``.parquet`` and pyarrow is not installed.

    Example:
        >>> refuse_other_tables(Path("features.csv"))
    """
    if path.suffix.casefold() not in _SUFFIXES:
        raise HearfeltError(f"{path}: a table of features ends in {' or '.join(_SUFFIXES)}")
    if path.suffix.casefold() == ".parquet":
        require("pyarrow.parquet", "parquet")


def write_features(clips: Iterable[Clip], features: NDArray[np.float32], path: Path) -> None:
    """Write a table: ``clip, speaker, emotion``, then the 162 features, and nothing else.

    If some clips are parts of files, ``start_s, end_s`` stand before the features, the latter empty for the end of the
    file. Both forms keep every digit: read back, the numbers are the same.

    Args:
        clips: one for each row.
        features: ``(clips, 162)``.
        path: ends in ``.csv`` or ``.parquet``; the file appears only when it is whole.

    Raises:
        HearfeltError: if the path ends in something else.
        ExtraMissingError: if Parquet is wanted and pyarrow is not installed.
    """
    refuse_other_tables(path)
    clips = list(clips)
    parts = PART_COLUMNS if any(clip.is_part for clip in clips) else ()
    titles = (*TABLE_COLUMNS[:_FACTS], *parts, *FEATURE_NAMES)
    known = [[getattr(clip, title) for title in titles[: _FACTS + len(parts)]] for clip in clips]
    if path.suffix.casefold() == ".csv":
        with atomic_write(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(titles)
            # numpy writes as few digits as tell one single-precision number from the next
            writer.writerows((*facts, *row.astype(str)) for facts, row in zip(known, features, strict=True))
        return
    columns = [list(column) for column in zip(*known, strict=True)] or [[] for _ in range(_FACTS)]
    pyarrow, parquet = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    table = pyarrow.table(dict(zip(titles, [*columns, *features.T], strict=True)))
    with atomic_write(path, "wb") as file:
        parquet.write_table(table, file)


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
    sounds = sum(len(task.changes) for task in tasks)
    if sounds < _SOUNDS_A_PROCESS or is_worker():
        yield from map(measure_file, tasks)
        return
    with Pool(None, workers_for(sounds, _SOUNDS_A_PROCESS, processes)) as pool:
        replies = pool.map_sounds(_measured, ((name_of(task.source), task) for task in tasks))
        for task, reply in zip(tasks, replies, strict=True):
            if isinstance(reply, AudioError):
                yield reply
            else:
                yield np.frombuffer(reply, np.float32).reshape(len(task.changes), -1)


def feature_bytes(audio: Audio) -> bytes:
    """Compute the features of a sound as bytes of ``(162,)`` float32; nothing if it has none."""
    try:
        return classic_features(audio.samples, audio.rate_hz).tobytes()
    except AudioError:
        return b""


def _measured(_: None, task: Task) -> bytes:
    measured = measure_file(task)
    if isinstance(measured, AudioError):
        raise measured
    return measured.tobytes()
