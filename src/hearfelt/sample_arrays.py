"""Samples in memory, of whatever kind they are, as one channel of float32."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import AudioError

__all__ = ["MOST_CHANNELS", "Samples", "channels_of", "from_array"]

Samples = npt.NDArray[np.float32]

MOST_CHANNELS: Final = 64


def channels_of(samples: npt.NDArray[np.generic], name: str) -> int:
    """Count the channels of samples, and refuse a shape in which they cannot be told from the samples.

    Args:
        samples: ``(n,)`` or ``(channels, n)``.
        name: what messages call them.

    Raises:
        AudioError: if the shape is another one, or nothing is in it.

    Example:
        >>> channels_of(np.zeros((2, 8000)), "call")
        2
    """
    shape: tuple[int, ...] = samples.shape
    if samples.ndim == 1:
        return 1
    if samples.ndim != 2:
        raise AudioError(f"{name}: samples with {samples.ndim} axes; (n,) or (channels, n) is wanted")
    if not samples.size:
        raise AudioError(f"{name}: samples of shape {shape}, with nothing in them; (n,) or (channels, n) is wanted")
    if not shape[0] < shape[1] or shape[0] > MOST_CHANNELS:
        raise AudioError(
            f"{name}: samples of shape {shape}; (n,) or (channels, n) with fewer channels than samples is wanted, so"
            " transpose them if they are (n, channels)"
        )
    return shape[0]


def from_array(samples: npt.NDArray[np.generic], name: str, channel: int | None) -> Samples:
    """Scale samples to -1 to 1 and make one channel of them.

    Args:
        samples: ``(n,)`` or ``(channels, n)``, int16, int32, float32 or float64.
        name: what messages call them.
        channel: the one that is taken; None mixes all.

    Returns:
        ``(n,)`` float32.

    Raises:
        AudioError: if they are of another kind.

    Example:
        >>> from_array(np.array([[0, 16384], [0, 0]], np.int16), "call", None).tolist()
        [0.0, 0.25]
    """
    if samples.ndim == 2 and channel is not None:
        samples = samples[channel]  # (channels, n) -> (n,)
    kind = samples.dtype.newbyteorder("=")
    if kind in (np.int16, np.int32):
        scaled = samples.astype(np.float64) / (2.0 ** (8 * kind.itemsize - 1))
    elif kind in (np.float32, np.float64):
        scaled = samples.astype(np.float64)
    else:
        raise AudioError(f"{name}: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    mono = scaled.mean(axis=0) if scaled.ndim == 2 else scaled  # (channels, n) -> (n,)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused when it is read
        return mono.astype(np.float32)
