"""Plots of timelines, for seconds and for hours, and of a prediction: all emotions ranked next to the sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from hearfelt.emotions import in_order, look_of
from hearfelt.features.display import Outline
from hearfelt.inference.prediction import NO_SPEECH_WORDS, UNSURE_WORD, Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, headline, new_figure, percent_axis, plain, quiet
from hearfelt.reports.formatting import share_words, time_words
from hearfelt.reports.theme import GRID, INK, MUTED, SURFACE, contrast, mixed
from hearfelt.reports.translation import _

__all__ = [
    "COLUMNS",
    "draw_outline",
    "draw_prediction",
    "draw_ribbon",
    "draw_time_axis",
    "draw_timeline",
    "peak_of",
    "prediction_halves",
    "prediction_picture",
    "ribbon_rows",
]

COLUMNS: Final = 1_600
"""Columns of an outline that this plot has room for."""

_WIDTH: Final = 12.0  # inches
_LANE: Final = 2.75  # inches for each side
_FRAME: Final = 1.15  # inches for title, legend and time axis
_HEIGHTS: Final = (1.3, 0.34, 0.72)  # of waveform, ribbon, confidence
_SOFTEST_PEAK: Final = 1e-3  # softer sounds are not magnified until noise looks like a voice
_TOUCHING_S: Final = 1e-6  # what is closer is no gap
_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800)
_MOST_TICKS: Final = 13
_TITLE_PER_INCH: Final = 9.0  # characters of a title
_LEGEND_PER_INCH: Final = 12.5  # characters of the legend
_LETTER: Final = 0.083  # inches, about: what one letter of a label in the ribbon takes
_PALE: Final = 0.62  # share of the surface colour in an unsure segment
_HATCH: Final = "//////"
_HATCHABLE: Final = 0.09  # inches; in less, strokes would be noise
_DENSE: Final = 300  # segments; with more, confidence is drawn as its mean in as many stretches

_ANSWER_SIZE: Final = (10.5, 5.0)  # inches
_ANSWER_LEFT: Final = 1.55  # of the half with the sound; the other is 1
_ANSWER_RIBBON: Final = 5.5  # inches, about
_FEW_TICKS: Final = 7
_LARGE_PT: Final = 27
_LARGE_LETTERS: Final = 11  # in the large type; more are set smaller


def draw_timeline(
    timelines: Sequence[Timeline], outlines: Sequence[Outline], *, title: str = "", sides: Sequence[str] = ()
) -> Figure:
    """Draw waveform, ribbon of emotions and confidence over one time axis, a lane for each side.

    Without speech, ribbon and confidence have a gap and the waveform is grey. Unsure segments are pale and hatched.
    The legend has the emotions that occur.

    Args:
        timelines: one, or one for each side.
        outlines: that of each timeline's sound.
        title: above the plot.
        sides: name of each lane, such as left and right.

    Example:
        >>> silent = Outline(np.zeros(2, np.float32), np.zeros(2, np.float32), 1.0, 2.0)
        >>> figure = draw_timeline([Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy")], [silent])
        >>> [text.get_text() for text in figure.axes[1].texts]
        ['no speech was found']
    """
    lanes = len(timelines)
    figure = new_figure(_WIDTH, _FRAME + _LANE * lanes)
    heights = [height for _ in timelines for height in _HEIGHTS]
    rows = figure.subplots(3 * lanes, 1, sharex=True, height_ratios=heights)
    until_s = max([*(one.duration_s for one in timelines), *(one.duration_s for one in outlines)])
    peak = max(map(peak_of, outlines))
    for lane, (timeline, outline) in enumerate(zip(timelines, outlines, strict=True)):
        wave, ribbon, confidence = rows[3 * lane : 3 * lane + 3]
        draw_outline(wave, timeline, outline, peak)
        wave.set_ylabel(plain(sides[lane]) if sides else "waveform")
        draw_ribbon(ribbon, timeline, until_s)
        _draw_confidence(confidence, timeline)
    draw_time_axis(rows[-1], until_s)
    figure.align_ylabels()
    letters = _legend(figure, timelines)
    if title:
        shown = plain(title, longest=max(12, int((_WIDTH - 0.5 - letters / _LEGEND_PER_INCH) * _TITLE_PER_INCH)))
        figure.suptitle(shown, x=0.012, ha="left", va="top", color=INK.light, fontsize=TEXT_PT + 1.5, weight="bold")
    return figure


def ribbon_rows(rows: Mapping[str, Timeline], until_s: float, *, title: str = "") -> Figure:
    """Draw timelines as ribbons below each other, such as the true emotions and those of several methods.

    Args:
        rows: timelines by the name of the row, the first on top.
        until_s: end of the time axis.
        title: above the plot.

    Example:
        >>> empty = Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy")
        >>> [axes.get_ylabel() for axes in ribbon_rows({"truth": empty, "model": empty}, 2.0).axes]
        ['truth', 'model']
    """
    figure = new_figure(10.0, _FRAME + 0.5 * len(rows))
    axes = np.atleast_1d(figure.subplots(len(rows), 1, sharex=True))
    for one, (name, timeline) in zip(axes, rows.items(), strict=True):
        draw_ribbon(one, timeline, until_s, width=8.0)
        one.set_ylabel(plain(name), rotation=0, ha="right", va="center")
    draw_time_axis(axes[-1], until_s)
    _legend(figure, list(rows.values()))
    if title:
        figure.suptitle(plain(title, longest=60), x=0.012, ha="left", color=INK.light, fontsize=TEXT_PT, weight="bold")
    return figure


def peak_of(outline: Outline) -> float:
    """Return the amplitude that is drawn at full height."""
    return max([_SOFTEST_PEAK, *(float(np.abs(end).max(initial=0)) for end in (outline.lowest, outline.highest))])


def draw_outline(axes: Axes, timeline: Timeline, outline: Outline, peak: float) -> None:
    """Draw a waveform into given axes, in the colours of its segments.

    Args:
        axes: where to draw.
        timeline: of the sound.
        outline: of the sound.
        peak: the amplitude at full height.
    """
    quiet(axes)
    columns = len(outline.lowest)
    lefts = np.arange(columns) * outline.column_s
    rights = np.minimum(lefts + outline.column_s, outline.duration_s)
    least = peak / 120  # a hairline where the sound is silent
    lows, highs = np.minimum(outline.lowest, -least), np.maximum(outline.highest, least)
    corners = np.stack([lefts, lows, lefts, highs, rights, highs, rights, lows], axis=1).reshape(-1, 4, 2)
    # a column has the colour of the segment at its middle; without speech it is grey
    colours = np.full(columns, _SILENT, dtype=object)
    for segment in timeline.segments:
        first, end = np.searchsorted((lefts + rights) / 2, [segment.start_s, segment.end_s])
        colours[first:end] = _colour(segment, 0.45)
    axes.add_collection(
        PolyCollection(list(corners), facecolors=list(colours), linewidths=0, antialiaseds=False, in_layout=False)
    )
    axes.set_ylim(-1.06 * peak, 1.06 * peak)
    axes.set_yticks([])


_SILENT: Final = mixed(MUTED.light, SURFACE.light, 0.55)


def draw_ribbon(axes: Axes, timeline: Timeline, until_s: float, *, width: float = 0.9 * _WIDTH) -> None:
    """Draw segments as a ribbon into given axes.

    Args:
        axes: where to draw.
        timeline: of the sound.
        until_s: end of the time axis.
        width: of the axes in inches, about, for the room that labels have.
    """
    quiet(axes)
    axes.axhline(0.5, color=GRID.light, linewidth=1.2, zorder=0)
    inches = width / until_s  # for each second
    runs = _runs(timeline.segments)
    hatched = {id(first) for first, last in runs if first.unsure and (last.end_s - first.start_s) * inches > _HATCHABLE}
    for has_hatch in (False, True):
        here = [(first, last) for first, last in runs if (id(first) in hatched) == has_hatch]
        axes.broken_barh(
            [(first.start_s, last.end_s - first.start_s) for first, last in here],
            (0, 1),
            facecolors=[_colour(first, _PALE) for first, _ in here],
            edgecolors=[look_of(first.emotion).colour if has_hatch else "none" for first, _ in here],
            hatch=_HATCH if has_hatch else None,
            linewidth=0,
            antialiased=False,
            in_layout=False,
        )
    for first, last in runs:
        name = plain(_(first.emotion), longest=18)
        if not first.unsure and (last.end_s - first.start_s) * inches > (len(name) + 2) * _LETTER:
            ink = max(INK.light, SURFACE.light, key=lambda tone: contrast(tone, _colour(first, 0)))
            axes.text(
                (first.start_s + last.end_s) / 2, 0.48, name, ha="center", va="center", color=ink, fontsize=SMALL_PT,
                in_layout=False,
            )  # fmt: skip
    if not timeline.segments:
        axes.text(
            0.5, 0.5, _("no speech was found"), transform=axes.transAxes, ha="center", va="center",
            color=MUTED.light, fontsize=SMALL_PT, backgroundcolor=SURFACE.light,
        )  # fmt: skip
    axes.set_ylim(0, 1)
    axes.set_yticks([])


def _runs(segments: Sequence[Segment]) -> list[tuple[Segment, Segment]]:
    """Join equal segments without a gap, so that their label is written once."""
    runs: list[tuple[Segment, Segment]] = []
    for segment in segments:
        if runs and _is_same(runs[-1][1], segment):
            runs[-1] = (runs[-1][0], segment)
        else:
            runs.append((segment, segment))
    return runs


def _is_same(before: Segment, after: Segment) -> bool:
    alike = before.emotion == after.emotion and before.unsure == after.unsure
    return alike and after.start_s - before.end_s < _TOUCHING_S


def _colour(segment: Segment, pale: float) -> str:
    colour = look_of(segment.emotion).colour
    return mixed(colour, SURFACE.light, pale) if segment.unsure else colour


def _draw_confidence(axes: Axes, timeline: Timeline) -> None:
    quiet(axes, grid="y")
    segments = timeline.segments
    if len(segments) > _DENSE:
        _draw_mean_confidence(axes, timeline)
    else:
        times: list[float] = []
        levels: list[float] = []
        for segment in segments:
            if times and segment.start_s - times[-1] > _TOUCHING_S:
                times.append(segment.start_s)
                levels.append(np.nan)  # a gap
            times += [segment.start_s, segment.end_s]
            levels += [segment.confidence] * 2
        corners = [
            [(one.start_s, 0), (one.start_s, one.confidence), (one.end_s, one.confidence), (one.end_s, 0)]
            for one in segments
        ]
        fills = [_colour(segment, _PALE) for segment in segments]
        axes.add_collection(PolyCollection(corners, facecolors=fills, alpha=0.28, linewidths=0, in_layout=False))
        axes.plot(times, levels, color=INK.light, linewidth=1.1, solid_joinstyle="round")
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0, 0.5, 1])
    percent_axis(axes.yaxis)
    axes.set_ylabel(_("confidence"))


def _draw_mean_confidence(axes: Axes, timeline: Timeline) -> None:
    """Draw the mean confidence in equal bins, weighted by length; a bin without speech is a gap."""
    edges = np.linspace(0, max(timeline.duration_s, timeline.segments[-1].end_s), _DENSE + 1)
    spoken, weighted = np.zeros(_DENSE), np.zeros(_DENSE)
    for segment in timeline.segments:
        first, last = np.searchsorted(edges, [segment.start_s, segment.end_s])
        for place in range(max(0, first - 1), min(_DENSE, last)):
            shared = max(0.0, min(segment.end_s, edges[place + 1]) - max(segment.start_s, edges[place]))
            spoken[place] += shared
            weighted[place] += shared * segment.confidence
    levels = np.where(spoken > 0, weighted / np.maximum(spoken, 1e-9), np.nan)
    levels = np.append(levels, levels[-1])  # a step begins at each edge but the last
    axes.fill_between(edges, levels, step="post", color=GRID.light, linewidth=0, alpha=0.7)
    axes.step(edges, levels, where="post", color=INK.light, linewidth=0.9)


def draw_time_axis(axes: Axes, until_s: float, *, most_ticks: int = _MOST_TICKS) -> None:
    """Label a time axis in round steps."""
    step_s = next((step for step in _STEPS_S if until_s / step <= most_ticks), _STEPS_S[-1])
    axes.set_xlim(0, until_s)
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: time_words(time_s, step_s=step_s, until_s=until_s)))
    axes.set_xlabel(_("time (h:mm:ss)") if until_s >= 3_600 else _("time (m:ss)"))


def _legend(figure: Figure, timelines: Sequence[Timeline]) -> int:
    """Draw the legend; returns its width in letters."""
    segments = [segment for one in timelines for segment in one.segments]
    handles = [
        Patch(facecolor=look_of(label).colour, label=plain(label))
        for label in in_order(segment.emotion for segment in segments)
    ]
    if any(segment.unsure for segment in segments):
        pale = mixed(MUTED.light, SURFACE.light, _PALE)
        handles.append(Patch(facecolor=pale, edgecolor=MUTED.light, hatch=_HATCH, linewidth=0, label="unsure"))
    if handles:
        figure.legend(
            handles=handles, loc="outside upper right", ncols=10, frameon=False, fontsize=SMALL_PT,
            labelcolor=INK.light, handlelength=1.1, handleheight=0.9, columnspacing=1.5, handletextpad=0.5,
        )  # fmt: skip
    return sum(len(str(handle.get_label())) + 5 for handle in handles)


def prediction_picture(
    prediction: Prediction | None,
    timeline: Timeline,
    outline: Outline,
    *,
    levels: NDArray[np.uint8] | None = None,
    note: str = "",
) -> Figure:
    """Draw a prediction, and the sound with its segments; the length of the sound costs nothing.

    Args:
        prediction: for the whole sound; None for a long one, of which the time of each emotion is shown.
        timeline: the segments; its source is the title.
        outline: of the sound.
        levels: ``(bands, frames)``, 0 for silence and 255 for the loudest, low frequencies first.
        note: small text below, such as the origin of the sound.

    Example:
        >>> silent = Outline(np.zeros(2, np.float32), np.zeros(2, np.float32), 1.0, 2.0)
        >>> sad = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "toy")
        >>> figure = prediction_picture(sad, Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy"), silent)
        >>> figure.axes[0].get_title(loc="left")
        'a.wav'
    """
    figure, left, right = prediction_halves(" ".join([_("Model: {name}.", name=timeline.model), note]).strip())
    heights = (1.0, 0.2) if levels is None else (1.0, 0.2, 1.2)
    rows: NDArray[np.object_] = np.atleast_1d(left.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    draw_outline(rows[0], timeline, outline, peak_of(outline))
    rows[0].set_ylabel(_("waveform"))
    draw_ribbon(rows[1], timeline, outline.duration_s, width=_ANSWER_RIBBON)
    if levels is not None:
        _draw_levels(rows[2], levels, outline.duration_s)
    draw_time_axis(rows[-1], outline.duration_s, most_ticks=_FEW_TICKS)
    left.align_ylabels()
    headline(rows[0], timeline.source)
    if prediction is None:
        _draw_durations(right, timeline)
    else:
        draw_prediction(right, prediction)
    return figure


def prediction_halves(note: str) -> tuple[Figure, SubFigure, SubFigure]:
    """Create a figure with one half for the sound and one for the prediction, and a small note below."""
    figure = new_figure(*_ANSWER_SIZE)
    halves: NDArray[np.object_] = np.asarray(figure.subfigures(1, 2, width_ratios=(_ANSWER_LEFT, 1), wspace=0.03))
    for part in halves:
        part.set_facecolor("none")
    if note:
        figure.supxlabel(plain(note, longest=140), x=0.012, ha="left", fontsize=SMALL_PT - 1, color=MUTED.light)
    return figure, halves[0], halves[1]


def draw_prediction(part: SubFigure, prediction: Prediction) -> None:
    """Draw a prediction in words, and below it all emotions ranked."""
    text, bars = part.subplots(2, 1, height_ratios=(1, 3.1))
    quiet(text).set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    colour = GRID.light if prediction.has_no_speech else look_of(prediction.emotion).colour
    text.add_patch(Rectangle((0, 0.05), 0.018, 0.85, facecolor=colour, linewidth=0))
    emotion = plain(_(prediction.emotion))
    confidence = f"{_(prediction.in_words)}, {share_words(prediction.confidence)}"
    if prediction.unsure:
        emotion = _("perhaps {emotion}", emotion=emotion)
        confidence = _("{confidence}: too low to rely on", confidence=confidence)
    if prediction.has_no_speech:
        emotion, confidence = _(NO_SPEECH_WORDS), ""
    large_pt = _LARGE_PT * min(1.0, _LARGE_LETTERS / len(emotion))
    text.text(0.055, 0.62, emotion, fontsize=large_pt, weight="bold", color=INK.light, va="center")
    text.text(
        0.055, 0.14, confidence[:1].upper() + confidence[1:], fontsize=TEXT_PT + 1, color=MUTED.light, va="center"
    )
    if prediction.has_no_speech:
        bars.set_axis_off()  # the probabilities would mean nothing
    else:
        _draw_ranking(bars, prediction)


def _draw_durations(part: SubFigure, timeline: Timeline) -> None:
    """Draw the shares of time of all emotions, the longest first."""
    text, axes = part.subplots(2, 1, height_ratios=(1, 3.1))
    quiet(text).set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    durations = timeline.durations()
    head = _("time of each emotion") if durations else _(NO_SPEECH_WORDS)
    text.text(0.0, 0.62, head, fontsize=TEXT_PT + 6, weight="bold", color=INK.light, va="center")
    words = _("of {time} of speech", time=time_words(timeline.speech_s)) if durations else ""
    text.text(0.0, 0.14, words, fontsize=TEXT_PT + 1, color=MUTED.light, va="center")
    shares = [(name, seconds / timeline.speech_s, time_words(seconds)) for name, seconds in durations.items()]
    _draw_bars(axes, [(name, share, f"{100 * share:.0f} %, {time}") for name, share, time in shares])


def _draw_levels(axes: Axes, levels: NDArray[np.uint8], duration_s: float) -> None:
    quiet(axes)
    axes.imshow(
        levels, origin="lower", aspect="auto", cmap="magma", interpolation="bilinear", rasterized=True,
        extent=(0, duration_s, 0, len(levels)), vmin=0, vmax=255,
    )  # fmt: skip
    axes.set_yticks([])
    axes.set_ylabel(_("frequency, low to high"))


def _draw_ranking(axes: Axes, prediction: Prediction) -> None:
    _draw_bars(axes, [(label, probability, share_words(probability)) for label, probability in prediction.ranked()])


def _draw_bars(axes: Axes, rows: Sequence[tuple[str, float, str]]) -> None:
    """Draw a bar for each label, with its share of 1 and words beside it."""
    quiet(axes)
    places = range(len(rows))
    axes.barh(places, [1.0] * len(rows), height=0.62, color=GRID.light, alpha=0.45)
    colours = [MUTED.light if label == UNSURE_WORD else look_of(label).colour for label, _, _ in rows]
    axes.barh(places, [share for _, share, _ in rows], height=0.62, color=colours)
    for place, (_name, _share, words) in enumerate(rows):
        axes.text(1.03, place, words, va="center", color=MUTED.light, fontsize=SMALL_PT)
    axes.set_yticks(places, [plain(_(label), longest=14) for label, _share, _words in rows])
    axes.tick_params(axis="y", labelcolor=INK.light, labelsize=TEXT_PT)
    axes.set_xticks([])
    axes.set_xlim(0, 1.3)
    axes.set_ylim(max(2, len(rows)) - 0.4, -0.6)
