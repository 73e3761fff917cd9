"""Processes that decode and answer: a file at which one dies, hangs or grows costs that file and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hearfelt import errors
from hearfelt.errors import HearfeltError
from hearfelt.service.worker_errors import TooMuchMemoryError, WorkerFaultError
from hearfelt.service.worker_pool import Pool, PoolSettings
from hearfelt.service.worker_settings import WorkerSettings

__all__ = ["Job", "Workers"]

_LATER_S: Final = 5.0  # how much later than from here a process is ended by its own alarm
_LONG_NICE: Final = 5  # of a core that both want, a long job gets a quarter: a short one is hardly slowed by it


@dataclass(frozen=True)
class Job:
    """What is to be done with one sound.

    Attributes:
        kind: one answer for the whole of it, or segments.
        sound: a file's bytes.
        name: what answers and errors call it.
        model: one of those that are offered.
        explain: whether an answer comes with what it depends on.
        longest_s: seconds of sound that are taken at most; with ``is_separate`` twice that, of all channels together.
        format: of segments: ``"json"``, ``"vtt"`` or ``"csv"``.
        is_separate: whether segments are those of each channel by itself.
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

    Each job begins at a process for short sounds, which looks at how much there is to do. A long sound and an
    explanation then go to processes of lower priority, so that a short sound finds a process, whatever else there is.

    Args:
        models: names or files that are offered, the default first.
        settings: how many processes, and what each may take.
    """

    def __init__(self, models: Sequence[str], *, settings: WorkerSettings) -> None:
        self.settings = settings
        task = {"models": list(models), "memory_bytes": settings.memory_bytes}
        self._short = Pool({**task, "nice": 0}, settings=_pool_settings(settings, settings.patience_s))
        self._long = Pool({**task, "nice": _LONG_NICE}, settings=_pool_settings(settings, settings.long_patience_s))

    @property
    def is_ready(self) -> bool:
        """Whether at least one process can answer; the others may still be loading."""
        return self._short.ready > 0

    @property
    def waiting(self) -> int:
        """Jobs that wait for a process."""
        return self._short.waiting + self._long.waiting

    @property
    def running(self) -> int:
        """Jobs that are being done."""
        return self._short.running + self._long.running

    @property
    def replaced(self) -> int:
        """How many processes were replaced."""
        return self._short.replaced + self._long.replaced

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return self._short.pids + self._long.pids

    async def start(self) -> None:
        """Begin to start the processes; :attr:`is_ready` tells when jobs are done at once."""
        self._short.start()

    async def answer(self, job: Job) -> dict[str, Any]:
        """Do a job, or say why not.

        A job whose process is ended from outside is done once more by another.

        Returns:
            What ``hearfelt recognize`` prints as JSON; or ``source, model, duration_s`` and ``segments`` or ``text``.

        Raises:
            AudioError: if the sound cannot be answered.
            BusyError: if too many jobs wait already, or this one waited too long.
            TooLongError: if it took longer than a job may.
            TooMuchMemoryError: if it wanted more memory than a job may have.
            CrashedError: if two processes in a row ended at it.
            WorkerFaultError: if a process met an error that nobody foresaw.
        """
        asked = {
            "kind": job.kind,
            "model": job.model,
            "explain": job.explain,
            "name": job.name,
            "longest_s": job.longest_s,
            "format": job.format,
            "is_separate": job.is_separate,
            "track": job.track,
            "read_s": int(self.settings.longest_job_s + _LATER_S),
            "least_speed": self.settings.least_speed,
            "short_s": 0.0 if job.explain else self.settings.short_s,
        }
        told = await self._short.answer(asked, job.sound)
        if "long" in told:
            told = await self._long.answer({**asked, "short_s": None}, job.sound)
        if "answer" in told:
            done: dict[str, Any] = told["answer"]
            return done
        raise _error(job.name, told)

    def end(self) -> None:
        """Start no more processes, so that whatever ends from now on is not replaced."""
        for pool in (self._short, self._long):
            pool.end()

    async def close(self, *, grace_s: float) -> None:
        """End all processes; what is running gets some seconds to end by itself."""
        end = asyncio.get_running_loop().time() + grace_s
        while self.running and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)
        for pool in (self._short, self._long):
            await pool.close()


def _pool_settings(settings: WorkerSettings, patience_s: float) -> PoolSettings:
    return PoolSettings(settings.processes, settings.queue, patience_s, settings.longest_job_s, settings.limit_s)


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
