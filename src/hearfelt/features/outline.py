"""The outline of a sound of any length for drawing its waveform, computed while it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.reader import Samples

__all__ = ["Outline", "outline"]

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


def outline(parts: Iterable[Samples], rate_hz: int, *, columns: int = 1_600) -> Outline:
    """Compute the outline of a sound part by part; memory does not grow with its length.

    The length need not be known beforehand: whenever there are twice as many stretches as wanted, two become one.

    Args:
        parts: the samples, ``(n,)`` each, one channel.
        rate_hz: samples in a second.
        columns: how many stretches at least, and less than twice as many; a shorter sound has one for each sample.

    Example:
        >>> found = outline([np.array([0, 1, -1], np.float32), np.array([0.5], np.float32)], 4, columns=2)
        >>> found.lowest.tolist(), found.highest.tolist(), found.duration_s
        ([0.0, -1.0], [1.0, 0.5], 1.0)
    """
    columns = max(_LEAST_COLUMNS, columns)
    low, high = np.zeros(0, np.float32), np.zeros(0, np.float32)
    rest = np.zeros(0, np.float32)
    size, length = 1, 0
    for part in parts:
        length += len(part)
        rest = np.concatenate([rest, part])
        while stretches := min(len(rest) // size, 2 * columns - len(low)):
            blocks, rest = rest[: stretches * size].reshape(-1, size), rest[stretches * size :]  # (stretches, size)
            low, high = np.append(low, blocks.min(axis=1)), np.append(high, blocks.max(axis=1))
            if len(low) == 2 * columns:
                size *= 2
                low, high = low.reshape(-1, 2).min(axis=1), high.reshape(-1, 2).max(axis=1)
    if len(rest):
        low, high = np.append(low, rest.min()), np.append(high, rest.max())
    return Outline(low, high, size / rate_hz, length / rate_hz)
