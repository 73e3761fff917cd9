"""Find out whether there is speech in a sound, at its loudest parts first, to cost next to nothing.

Speech has to meet two criteria. A voice-activity network (Silero VAD) detects it; and the spectrum changes from one
tenth of a second to the next, as syllables make it change at 2 to 8 Hz (Houtgast and Steeneken 1985; Scheirer and
Slaney 1997 tell speech from music by it). The network alone mistakes hums and dial tones for endless vowels.

Only for model files that do not detect speech themselves; timelines have their own voice activity.
"""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Samples
from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.timeline.voice_activity import CHUNK, new_detector
from hearfelt.inference.windowing import QUIETER_DB, RATE_HZ

__all__ = ["LIMITS", "LITTLE_SHARE", "Limits", "SpeechCheck", "prepare", "speech_warnings"]

Floats = npt.NDArray[np.float64]

LEAST_CHUNKS: Final = 3  # 0.1 s; with fewer voiced chunks there is no speech
ENOUGH_CHUNKS: Final = 5  # 0.16 s; with fewer it is little speech; with as many no more is checked
LITTLE_SHARE: Final = 0.2  # of the sound; with speech in less of it, the prediction is mostly about something else

_STRETCH: Final = 5 * RATE_HZ  # checked at once
_SECOND: Final = RATE_HZ // CHUNK  # chunks
_FRAME: Final = RATE_HZ // 10  # samples; whole cycles of mains hum, 50 Hz and 60 Hz
_EDGES_HZ: Final = (50, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700,
                    4400, 5300, 6400, 7700)  # fmt: skip  # Zwicker's critical bands (1961)
_WINDOW: Final = np.hanning(_FRAME).astype(np.float32)
_EDGES: Final = np.array(_EDGES_HZ) * _FRAME // RATE_HZ
_SHORT_LESS: Final = 0.1  # probability
_LOUD: Final = 0.3  # the loudest chunk is brought to this, -10 dB of full scale; the network misses quiet voices
_MOST_GAIN: Final = 300.0  # 50 dB
_SILENT_CHUNKS: Final = 8  # the network gets 0.26 s of silence first, or it misses words that begin at once ...
_TAIL: Final = 4 * CHUNK  # ... and 0.13 s after a short sound, since it detects a voice late


@dataclass(frozen=True)
class Limits:
    """When a chunk of 32 ms is voiced.

    Attributes:
        voiced_at: the network's probability, at least; in a sound of less than 1 s 0.1 less, since it was trained on
            whole sentences.
        steady: by which share the spectrum has to change from one tenth of a second to the next, at least.
    """

    voiced_at: float
    steady: float


LIMITS: Final = Limits(voiced_at=0.8, steady=0.1)
"""Chosen by ``tools/choose_no_speech.py`` on clips of the shipped models' training speakers and half of the noises;
RAVDESS actors 06, 13, 17 and 22 had no part in it."""


@dataclass(frozen=True)
class _Stretch:
    """The result for one stretch: its length, the power of its loudest chunk, and the number of voiced chunks."""

    duration_s: float
    power: float
    voiced: int


