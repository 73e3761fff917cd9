"""The workers of this machine: as many as there are cores, each with one part after another."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from hearfelt.batch.checkpoints import open_part
from hearfelt.batch.plan import Part
from hearfelt.batch.progress import Watcher
from hearfelt.batch.workers import Worker

__all__ = ["answer_here", "usable_cores"]


def usable_cores() -> int:
    """Count the cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def answer_here(parts: Iterator[Part], folder: str, workers: Sequence[Worker], watcher: Watcher) -> None:
    """Answer parts with the workers of this machine, and write each when it is whole.

    Whatever stops it, a full disk or Ctrl-C, leaves the parts that are done.

    Args:
        parts: what is left to do.
        folder: gets the parts.
        workers: at least one; they are ended afterwards.
        watcher: told how it goes, in the thread of the caller.

    Raises:
        OSError: if a part cannot be written.
        HearfeltError: if the model cannot be loaded.
    """
    shared = _Shared(parts, folder)
    threads = [threading.Thread(target=shared.work, args=(worker,), daemon=True) for worker in workers]
    with ExitStack() as stack:  # undone from the last: stop, end the processes, wait for the threads
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        for worker in workers:
            stack.callback(worker.close)
        stack.callback(shared.stop)
        working = len(threads)
        while working:
            told = shared.news.get()
            if isinstance(told, BaseException):
                raise told
            if told is None:
                working -= 1
            else:
                watcher.answered(1, told)


class _StoppedError(Exception):
    """The job is over before its end."""


@dataclass
class _Shared:
    """What the threads share, each of which speaks with one worker."""

    parts: Iterator[Part]
    folder: str
    news: queue.SimpleQueue[float | BaseException | None] = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_stopped: bool = False

    def stop(self) -> None:
        self.is_stopped = True

    def work(self, worker: Worker) -> None:
        try:
            while (part := self._next()) is not None:
                with open_part(self.folder, part) as file:
                    for source, rows in zip(part.sources, worker.answer(part.sources), strict=True):
                        file.add(rows)
                        self.news.put(source.seconds)
                        if self.is_stopped:
                            raise _StoppedError  # so that the part does not appear
        except BaseException as error:
            self.news.put(error)
        else:
            self.news.put(None)

    def _next(self) -> Part | None:
        with self.lock:
            return None if self.is_stopped else next(self.parts, None)
