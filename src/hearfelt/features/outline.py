"""The outline of a sound of any length for drawing its waveform, computed while it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.reader import Samples

__all__ = ["Outline", "OutlineBuilder", "outline"]

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
