"""Worker process, both ends: it runs the calls that arrive on its standard input, one after another, until it ends.

:class:`Worker` is one as its parent sees it, for :mod:`hearfelt.runtime.pool`; :func:`main` is what it runs. Calls
arrive as :mod:`multiprocessing` serializes them; results leave as bytes, errors as JSON. A process that decodes files
of unknown origin may be taken over by one of them, but nothing that it sends can run code in its parent.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import IO, Any, Final, Literal, NoReturn

from hearfelt.errors import HearfeltError

__all__ = [
    "Start",
    "Worker",
    "WorkerFaultError",
    "WorkerLostError",
    "WorkerMemoryError",
    "WorkerTimeoutError",
    "extend_limit",
    "is_worker",
    "main",
    "place_of",
]

_LENGTH_BYTES: Final = 8
MEMORY, FAULT = "MemoryError", "fault"  # in place of the name of one of hearfelt's own error classes
_FRAMES: Final = 8  # of a traceback, the innermost
_LATER_S: Final = 5.0  # the process ends itself this long after its parent should have ended it

Kind = Literal[b"r", b"e", b"t"]  # result, error, new time limit


@dataclass(frozen=True)
class Start:
    """The first message to a worker.

    Attributes:
        setup: called once; its result is the first argument of every call. None for None.
        nice: added to the process's niceness.
        memory_bytes: address space that calls may take beyond what the process has after the setup; None for no limit.
    """

    setup: Callable[[], Any] | None
    nice: int = 0
    memory_bytes: int | None = None


def write_frame(file: IO[bytes], payload: bytes | memoryview) -> None:
    """Write a length and that many bytes.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> write_frame(file, b"ab")
        >>> file.getvalue()
        b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02ab'
    """
    file.write(len(payload).to_bytes(_LENGTH_BYTES, "big"))
    file.write(payload)
    file.flush()


def read_frame(file: IO[bytes], *, most: int | None = None) -> bytes | None:
    """Read what :func:`write_frame` wrote; None at the end, or if the frame is incomplete or longer than ``most``."""
    head = file.read(_LENGTH_BYTES)
    length = int.from_bytes(head, "big")
    if len(head) < _LENGTH_BYTES or (most is not None and length > most):
        return None
    payload = file.read(length)
    return payload if len(payload) == length else None


def place_of(fault: BaseException) -> dict[str, object]:
    """Say where an unexpected error was raised, without its message, which may hold private data.

    Example:
        >>> place_of(ValueError("my secret.wav"))
        {'fault': 'ValueError', 'at': []}
    """
    frames = traceback.extract_tb(fault.__traceback__)[-_FRAMES:]
    return {"fault": type(fault).__name__, "at": [f"{Path(one.filename).name}:{one.lineno}" for one in frames]}


def is_worker() -> bool:
    """Tell whether this process is a worker."""
    return _replies is not None


def extend_limit(limit_s: float) -> None:
    """Let the running call take this many more seconds, counted from now; without effect outside a worker."""
    if _replies is not None:
        _set_alarm(limit_s)
        _send(_replies, b"t", repr(limit_s).encode())


def main() -> NoReturn:
    """Run calls until standard input ends; does not return."""
    global _replies
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides what ends
    _replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for a reply
    calls: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(calls,), daemon=True).start()
    state = None
    try:
        start: Start = ForkingPickler.loads(calls.get() or b"")
        if start.nice and hasattr(os, "nice"):  # not on Windows
            os.nice(start.nice)
        state = start.setup() if start.setup is not None else None
        if start.memory_bytes is not None:
            _limit_memory(start.memory_bytes)
    except Exception as error:
        _send_error(_replies, error)
        os._exit(1)  # at a usual exit Python waits for the thread that reads
    _send(_replies, b"r", b"")
    while (call := calls.get()) is not None:
        _run(_replies, state, call)
    _send_error(_replies, MemoryError())  # there was none for the call itself, and the rest of it is still in the pipe
    os._exit(1)


_replies: IO[bytes] | None = None


def _run(replies: IO[bytes], state: object, call: bytes) -> None:
    try:
        function, arguments, limit_s = ForkingPickler.loads(call)
        if limit_s is not None:
            _set_alarm(limit_s)
        result = function(state, *arguments)
        if not isinstance(result, bytes):
            raise TypeError(f"{function.__name__} returned {type(result).__name__}, not bytes")
    except Exception as error:
        _send_error(replies, error)
    else:
        _send(replies, b"r", result)
    finally:
        _set_alarm(None)


def _receive(calls: queue.SimpleQueue[bytes | None]) -> None:
    """Read ahead in a thread, to notice at once, even during a call, that the parent has ended or closed the pipe."""
    while True:
        try:
            call = read_frame(sys.stdin.buffer)
        except MemoryError:
            calls.put(None)
            return
        if call is None:
            os._exit(0)
        calls.put(call)


def _set_alarm(limit_s: float | None) -> None:
    """Let the system end this process, in case that the parent is gone and a decoder never returns."""
    if hasattr(signal, "alarm"):
        signal.alarm(0 if limit_s is None else math.ceil(limit_s + _LATER_S))


def _limit_memory(beyond_bytes: int) -> None:
    with suppress(ImportError, OSError):  # not on Windows; other systems than Linux don't say how large a process is
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + beyond_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _send(replies: IO[bytes], kind: Kind, payload: bytes) -> None:
    try:
        replies.write(kind)
        write_frame(replies, payload)
    except BrokenPipeError:
        os._exit(0)  # nobody is there any more


def _send_error(replies: IO[bytes], error: Exception) -> None:
    said: dict[str, object] = {"kind": type(error).__name__, "text": str(error)}
    if isinstance(error, MemoryError):
        said["kind"] = MEMORY
    elif not isinstance(error, HearfeltError):
        said = {"kind": FAULT, "text": f"{type(error).__name__}: {error}", "place": place_of(error)}
    _send(replies, b"e", json.dumps(said).encode())


_PROGRAM: Final = "from hearfelt.runtime.worker import main; main()"
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_LONGEST_REPLY: Final = 1 << 28  # 256 MiB; anything longer is no reply of ours
_LONGEST_LIMIT_S: Final = 86_400.0


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


class Worker:
    """A worker process, seen from its parent.

    Args:
        without: environment variables that it does not get.

    Attributes:
        pid: its process id.
    """

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
        """Whether it has not ended."""
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
        """Send a call; if the process has ended, :meth:`receive` says so."""
        if self._process.stdin is not None:
            with suppress(OSError):
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
