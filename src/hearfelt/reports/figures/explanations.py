"""Plots of explanations: contributions of feature groups, and effects of occlusion."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hearfelt.audio.reader import Audio
from hearfelt.emotions import look_of
from hearfelt.inference.explain.occlusion import WHAT_IT_SAYS, Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.reports.explanations import LITTLE
from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, headline, new_figure, percent, plain, quiet
from hearfelt.reports.figures.sounds import draw_wave
from hearfelt.reports.formatting import signed
from hearfelt.reports.theme import ACCENT, GRID, INK, MUTED, SECOND

__all__ = ["contribution_bars", "occlusion_sheet"]

_LEAST_REACH: Final = 1e-6  # log-odds; where nothing contributes, bars keep their length of nothing
_ROOM: Final = 0.18  # of the bars' width
_HOW_TO_READ: Final = "Above 0 the part is evidence for the emotion, below 0 against it."


def contribution_bars(explanation: Explanation, *, title: str = "") -> Figure:
    """Draw the evidence of each feature group for the emotion, to the right, and against it, to the left.

    Args:
        explanation: from ``Recognizer.explain``.
        title: above the plot; by default the emotion.

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
            signed(value), (value, place), (-5 if value < 0 else 5, 0), textcoords="offset points", va="center",
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
        f"log-odds of {plain(emotion)}: {signed(explanation.base_log_odds)} on average, "
        f"{signed(explanation.log_odds)} for this clip",
        loc="left",
    )
    headline(axes, title or f"Evidence for {emotion} and against it")
    return figure


def occlusion_sheet(audio: Audio, occlusion: Occlusion, *, title: str = "") -> Figure:
    """Draw the effect of occlusion over time, below the waveform, and over frequency.

    Args:
        audio: the sound.
        occlusion: from ``Recognizer.explain``.
        title: above the plot; by default the sound's name.

    Example:
        >>> from hearfelt.inference.prediction import Prediction
        >>> answer = Prediction("sad", 0.8, {"calm": 0.2, "sad": 0.8}, False, 0.5, "hearfelt")
        >>> some = Occlusion(answer, 1.4, 0.1, (0.1, 0.3), (0.2, 0.9), ((0.0, 300.0), (300.0, 8000.0)), (0.0, 0.5))
        >>> len(occlusion_sheet(Audio(np.zeros(8_000, np.float32), 16_000), some).axes)
        3
    """
    figure = new_figure(10.5, 4.6)
    halves: NDArray[np.object_] = np.asarray(figure.subfigures(1, 2, width_ratios=(1.55, 1), wspace=0.03))
    left, right = halves
    for part in halves:
        part.set_facecolor("none")
    wave, curve = left.subplots(2, 1, sharex=True, height_ratios=(1, 1.15))
    draw_wave(wave, audio, None, look_of(occlusion.emotion).colour)
    wave.set_xlabel("")
    words = f"{plain(occlusion.emotion)}, {percent(occlusion.prediction.confidence)}"
    headline(wave, f"{title or audio.name}: {words}")
    _draw_curve(curve, audio, occlusion)
    left.align_ylabels()
    _draw_bands(right.subplots(), occlusion)
    figure.supxlabel(
        f"Occlusion: {WHAT_IT_SAYS}. {_HOW_TO_READ}", x=0.012, ha="left", fontsize=SMALL_PT - 1, color=MUTED.light
    )
    return figure


def _draw_curve(axes: Axes, audio: Audio, occlusion: Occlusion) -> None:
    quiet(axes, grid="y")
    times_s, effects = np.array(occlusion.times_s), np.array(occlusion.time_effects)
    fine_s = np.linspace(times_s[0], times_s[-1], 20 * len(times_s))  # so that both colours meet at zero
    fine = np.interp(fine_s, times_s, effects)
    axes.fill_between(fine_s, np.maximum(fine, 0), color=ACCENT.light, alpha=0.35, linewidth=0)
    axes.fill_between(fine_s, np.minimum(fine, 0), color=SECOND.light, alpha=0.45, linewidth=0)
    axes.plot(times_s, effects, color=INK.light, linewidth=1.4)
    axes.axhline(0, color=GRID.light, linewidth=1.2, zorder=0)
    lowest, highest = min(float(effects.min()), -LITTLE), max(float(effects.max()), LITTLE)
    room = 0.08 * (highest - lowest)
    axes.set_ylim(lowest - room, highest + room)
    axes.set_xlim(0, audio.duration_s)
    axes.set_xlabel(f"time (s); {occlusion.window_s:.2g} s occluded at a time")
    axes.set_ylabel("log-odds lost")


def _draw_bands(axes: Axes, occlusion: Occlusion) -> None:
    quiet(axes)
    places, values = range(len(occlusion.bands_hz)), list(occlusion.band_effects)
    axes.barh(places, values, height=0.66, color=[SECOND.light if one < 0 else ACCENT.light for one in values])
    axes.axvline(0, color=GRID.light, linewidth=1.2, zorder=0)
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            signed(value), (value, place), (-5 if value < 0 else 5, 0), textcoords="offset points", va="center",
            ha="right" if value < 0 else "left", color=MUTED.light, fontsize=SMALL_PT,
        )  # fmt: skip
    names = [f"{low / 1000:.1f} to {high / 1000:.1f} kHz" for low, high in occlusion.bands_hz]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", labelcolor=INK.light)
    axes.set_xticks([])
    reach = max([*map(abs, values), LITTLE])
    left, right = min([*values, -0.05 * reach]), max([*values, LITTLE])
    room = 0.3 * (right - left)
    axes.set_xlim(left - (room if min(values) < 0 else 0), right + room)
    axes.set_xlabel("log-odds lost without the band", loc="left")