class SpeechCheck:
    """Detects speech in a sound, stretch after stretch of up to 5 s; memory does not grow with the sound.

    In each stretch the loudest second is checked first, only until enough speech was found in it. The rest of the
    stretch is checked only if there was not enough anywhere before. A pause, 40 dB below the loudest, is not checked.

    Args:
        limits: when a chunk is voiced.

    Example:
        >>> check = SpeechCheck()
        >>> check.add(np.sin(np.arange(16_000) / 20).astype(np.float32))
        >>> [warning.code for warning in check.warnings()]
        ['no_speech']
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._stretches: list[_Stretch] = []
        self._loudest = 0.0

    def add(self, block: Samples) -> None:
        """Add the next block: ``(n,)`` at 16 kHz."""
        for part in np.array_split(block, math.ceil(len(block) / _STRETCH)):
            chunks = _chunks(part)
            powers = np.einsum("cs,cs->c", chunks, chunks) / CHUNK  # (chunks,)
            power = float(powers.max())
            self._loudest = max(self._loudest, power)
            voiced = 0 if self._is_pause(power) else self._voiced(chunks, powers, is_short=len(part) < RATE_HZ)
            self._stretches.append(_Stretch(len(part) / RATE_HZ, power, voiced))

    def warnings(self) -> tuple[SoundWarning, ...]:
        """Give the warnings: ``no_speech``, ``little_speech``, or none."""
        counted = [one for one in self._stretches if not self._is_pause(one.power)]
        duration_s = sum(one.duration_s for one in counted)
        if all(one.voiced < LEAST_CHUNKS for one in counted):
            return speech_warnings(0.0, duration_s)
        if sum(one.voiced for one in counted) < ENOUGH_CHUNKS:
            speech_s = sum(one.voiced for one in counted) * CHUNK / RATE_HZ
            return (_little(speech_s, duration_s),)
        return speech_warnings(sum(one.duration_s for one in counted if one.voiced >= LEAST_CHUNKS), duration_s)

    def _is_pause(self, power: float) -> bool:
        return power < self._loudest * 10 ** (-QUIETER_DB / 10)

    def _voiced(self, chunks: Samples, powers: Floats, *, is_short: bool) -> int:
        gain = min(_LOUD / math.sqrt(max(float(powers.max()), 1e-14)), _MOST_GAIN)
        least = self._limits.voiced_at - (_SHORT_LESS if is_short else 0)
        first = _loudest_second(powers)
        second = chunks[first : first + _SECOND] * np.float32(gain)
        voiced = self._count(second, least)
        if voiced >= ENOUGH_CHUNKS or sum(one.voiced for one in self._stretches) >= ENOUGH_CHUNKS:
            return voiced
        return max(voiced, self._count(chunks * np.float32(gain), least))

    def _count(self, chunks: Samples, least: float) -> int:
        """Count chunks of at least this probability that are not steady, at most as many as are enough."""
        may_count = ~_steady(chunks, self._limits.steady)
        if not may_count.any():
            return 0
        detector = copy.copy(_rested_detector())  # its state is replaced and never changed, so a copy is a new stream
        voiced = 0
        for chunk, counts in zip(chunks, may_count, strict=True):
            voiced += bool(detector.process_array(chunk) >= least and counts)
            if voiced == ENOUGH_CHUNKS:
                break
        return voiced


def speech_warnings(speech_s: float, duration_s: float) -> tuple[SoundWarning, ...]:
    """Warn if there is no speech, or little.

    Args:
        speech_s: seconds of speech.
        duration_s: seconds of sound.

    Example:
        >>> [warning.code for warning in speech_warnings(2.0, 60.0)]
        ['little_speech']
    """
    if not speech_s:
        return (SoundWarning("no_speech", "no speech was found", {"speech_s": 0.0}),)
    return (_little(speech_s, duration_s),) if speech_s < LITTLE_SHARE * duration_s else ()


def _little(speech_s: float, duration_s: float) -> SoundWarning:
    text = f"little speech was found, in {speech_s:.1f} s of {duration_s:.1f} s"
    return SoundWarning("little_speech", text, {"speech_s": round(speech_s, 3)})


def _chunks(samples: Samples) -> Samples:
    """Divide a stretch, less its mean, into chunks, the last one filled up with silence: ``(chunks, 512)``."""
    silence = -len(samples) % CHUNK + (_TAIL if len(samples) < RATE_HZ else 0)
    chunks = np.zeros(len(samples) + silence, np.float32)
    np.subtract(samples, samples.mean(), out=chunks[: len(samples)])
    return chunks.reshape(-1, CHUNK)


def _loudest_second(powers: Floats) -> int:
    """Give the first chunk of the loudest second."""
    if len(powers) <= _SECOND:
        return 0
    sums = np.cumsum(np.concatenate([[0.0], powers]))
    return int(np.argmax(sums[_SECOND:] - sums[:-_SECOND]))


def _steady(chunks: Samples, limit: float) -> npt.NDArray[np.bool_]:
    """Find the chunks around which, half a second to either side, the spectrum mostly stays as it is.

    Args:
        chunks: ``(chunks, 512)`` one after another.
        limit: the least change.

    Returns:
        ``(chunks,)``; all False where there are less than 0.2 s.
    """
    samples = chunks.reshape(-1)
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if len(frames) < 2:
        return np.zeros(len(chunks), bool)
    changes = _spectral_changes(frames)
    width = min(len(changes), _SECOND * CHUNK // _FRAME)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(changes, width), axis=1)
    nearest = (np.arange(len(chunks)) + 0.5) * CHUNK / _FRAME - 1  # change
    windows = np.clip(np.round(nearest - (width - 1) / 2).astype(int), 0, len(medians) - 1)
    steady: npt.NDArray[np.bool_] = medians[windows] < limit
    return steady


def _spectral_changes(frames: Samples) -> Floats:
    """Measure how much the amplitudes of the critical bands change from frame to frame: 0 not at all, 1 completely."""
    powers = np.abs(np.fft.rfft(frames * _WINDOW, axis=1)) ** 2
    bands = np.sqrt(np.add.reduceat(powers, _EDGES, axis=1)[:, :-1])
    changes: Floats = np.abs(np.diff(bands, axis=0)).sum(axis=1) / (bands[1:] + bands[:-1]).sum(axis=1).clip(1e-9)
    return changes


def prepare() -> None:
    """Load the voice-activity network now, because the first sound may have to do with little memory."""
    _rested_detector()


@functools.cache
def _rested_detector() -> Any:
    detector = new_detector()
    for _ in range(_SILENT_CHUNKS):
        detector.process_array(np.zeros(CHUNK, np.float32))
    return detector
