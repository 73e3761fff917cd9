"""What can happen to a job beside an answer or an error of its sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hearfelt.errors import HearfeltError

__all__ = ["FAULT", "BusyError", "CrashedError", "TooLongError", "TooMuchMemoryError", "WorkerFaultError"]

FAULT: Final = "a fault in hearfelt itself; its log says where"


class BusyError(HearfeltError):
    """There is more to do than the service does at once; the same request may go through later."""


class TooLongError(HearfeltError):
    """A job took longer than one may."""


class TooMuchMemoryError(HearfeltError):
    """A job wanted more memory than one may have."""


class CrashedError(HearfeltError):
    """Two processes in a row ended while they worked at the same job."""


class WorkerFaultError(HearfeltError):
    """A process met an error that nobody foresaw, and goes on.

    Args:
        place: what it was and where it arose, for the log alone.
    """

    def __init__(self, place: Mapping[str, object]) -> None:
        super().__init__(FAULT)
        self.place = place
