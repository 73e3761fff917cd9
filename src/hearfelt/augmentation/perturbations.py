"""Perturbations of a sound that leave its emotion unchanged, for training and for robustness tests.

Each perturbation is a value: drawn once from a random generator, it changes a sound in the same way every time, and its
``repr`` names it in caches and logs. Some kinds are for augmented copies of training clips (:data:`AUGMENTATIONS`). The
small changes (:data:`SMALL_CHANGES`) are those of audEERING's published tests of emotion models, with their parameters
for sound of 16 kHz (https://audeering.github.io/ser-tests/, "Robustness Small Changes").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Protocol, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from hearfelt.audio.reader import Samples, resample
from hearfelt.augmentation.time_stretch import of_length, rms, time_stretched
from hearfelt.errors import AudioError, RecipeError

__all__ = [
    "AUGMENTATIONS",
    "SMALL_CHANGES",
    "Clipping",
    "CropAfter",
    "CropBefore",
    "Gain",
    "HighPass",
    "LowPass",
    "Noise",
    "Offset",
    "Perturbation",
    "Pitch",
    "Shift",
    "Stretch",
    "TelephoneBand",
    "Tone",
    "ZerosAfter",
    "ZerosBefore",
    "draw_copies",
]

TELEPHONE_HZ: Final = 8_000  # sampling rate, so everything above 4 kHz is lost

_NEGLIGIBLE: Final = 1e-12  # of a filter's response: far below one step of 24-bit sound


class Perturbation(Protocol):
    """What every perturbation can do."""

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw one with parameters in the range of its kind."""

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Change a sound, ``(n,)`` to ``(n,)`` or another length; the given samples stay unchanged."""


@dataclass(frozen=True)
class Noise:
    """White noise under the voice.

    Attributes:
        snr_db: power of the sound over the power of the noise, in dB.
        seed: of the noise.
    """

    SNR_DB: ClassVar = (15.0, 30.0)
    FAINT_SNR_DB: ClassVar = (35.0, 40.0, 45.0)

    snr_db: float
    seed: int

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a ratio between 15 dB (a busy room) and 30 dB (hardly audible), uniformly in dB."""
        return cls(_between(generator, cls.SNR_DB), int(generator.integers(2**32)))

    @classmethod
    def draw_faint(cls, generator: np.random.Generator) -> Self:
        """Draw a ratio of 35, 40 or 45 dB, as published for small changes."""
        return cls(_one_of(generator, cls.FAINT_SNR_DB), int(generator.integers(2**32)))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Add the noise; silence stays silent, as it has no power to compare with.

        Example:
            >>> Noise(20.0, seed=1).apply(np.zeros(4, dtype=np.float32), 16_000).tolist()
            [0.0, 0.0, 0.0, 0.0]
        """
        noise = np.random.default_rng(self.seed).standard_normal(samples.size, dtype=np.float32)
        noise *= np.float32(rms(samples) * 10.0 ** (-self.snr_db / 20.0))
        noise += samples
        return noise


@dataclass(frozen=True)
class Pitch:
    """The same words at the same tempo with a higher or lower pitch.

    Attributes:
        semitones: how much higher; negative is lower.
    """

    SEMITONES: ClassVar = (-1.0, 1.0)

    semitones: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a change of at most one semitone (6 %) up or down, uniformly: less than emotions change the pitch."""
        return cls(_between(generator, cls.SEMITONES))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Stretch the sound and resample it by the same factor; the length stays.

        Example:
            >>> Pitch(1.0).apply(np.zeros(8_000, dtype=np.float32), 16_000).shape
            (8000,)
        """
        factor = 2.0 ** (self.semitones / 12.0)
        slower = time_stretched(samples, rate_hz, rate=1.0 / factor)
        faster = soxr.resample(slower, rate_hz * factor, float(rate_hz), quality="HQ")
        return of_length(faster.astype(np.float32, copy=False), samples.size)


@dataclass(frozen=True)
class Stretch:
    """The same voice, faster or slower.

    Attributes:
        rate: how many times faster; 0.8 takes a quarter longer.
    """

    RATES: ClassVar = (0.8, 1.25)

    rate: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a rate between 0.8 and 1.25, as often slower as faster."""
        slowest, fastest = np.log(cls.RATES)
        return cls(round(float(np.exp(generator.uniform(slowest, fastest))), 6))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Change the tempo and keep the pitch: ``(n,)`` to ``(round(n / rate),)``.

        Example:
            >>> Stretch(1.25).apply(np.zeros(10_000, dtype=np.float32), 16_000).shape
            (8000,)
        """
        return time_stretched(samples, rate_hz, rate=self.rate)


@dataclass(frozen=True)
class Shift:
    """A circular shift in time: what leaves at one end enters at the other.

    Attributes:
        seconds: how much later; negative is earlier.
    """

    SECONDS: ClassVar = (-0.2, 0.2)

    seconds: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a shift of at most 0.2 s in either direction, uniformly."""
        return cls(_between(generator, cls.SECONDS))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Shift the sound, ``(n,)`` to ``(n,)``; nothing is lost and no silence is added.

        Example:
            >>> Shift(0.1).apply(np.arange(4, dtype=np.float32), 10).tolist()
            [3.0, 0.0, 1.0, 2.0]
        """
        return np.roll(samples, round(self.seconds * rate_hz))


@dataclass(frozen=True)
class Tone:
    """A high, steady tone under the voice.

    Attributes:
        snr_db: peak of the sound over the peak of the tone, in dB.
        frequency_hz: of the tone.
    """

    SNR_DB: ClassVar = (40.0, 45.0, 50.0)
    FREQUENCY_HZ: ClassVar = (5_000.0, 7_000.0)

    snr_db: float
    frequency_hz: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a ratio of 40, 45 or 50 dB and a frequency between 5 and 7 kHz."""
        return cls(_one_of(generator, cls.SNR_DB), round(float(generator.uniform(*cls.FREQUENCY_HZ)), 3))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Add the tone; silence stays silent, as it has no peak to compare with."""
        peak = float(np.max(np.abs(samples), initial=0.0))
        cycles = np.arange(samples.size) * (self.frequency_hz / rate_hz)
        tone: NDArray[np.float64] = np.sin(2.0 * np.pi * cycles) * (peak * 10.0 ** (-self.snr_db / 20.0))
        return (samples + tone).astype(np.float32)


@dataclass(frozen=True)
class _Samples:
    """A change by a number of samples at one end; at 16 kHz the counts are 6, 31 or 62 ms.

    Attributes:
        count: number of samples.
    """

    COUNTS: ClassVar = (100, 500, 1_000)

    count: int

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw 100, 500 or 1,000 samples."""
        return cls(cls.COUNTS[int(generator.integers(len(cls.COUNTS)))])

    def _refuse_too_short(self, samples: Samples) -> None:
        if samples.size <= self.count:
            raise AudioError(f"{samples.size} samples; more than the {self.count} to be cut away are wanted")


