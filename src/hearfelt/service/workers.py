"""Worker processes that decode and recognize uploads: one that crashes, hangs or grows costs one sound and no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from hearfelt.errors import HearfeltError
from hearfelt.runtime.pool import Pool, PoolOptions
from hearfelt.runtime.worker import WorkerFaultError, WorkerLostError, WorkerMemoryError, WorkerTimeoutError
from hearfelt.service.logs import LOG
from hearfelt.service.recognition import Job, WorkerSettings, load_models, recognize

__all__ = [
    "FAULT",
    "BusyError",
    "CrashedError",
    "TooLongError",
    "TooMuchMemoryError",
    "WorkerFaultError",
    "Workers",
]

FAULT: Final = "a fault in hearfelt itself; its log says where"
_LONG_NICE: Final = 5  # of a core that both want, a long job gets a quarter: a short one is hardly slowed by it
_SECRET: Final = ("HEARFELT_API_KEYS",)  # whatever decodes files of unknown origin does not know them
_EVENTS: Final = {
    "replaced": ("a process that answers was replaced", "code"),
    "not started": ("a process that answers did not start", "reason"),
}


class BusyError(HearfeltError):
    """There is more to do than the service does at once; the same request may go through later."""

    http_status = 503


class TooLongError(HearfeltError):
    """A job took longer than one may."""


class TooMuchMemoryError(HearfeltError):
    """A job wanted more memory than one may have."""


class CrashedError(HearfeltError):
    """Two processes in a row ended while they worked at the same job."""


class Workers:
    """Hands jobs to worker processes, each of which does one at a time.

    A job begins at a process for short sounds. A long sound and an explanation go to processes of lower priority, so
    that a short sound finds a process, whatever else there is.

    Args:
        models: names or files that are offered, the default first.
        settings: how many processes, and what each may take.
    """

    def __init__(self, models: Sequence[str], *, settings: WorkerSettings) -> None:
        self.settings = settings
        self._short, self._long = (
            Pool(
                partial(load_models, list(models)),
                settings.processes,
                PoolOptions(
                    nice=nice, memory_bytes=settings.memory_bytes, without=_SECRET, keep_starting=True, report=_log
                ),
            )
            for nice in (0, _LONG_NICE)
        )

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
        """The processes that exist."""
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
            WorkerFaultError: if a process met an unexpected error.
        """
        reply = await self._reply(self._short, job, self.settings.short_s, self.settings.patience_s)
        if not reply:
            reply = await self._reply(self._long, job, None, self.settings.long_patience_s)
        answer: dict[str, Any] = json.loads(reply)
        return answer

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
            await asyncio.to_thread(pool.close)

    async def _reply(self, pool: Pool, job: Job, short_s: float | None, patience_s: float) -> bytes:
        """Let a pool do a job."""
        settings = self.settings
        if pool.unfinished >= settings.processes + settings.queue:
            raise BusyError(f"{settings.queue} sounds are waiting, as many as may; try again in a moment")
        call = pool.submit(recognize, job, settings, short_s, limit_s=settings.longest_job_s)
        has_waited = False

        def lose_patience() -> None:
            nonlocal has_waited
            has_waited = call.cancel()

        timer = asyncio.get_running_loop().call_later(patience_s, lose_patience)
        try:
            return await asyncio.wrap_future(call.future)
        except asyncio.CancelledError:
            if has_waited:
                raise BusyError(f"nothing was free for {patience_s:.0f} s; try again in a moment") from None
            call.kill()  # whoever asked has gone
            raise
        except (WorkerLostError, WorkerTimeoutError, WorkerMemoryError, WorkerFaultError) as error:
            raise _service_error(job.name, error) from error
        finally:
            timer.cancel()


def _service_error(name: str, error: HearfeltError) -> HearfeltError:
    if isinstance(error, WorkerTimeoutError):
        return TooLongError(f"{name}: not answered within {error.after_s:.0f} s; a shorter or simpler file is wanted")
    if isinstance(error, WorkerMemoryError):
        return TooMuchMemoryError(
            f"{name}: it takes more memory to read than a request may have; a shorter file is wanted"
        )
    if isinstance(error, WorkerFaultError):
        return WorkerFaultError(FAULT, error.place)  # its text may hold private data
    return CrashedError(f"{name}: two processes in a row ended at this sound; it is damaged, or made to do harm")


def _log(event: str, why: int | str) -> None:
    sentence, key = _EVENTS[event]
    LOG.warning(sentence, extra={"facts": {key: why}})
