"""Plots of one sound: waveform, spectrogram, mel spectrogram, pitch, and explanations of its prediction."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from hearfelt.audio.reader import Audio
from hearfelt.emotions import look_of
from hearfelt.features.display import HIGHEST_HZ, LOWEST_HZ, Levels, Pitch, Spectra, envelope, spectra
from hearfelt.features.display import mel_spectrogram as mel_levels
from hearfelt.features.display import pitch as pitch_of
from hearfelt.features.display import spectrogram as levels
from hearfelt.inference.explain.occlusion import WHAT_IT_SAYS, Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.figures.canvas import SMALL_PT, TEXT_PT, headline, new_figure, plain, quiet
from hearfelt.reports.figures.timeline import draw_prediction, prediction_halves
from hearfelt.reports.formatting import LITTLE, share_words, signed
from hearfelt.reports.theme import ACCENT, GRID, INK, MUTED, SECOND

__all__ = [
    "contribution_bars",
    "demo_picture",
    "draw_wave",
    "mel_spectrogram",
    "occlusion_sheet",
    "pitch_track",
    "sound_sheet",
    "spectrogram",
    "waveform",
]

_COLUMNS: Final = 900  # of a waveform
_RANGE_DB: Final = 70.0  # below the loudest; what is softer is drawn as nothing
_HIGHEST_SHOWN_HZ: Final = 8_000.0
_SOFTEST_PEAK: Final = 1e-4  # silence is drawn as a line, and not magnified until its noise looks like sound
_SOFTEST_DB: Final = -90.0
_LEAP_OCTAVES: Final = 0.4  # within 10 ms no voice gets that far: two stretches, not one line
_MAP: Final = "magma"  # even steps for the eye, also a colour-blind one
_MEL_TICKS_HZ: Final = (500, 1_000, 2_000, 4_000, 8_000)


def waveform(audio: Audio, *, until_s: float | None = None, colour: str = ACCENT.light, title: str = "") -> Figure:
    """Draw a waveform.

    Args:
        audio: the sound.
        until_s: end of the time axis, the same for sounds that are compared; by default the sound's own.
        colour: ``#rrggbb`` of the wave.
        title: above the plot.

    Example:
        >>> waveform(Audio(np.zeros(8_000, np.float32), 8_000)).axes[0].get_xlabel()
        'time (s)'
    """
    figure, axes = _single(2.2, title)
    draw_wave(axes, audio, until_s, colour)
    return figure


def spectrogram(
    audio: Audio, *, until_s: float | None = None, title: str = "", measured: Spectra | None = None
) -> Figure:
    """Draw a spectrogram, 0 to 8 kHz.

    Args:
        audio: the sound.
        until_s: end of the time axis, the same for sounds that are compared; by default the sound's own.
        title: above the plot.
        measured: what :func:`hearfelt.features.display.spectra` measured, if it is known already.
    """
    figure, axes = _single(3.0, title)
    shown = measured.levels if measured else levels(audio.samples, audio.rate_hz)
    _add_scale(figure, axes, _draw_spectrogram(axes, shown))
    _time_axis(axes, audio, until_s)
    return figure


def mel_spectrogram(
    audio: Audio, *, until_s: float | None = None, title: str = "", measured: Spectra | None = None
) -> Figure:
    """Draw a mel spectrogram.

    Args:
        audio: the sound.
        until_s: end of the time axis, the same for sounds that are compared; by default the sound's own.
        title: above the plot.
        measured: what :func:`hearfelt.features.display.spectra` measured, if it is known already.
    """
    figure, axes = _single(3.0, title)
    shown = measured.mel if measured else mel_levels(audio.samples, audio.rate_hz)
    _add_scale(figure, axes, _draw_mel(axes, shown))
    _time_axis(axes, audio, until_s)
    return figure


def pitch_track(
    audio: Audio,
    *,
    until_s: float | None = None,
    colour: str = ACCENT.light,
    title: str = "",
    measured: Spectra | None = None,
) -> Figure:
    """Draw the pitch of a voice; gaps are pauses and sounds without a pitch.

    Args:
        audio: the sound.
        until_s: end of the time axis, the same for sounds that are compared; by default the sound's own.
        colour: ``#rrggbb`` of the line.
        title: above the plot.
        measured: what :func:`hearfelt.features.display.spectra` measured, if it is known already.
    """
    figure, axes = _single(2.4, title)
    _draw_pitch(axes, measured.pitch if measured else pitch_of(audio.samples, audio.rate_hz), colour)
    _time_axis(axes, audio, until_s)
    return figure


def sound_sheet(
    audio: Audio,
    *,
    until_s: float | None = None,
    colour: str = ACCENT.light,
    title: str = "",
    measured: Spectra | None = None,
) -> Figure:
    """Draw waveform, spectrogram, mel spectrogram and pitch below each other over one time axis.

    Args:
        audio: the sound.
        until_s: end of the time axis, the same for sounds that are compared; by default the sound's own.
        colour: ``#rrggbb`` of wave and pitch.
        title: above the plot.
        measured: what :func:`hearfelt.features.display.spectra` measured, if it is known already.

    Example:
        >>> len(sound_sheet(Audio(np.zeros(8_000, np.float32), 8_000)).axes)
        4
    """
    figure = new_figure(5.2, 6.0)
    wave, lines, mel, voice = figure.subplots(4, 1, sharex=True, height_ratios=(0.8, 1.25, 1.25, 1))
    draw_wave(wave, audio, until_s, colour)
    shown = measured or spectra(audio.samples, audio.rate_hz)
    _draw_spectrogram(lines, shown.levels)
    _draw_mel(mel, shown.mel)
    _draw_pitch(voice, shown.pitch, colour)
    wave.set_xlabel("")
    _time_axis(voice, audio, until_s)
    figure.align_ylabels()
    headline(wave, title)
    return figure


def demo_picture(audio: Audio, prediction: Prediction, *, title: str = "", note: str = "") -> Figure:
    """Draw a sound and its prediction: waveform, spectrogram, and all emotions ranked.

    Args:
        audio: the sound.
        prediction: the answer for it.
        title: above the plot; by default the sound's name.
        note: small text below, such as the origin of the sound.
    """
    figure, left, right = prediction_halves(note)
    wave, lines = left.subplots(2, 1, sharex=True, height_ratios=(1, 1.35))
    draw_wave(wave, audio, None, look_of(prediction.emotion).colour)
    _draw_spectrogram(lines, levels(audio.samples, audio.rate_hz))
    wave.set_xlabel("")
    _time_axis(lines, audio, None)
    left.align_ylabels()
    headline(wave, title or audio.name)
    draw_prediction(right, prediction)
    return figure


def _single(height: float, title: str) -> tuple[Figure, Axes]:
    figure = new_figure(7, height + (0.35 if title else 0))
    axes = figure.add_subplot()
    headline(axes, title)
    return figure, axes


def _time_axis(axes: Axes, audio: Audio, until_s: float | None) -> None:
    axes.set_xlim(0, until_s or audio.duration_s)
    axes.set_xlabel("time (s)")


def draw_wave(axes: Axes, audio: Audio, until_s: float | None, colour: str) -> None:
    """Draw a waveform into axes that stand among others.

    Args:
        axes: where to draw.
        audio: the sound.
        until_s: end of the time axis; None for the sound's own.
        colour: ``#rrggbb`` of the wave.
    """
    quiet(axes)
    low, high = envelope(audio.samples, _COLUMNS)
    times_s = (np.arange(len(low)) + 0.5) * (audio.duration_s / max(1, len(low)))
    peak = max(float(np.abs(audio.samples).max(initial=0.0)), _SOFTEST_PEAK)
    hair = peak * 0.006  # keeps a pause visible, as a line
    axes.fill_between(times_s, low - hair, high + hair, color=colour, linewidth=0)
    axes.set_ylim(-1.08 * peak, 1.08 * peak)
    axes.set_yticks([0], [""])
    axes.set_ylabel("wave")
    # Every waveform fills its height, or quiet voices would be lines; its peak is written next to it.
    axes.annotate(
        f"peak {round(audio.peak_db)} dB".replace("-", "−"), (1, 1), (0, 1), xycoords="axes fraction",
        textcoords="offset points", ha="right", va="bottom", color=MUTED.light, fontsize=SMALL_PT - 1,
    )  # fmt: skip
    _time_axis(axes, audio, until_s)


def _add_scale(figure: Figure, axes: Axes, image: AxesImage) -> None:
    """Add the colours' scale, in dB of full scale."""
    scale = figure.colorbar(image, ax=axes, label="level (dB)", pad=0.02, ticks=MaxNLocator(4))
    scale.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}".replace("-", "−")))
    scale.outline.set_visible(False)