@dataclass(frozen=True)
class ZerosBefore(_Samples):
    """Digital silence before the sound."""

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Add the zeros, ``(n,)`` to ``(count + n,)``.

        Example:
            >>> ZerosBefore(2).apply(np.ones(1, np.float32), 16_000).tolist()
            [0.0, 0.0, 1.0]
        """
        return np.pad(samples, (self.count, 0))


@dataclass(frozen=True)
class ZerosAfter(_Samples):
    """Digital silence after the sound."""

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Add the zeros, ``(n,)`` to ``(n + count,)``.

        Example:
            >>> ZerosAfter(2).apply(np.ones(1, np.float32), 16_000).tolist()
            [1.0, 0.0, 0.0]
        """
        return np.pad(samples, (0, self.count))


@dataclass(frozen=True)
class CropBefore(_Samples):
    """A sound without its first samples."""

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Cut them, ``(n,)`` to ``(n - count,)``.

        Raises:
            AudioError: if nothing would be left.

        Example:
            >>> CropBefore(2).apply(np.arange(5, dtype=np.float32), 16_000).tolist()
            [2.0, 3.0, 4.0]
        """
        self._refuse_too_short(samples)
        return samples[self.count :].copy()


@dataclass(frozen=True)
class CropAfter(_Samples):
    """A sound without its last samples."""

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Cut them, ``(n,)`` to ``(n - count,)``.

        Raises:
            AudioError: if nothing would be left.

        Example:
            >>> CropAfter(2).apply(np.arange(5, dtype=np.float32), 16_000).tolist()
            [0.0, 1.0, 2.0]
        """
        self._refuse_too_short(samples)
        return samples[: -self.count].copy()


