"""The leak ladder: the score of the same network with more and more leakage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, headline, new_figure, percent_axis, plain, quiet
from hearfelt.reports.theme import ACCENT, INK, MUTED, SECOND, SURFACE, THIRD
from hearfelt.reports.translation import _

__all__ = ["leak_ladder"]

_COLOURS: Final = (ACCENT.light, SECOND.light, THIRD.light)
_NEAR: Final = 0.06  # of the axis; smaller steps have no room for the difference beside the line


def leak_ladder(
    steps: Sequence[str], models: Mapping[str, Sequence[float | None]], *, guess: float = 0.0, title: str = ""
) -> Figure:
    """Plot the score at each step of the ladder: a line for each model, with the differences between steps.

    Args:
        steps: a label for each step; ``\\n`` breaks the line.
        models: for each model one score per step, 0 to 1; None if not measured.
        guess: chance level, 0 to 1; drawn if above 0.
        title: of the plot.

    Raises:
        ValueError: if a model has another number of scores than steps.

    Example:
        >>> figure = leak_ladder(["by speaker", "by clip"], {"classic": [0.36, 0.68]})
        >>> [text.get_text() for text in figure.axes[0].texts][-3:]
        ['36.0 %', '68.0 %', '+32.0 points']
    """
    for name, scores in models.items():
        if len(scores) != len(steps):
            raise ValueError(f"{name}: {len(scores)} scores for {len(steps)} steps")
    figure = new_figure(8.4, 4.6)
    axes = quiet(figure.add_subplot(), grid="y")
    axes.axvspan(0.5, len(steps) - 0.4, color=SECOND.light, alpha=0.06, linewidth=0)
    axes.text(0.56, 1.045, _("leakage"), color=MUTED.light, fontsize=SMALL_PT, va="top")
    axes.text(0.44, 1.045, _("no leakage"), color=MUTED.light, fontsize=SMALL_PT, va="top", ha="right")
    best = max(models, key=lambda name: sum(score or 0.0 for score in models[name]), default=None)
    for place, (name, scores) in enumerate(models.items()):
        # Labels of the best model are above its line, those of the others below.
        heights = (name == best, name == best and len(models) > 1)
        _line(axes, name, scores, _COLOURS[place % len(_COLOURS)], heights)
    if guess > 0:
        axes.axhline(guess, color=MUTED.light, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
        axes.text(len(steps) - 0.42, guess + 0.012, _("chance"), color=MUTED.light, fontsize=SMALL_PT - 1, ha="right")
    axes.set_xticks(range(len(steps)), list(steps))
    axes.tick_params(axis="x", labelcolor=INK.light)
    axes.set_xlim(-0.4, len(steps) - 0.4)
    axes.set_ylim(0, 1.06)
    axes.set_yticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    percent_axis(axes.yaxis)
    axes.set_ylabel(_("accuracy on test clips"))
    headline(axes, title)
    return figure


def _line(axes: Axes, name: str, scores: Sequence[float | None], colour: str, above: tuple[bool, bool]) -> None:
    """Draw a model's line; ``above``: whether its scores, and whether its differences, are above it."""
    there = [(step, score) for step, score in enumerate(scores) if score is not None]
    if not there:
        return
    axes.plot(
        *zip(*there, strict=True), color=colour, linewidth=2, marker="o", markersize=7, markeredgecolor=SURFACE.light
    )
    first, start = there[0]
    axes.annotate(
        plain(name), (first, start), (0, -18), textcoords="offset points", ha="center", color=colour, weight="bold",
        fontsize=TEXT_PT,
    )  # fmt: skip
    for (step, score), (_following, reached) in pairwise([*there, there[-1]]):
        # The first score is to the left of its point; where the line rises, scores are beside it.
        if step == first:
            offset, side, height = (-9, 0), "right", "center"
        elif not above[0]:
            offset, side, height = (3, -8), "left", "top"
        elif reached - score > _NEAR:
            offset, side, height = (5, 9), "right", "baseline"
        else:
            offset, side, height = (0, 9), "center", "baseline"
        axes.annotate(
            f"{score * 100:.1f} %", (step, score), offset, textcoords="offset points", ha=side, va=height,
            color=INK.light, fontsize=SMALL_PT + 0.5, weight="bold",
        )  # fmt: skip
    for (step, score), (following, reached) in pairwise(there):
        gain = round(reached, 3) - round(score, 3)  # of the rounded scores
        away = 1 if above[1] else -1
        steep = abs(gain) > _NEAR
        level = 0 if above[0] else 14  # a score below the line is to the right of its point
        axes.annotate(
            _("{points} points", points=f"{gain * 100:+.1f}").replace("-", "−"),
            ((step + following) / 2, (score + reached) / 2),
            (-6 * away if steep else level, 11 * away), textcoords="offset points",
            ha=("right" if above[1] else "left") if steep else "center", va="center", color=colour, fontsize=SMALL_PT,
        )  # fmt: skip
