"""Formatting of numbers for people: percentages, intervals, counts, and a row of scores over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hearfelt.inference.prediction import percent_words

__all__ = ["COLUMNS", "bare", "interval", "many", "method_rows", "percent", "share_words", "signed"]


def bare(share: float) -> str:
    """Format a share of 1 as per cent without the sign, for tables whose heading has it.

    Example:
        >>> bare(0.4567)
        '45.7'
    """
    return f"{share * 100:.1f}"


def percent(share: float) -> str:
    """Format a share of 1 as per cent.

    Example:
        >>> percent(0.4567)
        '45.7 %'
    """
    return f"{bare(share)} %"


def interval(ends: tuple[float, float] | None) -> str:
    """Format an interval of shares as per cent, without the sign; a dash where there is none.

    Example:
        >>> interval((0.412, 0.5)), interval(None)
        ('41.2–50.0', '–')
    """
    return "–" if ends is None else f"{bare(ends[0])}–{bare(ends[1])}"


def many(count: int, noun: str, plural: str | None = None) -> str:
    """Format a count with its noun.

    Example:
        >>> many(1, "seed"), many(1440, "clip"), many(2, "copy", "copies")
        ('1 seed', '1,440 clips', '2 copies')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def share_words(share: float) -> str:
    """Format a probability in whole per cent, never as 0 or 100.

    Example:
        >>> share_words(0.784), share_words(0.004), share_words(0.999)
        ('78 %', 'under 1 %', 'over 99 %')
    """
    return percent_words(share).replace("%", " %")


def signed(value: float) -> str:
    """Format a number with its sign and two decimals.

    Example:
        >>> signed(-0.5), signed(1.0)
        ('−0.50', '+1.00')
    """
    return f"{value:+.2f}".replace("-", "−")


COLUMNS: Final = ("error rate", "missed", "false alarm", "confusion", "frame accuracy", "frame UAR")

_KEYS: Final = ("diarization_error_rate", "missed", "false_alarm", "confusion", "frame_accuracy", "frame_uar")
_METHODS: Final = (
    ("timeline", None),
    ("naive: 2 s windows, no voice activity", "naive"),
    ("naive, only where the timeline found speech", "naive_where_speech_was_found"),
)


def method_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each method: its name, then per cent in the order of :data:`COLUMNS`."""
    sources = [(words, summary if key is None else summary[key]) for words, key in _METHODS]
    return [[words, *(bare(figures[key]) for key in _KEYS)] for words, figures in sources]