@dataclass(frozen=True)
class Clipping:
    """The loudest samples cut flat, as by a recorder with a little too much gain.

    Attributes:
        share: of the samples that are changed, 0 to 1.
    """

    SHARES: ClassVar = (0.001, 0.002, 0.003)

    share: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a share of 0.1, 0.2 or 0.3 %."""
        return cls(_one_of(generator, cls.SHARES))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Limit the samples to the level that this share of them exceeds.

        Example:
            >>> Clipping(0.5).apply(np.array([1.0, -4.0, 2.0, 3.0], np.float32), 16_000).tolist()
            [1.0, -2.0, 2.0, 2.0]
        """
        if not samples.size:
            return samples.copy()
        loudest = samples.size - 1 - min(int(self.share * samples.size), samples.size - 1)
        level = np.partition(np.abs(samples), loudest)[loudest]
        return np.clip(samples, -level, level)


@dataclass(frozen=True)
class Gain:
    """The same sound, louder or quieter; floats have room above full scale, so nothing is clipped.

    Attributes:
        gain_db: how much louder; negative is quieter.
    """

    GAINS_DB: ClassVar = (-2.0, -1.0, 1.0, 2.0)

    gain_db: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw -2, -1, 1 or 2 dB."""
        return cls(_one_of(generator, cls.GAINS_DB))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Multiply.

        Example:
            >>> Gain(20.0).apply(np.array([0.01, -0.5], np.float32), 16_000).round(6).tolist()
            [0.1..., -5.0]
        """
        return samples * np.float32(10.0 ** (self.gain_db / 20.0))


@dataclass(frozen=True)
class HighPass:
    """Rumble removed by a Butterworth filter of order 1: 6 dB an octave.

    Attributes:
        cutoff_hz: where half the power is lost.
    """

    CUTOFFS_HZ: ClassVar = (50.0, 100.0, 150.0)

    cutoff_hz: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw 50, 100 or 150 Hz."""
        return cls(_one_of(generator, cls.CUTOFFS_HZ))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Filter, ``(n,)`` to ``(n,)``."""
        return _filtered(samples, _warped(self.cutoff_hz, rate_hz), numerator=(1.0, -1.0))


@dataclass(frozen=True)
class LowPass:
    """The highest frequencies reduced by a Butterworth filter of order 1.

    Attributes:
        cutoff_hz: where half the power is lost.
    """

    CUTOFFS_HZ: ClassVar = (7_500.0, 7_000.0, 6_500.0)

    cutoff_hz: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw 7,500, 7,000 or 6,500 Hz."""
        return cls(_one_of(generator, cls.CUTOFFS_HZ))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Filter, ``(n,)`` to ``(n,)``."""
        warped = _warped(self.cutoff_hz, rate_hz)
        return _filtered(samples, warped, numerator=(warped, warped))


@dataclass(frozen=True)
class Offset:
    """A constant added to every sample (DC), as cheap sound cards do; it is inaudible.

    Attributes:
        level: what is added; full scale is 1.
    """

    LEVELS: ClassVar = (-0.1, 0.1)

    level: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a tenth of full scale, up or down."""
        return cls(_one_of(generator, cls.LEVELS))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Add it.

        Example:
            >>> Offset(0.5).apply(np.zeros(2, np.float32), 16_000).tolist()
            [0.5, 0.5]
        """
        return samples + np.float32(self.level)


@dataclass(frozen=True)
class TelephoneBand:
    """The band of a telephone line of 8 kHz: nothing above 4 kHz is left."""

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Make the only one there is."""
        return cls()

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Resample to 8 kHz and back, ``(n,)`` to ``(n,)``.

        Example:
            >>> TelephoneBand().apply(np.zeros(16_001, np.float32), 16_000).shape
            (16001,)
        """
        return resample(resample(samples, rate_hz, TELEPHONE_HZ), TELEPHONE_HZ, rate_hz)[: samples.size]


