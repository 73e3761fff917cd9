"""Frames of a sound and what is read from them: magnitudes, mel bands, chroma, loudness, zero crossings.

The definitions are librosa's (version 0.11), written with numpy alone: frames of 2,048 samples every
512, centred on their time by padding half a frame at both ends.

Chroma is how strongly each of the twelve notes sounds, whatever the octave, after Dan Ellis, "Chroma feature analysis
and synthesis" (2007), and how the sound is tuned. The tuning is the highest bar of a histogram of peaks: everything up
to it is computed in exactly librosa's precision, because the last digit can decide which bar is highest.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = [
    "BINS",
    "FRAME",
    "HOP",
    "MEL_BANDS",
    "NOTES",
    "chroma_filters",
    "frame_chroma",
    "frame_magnitudes",
    "frame_rms",
    "mel_filters",
    "mel_power",
    "power_to_db",
    "tuning_of",
    "zero_crossing_rates",
]


FRAME: Final = 2048  # samples, 93 ms at 22,050 Hz
HOP: Final = FRAME // 4  # 512 samples, 23 ms at 22,050 Hz
BINS: Final = FRAME // 2 + 1  # 1,025 frequencies, 0 Hz to half the rate
MEL_BANDS: Final = 128

_HOPS_A_FRAME: Final = FRAME // HOP
_FRAMES_A_BLOCK: Final = 16  # transformed at once: the numbers stay in the processor's cache
# OpenBLAS divides a product of more than 262,144 steps among threads, which takes longer than the product:
# 128 frames × 8 bands × at most 218 bins = 223,232.
_FRAMES_A_PRODUCT: Final = 128
_BANDS_A_BLOCK: Final = 8
_QUIETEST_POWER: Final = 1e-10  # librosa's floor: -100 dB
_RANGE_DB: Final = 80.0  # nothing is taken to be further than this below the loudest band
_SMALLEST_SAMPLE: Final = np.float32(1e-10)  # below it a sample counts as zero, and zero as positive


@lru_cache(maxsize=1)
def _hann() -> NDArray[np.float64]:
    """The periodic Hann window, ``(2048,)``."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(FRAME) / FRAME)


