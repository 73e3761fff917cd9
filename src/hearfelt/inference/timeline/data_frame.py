"""Timelines as a pandas table with audformat's index: file, start, end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hearfelt.audio.warnings import codes_of
from hearfelt.errors import require
from hearfelt.inference.label_columns import label_columns

if TYPE_CHECKING:
    from hearfelt.inference.timeline.segments import Timeline

__all__ = ["data_frame"]


def data_frame(timelines: Iterable[Timeline]) -> Any:
    """Put the segments of timelines into a ``pandas.DataFrame``, a row for each.

    The index is a segmented index as https://audeering.github.io/audformat/data-tables.html defines it: ``file`` as
    strings, ``start`` and ``end`` as ``timedelta64[ns]``. The columns are ``channel`` (empty where the channels were
    mixed), ``emotion``, ``confidence``, ``unsure``, ``model``, ``warnings`` (codes joined with ``;``), and the labels
    with their probabilities, named as :func:`hearfelt.inference.label_columns.label_columns` does.

    Args:
        timelines: of any number of sounds.

    Raises:
        ExtraMissingError: if pandas is not installed.
    """
    pandas = require("pandas", "pandas")
    timelines = list(timelines)
    rows = [(one, segment) for one in timelines for segment in one.segments]
    index = pandas.MultiIndex.from_arrays(
        [
            pandas.Index([one.source for one, _ in rows], dtype="string"),
            _times(pandas, [segment.start_s for _, segment in rows]),
            _times(pandas, [segment.end_s for _, segment in rows]),
        ],
        names=["file", "start", "end"],
    )
    facts = {
        "channel": pandas.array([one.channel for one, _ in rows], dtype="Int64"),
        "emotion": pandas.array([segment.emotion for _, segment in rows], dtype="string"),
        "confidence": pandas.array([segment.confidence for _, segment in rows], dtype="float64"),
        "unsure": pandas.array([segment.unsure for _, segment in rows], dtype="bool"),
        "model": pandas.array([one.model for one, _ in rows], dtype="string"),
        "warnings": pandas.array([codes_of(one.warnings) for one, _ in rows], dtype="string"),
    }
    labels = list(dict.fromkeys(label for one in timelines for label in one.labels))
    shares = {
        name: pandas.array([segment.probabilities.get(label) for _, segment in rows], dtype="float64")
        for label, name in zip(labels, label_columns(labels), strict=True)
    }
    return pandas.DataFrame({**facts, **shares}, index=index)


def _times(pandas: Any, times_s: list[float]) -> Any:
    # Whole microseconds: as a float a time would get nanoseconds that mean nothing.
    return pandas.to_timedelta([round(time_s * 1e6) for time_s in times_s], unit="us").astype("timedelta64[ns]")
