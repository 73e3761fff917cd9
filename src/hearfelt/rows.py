"""The rows that predictions and segments give: the same names in the same order in every format.

A row is a dictionary, as JSON has it. Tables (CSV, Parquet) have a column for each label's probability instead of the
dictionary ``probabilities``, and the codes of the warnings joined with ``;``. Every table has all columns; JSON leaves
out ``error`` where there is none, and everything but ``source`` and ``error`` where there is no prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["PART_ROW", "PREDICTION", "PREDICTION_ROW", "SEGMENT_ROW", "columns", "label_columns", "table_row"]

PREDICTION: Final = ("emotion", "confidence", "probabilities", "unsure", "warnings", "model", "duration_s")
"""Names of what a prediction says."""

PREDICTION_ROW: Final = ("source", *PREDICTION, "error")
"""Names of a row about a whole sound."""

PART_ROW: Final = ("source", "start_s", "end_s", *PREDICTION, "error")
"""Names of a row about a part of a sound."""

SEGMENT_ROW: Final = ("source", "channel", "start_s", "end_s", *PREDICTION, "error")
"""Names of a row about a segment of a timeline."""

_TAKEN: Final = frozenset(SEGMENT_ROW) - {"probabilities"}  # so that a label has the same column in every table


def label_columns(labels: Sequence[str]) -> list[str]:
    """Name a column for each label: as the label, or ``p_label`` if another column has that name.

    A label that would then collide with another label's column gets one more ``p_``, so that no two are the same.

    Example:
        >>> label_columns(["calm", "source"])
        ['calm', 'p_source']
    """
    return [f"p_{label}" if _bare(label) in _TAKEN else label for label in labels]


def columns(labels: Sequence[str], names: Sequence[str] = PREDICTION_ROW) -> list[str]:
    """Name the columns of a table.

    Args:
        labels: of the model, in its order.
        names: of a row.

    Example:
        >>> columns(["calm", "sad"])
        ['source', 'emotion', 'confidence', 'calm', 'sad', 'unsure', 'warnings', 'model', 'duration_s', 'error']
    """
    nested = label_columns(labels)
    return [column for name in names for column in (nested if name == "probabilities" else [name])]


def table_row(row: Mapping[str, Any], labels: Sequence[str], names: Sequence[str] = PREDICTION_ROW) -> list[Any]:
    """Give the cells of a row under :func:`columns`; None where the row has no value.

    Args:
        row: as JSON has it.
        labels: of the model, in its order.
        names: of a row.

    Example:
        >>> table_row({"source": "a.wav", "error": "empty"}, ["calm", "sad"], ("source", "probabilities", "error"))
        ['a.wav', None, None, 'empty']
    """
    cells: list[Any] = []
    for name in names:
        value = row.get(name)
        if name == "probabilities":
            cells += [None if value is None else value.get(label) for label in labels]
        elif name == "warnings" and value is not None:
            cells.append(";".join(warning["code"] for warning in value))
        else:
            cells.append(value)
    return cells


def _bare(label: str) -> str:
    while label.startswith("p_"):
        label = label.removeprefix("p_")
    return label