@lru_cache(maxsize=1)
def _keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next clip, which halves the time of a clip.

    glibc returns freed memory to the system beyond twice the largest block it has seen freed, and gets it
    back page by page (mallopt(3), M_MMAP_THRESHOLD). A clip needs a few MB over and over: one block of
    8 MB, never touched, settles that for the process. Other C libraries take no notice.
    """
    np.empty(8 << 20, dtype=np.uint8)


def frame_magnitudes(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the magnitude spectrum of each frame.

    The transform runs in double precision and is rounded afterwards, as librosa does it: the tuning
    estimate that follows is the highest bar of a histogram, which must not fall on another bar.

    Args:
        samples: mono sound, ``(n,)``.

    Returns:
        Magnitudes, ``(frames, bins)`` with 1 + n // 512 frames and 1,025 bins.

    Example:
        >>> frame_magnitudes(np.zeros(22_050, dtype=np.float32)).shape
        (44, 1025)
    """
    _keep_freed_memory()
    padded = np.zeros(samples.size + FRAME)  # in double precision at once, not again in each frame
    padded[FRAME // 2 : FRAME // 2 + samples.size] = samples
    frames = sliding_window_view(padded, FRAME)[::HOP]  # (n,) -> (frames, samples)
    magnitudes = np.empty((len(frames), BINS), dtype=np.float32)
    windowed = np.empty((_FRAMES_A_BLOCK, FRAME))
    spectrum = np.empty((_FRAMES_A_BLOCK, BINS), dtype=np.complex128)
    rounded = np.empty((_FRAMES_A_BLOCK, BINS), dtype=np.complex64)
    for first in range(0, len(frames), _FRAMES_A_BLOCK):
        block = frames[first : first + _FRAMES_A_BLOCK]
        size = len(block)
        np.multiply(block, _hann(), out=windowed[:size])
        np.fft.rfft(windowed[:size], out=spectrum[:size])  # (frames, samples) -> (frames, bins)
        rounded[:size] = spectrum[:size]
        np.abs(rounded[:size], out=magnitudes[first : first + size])
    return magnitudes


def mel_filters(rate_hz: int, *, bands: int = MEL_BANDS) -> NDArray[np.float32]:
    """Make Slaney's mel filters: triangles of equal area, linear below 1 kHz and logarithmic above.

    Args:
        rate_hz: sampling rate of the sound.
        bands: number of filters between 0 Hz and half the rate.

    Returns:
        Weights, ``(bands, bins)``.

    Example:
        >>> mel_filters(22_050).shape
        (128, 1025)
    """
    frequencies = np.fft.rfftfreq(FRAME, 1.0 / rate_hz)
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(rate_hz / 2), bands + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - frequencies  # (bands + 2, bins)
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    weights *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return weights


# Slaney's scale (Auditory Toolbox, 1998): 15 mel a kilohertz, and from 1 kHz 27 mel for a factor of 6.4.
_HZ_A_MEL: Final = 200.0 / 3
_BEND_HZ: Final = 1000.0
_BEND_MEL: Final = _BEND_HZ / _HZ_A_MEL  # 15 mel
_LOG_STEP: Final = np.log(6.4) / 27.0


def _hz_to_mel(frequency_hz: float) -> float:
    if frequency_hz < _BEND_HZ:
        return frequency_hz / _HZ_A_MEL
    return float(_BEND_MEL + np.log(frequency_hz / _BEND_HZ) / _LOG_STEP)


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BEND_HZ * np.exp(_LOG_STEP * (mels - _BEND_MEL))
    return np.where(mels >= _BEND_MEL, above, _HZ_A_MEL * mels)


@lru_cache(maxsize=4)
def _mel_blocks(rate_hz: int) -> tuple[tuple[slice, slice, NDArray[np.float32]], ...]:
    """Cut the filters into blocks of neighbours and drop the bins in which a whole block is zero.

    Returns:
        For each block: its bins, its bands, and its weights ``(bins, bands)``.
    """
    filters = mel_filters(rate_hz)
    blocks = []
    for first in range(0, MEL_BANDS, _BANDS_A_BLOCK):
        bands = slice(first, first + _BANDS_A_BLOCK)
        used = np.flatnonzero(filters[bands].any(axis=0))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        blocks.append((bins, bands, np.ascontiguousarray(filters[bands, bins].T)))
    return tuple(blocks)


def mel_power(magnitudes: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Sum the power of each frame into mel bands.

    Args:
        magnitudes: ``(frames, bins)``.
        rate_hz: sampling rate of the sound.

    Returns:
        Power, ``(frames, bands)`` with 128 bands.

    Example:
        >>> mel_power(np.ones((3, 1025), dtype=np.float32), 22_050).shape
        (3, 128)
    """
    bands_power = np.empty((len(magnitudes), MEL_BANDS), dtype=np.float32)
    for first in range(0, len(magnitudes), _FRAMES_A_PRODUCT):
        frames = slice(first, first + _FRAMES_A_PRODUCT)
        power = np.square(magnitudes[frames])
        for bins, bands, weights in _mel_blocks(rate_hz):
            np.matmul(power[:, bins], weights, out=bands_power[frames, bands])  # (frames, bins) -> (frames, bands)
    return bands_power


def power_to_db(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn power into decibels, at least -100 dB and at most 80 dB below the loudest value of all frames.

    Example:
        >>> power_to_db(np.array([[1.0, 0.1, 0.0]], dtype=np.float32)).round(3).tolist()
        [[0.0, -10.0, -80.0]]
    """
    levels = np.log(np.maximum(power, np.float32(_QUIETEST_POWER)))  # three times as fast as log10
    levels *= np.float32(10.0 / math.log(10.0))
    np.maximum(levels, levels.max() - np.float32(_RANGE_DB), out=levels)
    return levels


def _of_frames(hops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add up the sums of the four hops of each frame."""
    return hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]


def frame_rms(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measure the root mean square of each frame of the sound itself, ``(n,)`` to ``(frames,)``.

    Example:
        >>> float(frame_rms(np.full(22_050, 0.5, dtype=np.float32))[20])
        0.5
    """
    hops = 1 + samples.size // HOP + _HOPS_A_FRAME - 1
    squares = np.zeros(hops * HOP, dtype=np.float32)
    known = samples[: squares.size - FRAME // 2]
    np.square(known, out=squares[FRAME // 2 : FRAME // 2 + known.size])
    return np.asarray(np.sqrt(_of_frames(squares.reshape(hops, HOP).sum(axis=1)) / np.float32(FRAME)))


def zero_crossing_rates(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Count how often the sign changes, as a share of each frame's samples, ``(n,)`` to ``(frames,)``.

    Before and after the sound its first and last sample are repeated, so the edges add no crossing.

    Example:
        >>> times = np.arange(22_050) / 22_050
        >>> tone = np.sin(2 * np.pi * 100 * times + 0.1).astype(np.float32)
        >>> float((zero_crossing_rates(tone)[20] * 22_050).round(-1))  # twice in each period
        200.0
    """
    negative = samples < -_SMALLEST_SAMPLE
    frames = 1 + samples.size // HOP
    crossings = np.zeros((frames + _HOPS_A_FRAME) * HOP, dtype=bool)
    np.not_equal(negative[1:], negative[:-1], out=crossings[FRAME // 2 + 1 : FRAME // 2 + samples.size])
    counts = np.bitwise_count(np.packbits(crossings)).reshape(-1, HOP // 8).sum(axis=1, dtype=np.float32)
    # A crossing stands at its second sample; the one at a frame's first sample belongs to the frame before.
    early = crossings[: frames * HOP : HOP]
    return (_of_frames(counts[: frames + _HOPS_A_FRAME - 1]) - early) / np.float32(FRAME)


NOTES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

# OpenBLAS divides a product of more than 262,144 steps among threads, which takes longer than the product:
# 16 frames × 1,025 bins × 12 notes = 196,800.

_A4_HZ: Final = 440.0
_LOWEST_A_HZ: Final = _A4_HZ / 16  # 27.5 Hz: A0, from which octaves are counted
_PEAKS_FROM_HZ: Final = 150.0
_PEAKS_TO_HZ: Final = 4000.0
_PEAK_SHARE: Final = 0.1  # a peak has at least this share of its frame's largest magnitude
_TUNING_EDGES: Final = np.linspace(-0.5, 0.5, 101)  # hundredths of a semitone
_CENTRE_OCTAVE: Final = 5.0  # 880 Hz counts most ...
_OCTAVE_WIDTH: Final = 2.0  # ... and two octaves from it 61 % as much


def frame_chroma(magnitudes: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Sum the magnitudes of each frame into the twelve notes; the strongest note of a frame is 1.

    Args:
        magnitudes: ``(frames, bins)``; the magnitude and not the power, as the student project gave it to librosa.
        rate_hz: sampling rate of the sound.

    Returns:
        Chroma, ``(frames, notes)`` in the order of :data:`NOTES`; zeros where a frame is silent.

    Example:
        >>> frame_chroma(np.zeros((2, 1025), dtype=np.float32), 22_050).max()
        np.float32(0.0)
    """
    filters = chroma_filters(rate_hz, tuning_of(magnitudes, rate_hz))
    notes = np.empty((len(magnitudes), len(NOTES)), dtype=np.float32)
    for first in range(0, len(notes), _FRAMES_A_BLOCK):
        block = slice(first, first + _FRAMES_A_BLOCK)
        np.matmul(magnitudes[block], filters.T, out=notes[block])  # (frames, bins) -> (frames, notes)
    strongest = notes.max(axis=1, keepdims=True)
    strongest[strongest < np.finfo(np.float32).tiny] = 1.0
    notes /= strongest
    return notes


def tuning_of(magnitudes: NDArray[np.float32], rate_hz: int) -> float:
    """Estimate how far the sound's peaks lie from the notes of a piano tuned to 440 Hz.

    Args:
        magnitudes: ``(frames, bins)``.
        rate_hz: sampling rate of the sound.

    Returns:
        Share of a semitone from -0.5 to 0.49; 0 if there is no peak between 150 and 4,000 Hz.

    Example:
        >>> tuning_of(np.zeros((2, 1025), dtype=np.float32), 22_050)
        0.0
    """
    frequencies, strengths = _peaks(magnitudes, rate_hz)
    if not frequencies.size:
        return 0.0
    frequencies = frequencies[strengths >= np.median(strengths)]
    semitones = 12 * np.log2(frequencies / _LOWEST_A_HZ)
    residuals = semitones - np.floor(semitones)
    residuals[residuals >= 0.5] -= 1.0
    residuals.sort()
    counts = np.diff(np.searchsorted(residuals.astype(np.float64), _TUNING_EDGES))
    return float(_TUNING_EDGES[np.argmax(counts)])


def _peaks(magnitudes: NDArray[np.float32], rate_hz: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the peaks between 150 and 4,000 Hz, each refined by a parabola through three bins.

    Returns:
        Frequencies in Hz and interpolated magnitudes, ``(peaks,)`` each.
    """
    first, last = _peak_bins(rate_hz)
    loud = magnitudes[:, first:last] > np.float32(_PEAK_SHARE) * magnitudes.max(axis=1, keepdims=True)
    rising = magnitudes[:, first : last + 1] > magnitudes[:, first - 1 : last]  # from each bin's lower neighbour
    index = np.flatnonzero(loud & (rising[:, :-1] > rising[:, 1:]))
    frames, bins = np.divmod(index, last - first)
    places = frames * magnitudes.shape[1] + bins + first
    flat = magnitudes.ravel()
    centre, left, right = flat[places], flat[places - 1], flat[places + 1]
    # librosa's sums are single precision and its quotient is double: so are these.
    curvature = (right + left).astype(np.float64) - 2.0 * centre
    half_rise = (right - left).astype(np.float64) / 2.0
    inside = np.abs(half_rise) < np.abs(curvature)
    shift = np.where(inside, -half_rise / np.where(inside, curvature, 1.0), 0.0).astype(np.float32)
    slope = (right - left) / np.float32(2.0)
    frequencies = ((bins + first) + shift) * float(rate_hz) / FRAME
    strengths = centre + np.float32(0.5) * slope * shift
    return frequencies.astype(np.float32), strengths


@lru_cache(maxsize=4)
def _peak_bins(rate_hz: int) -> tuple[int, int]:
    """Give the range of bins in which peaks are searched: the first, and the first after the last."""
    frequencies = np.fft.rfftfreq(FRAME, 1.0 / rate_hz)
    highest = min(_PEAKS_TO_HZ, rate_hz / 2)
    inside = np.flatnonzero((frequencies >= _PEAKS_FROM_HZ) & (frequencies < highest))
    return int(inside[0]), int(inside[-1]) + 1


@lru_cache(maxsize=202)  # 101 tunings at two rates: 10 MB at most
def chroma_filters(rate_hz: int, tuning: float = 0.0) -> NDArray[np.float32]:
    """Make the filters that sum the bins of a spectrum into notes.

    Each bin goes to the notes around it with a Gaussian weight of at least a semitone; bins around
    880 Hz count most.

    Args:
        rate_hz: sampling rate of the sound.
        tuning: share of a semitone by which the sound is higher than A = 440 Hz.

    Returns:
        Weights, ``(notes, bins)``.

    Example:
        >>> weights = chroma_filters(22_050)
        >>> NOTES[weights[:, round(440 / 22_050 * 2048)].argmax()]
        'A'
    """
    frequencies = np.linspace(0.0, rate_hz, FRAME, endpoint=False)[1 : BINS + 1]
    a4_hz = _A4_HZ * 2.0 ** (tuning / len(NOTES))
    semitones = len(NOTES) * np.log2(frequencies / (a4_hz / 16))
    # 0 Hz has no octave: it is put one and a half octaves below the first bin.
    semitones = np.concatenate(([semitones[0] - 1.5 * len(NOTES)], semitones))
    widths = np.maximum(np.diff(semitones), 1.0)
    semitones = semitones[:BINS]
    half = len(NOTES) // 2
    distance = semitones - np.arange(len(NOTES))[:, None]  # (notes, bins)
    distance = np.remainder(distance + half + 10 * len(NOTES), len(NOTES)) - half
    weights = np.exp(-0.5 * (2.0 * distance / widths) ** 2)
    weights /= np.sqrt(np.sum(weights**2, axis=0, keepdims=True))
    weights *= np.exp(-0.5 * ((semitones / len(NOTES) - _CENTRE_OCTAVE) / _OCTAVE_WIDTH) ** 2)
    return np.ascontiguousarray(np.roll(weights, -3, axis=0), dtype=np.float32)  # A first -> C first
