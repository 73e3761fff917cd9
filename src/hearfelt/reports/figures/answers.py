"""Pictures of a prediction: all emotions ranked, next to the sound and its segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hearfelt.emotions import look_of
from hearfelt.features.display import Outline
from hearfelt.inference.prediction import NO_SPEECH_WORDS, UNSURE_WORD, Prediction
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, headline, new_figure, plain, quiet
from hearfelt.reports.figures.timeline import draw_outline, draw_ribbon, draw_time_axis, peak_of
from hearfelt.reports.formatting import share_words, time_words
from hearfelt.reports.theme import GRID, INK, MUTED

__all__ = ["answer_halves", "answer_picture", "draw_answer"]

_SIZE: Final = (10.5, 5.0)  # inches
_LEFT: Final = 1.55  # of the half with the sound; the other is 1
_RIBBON: Final = 5.5  # inches, about
_MOST_TICKS: Final = 7
_LARGE_PT: Final = 27
_LARGE_LETTERS: Final = 11  # in the large type; more are set smaller


def answer_picture(
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
        >>> figure = answer_picture(sad, Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy"), silent)
        >>> figure.axes[0].get_title(loc="left")
        'a.wav'
    """
    figure, left, right = answer_halves(" ".join([f"Model: {timeline.model}.", note]).strip())
    heights = (1.0, 0.2) if levels is None else (1.0, 0.2, 1.2)
    rows: NDArray[np.object_] = np.atleast_1d(left.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    draw_outline(rows[0], timeline, outline, peak_of(outline))
    rows[0].set_ylabel("waveform")
    draw_ribbon(rows[1], timeline, outline.duration_s, width=_RIBBON)
    if levels is not None:
        _draw_levels(rows[2], levels, outline.duration_s)
    draw_time_axis(rows[-1], outline.duration_s, most_ticks=_MOST_TICKS)
    left.align_ylabels()
    headline(rows[0], timeline.source)
    if prediction is None:
        _draw_durations(right, timeline)
    else:
        draw_answer(right, prediction)
    return figure


def answer_halves(note: str) -> tuple[Figure, SubFigure, SubFigure]:
    """Create a figure with one half for the sound and one for the prediction, and a small note below."""
    figure = new_figure(*_SIZE)
    halves: NDArray[np.object_] = np.asarray(figure.subfigures(1, 2, width_ratios=(_LEFT, 1), wspace=0.03))
    for part in halves:
        part.set_facecolor("none")
    if note:
        figure.supxlabel(plain(note, longest=140), x=0.012, ha="left", fontsize=SMALL_PT - 1, color=MUTED.light)
    return figure, halves[0], halves[1]


def draw_answer(part: SubFigure, prediction: Prediction) -> None:
    """Draw a prediction in words, and below it all emotions ranked."""
    text, bars = part.subplots(2, 1, height_ratios=(1, 3.1))
    quiet(text).set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    colour = GRID.light if prediction.has_no_speech else look_of(prediction.emotion).colour
    text.add_patch(Rectangle((0, 0.05), 0.018, 0.85, facecolor=colour, linewidth=0))
    perhaps, little = ("perhaps ", ": too low to rely on") if prediction.unsure else ("", "")
    emotion = perhaps + plain(prediction.emotion)
    confidence = f"{prediction.in_words}, {share_words(prediction.confidence)}{little}"
    if prediction.has_no_speech:
        emotion, confidence = NO_SPEECH_WORDS, ""
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
    head = "time of each emotion" if durations else NO_SPEECH_WORDS
    text.text(0.0, 0.62, head, fontsize=TEXT_PT + 6, weight="bold", color=INK.light, va="center")
    words = f"of {time_words(timeline.speech_s)} of speech" if durations else ""
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
    axes.set_ylabel("frequency, low to high")


def _draw_ranking(axes: Axes, prediction: Prediction) -> None:
    _draw_bars(axes, [(label, probability, share_words(probability)) for label, probability in prediction.ranked()])


def _draw_bars(axes: Axes, rows: Sequence[tuple[str, float, str]]) -> None:
    """Draw a bar for each label, with its share of 1 and words beside it."""
    quiet(axes)
    places = range(len(rows))
    axes.barh(places, [1.0] * len(rows), height=0.62, color=GRID.light, alpha=0.45)
    colours = [MUTED.light if label == UNSURE_WORD else look_of(label).colour for label, _, _ in rows]
    axes.barh(places, [share for _, share, _ in rows], height=0.62, color=colours)
    for place, (_, _, words) in enumerate(rows):
        axes.text(1.03, place, words, va="center", color=MUTED.light, fontsize=SMALL_PT)
    axes.set_yticks(places, [plain(label, longest=14) for label, _, _ in rows])
    axes.tick_params(axis="y", labelcolor=INK.light, labelsize=TEXT_PT)
    axes.set_xticks([])
    axes.set_xlim(0, 1.3)
    axes.set_ylim(max(2, len(rows)) - 0.4, -0.6)
