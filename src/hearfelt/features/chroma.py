"""How strongly each of the twelve notes sounds, whatever the octave, and how the sound is tuned.

The definitions are librosa's (version 0.11), after Dan Ellis, "Chroma feature analysis and synthesis"
(2007). The tuning is the highest bar of a histogram of peaks: everything up to it is computed in
exactly librosa's precision, because the last digit can decide which bar is highest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.features.spectrum import BINS, FRAME

__all__ = ["NOTES", "chroma_filters", "frame_chroma", "tuning_of"]

NOTES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

# OpenBLAS divides a product of more than 262,144 steps among threads, which takes longer than the product:
# 16 frames × 1,025 bins × 12 notes = 196,800.
_FRAMES_A_BLOCK: Final = 16

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
