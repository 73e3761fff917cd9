"""Changes to a sound that hardly anybody hears, and a model's answer must not hang on.

The small changes are those of audEERING's published tests of emotion models, with their parameters
(https://audeering.github.io/ser-tests/, "Robustness Small Changes"); a value is drawn for each clip. The rest is
what else recordings differ in: another level, a constant offset, the band of a telephone. All are defined on sound
of 16 kHz. Each is a value: drawn once, it changes the same sound in the same way ever after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.reader import Samples, resample
from hearfelt.errors import AudioError

__all__ = [
    "RATE_HZ",
    "SMALL_CHANGES",
    "Change",
    "Clipping",
    "CropAfter",
    "CropBefore",
    "Gain",
    "HighPass",
    "LowPass",
    "Offset",
    "TelephoneBand",
    "Tone",
    "WhiteNoise",
    "ZerosAfter",
    "ZerosBefore",
]

RATE_HZ: Final = 16_000
TELEPHONE_HZ: Final = 8_000  # sampling rate, so everything above 4 kHz is lost

_NEGLIGIBLE: Final = 1e-12  # of a filter's response: far below one step of 24-bit sound


class Change(Protocol):
    """What every change can do."""

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw one of the published parameters."""

    def apply(self, samples: Samples) -> Samples:
        """Change a sound of 16 kHz, ``(n,)`` to ``(n,)`` or to another length; the given samples stay as they are."""


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

    def apply(self, samples: Samples) -> Samples:
        """Add the tone; silence stays silent, having no peak to measure it by."""
        peak = float(np.max(np.abs(samples), initial=0.0))
        turns = np.arange(samples.size) * (self.frequency_hz / RATE_HZ)
        tone: NDArray[np.float64] = np.sin(2.0 * np.pi * turns) * (peak * 10.0 ** (-self.snr_db / 20.0))
        return (samples + tone).astype(np.float32)


@dataclass(frozen=True)
class WhiteNoise:
    """Gaussian noise under the voice, hardly heard.

    Attributes:
        snr_db: power of the sound over the power of the noise, in dB.
        seed: which noise it is.
    """

    SNR_DB: ClassVar = (35.0, 40.0, 45.0)

    snr_db: float
    seed: int

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a ratio of 35, 40 or 45 dB."""
        return cls(_one_of(generator, cls.SNR_DB), int(generator.integers(2**32)))

    def apply(self, samples: Samples) -> Samples:
        """Add the noise; silence stays silent, having no power to measure it by."""
        noise = np.random.default_rng(self.seed).standard_normal(samples.size)
        loudness = math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
        noise *= loudness * 10.0 ** (-self.snr_db / 20.0)
        return (samples + noise).astype(np.float32)


@dataclass(frozen=True)
class _Samples:
    """A change by a number of samples at one end: 6, 31 or 62 ms.

    Attributes:
        count: how many samples.
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

    def apply(self, samples: Samples) -> Samples:
        """Put the zeros there, ``(n,)`` to ``(count + n,)``.

        Example:
            >>> ZerosBefore(2).apply(np.ones(1, np.float32)).tolist()
            [0.0, 0.0, 1.0]
        """
        return np.pad(samples, (self.count, 0))


@dataclass(frozen=True)
class ZerosAfter(_Samples):
    """Digital silence after the sound."""

    def apply(self, samples: Samples) -> Samples:
        """Put the zeros there, ``(n,)`` to ``(n + count,)``.

        Example:
            >>> ZerosAfter(2).apply(np.ones(1, np.float32)).tolist()
            [1.0, 0.0, 0.0]
        """
        return np.pad(samples, (0, self.count))


@dataclass(frozen=True)
class CropBefore(_Samples):
    """The beginning is missing."""

    def apply(self, samples: Samples) -> Samples:
        """Cut it away, ``(n,)`` to ``(n - count,)``.

        Raises:
            AudioError: if nothing would be left.

        Example:
            >>> CropBefore(2).apply(np.arange(5, dtype=np.float32)).tolist()
            [2.0, 3.0, 4.0]
        """
        self._refuse_too_short(samples)
        return samples[self.count :].copy()


@dataclass(frozen=True)
class CropAfter(_Samples):
    """The end is missing."""

    def apply(self, samples: Samples) -> Samples:
        """Cut it away, ``(n,)`` to ``(n - count,)``.

        Raises:
            AudioError: if nothing would be left.

        Example:
            >>> CropAfter(2).apply(np.arange(5, dtype=np.float32)).tolist()
            [0.0, 1.0, 2.0]
        """
        self._refuse_too_short(samples)
        return samples[: -self.count].copy()


