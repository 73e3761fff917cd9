"""Functions that the tests of the pool call in worker processes."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

from hearfelt.errors import AudioNotFoundError, ModelError
from hearfelt.runtime.worker import extend_limit


def begin_with(state: str) -> str:
    return state


def begin_never() -> None:
    raise ModelError("mine.onnx: no model")


def begin_and_end() -> None:
    os._exit(3)


def pid(state: object) -> bytes:
    return str(os.getpid()).encode()


def joined(state: str, item: str) -> bytes:
    os.write(1, b"noise")  # as a library may print
    return f"{state}{item}".encode()


def environment(state: object, name: str) -> bytes:
    return os.environ.get(name, "nothing").encode()


def niceness(state: object) -> bytes:
    return str(os.getpriority(os.PRIO_PROCESS, 0)).encode()


def crash(state: object, number: int) -> bytes:
    os.kill(os.getpid(), number)
    time.sleep(60)
    return b""


def crash_once(state: object, marker: Path) -> bytes:
    if not marker.exists():
        marker.touch()
        crash(state, signal.SIGKILL)
    return b"well"


def wait_for(state: object, marker: Path) -> bytes:
    while not marker.exists():
        time.sleep(0.01)
    return b"well"


def hang(state: object) -> bytes:
    re.match("(a+)+$", 60 * "a" + "b")  # as in a decoder: in C, and no other thread of the process runs
    return b""


def extended(state: object) -> bytes:
    for _ in range(3):
        extend_limit(5.0)
        time.sleep(0.2)
    return b"well"


def grow(state: object, count: int) -> bytes:
    return bytes(len(bytearray(count)) % 2)


def no_memory(state: object) -> bytes:
    raise MemoryError("a.wav: too large")


def refuse(state: object) -> bytes:
    raise AudioNotFoundError("a.wav: there is no such file")


def fault(state: object) -> bytes:
    raise KeyError("secret")


def no_bytes(state: object) -> bytes:
    return "text"  # type: ignore[return-value]


def folder_of_modules(state: object) -> bytes:
    return repr("" in sys.path or str(Path.cwd()) in sys.path).encode()
