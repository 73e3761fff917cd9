"""Outline of the waveform, spectrogram, mel spectrogram and pitch for plots and pages, with numpy alone.

Nothing here is a feature of a model; see :mod:`hearfelt.features.classic` for those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hearfelt.audio.reader import Samples, resample
from hearfelt.features.spectrum import FRAME as FFT
from hearfelt.features.spectrum import mel_filters

__all__ = [
    "Levels",
    "Outline",
    "OutlineBuilder",
    "Pitch",
    "Spectra",
    "envelope",
    "mel_spectrogram",
    "outline",
    "pitch",
    "spectra",
    "spectrogram",
]

RATE_HZ: Final = 22_050  # sound of a higher rate is drawn at this one: voices have little above 11 kHz
WINDOW: Final = 1_024  # samples, 46 ms at 22,050 Hz: harmonics of a low voice stand apart
FLOOR_DB: Final = -140.0  # what silence is drawn as
_FRAMES: Final = 600
_BANDS: Final = 80

PITCH_RATE_HZ: Final = 16_000
LOWEST_HZ: Final = 60.0
HIGHEST_HZ: Final = 1_000.0
_LONGEST_LAG: Final = int(PITCH_RATE_HZ / LOWEST_HZ)  # 266 samples, one period of the lowest voice
_SHORTEST_LAG: Final = int(PITCH_RATE_HZ / HIGHEST_HZ)  # 16 samples
_SPAN: Final = 2 * _LONGEST_LAG  # 532 samples, 33 ms compared with what follows
_DULL: Final = 16  # samples, 1 ms: what is averaged away above 1 kHz, where breath is louder than voice
_PITCH_HOP: Final = PITCH_RATE_HZ // 100  # 160 samples, 10 ms
_FRAMES_A_BLOCK: Final = 256
_DIP: Final = 0.15  # of YIN's normalised difference: a dip below it is a period (the paper uses 0.1)
_PERIODIC: Final = 0.3  # above it a frame repeats nothing
_QUIETER_DB: Final = 40.0  # a frame further than this below the loudest is a pause
_SHORTEST_VOICED: Final = 4  # frames, 40 ms; shorter stretches are accidents


@dataclass(frozen=True, eq=False)
class Levels:
    """How much of each frequency there is at each time.

    Attributes:
        level_db: ``(bands, frames)`` float32; the higher the row, the higher the frequency.
        frequencies_hz: ``(bands,)`` middle of each band.
        times_s: ``(frames,)`` middle of each frame.
    """

    level_db: NDArray[np.float32]
    frequencies_hz: NDArray[np.float64]
    times_s: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pitch:
    """How high a voice is at each time.

    Attributes:
        times_s: ``(frames,)`` middle of each frame, every 10 ms.
        frequency_hz: ``(frames,)`` 60 to 1,000 Hz; 0 where no voice is.
        is_voiced: ``(frames,)`` whether the sound repeats itself there, as a voice does.
    """

    times_s: NDArray[np.float64]
    frequency_hz: NDArray[np.float64]
    is_voiced: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Spectra:
    """All that is drawn of a sound but its waveform."""

    levels: Levels
    mel: Levels
    pitch: Pitch


def envelope(samples: Samples, columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the lowest and the highest sample of each column of a drawing.

    Args:
        samples: ``(n,)``.
        columns: how many the drawing has; fewer come back for fewer samples.

    Returns:
        Two arrays ``(min(n, columns),)``.

    Example:
        >>> low, high = envelope(np.array([0, 1, -1, 0.5], np.float32), 2)
        >>> low.tolist(), high.tolist()
        ([0.0, -1.0], [1.0, 0.5])
    """
    columns = min(columns, len(samples))
    if columns == 0:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    starts = np.arange(columns) * len(samples) // columns
    return np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)


def spectrogram(samples: Samples, rate_hz: int, *, frames: int = _FRAMES) -> Levels:
    """Measure how much of each frequency there is; a sine of full scale is 0 dB.

    Args:
        samples: ``(n,)`` one channel.
        rate_hz: their rate; above 22,050 Hz the sound is resampled to that.
        frames: how many at most, evenly over the sound, so that an hour costs no more than a second.

    Returns:
        1,025 bands from 0 Hz to half the rate.

    Example:
        >>> spectrogram(np.zeros(22_050, np.float32), 22_050).level_db.shape
        (1025, 345)
    """
    return _levels(*_power(samples, rate_hz, frames))


def mel_spectrogram(samples: Samples, rate_hz: int, *, frames: int = _FRAMES, bands: int = _BANDS) -> Levels:
    """Measure the same in mel bands, which follow the resolution of human hearing.

    Args:
        samples: ``(n,)`` one channel.
        rate_hz: their rate; above 22,050 Hz the sound is resampled to that.
        frames: how many at most.
        bands: number of mel bands.

    Returns:
        ``bands`` bands; decibels of the mean power within each.

    Example:
        >>> mel_spectrogram(np.zeros(22_050, np.float32), 22_050).level_db.shape
        (80, 345)
    """
    return _mel_levels(*_power(samples, rate_hz, frames), bands)


