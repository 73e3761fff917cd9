"""What answering recordings over time was worth, in the ways that are set beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hearfelt.reports.formatting import bare

__all__ = ["COLUMNS", "way_rows"]

COLUMNS: Final = ("error rate", "missed", "false alarm", "confusion", "frame accuracy", "frame UAR")

_KEYS: Final = ("diarization_error_rate", "missed", "false_alarm", "confusion", "frame_accuracy", "frame_uar")
_WAYS: Final = (
    ("timeline", None),
    ("naive: 2 s windows, no voice activity", "naive"),
    ("naive, only where the timeline found speech", "naive_where_speech_was_found"),
)


def way_rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """Write a row for each way of answering: its words, then per cent in the order of :data:`COLUMNS`."""
    sources = [(words, summary if key is None else summary[key]) for words, key in _WAYS]
    return [[words, *(bare(figures[key]) for key in _KEYS)] for words, figures in sources]
