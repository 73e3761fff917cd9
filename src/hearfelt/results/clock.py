"""Times as clocks show them."""

from __future__ import annotations

__all__ = ["time_words"]


def time_words(time_s: float, *, step_s: float = 1.0, until_s: float = 0.0) -> str:
    """Write a time as ``m:ss``, or as ``h:mm:ss`` from an hour on.

    Args:
        time_s: the time.
        step_s: distance between times; below a second, tenths are shown.
        until_s: the longest time beside it, so that all have the same form.

    Example:
        >>> time_words(75), time_words(75, until_s=3_600), time_words(0.5, step_s=0.5)
        ('1:15', '0:01:15', '0:00.5')
    """
    minutes, rest = divmod(round(time_s * 10), 600)
    shown = f"{rest / 10:04.1f}" if step_s < 1 else f"{rest // 10:02}"
    if max(time_s, until_s) >= 3_600:
        return f"{minutes // 60}:{minutes % 60:02}:{shown}"
    return f"{minutes}:{shown}"
