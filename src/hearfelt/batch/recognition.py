"""Recognition of sounds as rows of the table, in worker processes that each load the model once.

Whatever is wrong with a sound becomes a row with an error.
"""

from __future__ import annotations

import functools
import json
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib import resources
from itertools import chain, tee
from pathlib import Path
from typing import Any, Final, Literal, Self

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.inputs import AudioTrack, name_of
from hearfelt.batch import object_store
from hearfelt.batch.infrastructure_errors import InfrastructureError, is_infrastructure_error, is_out_of_memory
from hearfelt.batch.sources import Source
from hearfelt.batch.storage import shown
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.recording import Recording, open_recording
from hearfelt.inference.timeline.segments import rows_of, seconds
from hearfelt.results.tables import prediction_row
from hearfelt.runtime.pool import Pool, PoolOptions
from hearfelt.runtime.worker import WorkerLostError, WorkerMemoryError

__all__ = ["Channels", "Row", "SoundWorkers", "Task", "error_sentence", "recognize_source"]


Row = dict[str, Any]
Channels = Literal["mix", "separate"]


@dataclass(frozen=True)
class Task:
    """What is done with every sound of a job.

    Attributes:
        model: path of the model file.
        timeline: whether rows are segments, and not whole sounds.
        channels: for segments: of all channels mixed, or of each.
        track: audio track of each file, counted from 0; None for the file's own choice.
        reference: JSON of what is usual for all sounds.
        is_statistics: whether no table is wanted, but what each sound adds to a reference.
    """

    model: str
    timeline: bool = False
    channels: Channels = "mix"
    track: int | None = None
    reference: str | None = None
    is_statistics: bool = False

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Task:
        """Read what :meth:`to_json` wrote.

        Example:
            >>> task = Task("/models/mine.onnx", timeline=True)
            >>> Task.from_json(task.to_json()) == task
            True
        """
        return cls(**json.loads(line))


def recognize_source(recognizer: Recognizer, source: Source, task: Task) -> list[Row]:
    """Recognize one sound.

    Args:
        recognizer: a loaded model.
        source: the sound, or a part of one; segments are timed from the beginning of the whole sound all the same.
        task: what is wanted.

    Returns:
        The rows of the table, named as :mod:`hearfelt.rows` says. Of segments there may be many; a sound without
        speech, or one that breaks off, has a row with an error after its segments.

    Raises:
        InfrastructureError: if something failed that is not the sound's fault, such as its store or a disk.
        MemoryError: if there was too little memory, which may be the sound's fault or not.
    """
    rows: list[Row] = []
    warnings: list[dict[str, object]] = []
    name, opened = source.name, source.location
    if source.error is not None:  # it showed when it was listed
        return [_error_row(recognizer, name, source.error)]
    try:
        with _sound_at(source.location) as found:
            whole = found if task.track is None else AudioTrack(found, task.track)
            sound = Excerpt(whole, source.start_s, source.end_s) if source.is_part else whole
            opened = name_of(sound)
            if task.is_statistics:
                return [recognizer.statistics(sound).to_dict()]
            reference = _reference(source.reference or task.reference)
            if not task.timeline:
                return [prediction_row(shown(name), recognizer.recognize(sound, reference=reference))]
            classifier, is_separate = recognizer.window_classifier(reference), task.channels == "separate"
            with open_recording(sound, classifier, is_separate=is_separate) as recording:
                try:
                    deque(recording, maxlen=0)  # to the end
                finally:  # also if the sound breaks off; all warnings are known only now
                    rows += _segment_rows(recording, source)
                    warnings += [warning.to_dict() for warning in recording.warnings]
        if not rows:
            raise AudioError(f"{opened}: nobody speaks in it; there are no segments")
    except Exception as error:
        sentence = error_sentence(error, name, (source.location, opened))
        if is_out_of_memory(error):
            raise MemoryError(sentence) from error
        if is_infrastructure_error(error):
            raise InfrastructureError(sentence) from error
        rows.append(_error_row(recognizer, name, sentence, warnings))
    return rows


@functools.lru_cache(maxsize=64)
def _reference(text: str | None) -> Reference | None:
    return None if text is None else Reference.from_json(text)


def _sound_at(location: str) -> AbstractContextManager[Path | bytes]:
    """Give what a recognizer can read: the path, or what was fetched from a store.

    Raises:
        AudioError: for what is no regular file: reading a pipe could take for ever.
    """
    if object_store.is_url(location):
        return object_store.fetched(location)
    try:
        kind = os.stat(location).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return nullcontext(Path(location))  # the reader says what is wrong with it
    if stat.S_ISDIR(kind) or stat.S_ISREG(kind):
        return nullcontext(Path(location))
    raise AudioError(f"{location}: this is no regular file; a sound file is wanted here")


