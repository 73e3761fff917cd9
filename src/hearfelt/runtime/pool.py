"""Pool of worker processes that survives crashes, hangs, memory limits and kills.

Each worker is a process of its own with pipes of its own, started from scratch and not forked: what happens to one of
them cannot reach another, scripts need no ``if __name__ == "__main__":``, and threads of the parent do no harm.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import tee
from multiprocessing import parent_process
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final, Self

from hearfelt.errors import AudioError, HearfeltError
from hearfelt.runtime.worker import (
    Start,
    Worker,
    WorkerLostError,
    WorkerMemoryError,
    WorkerTimeoutError,
    is_worker,
)

__all__ = ["Call", "Pool", "PoolOptions", "usable_cores", "workers_for"]

_AHEAD: Final = 32  # calls per worker that `Pool.map` submits before the first of them has been taken
_RESTART_S: Final = (0.5, 30.0)  # wait before a start is repeated, doubled up to the second


@dataclass(frozen=True)
class PoolOptions:
    """How the workers of a pool run.

    Attributes:
        nice: added to their niceness.
        memory_bytes: memory that a call may take beyond what its worker has after the setup; None for no limit.
        without: environment variables that they don't get, such as secrets.
        retry_alone: repeat a call that lost its worker, or lacked memory, while all other workers rest.
        keep_starting: repeat a start that fails until it succeeds; otherwise calls fail with its error.
        report: called with what happened to a worker, ``"replaced"`` or ``"not started"``, and why.
    """

    nice: int = 0
    memory_bytes: int | None = None
    without: tuple[str, ...] = ()
    retry_alone: bool = False
    keep_starting: bool = False
    report: Callable[[str, int | str], None] = lambda event, why: None


@dataclass(eq=False)
class Call:
    """One call of a function in a worker.

    Attributes:
        function: a function of a module.
        arguments: of the function, after what the setup gave.
        limit_s: seconds that it may take; the function can extend it by
            :func:`hearfelt.runtime.worker.extend_limit`.
        future: its result, as bytes.
    """

    function: Callable[..., bytes]
    arguments: tuple[Any, ...]
    limit_s: float | None
    future: Future[bytes] = field(default_factory=Future, init=False)
    _worker: Worker | None = field(default=None, init=False)
    _is_killed: bool = field(default=False, init=False)

    def cancel(self) -> bool:
        """Give up a call that has not begun; False if it has."""
        return self.future.cancel()

    def kill(self) -> None:
        """Give up a call, begun or not; its worker is ended and replaced."""
        self._is_killed = True
        worker = self._worker
        if not self.cancel() and worker is not None:
            worker.kill()


class Pool:
    """Runs calls in worker processes.

    A call is a function of a module, which gets the result of ``setup`` and its own arguments, and returns bytes. If
    its worker is lost, it is repeated once by a fresh one. Workers start when calls need them, or with :meth:`start`.

    Args:
        setup: called once in each worker; a function of a module, or a ``functools.partial`` of one. None if calls need
            none; their first argument is then None.
        workers: processes at most.
        options: how they run.

    Example:
        >>> with Pool(bytes, 1) as pool:  # bytes() is b"", and bytes.join(b"", …) puts texts together
        ...     pool.submit(bytes.join, [b"a", b"b"]).future.result()
        b'ab'
    """

    def __init__(self, setup: Callable[[], Any] | None, workers: int, options: PoolOptions | None = None) -> None:
        self.workers, self._options = workers, options or PoolOptions()
        start = Start(setup, self._options.nice, self._options.memory_bytes)
        self._start_message = bytes(ForkingPickler.dumps(start))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="worker")  # one for each process
        self._own = threading.local()  # a thread's process
        self._lock, self._turns = threading.Lock(), _SharedLock()
        self._processes: set[Worker] = set()
        self._calls: set[Call] = set()
        self._closed = threading.Event()
        self.ready = self.running = self.replaced = 0

    @property
    def unfinished(self) -> int:
        """Calls that are not done."""
        return len(self._calls)

    @property
    def waiting(self) -> int:
        """Calls that have not begun."""
        return max(0, self.unfinished - self.running)

    @property
    def pids(self) -> list[int]:
        """The processes that are alive."""
        with self._lock:
            return [worker.pid for worker in self._processes if worker.is_alive]

    def start(self, *, wait: bool = False) -> None:
        """Start all workers now; :attr:`ready` counts those that have done their setup.

        Args:
            wait: return when all have, or raise the error of the first that cannot start.
        """
        starts = [self._threads.submit(self._ready_worker) for _ in range(self.workers)]
        for start in starts if wait else ():
            start.result()

    def submit(self, function: Callable[..., bytes], *arguments: Any, limit_s: float | None = None) -> Call:
        """Queue a call.

        The future of the call raises a HearfeltError that the function or the setup has raised, WorkerLostError if two
        workers in a row ended at it, WorkerTimeoutError, WorkerMemoryError, or WorkerFaultError for any other error.
        """
        call = Call(function, arguments, limit_s)
        self._calls.add(call)
        call.future.add_done_callback(lambda _: self._calls.discard(call))
        self._threads.submit(self._run, call)
        return call

    def map(self, function: Callable[..., bytes], items: Iterable[Any]) -> Iterator[Future[bytes]]:
        """Call a function with each item.

        Yields:
            A future for each item, in order. Items are taken as workers need them.
        """
        ahead: deque[Call] = deque()
        try:
            for item in items:
                ahead.append(self.submit(function, item))
                if len(ahead) >= _AHEAD * self.workers:
                    yield ahead.popleft().future
            while ahead:
                yield ahead.popleft().future
        finally:
            for call in ahead:
                call.kill()

    def map_sounds(
        self, function: Callable[..., bytes], sounds: Iterable[tuple[str, Any]]
    ) -> Iterator[bytes | AudioError]:
        """Call a function with each sound; one that cannot be read, or at which workers end, costs no other.

        Args:
            function: as for :meth:`submit`.
            sounds: the name of each, and what the function gets.

        Yields:
            The result or the error of each sound, in order.
        """
        named, given = tee(sounds)
        for (name, _), future in zip(named, self.map(function, (sound for _, sound in given)), strict=True):
            try:
                yield future.result()
            except AudioError as error:
                yield error
            except (WorkerLostError, WorkerMemoryError) as error:
                yield AudioError(f"{name}: cannot be read ({error})")

    def end(self) -> None:
        """Start no more workers, so that those that end are not replaced."""
        self._closed.set()

    def close(self) -> None:
        """End all workers at once, whatever they do; calls that are not done fail."""
        with self._lock:
            self._closed.set()
            processes, calls = list(self._processes), list(self._calls)
        for call in calls:
            call.cancel()
        for worker in processes:
            worker.kill()
        self._threads.shutdown()
        for worker in processes:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, call: Call, *, is_repeated: bool = False) -> None:
        """Run a call in this thread's worker."""
        try:
            worker = self._ready_worker()
        except HearfeltError as error:
            if is_repeated or call.future.set_running_or_notify_cancel():
                call.future.set_exception(error)
            return
        if not is_repeated and not call.future.set_running_or_notify_cancel():
            return
        with self._lock:
            self.running += 1
        try:
            with self._turns.shared():
                result = _done(worker, call)
        except (WorkerLostError, WorkerMemoryError) as error:
            self._lost(call, error, is_repeated=is_repeated)
        except Exception as error:
            call.future.set_exception(error)
        else:
            call.future.set_result(result)
        finally:
            call._worker = None
            with self._lock:
                self.running -= 1
        if not worker.is_alive and self._options.keep_starting:
            self._ready_worker()

    def _lost(self, call: Call, error: HearfeltError, *, is_repeated: bool) -> None:
        is_memory = isinstance(error, WorkerMemoryError)
        if call._is_killed or is_repeated or self._closed.is_set() or (is_memory and not self._options.retry_alone):
            call.future.set_exception(error)
        elif self._options.retry_alone:
            self._repeat_alone(call)
        else:
            try:
                self._threads.submit(self._run, call, is_repeated=True)
            except RuntimeError:  # closed just now
                call.future.set_exception(error)

    def _repeat_alone(self, call: Call) -> None:
        try:
            self._own.worker.kill()  # after a want of memory it is alive, and may hold much of it
            worker = self._ready_worker()
            with self._turns.exclusive():
                result = _done(worker, call)
        except HearfeltError as error:
            if isinstance(error, WorkerMemoryError):
                self._own.worker.kill()
            call.future.set_exception(error)
        else:
            call.future.set_result(result)

    def _ready_worker(self) -> Worker:
        """Give this thread's worker, started anew if it has ended."""
        known: Worker | None = getattr(self._own, "worker", None)
        if known is not None and known.is_alive:
            return known
        if known is not None:
            self._forget(known)
        wait_s, most_s = _RESTART_S
        while True:
            try:
                worker = self._started()
                self._own.worker = worker
                return worker
            except HearfeltError as error:
                if self._closed.is_set() or not self._options.keep_starting:
                    raise
                self._options.report("not started", str(error))
                self._closed.wait(wait_s)  # a machine without memory is not helped by trying again at once
                wait_s = min(2 * wait_s, most_s)

    def _started(self) -> Worker:
        with self._lock:
            if self._closed.is_set():
                raise HearfeltError("the pool of workers is closed")
            worker = Worker(self._options.without)
            self._processes.add(worker)
        try:
            worker.send(self._start_message)
            worker.receive()
        except HearfeltError as error:
            worker.close()
            with self._lock:
                self._processes.discard(worker)
            if not isinstance(error, WorkerLostError):
                raise
            how = f"a worker ended before it began ({error.ending})"
            raise HearfeltError(f"{how}; fewer workers need less memory") from None
        with self._lock:
            self.ready += 1
        return worker

    def _forget(self, worker: Worker) -> None:
        worker.close()
        self._own.worker = None
        with self._lock:
            self._processes.discard(worker)
            self.ready -= 1
            if self._closed.is_set():
                return
            self.replaced += 1
        self._options.report("replaced", worker.code)


