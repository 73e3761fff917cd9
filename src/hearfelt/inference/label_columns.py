"""Names of the columns for a model's labels, the same in every table; a user's labels may have any name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["label_columns"]

# The other columns of all tables, so that a label has the same column in each.
_TAKEN: Final = frozenset(
    "source channel start_s end_s emotion confidence unsure model duration_s warnings error".split()  # noqa: SIM905
)


def label_columns(labels: Sequence[str]) -> list[str]:
    """Name a column for each label: as the label, or ``p_label`` if another column is called so.

    What would then be called as another label's column gets one more ``p_``, so that no two are the same.

    Example:
        >>> label_columns(["calm", "source"])
        ['calm', 'p_source']
    """
    return [f"p_{label}" if _bare(label) in _TAKEN else label for label in labels]


def _bare(label: str) -> str:
    while label.startswith("p_"):
        label = label.removeprefix("p_")
    return label