def spectra(samples: Samples, rate_hz: int) -> Spectra:
    """Measure spectrogram, mel spectrogram and pitch, the first two from one transform.

    Args:
        samples: ``(n,)`` one channel.
        rate_hz: their rate.
    """
    power = _power(samples, rate_hz, _FRAMES)
    return Spectra(_levels(*power), _mel_levels(*power, _BANDS), pitch(samples, rate_hz))


def pitch(samples: Samples, rate_hz: int) -> Pitch:
    """Track the pitch of a voice with YIN (de Cheveigné and Kawahara 2002).

    The sound is compared with itself, later by every period a voice can have; the first period after which it
    differs little is the pitch. A median over five frames takes out single octave errors.

    Args:
        samples: ``(n,)`` one channel.
        rate_hz: their rate.

    Example:
        >>> tone = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000).astype(np.float32)
        >>> round(float(np.median(pitch(tone, 16_000).frequency_hz)))
        200
    """
    weights = np.hanning(_DULL + 2)[1:-1]
    sound = resample(samples, rate_hz, PITCH_RATE_HZ).astype(np.float64)
    sound = np.convolve(sound, weights / weights.sum(), mode="same") if len(sound) > _DULL else sound
    half = (_SPAN + _LONGEST_LAG) // 2
    spans = sliding_window_view(np.pad(sound, half), _SPAN + _LONGEST_LAG)[::_PITCH_HOP]  # (frames, samples)
    frequency_hz = np.zeros(len(spans))
    depth = np.ones(len(spans))
    level = np.zeros(len(spans))
    for first in range(0, len(spans), _FRAMES_A_BLOCK):
        block = slice(first, first + _FRAMES_A_BLOCK)
        frequency_hz[block], depth[block] = _yin(spans[block])
        level[block] = np.mean(np.square(spans[block]), axis=1)
    loud = level > max(float(level.max(initial=0.0)) * 10 ** (-_QUIETER_DB / 10), 1e-12)
    voiced = _without_specks((depth < _PERIODIC) & loud)
    frequency_hz = np.where(voiced, _steadied(frequency_hz, voiced), 0.0)
    times_s = np.arange(len(spans), dtype=np.float64) * (_PITCH_HOP / PITCH_RATE_HZ)
    return Pitch(times_s, frequency_hz, voiced)


def _power(samples: Samples, rate_hz: int, most: int) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
    """Compute the power ``(bins, frames)``, the rate it is drawn at, and the frames' times."""
    shown_hz = min(rate_hz, RATE_HZ)
    sound = resample(samples, rate_hz, shown_hz)
    hop = max(WINDOW // 16, -(-len(sound) // most))  # 64 samples, 3 ms, or as many as spread the frames evenly
    window = np.hanning(WINDOW + 1)[:-1]
    spans = sliding_window_view(np.pad(sound, WINDOW // 2), WINDOW)[::hop]  # (frames, samples)
    # Between -1 and 1 a sine swings half its energy to each side of 0 Hz.
    spectrum = np.fft.rfft(spans * window, FFT) * (2 / window.sum())  # (frames, samples) -> (frames, bins)
    return np.square(np.abs(spectrum)).T, shown_hz, np.arange(len(spans)) * hop / shown_hz


def _levels(power: NDArray[np.float64], shown_hz: int, times_s: NDArray[np.float64]) -> Levels:
    return Levels(_decibels(power), np.asarray(np.fft.rfftfreq(FFT, 1 / shown_hz), np.float64), times_s)


def _mel_levels(power: NDArray[np.float64], shown_hz: int, times_s: NDArray[np.float64], bands: int) -> Levels:
    weights = mel_filters(shown_hz, bands=bands).astype(np.float64)  # (bands, bins)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    middles_hz = weights @ np.fft.rfftfreq(FFT, 1 / shown_hz)
    return Levels(_decibels(weights @ power), middles_hz, times_s)  # (bands, bins) @ (bins, frames)


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float32]:
    return (10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))).astype(np.float32)


