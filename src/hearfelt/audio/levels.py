"""Peak level of a sound while it is read, and warnings about clipped or very quiet recordings."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from hearfelt.audio.arrays import Samples
from hearfelt.audio.warnings import SoundWarning

__all__ = ["LevelMeter", "decibels"]

# On RAVDESS, CREMA-D, TESS, EMO-DB, nEMO and LibriSpeech, 0 to 0.5 % of the clips are above one of the two shares, as
# are all clips of EMO-DB made 12 dB louder than their format allows.
_TOP: Final = 0.98  # of the highest swing
_FLAT_SHARE: Final = 4e-4  # of all samples: third equal samples in a row at the top, as stored without loss
_FULL_SHARE: Final = 4e-3  # of all samples: those at full scale or above, as decoders with loss give them
_ROW: Final = 1024  # samples
_SMALLEST: Final = 0.05  # of full scale; steps of few bits are flat by themselves
_VERY_QUIET_DB: Final = -50.0  # RAVDESS, the quietest of the corpora, has peaks from -47 dB


class LevelMeter:
    """Running peak level and clipping count.

    Attributes:
        samples: how many have gone by.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._sum, self._lowest, self._highest = 0.0, math.inf, -math.inf
        self._top, self._flat, self._full = 0.0, 0, 0

    def add(self, part: Samples) -> None:
        """Add the next samples: ``(n,)`` float32."""
        if not len(part):
            return
        lowest, highest = float(part.min()), float(part.max())
        self._lowest, self._highest = min(self._lowest, lowest), max(self._highest, highest)
        # In double precision only from row to row: that is three times as fast, and the mean of a row is exact enough.
        rows = len(part) - len(part) % _ROW
        self._sum += float(part[:rows].reshape(-1, _ROW).sum(axis=1).sum(dtype=np.float64) + part[rows:].sum())
        self.samples += len(part)
        top = max(-lowest, highest)
        if top * _TOP > self._top:
            self._flat = 0
        self._top = max(self._top, top)
        if top >= _TOP:
            self._full += _count_beyond(part, _TOP)
        if top >= _TOP * self._top:
            # at one side at least; the other is looked at only if it gets as far
            limit = _TOP * self._top
            at_top = np.zeros(0, np.intp)
            if highest >= limit:
                at_top = np.flatnonzero(part >= limit)
            if -lowest >= limit:
                at_top = np.concatenate([at_top, np.flatnonzero(part <= -limit)])
            third = at_top[at_top >= 2]
            self._flat += int(np.count_nonzero((part[third] == part[third - 1]) & (part[third] == part[third - 2])))

    @property
    def peak_db(self) -> float:
        """Largest deviation from the mean so far, in dB of full scale; -200 for digital silence."""
        mean = self._sum / max(1, self.samples)
        return decibels(max(self._highest - mean, mean - self._lowest))

    def warnings(self) -> list[SoundWarning]:
        """Return ``clipped`` or ``very_quiet`` for the samples so far, where that is so."""
        flat, full = (count / max(1, self.samples) for count in (self._flat, self._full))
        if self._top >= _SMALLEST and (flat > _FLAT_SHARE or full > _FULL_SHARE):
            share = max(flat, full)
            text = f"recorded too loud: {share:.1%} of the samples are cut off at the top, so the voice is distorted"
            return [SoundWarning("clipped", text, {"share": round(share, 5)})]
        if self.peak_db < _VERY_QUIET_DB:
            is_silent = self.peak_db <= decibels(0)
            text = "digital silence" if is_silent else f"very quiet: its loudest peak is at {self.peak_db:.0f} dB"
            return [SoundWarning("very_quiet", text, {"peak_db": round(self.peak_db, 1)})]
        return []


def _count_beyond(part: Samples, size: float) -> int:
    return int(np.count_nonzero(part >= size)) + int(np.count_nonzero(part <= -size))


def decibels(swing: float) -> float:
    """Convert an amplitude to dB of full scale; -200 for zero.

    Example:
        >>> decibels(0.1)
        -20.0
    """
    return 20 * math.log10(max(swing, 1e-10))
