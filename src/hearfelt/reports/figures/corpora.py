"""Plots of a corpus: counts, distributions, and a map of all clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from hearfelt.emotions import EMOTIONS, in_order, look_of
from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, headline, new_figure, plain, quiet
from hearfelt.reports.theme import ACCENT, INK, MUTED, SECOND, SURFACE, THIRD, speaker_colours

__all__ = ["clip_map", "count_plot", "histogram", "spreads"]

_MOST_BARS = 100  # more would be too thin to see; the rest is added up in one bar
_MOST_HORIZONTAL = 12  # bars; more of them are vertical
_BETWEEN_NAMES = 0.05  # of the map's width
_MOST_IN_LEGEND = 16
_MOST_NAMES = 40  # names among the dots of a map


def count_plot(counts: Mapping[str, int], *, title: str = "", colours: Sequence[str] | None = None) -> Figure:
    """Draw the number of clips of each label as bars; with more than 12 labels they are vertical.

    Args:
        counts: how many clips each label has, in the order shown; beyond 100 labels the rest is one bar.
        title: above the plot.
        colours: ``#rrggbb`` of each bar; by default emotions have their own and other labels one colour.

    Example:
        >>> len(count_plot({"calm": 192, "sad": 192}).axes[0].patches)
        2
    """
    items = list(counts.items())
    if len(items) > _MOST_BARS:
        rest = sum(number for _, number in items[_MOST_BARS - 1 :])
        items = [*items[: _MOST_BARS - 1], (f"{len(counts) - _MOST_BARS + 1} others", rest)]
    emotional = any(label in EMOTIONS for label, _ in items)
    filled = list(colours or ())[: len(items)] or [
        look_of(label).colour if emotional else ACCENT.light for label, _ in items
    ]
    filled += [THIRD.light] * (len(items) - len(filled))
    names, numbers = [plain(label) for label, _ in items], [number for _, number in items]
    if len(items) <= _MOST_HORIZONTAL:
        figure = new_figure(5.2, 0.8 + 0.3 * max(2, len(items)))
        _horizontal_bars(quiet(figure.add_subplot()), names, numbers, filled)
    else:
        figure = new_figure(9, 2.6)
        _vertical_bars(quiet(figure.add_subplot(), grid="y"), names, numbers, filled)
    headline(figure.axes[0], title)
    return figure


def _horizontal_bars(axes: Axes, names: Sequence[str], numbers: Sequence[int], colours: Sequence[str]) -> None:
    places = range(len(names))
    axes.barh(places, numbers, height=0.74, color=colours)
    reach = max([*numbers, 1])
    for place, number in zip(places, numbers, strict=True):
        axes.annotate(
            f"{number:,}", (number, place), (5, 0), textcoords="offset points", va="center",
            color=MUTED.light, fontsize=SMALL_PT,
        )  # fmt: skip
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelcolor=INK.light, labelsize=TEXT_PT)
    axes.set_ylim(max(2, len(names)) - 0.4, -0.6)
    axes.set_xlim(0, reach * 1.12)
    axes.set_xticks([])


def _vertical_bars(axes: Axes, names: Sequence[str], numbers: Sequence[int], colours: Sequence[str]) -> None:
    places = range(len(names))
    axes.bar(places, numbers, width=0.76, color=colours)
    many = len(names) > 30
    for place, number in zip(places, numbers, strict=True) if not many else ():
        axes.annotate(
            f"{number:,}", (place, number), (0, 2), textcoords="offset points", ha="center", va="bottom",
            color=MUTED.light, fontsize=SMALL_PT - 2,
        )  # fmt: skip
    long = many or max(map(len, names)) > 4
    axes.set_xticks(places, names, rotation=90 if long else 0)
    axes.tick_params(axis="x", labelsize=SMALL_PT - (3 if len(names) > 60 else 1))
    axes.set_xlim(-0.8, len(names) - 0.2)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylabel("clips")


def histogram(values: ArrayLike, *, label: str, title: str = "", bins: int = 40) -> Figure:
    """Draw a histogram of a value over the clips, its median marked.

    Args:
        values: ``(n,)`` finite numbers.
        label: what is measured, with its unit.
        title: above the plot.
        bins: of equal width.

    Example:
        >>> histogram([1.0, 2.0, 2.0], label="duration (s)").axes[0].get_xlabel()
        'duration (s)'
    """
    measured = np.asarray(values, dtype=np.float64).ravel()
    figure = new_figure(5.2, 3.35)
    axes = quiet(figure.add_subplot(), grid="y")
    if measured.size:
        # Equal values have no spread to divide; the bins then take one unit around them.
        heights, edges = np.histogram(measured, bins=bins if np.ptp(measured) > 0 else 1)
        axes.bar(edges[:-1], heights, width=np.diff(edges) * 0.92, align="edge", color=ACCENT.light)
        median = float(np.median(measured))
        axes.axvline(median, color=SECOND.light, linewidth=1.4)
        axes.annotate(
            f"median {median:.1f}".replace("-", "−"), (median, 1), (5, -2), xycoords=("data", "axes fraction"),
            textcoords="offset points", va="top", color=INK.light, fontsize=SMALL_PT,
        )  # fmt: skip
        axes.set_ylim(0, heights.max() * 1.22)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel(plain(label, longest=60))
    axes.set_ylabel("clips")
    headline(axes, title)
    return figure


def spreads(values: Mapping[str, ArrayLike], *, label: str, title: str = "") -> Figure:
    """Compare the distributions of a value: median, middle half, and nine tenths of each group.

    Args:
        values: of each group one finite number a clip; a group without any is left out.
        label: what is measured, with its unit.
        title: above the plot.

    Example:
        >>> spreads({"calm": [3.0, 3.5, 4.0], "sad": [4.0]}, label="duration (s)").axes[0].get_xlabel()
        'duration (s)'
    """
    groups = {name: np.asarray(numbers, dtype=np.float64) for name, numbers in values.items() if np.size(numbers)}
    figure = new_figure(5.2, 0.95 + 0.3 * max(2, len(groups)))
    axes = quiet(figure.add_subplot(), grid="x")
    for place, (name, numbers) in enumerate(groups.items()):
        low, lower, median, upper, high = np.percentile(numbers, (5, 25, 50, 75, 95))
        colour = look_of(name).colour
        axes.plot((low, high), (place, place), color=colour, linewidth=1.6, solid_capstyle="round")
        axes.plot((lower, upper), (place, place), color=colour, linewidth=8, solid_capstyle="butt")
        axes.plot(median, place, "o", color=SURFACE.light, markeredgecolor=INK.light, markersize=5.5)
    axes.set_yticks(range(len(groups)), [plain(name) for name in groups])
    axes.tick_params(axis="y", labelcolor=INK.light, labelsize=TEXT_PT)
    axes.set_ylim(max(2, len(groups)) - 0.4, -0.6)
    axes.set_xlabel(plain(label, longest=60))
    headline(axes, title)
    return figure


def clip_map(
    points: ArrayLike,
    groups: Sequence[str],
    *,
    colours: Mapping[str, str] | None = None,
    title: str = "",
    named: bool = False,
) -> Figure:
    """Draw every clip as a dot, coloured by the group it belongs to.

    Args:
        points: ``(n, 2)`` places; only distances mean something, so axes have no numbers.
        groups: of each clip the emotion, or the speaker.
        colours: ``#rrggbb`` of each group; by default emotions have their own, others one of many.
        title: above the plot.
        named: write each group's name among its dots (up to 40 groups) in place of a legend; of many
            groups, colours alone cannot be distinguished.

    Raises:
        ValueError: if there isn't a group for each point.

    Example:
        >>> len(clip_map([[0, 0], [1, 1]], ["calm", "sad"]).axes)
        1
    """
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(places) != len(groups):
        raise ValueError(f"{len(places)} points and {len(groups)} groups; give one group for each point")
    names = in_order(groups)
    if colours is None:
        known = any(name in EMOTIONS for name in names)
        shades = [look_of(name).colour for name in names] if known else speaker_colours(len(names))
        colours = dict(zip(names, shades, strict=True))
    rows = 0 if (named and len(names) <= _MOST_NAMES) or len(names) > _MOST_IN_LEGEND else -(-len(names) // 4)
    figure = new_figure(5.2, 5.0 + 0.2 * rows)  # the map itself is as large with a legend as without
    axes = quiet(figure.add_subplot())
    member = np.asarray(groups)
    # One call in a drawn order, so that no group lies on top of all others.
    order = np.random.default_rng(0).permutation(len(places))
    axes.scatter(
        places[order, 0], places[order, 1], s=float(np.clip(16_000 / max(1, len(places)), 5, 40)),
        c=[colours[group] for group in member[order]], alpha=0.8, linewidths=0,
    )  # fmt: skip
    if named and len(names) <= _MOST_NAMES:
        _name_groups(axes, places, member, names)
    elif rows:
        for name in names:
            axes.scatter([], [], s=40, color=colours[name], label=plain(name))
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, frameon=False, fontsize=SMALL_PT,
            labelcolor=INK.light, handletextpad=0.2, columnspacing=1.2,
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.03)
    headline(axes, title)
    return figure


def _name_groups(axes: Axes, places: NDArray[np.float64], member: NDArray[np.str_], names: Sequence[str]) -> None:
    """Write each name where its dots are densest, without overlap."""
    extent = np.maximum(np.ptp(places, axis=0), 1e-9) if len(places) else np.ones(2)
    taken: list[NDArray[np.float64]] = []
    for name in names:
        own = places[member == name] / extent
        distances = np.square(own[:, None] - own[None]).sum(axis=2)
        crowd = np.sort(distances, axis=1)[:, min(len(own) - 1, max(1, len(own) // 8))]  # to the last of its eighth
        ranked = own[np.argsort(crowd)]
        free = [spot for spot in ranked if all(np.hypot(*(spot - other)) > _BETWEEN_NAMES for other in taken)]
        spot = free[0] if free else ranked[0]
        taken.append(spot)
        x, y = (spot * extent).tolist()
        axes.text(
            x, y, plain(name.rpartition("/")[2], longest=14), ha="center", va="center",
            fontsize=SMALL_PT, weight="bold", color=INK.light,
            path_effects=[withStroke(linewidth=2.5, foreground=SURFACE.light)],
        )  # fmt: skip
