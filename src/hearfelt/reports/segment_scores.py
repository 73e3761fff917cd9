"""Scores of recognition over time: the timeline and naive windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hearfelt.reports.formatting import bare

__all__ = ["COLUMNS", "method_rows"]

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
