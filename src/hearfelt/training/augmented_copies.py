"""Views: the ways in which a training clip is heard, so that a model learns what does not matter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import resample
from hearfelt.augmentation.perturbations import (
    Change,
    Clipping,
    CropAfter,
    CropBefore,
    HighPass,
    LowPass,
    TelephoneBand,
    Tone,
    ZerosAfter,
    ZerosBefore,
)
from hearfelt.augmentation.transforms import Noise

__all__ = ["View", "played", "worn", "worn_always_alike"]

RATE_HZ: Final = 16_000
SNR_DB: Final = (10.0, 40.0)  # from a loud street to a good studio
# Of each kind, how often it happens to a worn copy; several may happen to one.
_CHANCES: Final[tuple[tuple[type[Change], float], ...]] = (
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
_NOISY: Final = 0.65

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """One way of hearing a clip.

    Attributes:
        speed: how fast it is played; pitch goes with it.
        is_worn: whether it went through cheap microphones, lines and rooms first.
    """

    speed: float = 1.0
    is_worn: bool = False


def worn(samples: Samples, generator: np.random.Generator) -> Samples:
    """Wear a clip: a few of cut or padded ends, filters, a telephone line, clipping, a tone, and then noise.

    Args:
        samples: ``(n,)`` at 16 kHz.
        generator: decides what happens, and how much.
    """
    for kind, chance in _CHANCES:
        if generator.random() < chance and samples.size > RATE_HZ // 2:
            samples = kind.draw(generator).apply(samples)
    if generator.random() < _NOISY:
        samples = Noise(float(generator.uniform(*SNR_DB)), int(generator.integers(2**32))).apply(samples, RATE_HZ)
    return samples.astype(np.float32, copy=False)


def worn_always_alike(samples: Samples) -> Samples:
    """Wear a clip in the way that its own sound decides, whatever stands beside it."""
    seed = int.from_bytes(hashlib.sha256(samples.tobytes()).digest()[:8], "little")
    return worn(samples, np.random.default_rng(seed))


def played(samples: Samples, speed: float) -> Samples:
    """Play samples faster or slower: ``(n,)`` becomes about ``(n / speed,)``.

    Example:
        >>> played(np.zeros(900, np.float32), 0.9).shape
        (1000,)
    """
    if speed == 1.0:
        return samples
    whole = 10_000
    return resample(samples, round(whole * speed), whole)
