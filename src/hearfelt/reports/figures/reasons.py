"""The plot of a reason: how much each feature group spoke for an answer or against it."""

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure

from hearfelt.inference.explain import GROUPS_IN_WORDS, Explanation
from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, headline, new_figure, plain, quiet
from hearfelt.reports.looks import ACCENT, GRID, INK, MUTED, SECOND

__all__ = ["contribution_bars"]

_LEAST_REACH: Final = 1e-6  # log-odds; where nothing contributes, bars keep their length of nothing
_ROOM: Final = 0.18  # of the bars' width


def contribution_bars(explanation: Explanation, *, title: str = "") -> Figure:
    """Show what spoke for an answer, to the right, and against it, to the left; the strongest group comes first.

    Args:
        explanation: from ``Recognizer.explain``.
        title: stands above; by default what is explained.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("sad", 0.8, {"calm": 0.2, "sad": 0.8}, False, 2.0, "classic")
        >>> len(contribution_bars(Explanation(answer, 1.4, 0.2, {"mfcc": 1.5, "rms": -0.3})).axes[0].patches)
        2
    """
    shares = sorted(explanation.contributions.items(), key=lambda pair: -abs(pair[1]))
    figure = new_figure(8, 1.5 + 0.4 * len(shares))
    axes = quiet(figure.add_subplot())
    places, values = range(len(shares)), [share for _, share in shares]
    colours = [SECOND.light if share < 0 else ACCENT.light for share in values]
    axes.barh(places, values, height=0.66, color=colours)
    axes.axvline(0, color=GRID.light, linewidth=1.2, zorder=0)
    reach = max([*map(abs, values), _LEAST_REACH])
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            _signed(value), (value, place), (-5 if value < 0 else 5, 0), textcoords="offset points", va="center",
            ha="right" if value < 0 else "left", color=MUTED.light, fontsize=SMALL_PT,
        )  # fmt: skip
    axes.set_yticks(places, [GROUPS_IN_WORDS.get(name, ("", plain(name)))[1] for name, _ in shares])
    axes.tick_params(axis="y", labelcolor=INK.light, labelsize=TEXT_PT)
    axes.set_xticks([])
    axes.set_ylim(len(shares) - 0.4, -0.6)
    left, right = min([*values, -0.05 * reach]), max([*values, 0.05 * reach])
    room = _ROOM * (right - left)  # for the numbers; on the left only where a bar goes there
    axes.set_xlim(left - (room if min([*values, 0]) < 0 else 0), right + room)
    emotion = explanation.emotion
    axes.set_xlabel(
        f"log-odds of {plain(emotion)}: {_signed(explanation.base_log_odds)} before listening, "
        f"{_signed(explanation.log_odds)} for this clip",
        loc="left",
    )
    headline(axes, title or f"What spoke for {emotion}, and against it")
    return figure


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
