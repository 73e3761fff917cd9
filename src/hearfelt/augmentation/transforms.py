"""Small changes to a sound that leave its emotion as it is: noise, pitch, stretch and shift.

Each augmentation is a value: drawn once from a random generator, it changes the same sound in the same way
ever after, and its ``repr`` names it in caches and logs. The bounds are the student project's, with its
stretch of 0.07 (fourteen times slower) put right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Protocol, Self

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hearfelt.errors import RecipeError

__all__ = ["KINDS", "Augmentation", "Noise", "Pitch", "Shift", "Stretch", "draw_copies", "time_stretched"]

Samples = NDArray[np.float32]

_OVERLAP: Final = 4  # frames that cover each sample
_LEAST_LOUDNESS: Final = 1e-10  # far below one step of 24-bit sound
_FRAME_S: Final = 2048 / 22_050  # 93 ms: long enough to tell two harmonics of a low voice apart


class Augmentation(Protocol):
    """What every augmentation can do."""

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw one within the bounds of its kind."""

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Change a sound, ``(n,)`` to ``(n,)`` or to another length; the given samples stay as they are."""


@dataclass(frozen=True)
class Noise:
    """White noise under the voice.

    Attributes:
        snr_db: power of the sound over the power of the noise, in dB.
        seed: which noise it is.
    """

    SNR_DB: ClassVar = (15.0, 30.0)

    snr_db: float
    seed: int

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a ratio between 15 dB (a busy room) and 30 dB (hardly heard), evenly in dB."""
        return cls(_between(generator, cls.SNR_DB), int(generator.integers(2**32)))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Add the noise; silence stays silent, having no power to measure it by.

        Example:
            >>> Noise(20.0, seed=1).apply(np.zeros(4, dtype=np.float32), 16_000).tolist()
            [0.0, 0.0, 0.0, 0.0]
        """
        noise = np.random.default_rng(self.seed).standard_normal(samples.size, dtype=np.float32)
        noise *= np.float32(_loudness(samples) * 10.0 ** (-self.snr_db / 20.0))
        noise += samples
        return noise


@dataclass(frozen=True)
class Pitch:
    """The same words at the same pace in a higher or deeper voice.

    Attributes:
        semitones: how much higher; negative is deeper.
    """

    SEMITONES: ClassVar = (-1.0, 1.0)

    semitones: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a change of at most one semitone either way, evenly: 6 %, which a speaker's mood exceeds."""
        return cls(_between(generator, cls.SEMITONES))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Stretch the sound and play it faster by the same factor; the length stays.

        Example:
            >>> Pitch(1.0).apply(np.zeros(8_000, dtype=np.float32), 16_000).shape
            (8000,)
        """
        factor = 2.0 ** (self.semitones / 12.0)
        slower = time_stretched(samples, rate_hz, rate=1.0 / factor)
        faster = soxr.resample(slower, rate_hz * factor, float(rate_hz), quality="HQ")
        return _of_length(faster.astype(np.float32, copy=False), samples.size)


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
        """Change the pace and not the pitch: ``(n,)`` to ``(round(n / rate),)``.

        Example:
            >>> Stretch(1.25).apply(np.zeros(10_000, dtype=np.float32), 16_000).shape
            (8000,)
        """
        return time_stretched(samples, rate_hz, rate=self.rate)


@dataclass(frozen=True)
class Shift:
    """The same sound a little earlier or later, in a circle: what leaves at one end comes in at the other.

    Attributes:
        seconds: how much later; negative is earlier.
    """

    SECONDS: ClassVar = (-0.2, 0.2)

    seconds: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw a shift of at most 0.2 s either way, evenly."""
        return cls(_between(generator, cls.SECONDS))

    def apply(self, samples: Samples, rate_hz: int) -> Samples:
        """Turn the sound in its circle, ``(n,)`` to ``(n,)``; nothing is lost and no silence comes in.

        Example:
            >>> Shift(0.1).apply(np.arange(4, dtype=np.float32), 10).tolist()
            [3.0, 0.0, 1.0, 2.0]
        """
        return np.roll(samples, round(self.seconds * rate_hz))


KINDS: Final[Mapping[str, type[Augmentation]]] = MappingProxyType(
    {"noise": Noise, "pitch": Pitch, "stretch": Stretch, "shift": Shift}
)


