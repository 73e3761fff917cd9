"""Augmented copies of training clips for models that take sound: other speeds, and degraded recordings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import resample
from hearfelt.augmentation.perturbations import (
    Clipping,
    CropAfter,
    CropBefore,
    HighPass,
    LowPass,
    Noise,
    Perturbation,
    TelephoneBand,
    Tone,
    ZerosAfter,
    ZerosBefore,
)

__all__ = ["ORIGINAL", "Variant", "at_speed", "degrade", "degrade_reproducibly"]

RATE_HZ: Final = 16_000
SNR_DB: Final = (10.0, 40.0)  # from a loud street to a good studio
# How probable each kind is in a degraded copy; several may be applied to one.
_PROBABILITIES: Final[tuple[tuple[type[Perturbation], float], ...]] = (
    (CropBefore, 0.15),
    (CropAfter, 0.15),
    (ZerosBefore, 0.15),
    (ZerosAfter, 0.15),
    (HighPass, 0.3),
    (LowPass, 0.3),
    (TelephoneBand, 0.2),
    (Clipping, 0.3),
    (Tone, 0.15),
)
_NOISE_PROBABILITY: Final = 0.65

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Variant:
    """A clip as it is, or one of its augmented copies.

    Attributes:
        speed: factor of tempo and pitch together, as if the sampling rate were changed.
        degraded: whether the sound is degraded as by cheap microphones, telephone lines and noisy rooms.
    """

    speed: float = 1.0
    degraded: bool = False


ORIGINAL: Final = Variant()


def degrade(samples: Samples, generator: np.random.Generator) -> Samples:
    """Degrade a recording: a random few of cropped or padded ends, filters, clipping, a tone, and last noise.

    Args:
        samples: ``(n,)`` at 16 kHz.
        generator: draws the perturbations.
    """
    for kind, probability in _PROBABILITIES:
        if generator.random() < probability and samples.size > RATE_HZ // 2:
            samples = kind.draw(generator).apply(samples, RATE_HZ)
    if generator.random() < _NOISE_PROBABILITY:
        samples = Noise(float(generator.uniform(*SNR_DB)), int(generator.integers(2**32))).apply(samples, RATE_HZ)
    return samples.astype(np.float32, copy=False)


def degrade_reproducibly(samples: Samples) -> Samples:
    """Degrade a recording, seeded by its own hash, so that the result does not depend on other clips."""
    seed = int.from_bytes(hashlib.sha256(samples.tobytes()).digest()[:8], "little")
    return degrade(samples, np.random.default_rng(seed))


def at_speed(samples: Samples, speed: float) -> Samples:
    """Play samples faster or slower: ``(n,)`` becomes about ``(n / speed,)``.

    Example:
        >>> at_speed(np.zeros(900, np.float32), 0.9).shape
        (1000,)
    """
    if speed == 1.0:
        return samples
    whole = 10_000
    return resample(samples, round(whole * speed), whole)
