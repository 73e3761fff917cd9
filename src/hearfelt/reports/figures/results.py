"""Plots of results: confusion matrix, scores of each class, learning curves, folds, reliability."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import ArrayLike

from hearfelt.evaluation.metrics import Reliability
from hearfelt.reports.figures.canvas import (
    SMALL_PT,
    colours_of,
    headline,
    new_figure,
    percent_axis,
    plain,
    quiet,
    whole_percent,
)
from hearfelt.reports.theme import ACCENT, GRID, INK, MUTED, SECOND, SURFACE, THIRD
from hearfelt.reports.translation import _

__all__ = [
    "cell_strength",
    "confusion_matrix",
    "coverage_risk_curves",
    "fold_bars",
    "learning_curves",
    "per_class_bars",
    "reference_size_lines",
    "reliability_diagram",
    "reliability_lines",
]

_SERIES: Final = (ACCENT.light, SECOND.light, THIRD.light)
_LINES: Final = (*_SERIES, INK.light)
# Accuracy and UAR are one line where every class has as many clips; the dashes let the other show through.
_DASHES: Final = ("-", "-", (0, (4, 2)))
_FADED: Final = 0.22  # opacity of one run among many
_NAMES: Final = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro-F1"}


def confusion_matrix(matrix: ArrayLike, labels: Sequence[str], *, title: str = "") -> Figure:
    """Draw a confusion matrix: a row for each true label, its shares adding up to 100 %.

    Args:
        matrix: ``(classes, classes)`` counts, true labels in rows and predicted ones in columns.
        labels: names of the classes, in the matrix's order.
        title: above the plot.

    Raises:
        ValueError: if the matrix isn't square with a row for each label.

    Example:
        >>> confusion_matrix([[8, 2], [1, 9]], ["calm", "sad"]).axes[0].get_ylabel()
        'true label'
    """
    counts = np.asarray(matrix, dtype=np.float64)
    classes = len(labels)
    if counts.shape != (classes, classes):
        raise ValueError(f"a matrix of shape {counts.shape} for {classes} labels; ({classes}, {classes}) is needed")
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    side = 1.9 + 0.56 * classes
    figure = new_figure(side + 0.5, side)
    axes = quiet(figure.add_subplot())
    for row in range(classes):
        for column in range(classes):
            _cell(axes, row, column, shares[row, column])
    axes.set_xlim(-0.5, classes - 0.5)
    axes.set_ylim(classes - 0.5, -0.5)
    axes.set_aspect("equal")
    names = [plain(label) for label in labels]
    axes.set_xticks(range(classes), names, rotation=40, ha="right", rotation_mode="anchor")
    counted = [f"{name}  ({round(total):,})" for name, total in zip(names, totals[:, 0], strict=True)]
    axes.set_yticks(range(classes), counted)
    axes.tick_params(labelcolor=INK.light)
    axes.set_xlabel("predicted label (% of the row)")
    axes.set_ylabel("true label")
    headline(axes, title)
    return figure


def cell_strength(share: float) -> float:
    """Return how opaque the accent is in a cell, 0 to 0.48, so that ink stays readable, on a dark page too.

    Example:
        >>> cell_strength(0.0), cell_strength(1.0)
        (0.0, 0.48)
    """
    return float(0.48 * share**0.75)


def _cell(axes: Axes, row: int, column: int, share: float) -> None:
    for colour, strength in ((GRID.light, 0.35), (ACCENT.light, cell_strength(share))):
        axes.add_patch(
            Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, facecolor=colour, alpha=strength, linewidth=0)
        )
    if share > 0:
        shown = f"{share * 100:.0f}" if share >= 0.01 else "<1"
        weight = "bold" if row == column else "normal"
        axes.text(column, row, shown, ha="center", va="center", color=INK.light, fontsize=SMALL_PT, weight=weight)


def per_class_bars(labels: Sequence[str], metrics: Mapping[str, ArrayLike], *, title: str = "") -> Figure:
    """Draw one metric or several of each class, as bars from 0 to 100 %.

    Args:
        labels: names of the classes.
        metrics: for each metric's name one value a class, 0 to 1. A single metric takes the emotions' colours.
        title: above the plot.

    Raises:
        ValueError: if a metric has another number of values than there are labels.

    Example:
        >>> len(per_class_bars(["calm", "sad"], {"recall": [0.8, 0.6]}).axes[0].patches)
        2
    """
    series = {name: np.asarray(values, dtype=np.float64) for name, values in metrics.items()}
    for name, values in series.items():
        if values.shape != (len(labels),):
            raise ValueError(f"{name}: {values.size} values for {len(labels)} labels; one for each is needed")
    figure = new_figure(6, 1.1 + len(labels) * (0.22 + 0.17 * len(series)))
    axes = quiet(figure.add_subplot(), grid="x")
    thickness = 0.78 / max(1, len(series))
    for place, (name, values) in enumerate(series.items()):
        heights = np.arange(len(labels)) + (place - (len(series) - 1) / 2) * thickness
        colours = colours_of(labels) if len(series) == 1 else _SERIES[place % len(_SERIES)]
        axes.barh(heights, values, height=thickness * 0.86, color=colours, label=plain(name))
        for height, value in zip(heights, values, strict=True):
            axes.text(
                value + 0.008, height, whole_percent(value), va="center", color=MUTED.light, fontsize=SMALL_PT - 1.5
            )
    axes.set_yticks(range(len(labels)), [plain(label) for label in labels])
    axes.tick_params(axis="y", labelcolor=INK.light)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.set_xlim(0, 1.1)
    percent_axis(axes.xaxis)
    if len(series) == 1:
        axes.set_xlabel(plain(next(iter(series))))
    else:
        _legend(axes, columns=len(series))
    headline(axes, title)
    return figure


def learning_curves(rows: Iterable[Mapping[str, Any]], *, chosen: int | None = None, title: str = "") -> Figure:
    """Draw learning curves: loss on the left, accuracy and UAR on the right, the chosen epoch marked.

    Args:
        rows: one mapping an epoch with ``epoch`` and any of ``train_loss``, ``validation_loss``,
            ``train_accuracy``, ``validation_accuracy``, ``validation_uar``. Where rows have ``fold`` and ``seed``,
            each run is a thin line and their mean a thick one.
        chosen: the epoch that was chosen; by default the best ``validation_uar`` of a single run.
        title: above the plot.

    Example:
        >>> rows = [{"epoch": e, "train_loss": 2 / e, "validation_loss": 2.1 / e} for e in (1, 2, 3)]
        >>> len(learning_curves(rows).axes)
        2
    """
    runs: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for row in rows:
        runs.setdefault((row.get("fold"), row.get("seed")), []).append(row)
    if chosen is None and len(runs) == 1:
        chosen = _best_epoch(next(iter(runs.values())))
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    lines = {"train_loss": ("training", 0), "validation_loss": ("validation", 1)}
    _curves(left, runs, lines, f"{title}: loss" if title else "Loss")
    rates = {
        "train_accuracy": ("training", 0),
        "validation_accuracy": ("validation", 1),
        "validation_uar": ("validation UAR", 2),
    }
    _curves(right, runs, rates, "Accuracy")
    percent_axis(right.yaxis)
    right.set_ylim(0, 1.02)
    for axes in (left, right) if chosen is not None else ():
        axes.axvline(chosen, color=MUTED.light, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    if chosen is not None:
        right.annotate(
            f"chosen: epoch {chosen}", (chosen, 0), (4, 4), textcoords="offset points", color=MUTED.light,
            fontsize=SMALL_PT - 1, va="bottom",
        )  # fmt: skip
    return figure


def _best_epoch(rows: Sequence[Mapping[str, Any]]) -> int | None:
    scored = [row for row in rows if row.get("validation_uar") is not None]
    return int(max(scored, key=lambda row: row["validation_uar"])["epoch"]) if scored else None


def _curves(
    axes: Axes,
    runs: Mapping[tuple[Any, Any], Sequence[Mapping[str, Any]]],
    lines: Mapping[str, tuple[str, int]],
    title: str,
) -> None:
    quiet(axes, grid="y")
    for key, (name, place) in lines.items():
        colour = _SERIES[place]
        by_epoch: dict[int, list[float]] = {}
        for rows in runs.values():
            points = sorted((int(row["epoch"]), float(row[key])) for row in rows if row.get(key) is not None)
            for epoch, value in points:
                by_epoch.setdefault(epoch, []).append(value)
            if len(runs) > 1 and points:
                axes.plot(*zip(*points, strict=True), color=colour, linewidth=0.7, alpha=_FADED)
        if by_epoch:
            # Runs stop early at different epochs; a mean over ever fewer of them would jump.
            most = max(len(values) for values in by_epoch.values())
            means = [(epoch, np.mean(v)) for epoch, v in sorted(by_epoch.items()) if 2 * len(v) >= most]
            axes.plot(*zip(*means, strict=True), color=colour, linewidth=1.8, linestyle=_DASHES[place], label=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    if axes.get_legend_handles_labels()[0]:
        _legend(axes, columns=1)
    headline(axes, title)


def fold_bars(runs: Iterable[Mapping[str, Any]], *, metric: str = "uar", title: str = "") -> Figure:
    """Draw the score of each fold as a bar, and of each seed as a dot.

    Args:
        runs: as in ``summary.json``: mappings with ``fold``, ``seed`` and the metric, 0 to 1.
        metric: ``"uar"``, ``"accuracy"`` or ``"macro_f1"``.
        title: above the plot.

    Example:
        >>> runs = [{"fold": f, "seed": 0, "uar": 0.5 + f / 50} for f in (1, 2, 3)]
        >>> len(fold_bars(runs).axes[0].patches)
        3
    """
    folds: dict[Any, list[float]] = {}
    for run in runs:
        folds.setdefault(run["fold"], []).append(float(run[metric]))
    names = sorted(folds, key=lambda fold: (not isinstance(fold, int), str(fold).zfill(6)))
    figure = new_figure(max(4.2, 1.6 + 0.7 * len(names)), 3.4)
    axes = quiet(figure.add_subplot(), grid="y")
    means = [float(np.mean(folds[name])) for name in names]
    axes.bar(range(len(names)), means, width=0.62, color=ACCENT.light, alpha=0.35)
    for place, name in enumerate(names):
        values = np.asarray(folds[name])
        spread = np.linspace(-0.14, 0.14, len(values)) if len(values) > 1 else np.zeros(1)
        axes.scatter(place + spread, values, s=22, color=ACCENT.light, zorder=3, linewidths=0)
    if names:
        overall = float(np.mean([value for values in folds.values() for value in values]))
        axes.axhline(overall, color=SECOND.light, linewidth=1.3, label=f"mean of all runs, {overall * 100:.1f} %")
        _legend(axes, columns=1)
    axes.set_xticks(range(len(names)), [plain(str(name)) for name in names])
    axes.set_ylim(0, 1)
    axes.set_xlabel("fold (a dot is one seed)")
    axes.set_ylabel(_NAMES.get(metric, plain(metric)))
    percent_axis(axes.yaxis)
    headline(axes, title)
    return figure


def reliability_diagram(bins: Sequence[Reliability], *, title: str = "") -> Figure:
    """Draw how often predictions of each confidence were correct.

    Args:
        bins: from :func:`hearfelt.evaluation.metrics.reliability` (Guo et al. 2017 use 15).
        title: above the plot.

    Example:
        >>> from hearfelt.evaluation.metrics import reliability
        >>> len(reliability_diagram(reliability([0.9, 0.8, 0.3], [True, True, False])).axes)
        2
    """
    filled = [one for one in bins if one.count]
    middles, widths = [(one.low + one.high) / 2 for one in bins], [0.9 * (one.high - one.low) for one in bins]
    figure = new_figure(4.6, 4.9)
    upper, lower = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    quiet(upper, grid="both")
    upper.plot((0, 1), (0, 1), color=MUTED.light, linewidth=1, linestyle=(0, (3, 3)), label=_("perfect calibration"))
    heights = [one.accuracy if one.count else 0.0 for one in bins]
    upper.bar(middles, heights, width=widths, color=ACCENT.light, alpha=0.28)
    upper.plot(
        [one.confidence for one in filled], [one.accuracy for one in filled], color=ACCENT.light, marker="o",
        markersize=5, linewidth=1.6, clip_on=False, markeredgecolor=SURFACE.light, label="hearfelt",
    )  # fmt: skip
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1)
    upper.set_ylabel(_("share of correct predictions"))
    _legend(upper, columns=1)
    quiet(lower)
    lower.bar(middles, [one.count for one in bins], width=widths, color=THIRD.light)
    lower.set_ylabel(_("clips"))
    lower.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    lower.set_xlabel(_("confidence"))
    for axes in (upper, lower):
        percent_axis(axes.xaxis)
    percent_axis(upper.yaxis)
    headline(upper, title)
    return figure


def coverage_risk_curves(curves: Mapping[str, ArrayLike], *, title: str = "") -> Figure:
    """Draw how many predictions are wrong if only the most confident ones are kept.

    Args:
        curves: by name, each ``(thresholds, 2)`` from :func:`hearfelt.evaluation.metrics.coverage_risk`.
        title: above the plot.

    Example:
        >>> coverage_risk_curves({"hearfelt": [[0.5, 0.1], [1.0, 0.3]]}).axes[0].get_xlabel()
        'predictions kept, the most confident first'
    """
    figure = new_figure(4.6, 4.2)
    axes = quiet(figure.add_subplot(), grid="both")
    highest = 0.1
    for place, (name, curve) in enumerate(curves.items()):
        shares, risks = np.asarray(curve, dtype=np.float64).reshape(-1, 2).T
        highest = max(highest, float(risks.max(initial=0)))
        style = {**_line_style(place), "marker": ""}
        axes.plot(shares, risks, **style, label=plain(name, longest=40))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.05 * highest)
    axes.set_xlabel("predictions kept, the most confident first")
    axes.set_ylabel("share of wrong predictions")
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)
    if len(curves) > 1:
        _inner_legend(axes)
    headline(axes, title)
    return figure


def reliability_lines(series: Mapping[str, Sequence[Reliability]], *, title: str = "") -> Figure:
    """Draw how often predictions of each confidence were correct, a line for each of several sets of predictions.

    Args:
        series: bins from :func:`hearfelt.evaluation.metrics.reliability`, by name.
        title: above the plot.

    Example:
        >>> from hearfelt.evaluation.metrics import reliability
        >>> bins = reliability([0.9, 0.8, 0.3], [True, True, False], bins=5)
        >>> len(reliability_lines({"inside": bins, "outside": bins}).axes[0].lines)
        3
    """
    figure = new_figure(5.2, 4.6)
    axes = quiet(figure.add_subplot(), grid="both")
    axes.plot((0, 1), (0, 1), color=MUTED.light, linewidth=1, linestyle=(0, (3, 3)))
    for place, (name, bins) in enumerate(series.items()):
        points = [(one.confidence, one.accuracy) for one in bins if one.count]
        axes.plot(*zip(*points, strict=True), **_line_style(place), label=plain(name, longest=40))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share of correct predictions")
    for axis in (axes.xaxis, axes.yaxis):
        percent_axis(axis)
    _inner_legend(axes)
    headline(axes, title)
    return figure


def reference_size_lines(series: Mapping[str, Mapping[int, float]], *, title: str = "") -> Figure:
    """Draw the UAR for each size of a reference, a line for each model or way.

    Args:
        series: by name the UAR, 0 to 1, for each number of recordings; 0 is without a reference.
        title: above the plot.

    Example:
        >>> figure = reference_size_lines({"hearfelt": {0: 0.5, 5: 0.52, 30: 0.55}})
        >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
        ['none', '5', '30']
    """
    figure = new_figure(6, 4)
    axes = quiet(figure.add_subplot(), grid="y")
    sizes = sorted({size for scores in series.values() for size in scores})
    place_of = {size: place for place, size in enumerate(sizes)}
    for place, (name, by_size) in enumerate(series.items()):
        points = [(place_of[size], score) for size, score in sorted(by_size.items())]
        axes.plot(*zip(*points, strict=True), **_line_style(place), label=plain(name, longest=40))
    axes.set_xticks(range(len(sizes)), [str(size) if size else "none" for size in sizes])
    axes.set_xlabel("recordings in the reference")
    axes.set_ylabel("UAR")
    scores = [score for some in series.values() for score in some.values()]
    if scores:  # from and to a multiple of 5 %, with ticks at whole per cent
        low, high = math.floor(20 * min(scores)) / 20, math.ceil(20 * max(scores)) / 20
        axes.set_ylim(low, max(high, low + 0.05))
        axes.yaxis.set_major_locator(MultipleLocator(0.01 if high - low <= 0.1 else 0.05))
    percent_axis(axes.yaxis)
    _inner_legend(axes)
    headline(axes, title)
    return figure


def _inner_legend(axes: Axes) -> None:
    axes.legend(loc="best", frameon=False, fontsize=SMALL_PT - 0.5, labelcolor=MUTED.light, handlelength=2.0)


def _line_style(place: int) -> dict[str, Any]:
    return {
        "color": _LINES[place % len(_LINES)],
        "linestyle": "-" if place < len(_LINES) else (0, (4, 2)),
        "linewidth": 1.8,
        "marker": "o",
        "markersize": 5,
        "markeredgecolor": SURFACE.light,
    }


def _legend(axes: Axes, *, columns: int) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=max(columns, len(axes.get_legend_handles_labels()[0])),
        frameon=False, fontsize=SMALL_PT - 0.5, labelcolor=MUTED.light, borderaxespad=0.2, handlelength=1.4,
        columnspacing=1.2,
    )  # fmt: skip
