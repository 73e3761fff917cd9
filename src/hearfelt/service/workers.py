"""Processes that decode and answer: a file at which one dies, hangs or grows costs that file and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hearfelt import errors
from hearfelt.errors import HearfeltError
from hearfelt.service.logs import LOG
from hearfelt.service.worker_errors import BusyError, CrashedError, TooLongError, TooMuchMemoryError, WorkerFaultError
from hearfelt.service.worker_settings import WorkerSettings
from hearfelt.service.working import LENGTH_BYTES, framed

__all__ = ["Job", "Workers"]

_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_SECRET: Final = ("HEARFELT_API_KEYS",)  # nothing that reads strangers' files knows them
_LONGEST_ANSWER: Final = 1 << 28  # 256 MiB; what is longer is no answer of ours
_LATER_S: Final = 5.0  # how much later than its own alarm a process is ended from here


@dataclass(frozen=True)
class Job:
    """What is to be done with one sound.

    Attributes:
        kind: one answer for the whole of it, or moments.
        sound: a file's bytes.
        name: what answers and errors call it.
        model: one of those that are offered.
        explain: whether an answer comes with what it depends on.
        longest_s: seconds of sound that are taken at most.
        format: of moments: ``"json"``, ``"vtt"`` or ``"csv"``.
        is_separate: whether moments are those of each channel by itself.
        track: which audio track is heard; None for the file's own choice.
    """

    kind: Literal["recognize", "timeline"]
    sound: bytes = field(repr=False)
    name: str
    model: str
    explain: bool = False
    longest_s: float = 3600.0
    format: str = "json"
    is_separate: bool = False
    track: int | None = None


class Workers:
    """Hands jobs to processes, each of which does one at a time.

    Args:
        models: names or files that are offered, the default first.
        settings: how many processes, and what each may take.

    Attributes:
        waiting: jobs that wait for a process.
        running: jobs that are being done.
        replaced: how many processes were replaced.
    """

    def __init__(self, models: Sequence[str], *, settings: WorkerSettings) -> None:
        self.settings = settings
        self.waiting = self.running = self.replaced = 0
        self._task = {"models": list(models), "memory_bytes": settings.memory_bytes}
        self._free: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._all: set[Process] = set()
        self._starts: set[asyncio.Task[None]] = set()
        self._ready = 0
        self._is_closed = False

    @property
    def is_ready(self) -> bool:
        """Whether at least one process can answer; the others may still be loading."""
        return self._ready > 0

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [process.pid for process in self._all]

    async def start(self) -> None:
        """Begin to start the processes; :attr:`is_ready` tells when jobs are done at once."""
        for _ in range(self.settings.processes):
            self._start_one()

    async def answer(self, job: Job) -> dict[str, Any]:
        """Do a job, or say why not.

        A job whose process is ended from outside is done once more by another.

        Returns:
            What ``hearfelt recognize`` prints as JSON; or ``source, model, duration_s`` and ``moments`` or ``text``.

        Raises:
            AudioError: if the sound cannot be answered.
            BusyError: if too many jobs wait already, or this one waited too long.
            TooLongError: if it took longer than a job may.
            TooMuchMemoryError: if it wanted more memory than a job may have.
            CrashedError: if two processes in a row ended at it.
            WorkerFaultError: if a process met an error that nobody foresaw.
        """
        for _ in range(2):
            process = await self._taken()
            self.running += 1
            try:
                answer = await self._done(process, job)
            except (EOFError, ConnectionError):
                continue
            finally:
                self.running -= 1
            if "answer" in answer:
                done: dict[str, Any] = answer["answer"]
                return done
            raise _error(job.name, answer)
        raise CrashedError(f"{job.name}: two processes in a row ended at this sound; it is damaged, or made to do harm")

    async def close(self, *, grace_s: float) -> None:
        """End all processes; what is running gets some seconds to end by itself."""
        end = asyncio.get_running_loop().time() + grace_s
        while self.running and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)
        self._is_closed = True
        for start in self._starts:
            start.cancel()
        for process in list(self._all):
            await self._ended(process)

    async def _taken(self) -> Process:
        """Wait for a process that lives."""
        if self._free.empty() and self.waiting >= self.settings.queue:
            raise BusyError(f"{self.waiting} sounds are waiting, as many as may; try again in a moment")
        self.waiting += 1
        try:
            async with asyncio.timeout(self.settings.patience_s):
                while True:
                    process = await self._free.get()
                    if process.returncode is None:
                        return process
                    await self._replace(process)
        except TimeoutError:
            raise BusyError(f"nothing was free for {self.settings.patience_s:.0f} s; try again in a moment") from None
        finally:
            self.waiting -= 1

    async def _done(self, process: Process, job: Job) -> dict[str, Any]:
        """Let a process do a job; whatever becomes of it, there is a free process afterwards."""
        limit_s = self.settings.longest_job_s
        is_well = False
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._asked(process, job)
            is_well = True
        except TimeoutError:
            raise TooLongError(
                f"{job.name}: not answered within {limit_s:.0f} s; a shorter or simpler file is wanted"
            ) from None
        finally:
            if is_well:
                self._free.put_nowait(process)
            else:  # also when whoever asked has gone: half an answer may still be on its way
                await asyncio.shield(self._replace(process))
        return answer

    async def _asked(self, process: Process, job: Job) -> dict[str, Any]:
        asked = {
            "kind": job.kind,
            "model": job.model,
            "explain": job.explain,
            "name": job.name,
            "longest_s": job.longest_s,
            "format": job.format,
            "is_separate": job.is_separate,
            "track": job.track,
            "seconds": int(self.settings.longest_job_s + _LATER_S),
            "bytes": len(job.sound),
        }
        given, answers = process.stdin, process.stdout
        if given is None or answers is None:
            raise EOFError
        given.write(framed(asked))
        given.write(job.sound)
        await given.drain()
        return await _frame(answers)

    def _start_one(self) -> None:
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
                    self._ready += 1
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
            start_new_session=True,  # Ctrl-C is for the service, which then ends them
        )
        self._all.add(process)
        return process

    async def _answer_to_task(self, process: Process) -> str:
        """Tell a process what it is for; empty when it is ready, else why it is not."""
        if process.stdin is None or process.stdout is None:
            return "it cannot be spoken to"
        try:
            process.stdin.write(framed(self._task))
            told = await _frame(process.stdout)
        except (EOFError, ConnectionError):
            return "it ended before it was ready"
        return "" if "ready" in told else str(told.get("error", "it said something else"))

    async def _replace(self, process: Process) -> None:
        self._ready -= 1
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


async def _frame(answers: asyncio.StreamReader) -> dict[str, Any]:
    """Read a frame.

    Raises:
        EOFError: if the process ended before its end, or wrote something else.
    """
    length = int.from_bytes(await answers.readexactly(LENGTH_BYTES), "big")
    if length > _LONGEST_ANSWER:
        raise EOFError(f"a frame of {length:,} bytes")
    try:
        value = json.loads(await answers.readexactly(length))
    except ValueError as error:
        raise EOFError("no frame") from error
    if not isinstance(value, dict):
        raise EOFError("no object")
    return value


def _error(name: str, answer: dict[str, Any]) -> HearfeltError:
    """Make the error again that a process told of."""
    if answer["kind"] == "memory":
        return TooMuchMemoryError(
            f"{name}: it takes more memory to read than a request may have; a shorter file is wanted"
        )
    if answer["kind"] == "fault":
        return WorkerFaultError(answer["place"])
    kind = getattr(errors, answer["kind"], HearfeltError)
    made: HearfeltError = kind(answer["error"])
    return made
