"""Processes that answer: each has the model loaded once, works with one thread, and may die without harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

from hearfelt.batch.infrastructure_errors import SurroundingsError
from hearfelt.batch.sources import Source
from hearfelt.batch.storage import shown
from hearfelt.batch.tables import columns
from hearfelt.batch.task import Task
from hearfelt.errors import HearfeltError, ModelError

__all__ = ["Turns", "Worker"]

_AHEAD: Final = 2  # sounds a worker is given before it has answered, so that it never waits for the next
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


class Turns:
    """Lets the workers of one machine work side by side, and now and then one of them alone.

    What a worker died of, most often want of memory, may well go when nothing else is running.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy, self._wanted, self._is_alone = 0, 0, False

    @property
    def is_wanted_alone(self) -> bool:
        """Whether somebody waits for the others to come to an end, so that nothing new should be begun."""
        return self._wanted > 0

    def begin(self) -> None:
        """Wait until nobody is, or wants to be, alone; then count as busy."""
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted and not self._is_alone)
            self._busy += 1

    def end(self) -> None:
        """Be busy no more."""
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that is busy."""
        with self._changed:
            self._wanted += 1
            self._changed.wait_for(lambda: not self._busy and not self._is_alone)
            self._wanted -= 1
            self._is_alone = True
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
                self._changed.notify_all()


class Worker:
    """One process, begun at once; what it answers can be asked for when it has loaded the model.

    A file at which the process dies, or for which it has too little memory, is tried once more, in a fresh process and
    with the other workers at rest. If that ends likewise, and a third process can answer a sound that is surely whole,
    the file gets a row with an error, and the work goes on.

    Args:
        task: what is to be done with every sound.
        turns: shared by the workers of one machine.
    """

    def __init__(self, task: Task, turns: Turns | None = None) -> None:
        self._task, self._turns = task, turns or Turns()
        self._about: dict[str, Any] = {}
        self._wanted_memory = ""
        self._lock, self._is_closed = threading.Lock(), False
        self._start()

    @property
    def model(self) -> str:
        """Name of the model, as its card says.

        Raises:
            ModelError: if the model cannot be loaded.
        """
        return str(self._told_about()["model"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's emotions, in its order.

        Raises:
            ModelError: if the model cannot be loaded.
        """
        return tuple(self._told_about()["labels"])

    def answer(self, sources: Iterable[Source]) -> Iterator[bytes]:
        """Answer sounds, in their order.

        Yields:
            The rows of each as a line of JSON, without its end: a list of lists.

        Raises:
            ModelError: if the model cannot be loaded.
            SurroundingsError: if something fails that is not the fault of a sound, and would meet the next one.
            HearfeltError: if processes cannot be started any more.
        """
        coming = iter(sources)
        given: deque[Source] = deque()
        is_busy = False
        try:
            while True:
                while len(given) < _AHEAD and not (given and self._turns.is_wanted_alone):
                    source = next(coming, None)
                    if source is None:
                        break
                    if not is_busy:
                        self._turns.begin()
                        is_busy = True
                    given.append(source)
                    self._give(source)
                if not given:
                    return
                line = self._take()
                if line is None:
                    if self._is_closed:
                        return
                    self._turns.end()
                    is_busy = False
                    yield self._again(given.popleft())
                    self._turns.begin()
                    is_busy = True
                    for source in given:
                        self._give(source)
                    continue
                given.popleft()
                if not given:
                    self._turns.end()
                    is_busy = False
                yield line
        finally:
            if is_busy:
                self._turns.end()

    def close(self) -> None:
        """End the process; may be called from any thread, and what is being answered then ends without an answer."""
        with self._lock:
            self._is_closed = True
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        # -P: nothing in the folder where somebody works is taken for a module.
        command = [sys.executable, "-P", "-m", "hearfelt.batch.worker"]
        environment = os.environ | _ONE_THREAD
        pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, env=environment)
        except OSError as error:
            raise HearfeltError(f"a worker cannot be started ({error}); fewer workers need less") from error
        self._is_ready = False
        self._write(self._task.to_json())

    def _told_about(self) -> dict[str, Any]:
        if not self._is_ready:
            line = self._line()
            if line is None:
                how = self._ending()
                raise HearfeltError(f"a worker ended before it began ({how}); fewer workers need less memory")
            about: dict[str, Any] = json.loads(line)
            if "failed" in about:
                raise ModelError(about["failed"])
            self._about, self._is_ready = about, True
        return self._about

    def _give(self, source: Source) -> None:
        self._write(json.dumps([source.name, source.location, source.error, source.start_s, source.end_s]))

    def _write(self, line: str) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has died: the answer that does not come tells
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def _take(self) -> bytes | None:
        """Take an answer; None if there is none, and the process is of no more use."""
        self._told_about()
        line = self._line()
        if line is None or not line.startswith(b"{"):
            return line
        said: dict[str, str] = json.loads(line)
        if "stopped" in said:
            raise SurroundingsError(f"{said['stopped']}; what is done stays, and the same command goes on")
        self._wanted_memory = said["memory"]
        return None

    def _line(self) -> bytes | None:
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        return line[:-1] if line.endswith(b"\n") else None  # half a line is a process that died while it spoke

    def _again(self, source: Source) -> bytes:
        self._restart()
        with self._turns.alone():
            self._give(source)
            line = self._take()
        if line is not None:
            return line
        error = self._wanted_memory or f"{source.name}: the worker that answered it ended twice ({self._ending()})"
        self._restart()
        self._check(error)
        return self._error_row(source, error)

    def _check(self, error: str) -> None:
        """Make sure that it is the sound's fault: a fresh process has to answer another one."""
        with self._turns.alone():
            self._write(json.dumps(None))
            is_well = self._take() is not None
        if not is_well:
            raise SurroundingsError(
                f"{error}, and no other sound can be answered either; make room in memory, or let fewer work; what is"
                " done stays, and the same command goes on"
            )

    def _restart(self) -> None:
        with self._lock:
            if self._is_closed:
                raise HearfeltError("the worker was ended")
            self._end()
            self._wanted_memory = ""
            self._start()

    def _end(self) -> None:
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError, ValueError):
                    pipe.close()

    def _ending(self) -> str:
        code = self._process.wait()
        if code >= 0:
            return f"exit code {code}"
        with suppress(ValueError):
            name = signal.Signals(-code).name
            return f"{name}, as when memory runs out" if name == "SIGKILL" else name
        return f"signal {-code}"

    def _error_row(self, source: Source, error: str) -> bytes:
        names = columns(self.labels, timeline=self._task.timeline)
        known = {"source": shown(source.name), "model": self.model, "error": shown(error)}
        return json.dumps([[known.get(name) for name in names]]).encode()