def _yin(spans: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find each frame's pitch in Hz and how far the difference dips there, 0 (periodic) to 1."""
    size = 1 << (spans.shape[1] + _SPAN - 1).bit_length()
    begun = np.fft.rfft(spans[:, :_SPAN], size)
    products = np.fft.irfft(np.conj(begun) * np.fft.rfft(spans, size), size)[:, : _LONGEST_LAG + 1]
    sums = np.cumsum(np.pad(np.square(spans), ((0, 0), (1, 0))), axis=1)
    lags = np.arange(_LONGEST_LAG + 1)
    energy = sums[:, _SPAN + lags] - sums[:, lags]  # (frames, lags), of the span that begins at each lag
    difference = np.maximum(energy[:, :1] + energy - 2 * products, 0.0)
    running = np.cumsum(difference[:, 1:], axis=1) / lags[1:]
    normal = np.ones_like(difference)
    np.divide(difference[:, 1:], running, out=normal[:, 1:], where=running > 1e-12)
    inner = normal[:, _SHORTEST_LAG:-1]
    is_dip = (inner < normal[:, _SHORTEST_LAG - 1 : -2]) & (inner <= normal[:, _SHORTEST_LAG + 1 :])
    deep = is_dip & (inner < _DIP)
    lag = np.where(deep.any(axis=1), deep.argmax(axis=1), inner.argmin(axis=1)) + _SHORTEST_LAG
    row = np.arange(len(spans))
    before, here, after = normal[row, lag - 1], normal[row, lag], normal[row, lag + 1]
    curve = before - 2 * here + after
    shift = np.divide(before - after, 2 * curve, out=np.zeros_like(here), where=curve > 1e-12)
    return PITCH_RATE_HZ / (lag + np.clip(shift, -0.5, 0.5)), here


def _without_specks(voiced: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Remove runs of fewer than four voiced frames."""
    edges = np.flatnonzero(np.diff(np.pad(voiced.astype(np.int8), 1)))
    kept = voiced.copy()
    for first, behind in zip(edges[::2], edges[1::2], strict=True):
        if behind - first < _SHORTEST_VOICED:
            kept[first:behind] = False
    return kept


def _steadied(frequency_hz: NDArray[np.float64], voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Take the median over five frames, of those that are voiced."""
    known = np.where(voiced, frequency_hz, np.nan)
    around = sliding_window_view(np.pad(known, 2, constant_values=np.nan), 5)  # (frames, 5)
    steady = frequency_hz.copy()
    steady[voiced] = np.nanmedian(around[voiced], axis=1) if voiced.any() else 0.0
    return steady


_LEAST_COLUMNS: Final = 2


@dataclass(frozen=True, eq=False)
class Outline:
    """The lowest and the highest sample in equal stretches of a sound.

    Attributes:
        lowest: ``(columns,)`` float32.
        highest: ``(columns,)`` float32.
        column_s: how long one stretch is; the last may be shorter.
        duration_s: how long the sound is.
    """

    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]
    column_s: float
    duration_s: float


class OutlineBuilder:
    """Computes an outline part by part; memory does not grow with the length.

    The length need not be known beforehand: whenever there are twice as many stretches as wanted, two become one.

    Args:
        rate_hz: samples in a second.
        columns: how many stretches at least, and less than twice as many; a shorter sound has one for each sample.
    """

    def __init__(self, rate_hz: int, *, columns: int = 1_600) -> None:
        self._rate_hz, self._columns = rate_hz, max(_LEAST_COLUMNS, columns)
        self._low, self._high = np.zeros(0, np.float32), np.zeros(0, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._size, self._length = 1, 0

    def add(self, part: Samples) -> None:
        """Add the next samples: ``(n,)``, one channel."""
        self._length += len(part)
        rest, size = np.concatenate([self._rest, part]), self._size
        low, high = self._low, self._high
        while stretches := min(len(rest) // size, 2 * self._columns - len(low)):
            blocks, rest = rest[: stretches * size].reshape(-1, size), rest[stretches * size :]  # (stretches, size)
            low, high = np.append(low, blocks.min(axis=1)), np.append(high, blocks.max(axis=1))
            if len(low) == 2 * self._columns:
                size *= 2
                low, high = low.reshape(-1, 2).min(axis=1), high.reshape(-1, 2).max(axis=1)
        self._rest, self._size, self._low, self._high = rest, size, low, high

    def outline(self) -> Outline:
        """Give the outline of what was added so far."""
        low, high = self._low, self._high
        if len(self._rest):
            low, high = np.append(low, self._rest.min()), np.append(high, self._rest.max())
        return Outline(low, high, self._size / self._rate_hz, self._length / self._rate_hz)


def outline(parts: Iterable[Samples], rate_hz: int, *, columns: int = 1_600) -> Outline:
    """Compute the outline of a sound with an :class:`OutlineBuilder`.

    Args:
        parts: the samples, ``(n,)`` each, one channel.
        rate_hz: samples in a second.
        columns: how many stretches at least, and less than twice as many; a shorter sound has one for each sample.

    Example:
        >>> found = outline([np.array([0, 1, -1], np.float32), np.array([0.5], np.float32)], 4, columns=2)
        >>> found.lowest.tolist(), found.highest.tolist(), found.duration_s
        ([0.0, -1.0], [1.0, 0.5], 1.0)
    """
    builder = OutlineBuilder(rate_hz, columns=columns)
    for part in parts:
        builder.add(part)
    return builder.outline()