@dataclass(frozen=True)
class Clipping:
    """The loudest samples are cut flat, as by a recorder turned up a little too far.

    Attributes:
        share: of the samples that are changed, 0 to 1.
    """

    SHARES: ClassVar = (0.001, 0.002, 0.003)

    share: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a share of 0.1, 0.2 or 0.3 %."""
        return cls(_one_of(generator, cls.SHARES))

    def apply(self, samples: Samples) -> Samples:
        """Find the level that so many samples exceed, and hold them there.

        Example:
            >>> Clipping(0.5).apply(np.array([1.0, -4.0, 2.0, 3.0], np.float32)).tolist()
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

    def apply(self, samples: Samples) -> Samples:
        """Multiply.

        Example:
            >>> Gain(20.0).apply(np.array([0.01, -0.5], np.float32)).round(6).tolist()
            [0.1..., -5.0]
        """
        return samples * np.float32(10.0 ** (self.gain_db / 20.0))


@dataclass(frozen=True)
class HighPass:
    """Rumble taken away by a Butterworth filter of order 1: 6 dB an octave.

    Attributes:
        cutoff_hz: where half the power is lost.
    """

    CUTOFFS_HZ: ClassVar = (50.0, 100.0, 150.0)

    cutoff_hz: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw 50, 100 or 150 Hz."""
        return cls(_one_of(generator, cls.CUTOFFS_HZ))

    def apply(self, samples: Samples) -> Samples:
        """Filter, ``(n,)`` to ``(n,)``."""
        return _filtered(samples, self.cutoff_hz, numerator=(1.0, -1.0))


@dataclass(frozen=True)
class LowPass:
    """The highest frequencies softened by a Butterworth filter of order 1.

    Attributes:
        cutoff_hz: where half the power is lost.
    """

    CUTOFFS_HZ: ClassVar = (7_500.0, 7_000.0, 6_500.0)

    cutoff_hz: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw 7,500, 7,000 or 6,500 Hz."""
        return cls(_one_of(generator, cls.CUTOFFS_HZ))

    def apply(self, samples: Samples) -> Samples:
        """Filter, ``(n,)`` to ``(n,)``."""
        warped = _warped(self.cutoff_hz)
        return _filtered(samples, self.cutoff_hz, numerator=(warped, warped))


@dataclass(frozen=True)
class Offset:
    """A constant added to every sample (DC), as cheap sound cards do; nobody hears it.

    Attributes:
        level: what is added; full scale is 1.
    """

    LEVELS: ClassVar = (-0.1, 0.1)

    level: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a tenth of full scale, up or down."""
        return cls(_one_of(generator, cls.LEVELS))

    def apply(self, samples: Samples) -> Samples:
        """Add it.

        Example:
            >>> Offset(0.5).apply(np.zeros(2, np.float32)).tolist()
            [0.5, 0.5]
        """
        return samples + np.float32(self.level)


@dataclass(frozen=True)
class TelephoneBand:
    """The sound as a telephone of 8 kHz carries it: nothing above 4 kHz is left."""

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Make the only one there is."""
        return cls()

    def apply(self, samples: Samples) -> Samples:
        """Resample to 8 kHz and back, ``(n,)`` to ``(n,)``.

        Example:
            >>> TelephoneBand().apply(np.zeros(16_001, np.float32)).shape
            (16001,)
        """
        return resample(resample(samples, RATE_HZ, TELEPHONE_HZ), TELEPHONE_HZ, RATE_HZ)[: samples.size]


SMALL_CHANGES: Final[Mapping[str, type[Change]]] = MappingProxyType(
    {
        "additive tone": Tone,
        "zeros before": ZerosBefore,
        "zeros after": ZerosAfter,
        "clipping": Clipping,
        "crop at the beginning": CropBefore,
        "crop at the end": CropAfter,
        "gain": Gain,
        "high-pass": HighPass,
        "low-pass": LowPass,
        "white noise": WhiteNoise,
    }
)
"""The published ones, by the name that tables give them."""


def _warped(cutoff_hz: float) -> float:
    """Where the bilinear transform has to aim so that the digital filter's cutoff is right."""
    return math.tan(math.pi * cutoff_hz / RATE_HZ)


def _filtered(samples: Samples, cutoff_hz: float, *, numerator: tuple[float, float]) -> Samples:
    """Run the filter ``numerator / ((k + 1) + (k - 1) z^-1)`` over a sound at rest, by its exact spectrum.

    The recursion needs a loop over samples, which Python is slow at; the spectrum says the same, given silence
    after the sound until the response has died away.
    """
    warped = _warped(cutoff_hz)
    pole = (1.0 - warped) / (1.0 + warped)
    tail = math.ceil(math.log(_NEGLIGIBLE) / math.log(abs(pole))) if pole else 1
    size = 1 << (samples.size + tail).bit_length()
    delay: NDArray[np.complex128] = np.exp(-2j * np.pi * np.fft.rfftfreq(size))  # one sample, at each frequency
    response = (numerator[0] + numerator[1] * delay) / ((1.0 + warped) * (1.0 - pole * delay))
    return np.fft.irfft(np.fft.rfft(samples, size) * response, size)[: samples.size].astype(np.float32)


def _one_of(generator: np.random.Generator, values: tuple[float, ...]) -> float:
    return values[int(generator.integers(len(values)))]