def draw_copies(
    count: int, kinds: Sequence[str], copies: int, generator: np.random.Generator
) -> list[tuple[Augmentation, ...]]:
    """Draw the augmentations of the changed copies of each clip.

    The copies of one clip are of different kinds, as long as there are enough kinds.

    Args:
        count: number of clips.
        kinds: names out of :data:`KINDS`.
        copies: changed copies of each clip.
        generator: the one source of randomness.

    Returns:
        For each clip a tuple of ``copies`` augmentations, one for each copy.

    Raises:
        RecipeError: if a kind is unknown, or copies are wanted of no kind at all.

    Example:
        >>> drawn = draw_copies(2, ("noise", "pitch"), 2, np.random.default_rng(0))
        >>> [sorted(type(one).__name__ for one in copies) for copies in drawn]
        [['Noise', 'Pitch'], ['Noise', 'Pitch']]
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise RecipeError(f"no augmentation is called {unknown[0]!r}; there are {', '.join(KINDS)}")
    if copies and not kinds:
        raise RecipeError(f"{copies} changed copies of each clip, but of no kind; name some of {', '.join(KINDS)}")
    drawn = []
    for _ in range(count):
        order: list[int] = []
        while len(order) < copies:
            order.extend(generator.permutation(len(kinds)).tolist())
        drawn.append(tuple(KINDS[kinds[place]].draw(generator) for place in order[:copies]))
    return drawn


def time_stretched(samples: Samples, rate_hz: int, *, rate: float) -> Samples:
    """Change the pace of a sound and leave its pitch, with a phase vocoder.

    Frames are read at another pace than they are written, and each frequency turns by as much from frame to
    frame as it does in the sound (Flanagan and Golden, "Phase vocoder", 1966). Neighbouring frequencies fall
    out of step by that, which costs speech about 3 dB: the loudness is put back, or a network could learn that
    changed copies are the quiet ones.

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
    places = np.arange(written) * rate  # where each written frame is read, in frames of the sound
    first = places.astype(np.intp)
    spectrum = _spectrum(samples, window, hop, int(first[-1]) + 2)  # (n,) -> (frames, bins)
    magnitudes = np.abs(spectrum)
    share = (places - first).astype(np.float32)[:, None]
    loudness = magnitudes[first] * (1 - share) + magnitudes[first + 1] * share
    phases = spectrum / np.maximum(magnitudes, np.finfo(np.float32).tiny)  # on the unit circle; 0 in silence
    phases[magnitudes == 0.0] = 1.0
    steps = phases[1:] * phases[:-1].conj()  # how far each frequency turns within a hop
    turned: NDArray[np.complex64] = np.multiply.accumulate(np.concatenate((phases[:1], steps[first[:-1]])))
    stretched = _overlapped(turned * loudness, window, hop, length)
    stretched *= np.float32(_loudness(samples) / max(_loudness(stretched), _LEAST_LOUDNESS))
    return stretched


def _spectrum(samples: Samples, window: Samples, hop: int, frames: int) -> NDArray[np.complex64]:
    """Transform centred frames, silence around the sound, ``(n,)`` to ``(frames, bins)``."""
    padded = np.zeros((frames + _OVERLAP) * hop, dtype=np.float32)
    known = samples[: padded.size - window.size // 2]
    padded[window.size // 2 : window.size // 2 + known.size] = known
    cut = sliding_window_view(padded, window.size)[::hop][:frames]
    return np.fft.rfft(cut * window).astype(np.complex64, copy=False)


def _overlapped(spectrum: NDArray[np.complex64], window: Samples, hop: int, length: int) -> Samples:
    """Lay frames over each other where they were centred, ``(frames, bins)`` to ``(length,)``."""
    frames = np.fft.irfft(spectrum, window.size) * window  # (frames, bins) -> (frames, samples)
    hops = len(frames) + _OVERLAP - 1
    sound = np.zeros((hops, hop), dtype=np.float32)
    weight = np.zeros((hops, hop), dtype=np.float32)
    for part in range(_OVERLAP):
        inside = slice(part * hop, (part + 1) * hop)
        sound[part : part + len(frames)] += frames[:, inside]
        weight[part : part + len(frames)] += np.square(window[inside])
    sound /= np.maximum(weight, np.float32(1e-3))  # 1.5 within the sound, less in the first and last frame
    return _of_length(sound.ravel()[window.size // 2 :], length)


def _loudness(samples: Samples) -> float:
    """The root mean square of a sound."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _of_length(samples: Samples, length: int) -> Samples:
    """Cut sound to a length, or let silence follow it."""
    if samples.size >= length:
        return np.ascontiguousarray(samples[:length])
    return np.pad(samples, (0, length - samples.size))


def _between(generator: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Draw evenly between two bounds, to six decimals: a name that is short and exact."""
    return round(float(generator.uniform(*bounds)), 6)
