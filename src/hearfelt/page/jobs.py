"""Work for a visitor outside of the page's runs, in threads that can be stopped."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import Final, Self
from weakref import WeakSet

from hearfelt.errors import HearfeltError

__all__ = ["Job", "look_again_after_s", "stop_all"]

_LOGGER: Final = logging.getLogger(__name__)
_RUNNING: Final[WeakSet[Job]] = WeakSet()
_OFTEN_S, _SELDOM_S = 1.0, 10.0


class _StoppedError(Exception):
    """Ends the thread of a job that was stopped."""


class Job(ABC):
    """Work in a thread of its own, which goes on whatever the visitor looks at.

    Attributes:
        share: how much of the work is done, 0 to 1.
        error: what ended it early, if anything did but :meth:`stop`.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self.error: HearfeltError | None = None
        self._stopped = threading.Event()
        self._begun_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)

    @abstractmethod
    def work(self) -> None:
        """Do the work; call :meth:`report` as often as possible."""

    def start(self) -> Self:
        """Begin."""
        _RUNNING.add(self)
        self._thread.start()
        return self

    def report(self, share: float) -> None:
        """Say how much of the work is done, from within it; if the job was stopped, its thread ends here."""
        if self._stopped.is_set():
            raise _StoppedError
        self.share = min(1.0, share)

    def stop(self) -> None:
        """Ask it to end soon, without a result."""
        self._stopped.set()

    @property
    def is_running(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    @property
    def look_again_after_s(self) -> float:
        """When its state is worth to be shown again, in seconds."""
        return look_again_after_s(time.monotonic() - self._begun_s, self.share)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it ends; returns whether it did."""
        self._thread.join(timeout_s)
        return not self.is_running

    def _run(self) -> None:
        try:
            self.work()
        except _StoppedError:
            pass
        except HearfeltError as error:
            self.error = error
        except Exception as error:
            _LOGGER.exception("a job of the page failed")
            self.error = HearfeltError(f"internal error: {error!r}")
        finally:
            _RUNNING.discard(self)


def look_again_after_s(elapsed_s: float, share: float) -> float:
    """Say after how many seconds work is to be shown again: often at first, then seldom, and when it should be done.

    Each time costs the server and the browser some 0.3 s, which a long recording would take longer.

    Args:
        elapsed_s: since it began.
        share: how much of it is done, 0 to 1; 0 if unknown.

    Example:
        >>> look_again_after_s(1.0, 0.03), look_again_after_s(15.0, 0.4), look_again_after_s(38.0, 0.95)
        (1.0, 3.8, 2.0)
    """
    left_s = elapsed_s * (1 - share) / share if share else _SELDOM_S
    return max(_OFTEN_S, min(round(left_s, 1), round(elapsed_s / 4, 1), _SELDOM_S))


def stop_all() -> None:
    """Stop the jobs of all visitors."""
    for job in list(_RUNNING):
        job.stop()
