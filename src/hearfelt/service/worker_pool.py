"""Processes of one kind, each of which does one job at a time, and is replaced when it dies or hangs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from hearfelt.service.logs import LOG
from hearfelt.service.worker_errors import BusyError, CrashedError, TooLongError
from hearfelt.service.working import LENGTH_BYTES, framed

__all__ = ["Pool", "PoolSettings"]

_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_SECRET: Final = ("HEARFELT_API_KEYS",)  # nothing that reads strangers' files knows them
_LONGEST_ANSWER: Final = 1 << 28  # 256 MiB; what is longer is no answer of ours


@dataclass(frozen=True)
class PoolSettings:
    """Settings of a pool.

    Attributes:
        processes: how many there are at most.
        queue: jobs that may wait; one more is turned away.
        patience_s: how long a job may wait for a process.
        read_s: how long a process may take to read a sound.
        limit_s: how long it may then take, for so many seconds of sound.
    """

    processes: int
    queue: int
    patience_s: float
    read_s: float
    limit_s: Callable[[float], float]


class Pool:
    """Hands jobs to processes of one kind.

    Args:
        task: what each process is told when it starts.
        settings: how many processes, and how long a job may wait and take.

    Attributes:
        waiting: jobs that wait for a process.
        running: jobs that are being done.
        ready: processes that have loaded their models.
        replaced: how many processes were replaced.
    """

    def __init__(self, task: Mapping[str, Any], *, settings: PoolSettings) -> None:
        self._task, self._settings = task, settings
        self.waiting = self.running = self.ready = self.replaced = 0
        self._free: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._all: set[Process] = set()
        self._starts: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [process.pid for process in self._all]

    def start(self) -> None:
        """Begin to start all processes; without it each is started when a job waits for it."""
        while self._count < self._settings.processes:
            self._start_one()

    async def answer(self, asked: Mapping[str, Any], sound: bytes) -> dict[str, Any]:
        """Do a job; one whose process is ended from outside is done once more by another.

        Args:
            asked: what a process is asked, with the sound's ``name``.
            sound: a file's bytes.

        Returns:
            The last frame of the process: ``answer``, ``error`` or ``long``.

        Raises:
            BusyError: if too many jobs wait already, or this one waited too long.
            TooLongError: if it took longer than a job may.
            CrashedError: if two processes in a row ended at it.
        """
        name = asked["name"]
        for _ in range(2):
            process = await self._taken()
            self.running += 1
            try:
                return await self._done(process, {**asked, "bytes": len(sound)}, sound)
            except (EOFError, ConnectionError):
                continue
            finally:
                self.running -= 1
        raise CrashedError(f"{name}: two processes in a row ended at this sound; it is damaged, or made to do harm")

    def end(self) -> None:
        """Start no more processes."""
        self._is_closed = True
        for start in self._starts:
            start.cancel()

    async def close(self) -> None:
        """End all processes, whatever they do."""
        self.end()
        for process in list(self._all):
            await self._ended(process)

    @property
    def _count(self) -> int:
        return len(self._starts) + self.ready

    async def _taken(self) -> Process:
        """Wait for a process that lives."""
        patience_s = self._settings.patience_s
        if self._free.empty():
            if self.waiting >= self._settings.queue:
                raise BusyError(f"{self.waiting} sounds are waiting, as many as may; try again in a moment")
            if self._count < self._settings.processes:
                self._start_one()
        self.waiting += 1
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    process = await self._free.get()
                    if process.returncode is None:
                        return process
                    await self._replace(process)
        except TimeoutError:
            raise BusyError(f"nothing was free for {patience_s:.0f} s; try again in a moment") from None
        finally:
            self.waiting -= 1

    async def _done(self, process: Process, asked: Mapping[str, Any], sound: bytes) -> dict[str, Any]:
        """Let a process do a job; whatever becomes of it, there is a free process afterwards."""
        limit_s = self._settings.read_s
        is_well = False
        try:
            async with asyncio.timeout(limit_s) as limit:
                told = await _asked(process, asked, sound)
                if "sound_s" in told:  # it was read, and now it is known how long it may take
                    limit_s = self._settings.limit_s(told["sound_s"])
                    limit.reschedule(asyncio.get_running_loop().time() + limit_s)
                    told = await _frame(process)
            is_well = True
        except TimeoutError:
            raise TooLongError(
                f"{asked['name']}: not answered within {limit_s:.0f} s; a shorter or simpler file is wanted"
            ) from None
        finally:
            if is_well:
                self._free.put_nowait(process)
            else:  # also when whoever asked has gone: half an answer may still be on its way
                await asyncio.shield(self._replace(process))
        return told

    def _start_one(self) -> None:
        if self._is_closed:
            return
        start = asyncio.get_running_loop().create_task(self._started())
        self._starts.add(start)
        start.add_done_callback(self._starts.discard)

    async def _started(self) -> None:
        """Start a process and put it among the free ones when it has loaded its models; try until that is so."""
        wait_s = 0.5
        while not self._is_closed:
            try:
                process = await self._begun()
            except OSError as error:
                reason = str(error)
            else:
                reason = await self._answer_to_task(process)
                if not reason:
                    self.ready += 1
                    self._free.put_nowait(process)
                    return
                await self._ended(process)
            LOG.warning("a process that answers did not start", extra={"facts": {"reason": reason}})
            await asyncio.sleep(wait_s)  # a machine without memory is not helped by trying at once
            wait_s = min(2 * wait_s, 30.0)

    async def _begun(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing in the folder where the service was started is taken for a module
            "-m",
            "hearfelt.service.working",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={name: value for name, value in os.environ.items() if name not in _SECRET} | _ONE_THREAD,
            # Ctrl-C is for the service, which then ends them. A session of its own would do that as well, but Linux
            # compares priorities within a session only.
            process_group=0,
        )
        self._all.add(process)
        return process

    async def _answer_to_task(self, process: Process) -> str:
        """Tell a process what it is for; empty when it is ready, else why it is not."""
        if process.stdin is None:
            return "it cannot be spoken to"
        try:
            process.stdin.write(framed(self._task))
            told = await _frame(process)
        except (EOFError, ConnectionError):
            return "it ended before it was ready"
        return "" if "ready" in told else str(told.get("error", "it said something else"))

    async def _replace(self, process: Process) -> None:
        self.ready -= 1
        await self._ended(process)
        if not self._is_closed:
            self.replaced += 1
            LOG.warning("a process that answers was replaced", extra={"facts": {"code": process.returncode}})
            self._start_one()

    async def _ended(self, process: Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        self._all.discard(process)
        if process.stdin is not None:
            process.stdin.close()


async def _asked(process: Process, asked: Mapping[str, Any], sound: bytes) -> dict[str, Any]:
    """Give a process a job, and read the first frame that it answers."""
    if process.stdin is None:
        raise EOFError
    process.stdin.write(framed(asked))
    process.stdin.write(sound)
    await process.stdin.drain()
    return await _frame(process)


async def _frame(process: Process) -> dict[str, Any]:
    """Read a frame.

    Raises:
        EOFError: if the process ended before its end, or wrote something else.
    """
    if process.stdout is None:
        raise EOFError
    length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
    if length > _LONGEST_ANSWER:
        raise EOFError(f"a frame of {length:,} bytes")
    try:
        value = json.loads(await process.stdout.readexactly(length))
    except ValueError as error:
        raise EOFError("no frame") from error
    if not isinstance(value, dict):
        raise EOFError("no object")
    return value
