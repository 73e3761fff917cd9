"""Change the tempo of a sound without its pitch, with a phase vocoder."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["of_length", "rms", "time_stretched"]

Samples = NDArray[np.float32]

_OVERLAP: Final = 4  # frames that cover each sample
_MIN_RMS: Final = 1e-10  # far below one step of 24-bit sound
_FRAME_S: Final = 2048 / 22_050  # 93 ms: long enough to separate two harmonics of a low voice


def time_stretched(samples: Samples, rate_hz: int, *, rate: float) -> Samples:
    """Change the tempo of a sound and keep its pitch.

    Frames are read at another rate than they are written, and each frequency advances its phase from frame to frame
    by as much as in the sound (Flanagan and Golden, "Phase vocoder", 1966). Neighbouring frequencies lose their phase
    relation by that, which costs speech about 3 dB: the level is restored, or a network could learn that augmented
    copies are the quiet ones.

    Args:
        samples: mono sound, ``(n,)``.
        rate_hz: its sampling rate.
        rate: how many times faster.

    Returns:
        ``(round(n / rate),)``.

    Example:
        >>> time_stretched(np.zeros(16_000, dtype=np.float32), 16_000, rate=0.8).shape
        (20000,)
    """
    length = round(samples.size / rate)
    frame = 2 ** round(np.log2(_FRAME_S * rate_hz))
    hop = frame // _OVERLAP
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frame) / frame)).astype(np.float32)
    written = 1 + length // hop
    positions = np.arange(written) * rate  # where each written frame is read, in frames of the sound
    first = positions.astype(np.intp)
    spectrum = _spectrum(samples, window, hop, int(first[-1]) + 2)  # (n,) -> (frames, bins)
    magnitudes = np.abs(spectrum)
    share = (positions - first).astype(np.float32)[:, None]
    loudness = magnitudes[first] * (1 - share) + magnitudes[first + 1] * share
    phases = spectrum / np.maximum(magnitudes, np.finfo(np.float32).tiny)  # on the unit circle; 0 in silence
    phases[magnitudes == 0.0] = 1.0
    steps = phases[1:] * phases[:-1].conj()  # phase advance of each frequency within a hop
    phase: NDArray[np.complex64] = np.multiply.accumulate(np.concatenate((phases[:1], steps[first[:-1]])))
    stretched = _overlapped(phase * loudness, window, hop, length)
    stretched *= np.float32(rms(samples) / max(rms(stretched), _MIN_RMS))
    return stretched


def _spectrum(samples: Samples, window: Samples, hop: int, frames: int) -> NDArray[np.complex64]:
    """Transform centred frames, zeros around the sound, ``(n,)`` to ``(frames, bins)``."""
    padded = np.zeros((frames + _OVERLAP) * hop, dtype=np.float32)
    known = samples[: padded.size - window.size // 2]
    padded[window.size // 2 : window.size // 2 + known.size] = known
    cut = sliding_window_view(padded, window.size)[::hop][:frames]
    return np.fft.rfft(cut * window).astype(np.complex64, copy=False)


def _overlapped(spectrum: NDArray[np.complex64], window: Samples, hop: int, length: int) -> Samples:
    """Overlap and add frames where they were centred, ``(frames, bins)`` to ``(length,)``."""
    frames = np.fft.irfft(spectrum, window.size) * window  # (frames, bins) -> (frames, samples)
    hops = len(frames) + _OVERLAP - 1
    sound = np.zeros((hops, hop), dtype=np.float32)
    weight = np.zeros((hops, hop), dtype=np.float32)
    for part in range(_OVERLAP):
        inside = slice(part * hop, (part + 1) * hop)
        sound[part : part + len(frames)] += frames[:, inside]
        weight[part : part + len(frames)] += np.square(window[inside])
    sound /= np.maximum(weight, np.float32(1e-3))  # 1.5 within the sound, less in the first and last frame
    return of_length(sound.ravel()[window.size // 2 :], length)


def rms(samples: Samples) -> float:
    """Compute the root mean square of a sound; 0 of none."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def of_length(samples: Samples, length: int) -> Samples:
    """Cut a sound to a length in samples, or pad it with zeros."""
    if samples.size >= length:
        return np.ascontiguousarray(samples[:length])
    return np.pad(samples, (0, length - samples.size))
