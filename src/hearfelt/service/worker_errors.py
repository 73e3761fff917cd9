"""What can happen to a job beside an answer or an error of its sound."""

from __future__ import annotations

from hearfelt.errors import HearfeltError

__all__ = ["BusyError", "CrashedError", "TooLongError", "TooMuchMemoryError"]


class BusyError(HearfeltError):
    """There is more to do than the service does at once; the same request may go through later."""


class TooLongError(HearfeltError):
    """A job took longer than one may."""


class TooMuchMemoryError(HearfeltError):
    """A job wanted more memory than one may have."""


class CrashedError(HearfeltError):
    """Two processes in a row ended while they worked at the same job."""