def _draw_levels(axes: Axes, shown: Levels, top: float) -> AxesImage:
    quiet(axes)
    hop_s = float(shown.times_s[1]) if len(shown.times_s) > 1 else 1.0
    loudest_db = max(float(shown.level_db.max(initial=_SOFTEST_DB)), _SOFTEST_DB)
    return axes.imshow(
        shown.level_db, origin="lower", aspect="auto", cmap=_MAP, interpolation="bilinear", rasterized=True,
        extent=(-hop_s / 2, float(shown.times_s[-1]) + hop_s / 2, 0, top),
        vmin=loudest_db - _RANGE_DB, vmax=loudest_db,
    )  # fmt: skip


def _draw_spectrogram(axes: Axes, shown: Levels) -> AxesImage:
    highest_hz = float(shown.frequencies_hz[-1])
    image = _draw_levels(axes, shown, highest_hz)
    axes.set_ylim(0, min(highest_hz, _HIGHEST_SHOWN_HZ))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1_000:g}"))
    axes.set_ylabel("kHz")
    return image


def _draw_mel(axes: Axes, shown: Levels) -> AxesImage:
    bands = len(shown.frequencies_hz)
    image = _draw_levels(axes, shown, bands)
    ticks = [hz for hz in _MEL_TICKS_HZ if hz < shown.frequencies_hz[-1]]
    places: NDArray[np.float64] = np.interp(ticks, shown.frequencies_hz, np.arange(bands) + 0.5)
    axes.set_yticks(places, [f"{hz / 1_000:g}" for hz in ticks])
    axes.set_ylabel("kHz, mel")
    return image


def _draw_pitch(axes: Axes, found: Pitch, colour: str) -> None:
    quiet(axes, grid="y")
    line = np.where(found.is_voiced, found.frequency_hz, np.nan)  # matplotlib leaves a gap at NaN
    with np.errstate(invalid="ignore"):
        leaps = np.abs(np.diff(np.log2(line), prepend=np.nan)) > _LEAP_OCTAVES
    axes.set_yscale("log")
    axes.plot(found.times_s, np.where(leaps, np.nan, line), color=colour, linewidth=2.4, solid_capstyle="round")
    axes.set_ylim(LOWEST_HZ, HIGHEST_HZ * 0.8)
    axes.yaxis.set_major_locator(FixedLocator([100, 200, 400]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_ylabel("pitch (Hz)")
    if not found.is_voiced.any():
        axes.text(
            0.5, 0.5, "no pitch found", transform=axes.transAxes, ha="center", va="center",
            color=MUTED.light, fontsize=SMALL_PT,
        )  # fmt: skip


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
    words = f"{plain(occlusion.emotion)}, {share_words(occlusion.prediction.confidence)}"
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
