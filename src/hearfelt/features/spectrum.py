"""Frames of a sound and what is read from them: magnitudes, mel bands, loudness, zero crossings.

The definitions are librosa's (version 0.11), written with numpy alone: frames of 2,048 samples every
512, centred on their time by padding half a frame at both ends.
"""

from __future__ import annotations

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
    "decibels",
    "frame_magnitudes",
    "frame_rms",
    "mel_filters",
    "mel_power",
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
    for first in range(0, len(frames), _FRAMES_A_BLOCK):
        block = frames[first : first + _FRAMES_A_BLOCK]
        size = len(block)
        np.multiply(block, _hann(), out=windowed[:size])
        np.fft.rfft(windowed[:size], out=spectrum[:size])  # (frames, samples) -> (frames, bins)
        np.abs(spectrum[:size].astype(np.complex64), out=magnitudes[first : first + size])
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


def decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn power into decibels, at least -100 dB and at most 80 dB below the loudest value of all frames.

    Example:
        >>> decibels(np.array([[1.0, 0.1, 0.0]], dtype=np.float32)).round(3).tolist()
        [[0.0, -10.0, -80.0]]
    """
    levels = np.log10(np.maximum(power, np.float32(_QUIETEST_POWER)))
    levels *= np.float32(10.0)
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
