"""The 162 classic features of a clip: chroma, MFCC, zero-crossing rate, mel spectrum and loudness.

These are the features of the student project that hearfelt began as, each averaged over the clip: the same numbers as
librosa 0.11 gives, from one shared spectrogram.

Only a part of a clip is measured: 2.5 s from 0.6 s on, because RAVDESS clips begin and end with silence.
A clip shorter than 1.6 s would leave less than a second, or nothing: there the start slides back until
1 s remains, or the whole clip where it is shorter than that. For every clip of at least 1.6 s the rule is
the student's own.

Silence has features too, all finite: zeros, and for the MFCC the floor of -100 dB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.reader import Samples, resample
from hearfelt.errors import AudioError
from hearfelt.features.spectrum import (
    MEL_BANDS,
    NOTES,
    frame_chroma,
    frame_magnitudes,
    frame_rms,
    mel_power,
    power_to_db,
    zero_crossing_rates,
)

__all__ = [
    "FEATURE_NAMES",
    "GROUPS",
    "RATE_HZ",
    "SEED_WINDOW",
    "Window",
    "classic_features",
    "measured_part",
]

RATE_HZ: Final = 22_050
COEFFICIENTS: Final = 20

GROUPS: Final = MappingProxyType(
    {
        "chroma": slice(0, 12),
        "mfcc": slice(12, 32),
        "zero_crossing_rate": slice(32, 33),
        "mel": slice(33, 161),
        "rms": slice(161, 162),
    }
)

FEATURE_NAMES: Final[tuple[str, ...]] = (
    *(f"chroma_{note.replace('#', '_sharp').lower()}" for note in NOTES),
    *(f"mfcc_{number:02d}" for number in range(1, COEFFICIENTS + 1)),
    "zero_crossing_rate",
    *(f"mel_{number:03d}" for number in range(1, MEL_BANDS + 1)),
    "rms",
)


@dataclass(frozen=True)
class Window:
    """The part of a clip that is measured.

    Attributes:
        offset_s: where it begins, if enough of the clip is left after it.
        duration_s: how long it is at most.
        least_s: least length; in a shorter clip the part begins earlier.
    """

    offset_s: float
    duration_s: float
    least_s: float

    @property
    def end_s(self) -> float:
        """End of the part, in a clip that is long enough."""
        return self.offset_s + self.duration_s

    def cut(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """Take the part out of a whole clip, ``(n,)`` to at most ``duration_s`` of it.

        Example:
            >>> clip = np.arange(40, dtype=np.float32)  # 4 s at 10 Hz
            >>> SEED_WINDOW.cut(clip, 10)[[0, -1]].tolist()
            [6.0, 30.0]
            >>> SEED_WINDOW.cut(clip[:13], 10)[[0, -1]].tolist()  # 1.3 s: from 0.3 s on
            [3.0, 12.0]
        """
        latest = max(0, samples.size - int(self.least_s * rate_hz))
        start = min(int(self.offset_s * rate_hz), latest)
        return samples[start : start + int(self.duration_s * rate_hz)]

    def head(self, parts: Iterable[Samples], rate_hz: int) -> Samples:
        """Keep the beginning of a sound that comes in parts, as much as :meth:`cut` needs."""
        kept, wanted = [np.zeros(0, np.float32)], int(self.end_s * rate_hz) + 1
        for part in parts:  # read to the end, because an error may come late
            if wanted > 0:
                kept.append(part[:wanted])
                wanted -= len(part)
        return np.concatenate(kept)


SEED_WINDOW: Final = Window(offset_s=0.6, duration_s=2.5, least_s=1.0)


def measured_part(
    samples: NDArray[np.float32], rate_hz: int, *, window: Window | None = SEED_WINDOW
) -> NDArray[np.float32]:
    """Cut a clip to the part that is measured and bring it to 22,050 Hz.

    Cutting comes first, as librosa does it: only the part is resampled.

    Args:
        samples: mono sound, ``(n,)``.
        rate_hz: its sampling rate.
        window: the part; ``None`` for all of it.

    Returns:
        ``(n,)`` at 22,050 Hz.

    Raises:
        AudioError: if the samples are not mono, or none are left.

    Example:
        >>> measured_part(np.zeros(4 * 48_000, dtype=np.float32), 48_000).shape  # 2.5 s
        (55125,)
    """
    if samples.ndim != 1 or not samples.size:
        raise AudioError(f"samples of shape {samples.shape}; the features need mono sound of shape (n,)")
    part = samples if window is None else window.cut(samples, rate_hz)
    return resample(np.ascontiguousarray(part, dtype=np.float32), rate_hz, RATE_HZ)


def classic_features(
    samples: NDArray[np.float32], rate_hz: int, *, window: Window | None = SEED_WINDOW
) -> NDArray[np.float32]:
    """Measure the 162 classic features of a clip.

    They equal those of the student project within 1e-4 of the larger of the value and the feature's
    deviation over RAVDESS. The chroma is of the magnitude and not the power spectrum, as it was there.

    Args:
        samples: mono sound, ``(n,)``, full scale is 1.
        rate_hz: its sampling rate.
        window: the part to measure; ``None`` for all of it.

    Returns:
        Features in the order of :data:`FEATURE_NAMES`, ``(162,)``.

    Raises:
        AudioError: if the samples are not mono, none are left, or some are not finite.

    Example:
        >>> tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 22_050).astype(np.float32)
        >>> features = classic_features(tone, 22_050)
        >>> features.shape
        (162,)
        >>> FEATURE_NAMES[features[GROUPS["chroma"]].argmax()]
        'chroma_a'
    """
    part = measured_part(samples, rate_hz, window=window)
    magnitudes = frame_magnitudes(part)  # (n,) -> (frames, bins)
    mel = mel_power(magnitudes, RATE_HZ)  # (frames, bins) -> (frames, bands)
    features: NDArray[np.float32] = np.concatenate(
        (
            frame_chroma(magnitudes, RATE_HZ).mean(axis=0),
            _cosines() @ power_to_db(mel).mean(axis=0),  # the mean of the transforms is the transform of the mean
            zero_crossing_rates(part).mean(keepdims=True),
            mel.mean(axis=0),
            frame_rms(part).mean(keepdims=True),
        )
    )
    if not np.isfinite(features).all():
        raise AudioError("some samples are not finite or far beyond full scale; each has to be between -1 and 1")
    return features


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float32]:
    """The orthonormal cosine transform (DCT-II) from mel bands to MFCC, ``(coefficients, bands)``."""
    order = np.arange(COEFFICIENTS)[:, None]
    bands = np.arange(MEL_BANDS)
    cosines = np.sqrt(2.0 / MEL_BANDS) * np.cos(np.pi * order * (2 * bands + 1) / (2 * MEL_BANDS))
    cosines[0] /= np.sqrt(2.0)
    return np.asarray(cosines, dtype=np.float32)