def usable_cores() -> int:
    """Count the cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def workers_for(amount: int, enough: int, wanted: int | None = None) -> int:
    """Say how many workers an amount of work is worth: at least 1.

    Args:
        amount: of work, in any unit.
        enough: how much of it takes as long as starting a process.
        wanted: workers at most; by default one for each core, and only one in a process that is itself a worker.
    """
    if wanted is None:
        wanted = 1 if is_worker() or parent_process() else usable_cores()
    return max(1, min(wanted, amount // enough))


def _done(worker: Worker, call: Call) -> bytes:
    """Run a call in a worker, within its time limit."""
    call._worker = worker
    if call._is_killed:
        raise WorkerLostError("given up")
    message = ForkingPickler.dumps((call.function, call.arguments, call.limit_s))
    if call.limit_s is None:
        worker.send(message)
        return worker.receive()
    began_s, limit = time.monotonic(), _Limit(call.limit_s, worker.kill)
    try:
        worker.send(message)
        return worker.receive(limit.restart)
    except WorkerLostError:
        if limit.is_over:
            raise WorkerTimeoutError(time.monotonic() - began_s) from None
        raise
    finally:
        limit.stop()


class _Limit:
    """A timer that can be restarted."""

    def __init__(self, limit_s: float, action: Callable[[], None]) -> None:
        self._action = action
        self._timer: threading.Timer | None = None
        self.is_over = False
        self.restart(limit_s)

    def restart(self, limit_s: float) -> None:
        self.stop()
        self._timer = threading.Timer(limit_s, self._end)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        self._action()


class _SharedLock:
    """Readers-writer lock: many may hold it shared, or one exclusively; who wants it exclusively goes first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shared, self._wanted, self._is_exclusive = 0, 0, False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted and not self._is_exclusive)
            self._shared += 1
        try:
            yield
        finally:
            with self._changed:
                self._shared -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._changed:
            self._wanted += 1
            self._changed.wait_for(lambda: not self._shared and not self._is_exclusive)
            self._wanted -= 1
            self._is_exclusive = True
        try:
            yield
        finally:
            with self._changed:
                self._is_exclusive = False
                self._changed.notify_all()
