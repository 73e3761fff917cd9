"""Worker processes of a batch: each loads the model once and recognizes one sound after another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import cached_property, partial
from importlib import resources
from itertools import tee
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hearfelt.batch.infrastructure_errors import InfrastructureError
from hearfelt.batch.recognition import Task, recognize_source
from hearfelt.batch.sources import Source
from hearfelt.batch.storage import shown
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.pool import Pool, PoolOptions, WorkerLostError, WorkerMemoryError

__all__ = ["SoundWorkers"]

_EXAMPLE: Final = "synthetic-even.flac"  # of hearfelt's own: a worker that cannot recognize it can recognize nothing
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, source: Source, future: Future[bytes]) -> bytes:
        try:
            return future.result()
        except InfrastructureError as error:
            raise InfrastructureError(f"{error}; {_STAYS}") from error
        except WorkerMemoryError as error:
            reason = str(error)
        except WorkerLostError as error:
            reason = f"{source.name}: the worker that answered it ended twice ({error.ending})"
        try:
            self._pool.submit(_recognize_example, self._task).future.result()
        except (WorkerMemoryError, WorkerLostError) as error:
            raise InfrastructureError(
                f"{reason}, and no other sound can be answered either; make room in memory, or let fewer work; {_STAYS}"
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
