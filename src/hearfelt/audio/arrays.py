"""Converts arrays of samples of any type to float32."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import AudioError

__all__ = ["MOST_CHANNELS", "Samples", "channels_of", "from_array"]

Samples = npt.NDArray[np.float32]

MOST_CHANNELS: Final = 64


def channels_of(samples: npt.NDArray[np.generic], name: str) -> int:
    """Count the channels of an array, and refuse an ambiguous shape.

    Args:
        samples: ``(n,)`` or ``(channels, n)``.
        name: their name for messages.

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


def from_array(samples: npt.NDArray[np.generic], name: str) -> Samples:
    """Scale samples to -1 to 1.

    Args:
        samples: ``(n,)`` or ``(channels, n)``, int16, int32, float32 or float64.
        name: their name for messages.

    Returns:
        ``(n, channels)`` float32.

    Raises:
        AudioError: if they are of another kind.

    Example:
        >>> from_array(np.array([[0, 16384], [0, 0]], np.int16), "call").tolist()
        [[0.0, 0.0], [0.5, 0.0]]
    """
    kind = samples.dtype.newbyteorder("=")
    sides: npt.NDArray[Any] = samples[:, None] if samples.ndim == 1 else samples.T  # (n, channels)
    if kind in (np.int16, np.int32):
        sides = sides / (2.0 ** (8 * kind.itemsize - 1))
    elif kind not in (np.float32, np.float64):
        raise AudioError(f"{name}: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused when it is read
        return np.ascontiguousarray(sides, np.float32)