AUGMENTATIONS: Final[Mapping[str, type[Perturbation]]] = MappingProxyType(
    {"noise": Noise, "pitch": Pitch, "stretch": Stretch, "shift": Shift}
)
"""Kinds for augmented copies, by their names in recipes."""

SMALL_CHANGES: Final[Mapping[str, Callable[[np.random.Generator], Perturbation]]] = MappingProxyType(
    {
        "additive tone": Tone.draw,
        "zeros before": ZerosBefore.draw,
        "zeros after": ZerosAfter.draw,
        "clipping": Clipping.draw,
        "crop at the beginning": CropBefore.draw,
        "crop at the end": CropAfter.draw,
        "gain": Gain.draw,
        "high-pass": HighPass.draw,
        "low-pass": LowPass.draw,
        "white noise": Noise.draw_faint,
    }
)
"""How each published small change is drawn, by its name in tables."""


def draw_copies(
    count: int, kinds: Sequence[str], copies: int, generator: np.random.Generator
) -> list[tuple[Perturbation, ...]]:
    """Draw the perturbations of the augmented copies of each clip.

    The copies of one clip are of different kinds, as long as there are enough kinds.

    Args:
        count: number of clips.
        kinds: names out of :data:`AUGMENTATIONS`.
        copies: number of copies of each clip.
        generator: the only source of randomness.

    Returns:
        For each clip a tuple of ``copies`` perturbations, one for each copy.

    Raises:
        RecipeError: if a kind is unknown, or there are copies and no kinds.

    Example:
        >>> drawn = draw_copies(2, ("noise", "pitch"), 2, np.random.default_rng(0))
        >>> [sorted(type(one).__name__ for one in copies) for copies in drawn]
        [['Noise', 'Pitch'], ['Noise', 'Pitch']]
    """
    if unknown := [kind for kind in kinds if kind not in AUGMENTATIONS]:
        raise RecipeError(f"no augmentation is called {unknown[0]!r}; there are {', '.join(AUGMENTATIONS)}")
    if copies and not kinds:
        raise RecipeError(
            f"{copies} augmented copies of each clip, but of no kind; name some of {', '.join(AUGMENTATIONS)}"
        )
    drawn = []
    for _ in range(count):
        order: list[int] = []
        while len(order) < copies:
            order.extend(generator.permutation(len(kinds)).tolist())
        drawn.append(tuple(AUGMENTATIONS[kinds[index]].draw(generator) for index in order[:copies]))
    return drawn


def _warped(cutoff_hz: float, rate_hz: int) -> float:
    """Warp a frequency so that the bilinear transform puts the digital filter's cutoff there."""
    return math.tan(math.pi * cutoff_hz / rate_hz)


def _filtered(samples: Samples, warped: float, *, numerator: tuple[float, float]) -> Samples:
    """Run the filter ``numerator / ((k + 1) + (k - 1) z^-1)`` over a sound at rest, by its exact spectrum.

    The recursion needs a loop over samples, which Python is slow at; the spectrum gives the same, with silence after
    the sound until the response has died away.
    """
    pole = (1.0 - warped) / (1.0 + warped)
    tail = math.ceil(math.log(_NEGLIGIBLE) / math.log(abs(pole))) if pole else 1
    size = 1 << (samples.size + tail).bit_length()
    delay: NDArray[np.complex128] = np.exp(-2j * np.pi * np.fft.rfftfreq(size))  # one sample, at each frequency
    response = (numerator[0] + numerator[1] * delay) / ((1.0 + warped) * (1.0 - pole * delay))
    return np.fft.irfft(np.fft.rfft(samples, size) * response, size)[: samples.size].astype(np.float32)


def _between(generator: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Draw uniformly between two bounds, to six decimals: short and exact in a name."""
    return round(float(generator.uniform(*bounds)), 6)


def _one_of(generator: np.random.Generator, values: tuple[float, ...]) -> float:
    return values[int(generator.integers(len(values)))]