def error_sentence(error: Exception, name: str, opened: Iterable[str] = ()) -> str:
    """Say in one sentence what is wrong with a sound, under the name that the table uses.

    Args:
        error: what went wrong.
        name: what the table calls the sound.
        opened: names under which it was opened; the error may begin with one.

    Example:
        >>> error_sentence(AudioError("/calls/a.wav: the file is empty"), "a.wav", ["/calls/a.wav"])
        'a.wav: the file is empty'
    """
    if isinstance(error, MemoryError):
        return shown(f"{name}: there is not enough memory for it, even for one worker by itself")
    if not isinstance(error, HearfeltError):
        return shown(f"{name}: a fault in hearfelt itself ({type(error).__name__}: {error})")
    reason = str(error)
    for one in opened:
        reason = reason.removeprefix(f"{one}: ")
    return shown(f"{name}: {reason}")


def _segment_rows(recording: Recording, source: Source) -> list[Row]:
    moved = []
    for row in chain.from_iterable(rows_of([timeline]) for timeline in recording.timelines()):  # channel by channel
        times = {name: seconds(source.start_s + getattr(row.segment, name)) for name in ("start_s", "end_s")}
        moved.append({**row.to_dict(), "source": shown(source.name), **times})
    return moved


def _error_row(recognizer: Recognizer, name: str, error: str, warnings: list[dict[str, object]] | None = None) -> Row:
    known = {"warnings": warnings} if warnings else {}
    return {"source": shown(name), **known, "model": recognizer.card.name, "error": shown(error)}


_EXAMPLE: Final = "synthetic-neutral.flac"  # of hearfelt's own: a worker that cannot recognize it can recognize nothing
_STAYS: Final = "what is done stays, and the same command goes on"


class SoundWorkers:
    """Worker processes for the sounds of one job; the first one begins to load the model at once.

    A sound at which a process dies, or for which there is too little memory, is repeated in a fresh process while the
    others rest. If that fails likewise, but a sound that is surely whole can be recognized, its row has an error.

    Args:
        task: what is done with every sound.
        workers: processes at most.
    """

    def __init__(self, task: Task, workers: int = 1) -> None:
        self._task = task
        self._pool = Pool(partial(_load, task.model), workers, PoolOptions(retry_alone=True))
        self._described = self._pool.submit(_describe)

    @cached_property
    def _model(self) -> dict[str, Any]:
        model: dict[str, Any] = json.loads(self._described.future.result())
        return model

    @property
    def model(self) -> str:
        """Name of the model, from its card.

        Raises:
            ModelError: if the model cannot be loaded.
        """
        return str(self._model["name"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's emotions, in its order.

        Raises:
            ModelError: if the model cannot be loaded.
        """
        return tuple(self._model["labels"])

    @property
    def takes_reference(self) -> bool:
        """Whether the model takes reference recordings.

        Raises:
            ModelError: if the model cannot be loaded.
        """
        return bool(self._model["takes_reference"])

    def recognize(self, sources: Iterable[Source], task: Task | None = None) -> Iterator[bytes]:
        """Recognize sounds.

        Args:
            sources: taken as workers need them.
            task: what is done with these, by default what the workers were made for.

        Yields:
            The rows of each sound in order, as a JSON list of objects.

        Raises:
            ModelError: if the model cannot be loaded.
            InfrastructureError: if something fails that would fail for the next sound as well.
            HearfeltError: if processes cannot be started.
        """
        taken, given = tee(sources)
        for source, future in zip(taken, self._pool.map(partial(_recognize, task or self._task), given), strict=True):
            yield self._rows(source, future)

    def start(self) -> None:
        """Start all processes and wait until they have loaded the model."""
        self._pool.start(wait=True)

    def close(self) -> None:
        """End all processes; may be called from any thread."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, source: Source, future: Future[bytes]) -> bytes:
        try:
            return future.result()
        except InfrastructureError as error:
            raise InfrastructureError(f"{error}; {_STAYS}") from error
        except WorkerMemoryError as error:
            reason = str(error)
        except WorkerLostError as error:
            reason = f"{source.name}: the worker that recognized it ended twice ({error.ending})"
        try:
            self._pool.submit(_recognize_example, self._task).future.result()
        except (WorkerMemoryError, WorkerLostError) as error:
            raise InfrastructureError(
                f"{reason}, and no other sound can be recognized either; make room in memory, or let fewer work;"
                f" {_STAYS}"
            ) from error
        return self._error_row(source, reason)

    def _error_row(self, source: Source, error: str) -> bytes:
        return json.dumps([{"source": shown(source.name), "model": self.model, "error": shown(error)}]).encode()


def _load(model: str) -> Recognizer:
    return Recognizer(Path(model), name=model, threads=1)


def _describe(recognizer: Recognizer) -> bytes:
    return json.dumps(
        {"name": recognizer.card.name, "labels": recognizer.labels, "takes_reference": recognizer.takes_reference}
    ).encode()


def _recognize(task: Task, recognizer: Recognizer, source: Source) -> bytes:
    return json.dumps(recognize_source(recognizer, source, task), separators=(",", ":")).encode()


def _recognize_example(recognizer: Recognizer, task: Task) -> bytes:
    with resources.as_file(resources.files("hearfelt.examples") / _EXAMPLE) as example:
        return _recognize(Task(task.model), recognizer, Source(_EXAMPLE, str(example)))
