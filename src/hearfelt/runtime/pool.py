"""Pool of worker processes that survives crashes, hangs, memory limits and kills.

Each worker is a process of its own with pipes of its own, started from scratch and not forked: what happens to one of
them cannot reach another, scripts need no ``if __name__ == "__main__":``, and threads of the parent do no harm.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import tee
from multiprocessing import parent_process
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final, Self

from hearfelt.errors import AudioError, HearfeltError
from hearfelt.runtime.worker import FAULT, MEMORY, Start, is_worker, read_frame, write_frame

__all__ = [
    "Call",
    "Pool",
    "PoolOptions",
    "WorkerFaultError",
    "WorkerLostError",
    "WorkerMemoryError",
    "WorkerTimeoutError",
    "usable_cores",
    "workers_for",
]

_PROGRAM: Final = "from hearfelt.runtime.worker import main; main()"
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_LONGEST_REPLY: Final = 1 << 28  # 256 MiB; anything longer is no reply of ours
_LONGEST_LIMIT_S: Final = 86_400.0
_AHEAD: Final = 32  # calls per worker that `Pool.map` submits before the first of them has been taken
_RESTART_S: Final = (0.5, 30.0)  # wait before a start is repeated, doubled up to the second


class WorkerLostError(HearfeltError):
    """Two worker processes in a row ended before the same call did, or one at a call that was given up.

    Args:
        ending: how the last one ended, in words.
    """

    def __init__(self, ending: str) -> None:
        super().__init__(f"two worker processes in a row ended at the same call ({ending})")
        self.ending = ending


class WorkerTimeoutError(HearfeltError):
    """A call took longer than its limit.

    Args:
        after_s: how long it took until it was ended.
    """

    def __init__(self, after_s: float) -> None:
        super().__init__(f"not done within {after_s:.0f} s")
        self.after_s = after_s


class WorkerMemoryError(HearfeltError):
    """A call needed more memory than there is, or than it may take."""


class WorkerFaultError(HearfeltError):
    """A call raised an unexpected error, a fault of hearfelt itself; its worker goes on.

    Args:
        text: the error's class and message.
        place: its class and where it was raised, without anything private.
    """

    def __init__(self, text: str, place: Mapping[str, object]) -> None:
        super().__init__(text)
        self.place = place


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
    _worker: _Worker | None = field(default=None, init=False)
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
        self._processes: set[_Worker] = set()
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

    def _ready_worker(self) -> _Worker:
        """Give this thread's worker, started anew if it has ended."""
        known: _Worker | None = getattr(self._own, "worker", None)
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

    def _started(self) -> _Worker:
        with self._lock:
            if self._closed.is_set():
                raise HearfeltError("the pool of workers is closed")
            worker = _Worker(self._options.without)
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

    def _forget(self, worker: _Worker) -> None:
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


def _done(worker: _Worker, call: Call) -> bytes:
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


class _Worker:
    """A worker process, seen from its parent."""

    def __init__(self, without: Iterable[str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in without} | _ONE_THREAD
        # -P: nothing in the working folder is taken for a module. A process group of its own: Ctrl-C is for the parent,
        # which then ends it (a session of its own would do that as well, but Linux compares priorities within one).
        command = [sys.executable, "-P", "-c", _PROGRAM]
        group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=quiet, env=environment, **group
            )
        except OSError as error:
            raise HearfeltError(f"a worker cannot be started ({error}); fewer workers need less") from error
        self.pid = self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def code(self) -> int:
        """How it ended: an exit code, or minus a signal."""
        return self._process.wait()

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.code >= 0:
            return f"exit code {self.code}"
        with suppress(ValueError):
            name = signal.Signals(-self.code).name
            return f"{name}, as when memory runs out" if name == "SIGKILL" else name
        return f"signal {-self.code}"

    def send(self, message: bytes | memoryview) -> None:
        if self._process.stdin is not None:
            with suppress(OSError):  # it has died: the reply that does not come says so
                write_frame(self._process.stdin, message)

    def receive(self, on_limit: Callable[[float], None] = lambda limit_s: None) -> bytes:
        """Wait for the reply to a call.

        Raises:
            WorkerLostError: if the process ends instead.
            HearfeltError: if the reply is an error.
        """
        file = self._process.stdout
        while file is not None and (kind := file.read(1)):
            payload = read_frame(file, most=_LONGEST_REPLY)
            if payload is None:
                break
            if kind == b"r":
                return payload
            try:
                if kind == b"e":
                    raise _error(json.loads(payload))
                on_limit(min(float(payload), _LONGEST_LIMIT_S))
            except (ValueError, KeyError, TypeError) as error:
                if isinstance(error, HearfeltError):
                    raise
                break  # no reply of ours
        self.kill()
        raise WorkerLostError(self.ending)

    def kill(self) -> None:
        """End the process; may be called from any thread, and more than once."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and give its pipes back; for the thread that speaks with it."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _error(said: dict[str, Any]) -> HearfeltError:
    """Recreate an error that a worker reported."""
    kind, text = str(said["kind"]), str(said["text"])
    if kind == MEMORY:
        return WorkerMemoryError(text)
    if kind == FAULT:
        return WorkerFaultError(text, said["place"])
    return next((one for one in _kinds(HearfeltError) if one.__name__ == kind), HearfeltError)(text)


def _kinds(kind: type[HearfeltError]) -> Iterator[type[HearfeltError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


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
