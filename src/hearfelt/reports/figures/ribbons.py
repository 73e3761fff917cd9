"""Ribbons of emotions one below the other over one time axis: what was true, and what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hearfelt.emotions import in_order
from hearfelt.evaluation.diarization import LabelSpan
from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, colours_of, new_figure, plain, quiet
from hearfelt.reports.theme import GRID, INK

__all__ = ["emotion_ribbons"]

_THICK: Final = 0.62  # of a row


def emotion_ribbons(rows: Mapping[str, Sequence[LabelSpan]], duration_s: float, *, title: str = "") -> Figure:
    """Draw a row for each way of telling when which emotion is heard; where nothing is said is a gap.

    Args:
        rows: segments by what the row is called, the first on top.
        duration_s: how far the time axis goes.
        title: stands above.

    Example:
        >>> figure = emotion_ribbons({"truth": [LabelSpan(1.0, 2.0, "sad")], "said": []}, 4.0)
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['truth', 'said']
    """
    figure = new_figure(10.0, 1.15 + 0.42 * len(rows))
    axes: Axes = quiet(figure.add_subplot(), grid="x")
    for place, segments in enumerate(rows.values()):
        axes.axhline(place, color=GRID.light, linewidth=1.2, zorder=1)
        axes.broken_barh(
            [(one.start_s, one.end_s - one.start_s) for one in segments],
            (place - _THICK / 2, _THICK),
            facecolors=colours_of(one.emotion for one in segments),
            linewidth=0,
            zorder=2,
        )
    axes.set_yticks(range(len(rows)), [plain(name, longest=40) for name in rows])
    axes.tick_params(axis="y", labelcolor=INK.light)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first on top
    axes.set_xlim(0, duration_s)
    axes.set_xlabel("seconds")
    labels = in_order(one.emotion for segments in rows.values() for one in segments)
    patches = [Patch(color=colour, label=plain(name)) for name, colour in zip(labels, colours_of(labels), strict=True)]
    figure.legend(
        handles=patches, loc="outside lower center", ncols=8, frameon=False, fontsize=SMALL_PT, labelcolor=INK.light,
        handlelength=1.1, columnspacing=1.5,
    )  # fmt: skip
    if title:
        figure.suptitle(title, x=0.012, ha="left", color=INK.light, fontsize=TEXT_PT + 1, weight="bold")
    return figure
