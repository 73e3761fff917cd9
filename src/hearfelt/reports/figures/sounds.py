"""Plots of one sound: waveform, spectrogram, mel spectrogram, pitch."""

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
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.figures.answers import answer_halves, draw_answer
from hearfelt.reports.figures.canvas import SMALL_PT, headline, new_figure, quiet
from hearfelt.reports.theme import ACCENT, MUTED

__all__ = ["demo_picture", "draw_wave", "mel_spectrogram", "pitch_track", "sound_sheet", "spectrogram", "waveform"]

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
    figure, left, right = answer_halves(note)
    wave, lines = left.subplots(2, 1, sharex=True, height_ratios=(1, 1.35))
    draw_wave(wave, audio, None, look_of(prediction.emotion).colour)
    _draw_spectrogram(lines, levels(audio.samples, audio.rate_hz))
    wave.set_xlabel("")
    _time_axis(lines, audio, None)
    left.align_ylabels()
    headline(wave, title or audio.name)
    draw_answer(right, prediction)
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
