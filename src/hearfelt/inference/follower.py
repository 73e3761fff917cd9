"""The one machine behind timelines and streams: sound at 16 kHz goes in, block by block, and moments come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio import Samples
from hearfelt.inference.blocks import RATE_HZ
from hearfelt.inference.moments import Moment, Now
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.smoothing import Smoother
from hearfelt.inference.voice import CHUNK, Speech, SpeechFinder, VoiceActivity

__all__ = ["LOOK_AHEAD_S", "NOW_EVERY_S", "NOW_WINDOW_S", "WINDOW_S", "Follower"]

Floats = npt.NDArray[np.float64]

LOOK_AHEAD_S: Final = 2.0
WINDOW_S: Final = 4.0
HOP_S: Final = 1.0
STEP_S: Final = 0.5
NOW_EVERY_S: Final = 0.5
NOW_WINDOW_S: Final = 2.0
LONGEST_S: Final = 30.0

_LOOK_AHEAD, _WINDOW, _HOP = (round(one * RATE_HZ) for one in (LOOK_AHEAD_S, WINDOW_S, HOP_S))
_STEP, _NOW_EVERY, _NOW_WINDOW = (round(one * RATE_HZ) for one in (STEP_S, NOW_EVERY_S, NOW_WINDOW_S))
_LONGEST: Final = round(LONGEST_S * RATE_HZ)
_SHORTEST_WINDOW: Final = RATE_HZ // 4  # 0.25 s
_KEPT: Final = _WINDOW + _LOOK_AHEAD  # no window begins earlier than that before the present


class Follower:
    """Follows one sound.

    Args:
        answer: gives the log-probabilities ``(labels,)`` of a window of samples ``(n,)`` at 16 kHz.
        predict: makes a prediction of probabilities ``(labels,)`` and a duration in seconds.
        labels: how many there are.
        with_now: whether the present is told as well, every 0.5 s.
    """

    def __init__(
        self,
        answer: Callable[[Samples], Floats],
        predict: Callable[[Floats, float], Prediction],
        labels: int,
        *,
        with_now: bool = False,
    ) -> None:
        self._answer, self._predict, self._labels, self._with_now = answer, predict, labels, with_now
        self._voice, self._finder = VoiceActivity(), SpeechFinder()
        self._rest: Samples = np.zeros(0, np.float32)  # less than a chunk
        self._recent = _Recent()
        self._followed: _Followed | None = None

    def feed(self, samples: Samples) -> list[Moment | Now]:
        """Take the next samples, as many as there are: ``(n,)`` float32 at 16 kHz."""
        given = np.concatenate([self._rest, samples])
        whole = len(given) - len(given) % CHUNK
        told: list[Moment | Now] = []
        for start in range(0, whole, CHUNK):
            told += self._hear(given[start : start + CHUNK])
        self._rest = given[whole:].copy()
        return told

    def finish(self) -> list[Moment | Now]:
        """Say that the sound has ended."""
        told: list[Moment | Now] = []
        length = self._recent.heard + len(self._rest)
        if len(self._rest):
            told += self._hear(np.pad(self._rest, (0, CHUNK - len(self._rest))), length)
            self._rest = self._rest[:0]
        ended = self._finder.finish()
        if ended is not None:
            told += self._ended(Speech(ended.start, min(ended.end, length), ended.is_certain))
        return told

    def _hear(self, chunk: Samples, length: int | None = None) -> list[Moment | Now]:
        before = self._recent.heard
        self._recent.add(chunk)
        present = self._recent.heard if length is None else length
        ended = self._finder.hear(self._voice.hear(chunk))
        told: list[Moment | Now] = []
        if ended is not None:
            told += self._ended(Speech(ended.start, min(ended.end, present), ended.is_certain))
        speech = self._finder.speech
        if speech is not None and speech.is_certain:
            if self._followed is None:
                self._followed = _Followed(speech.start, self._labels)
            told += self._follow(self._followed, speech, present)
            if self._with_now and present // _NOW_EVERY > before // _NOW_EVERY:
                told += self._tell_now(speech, present - present % _NOW_EVERY)
        return told

    def _follow(self, followed: _Followed, speech: Speech, present: int) -> list[Moment]:
        """Ask for the windows that are due, and settle the steps whose look-ahead is over."""
        told: list[Moment] = []
        while followed.next_window <= present:
            told += self._settled(followed, followed.next_window - 1)
            self._ask(followed, min(followed.next_window, speech.end))
            followed.next_window += _HOP
        return told + self._settled(followed, present)

    def _ended(self, speech: Speech) -> list[Moment]:
        followed, self._followed = self._followed, None
        if not speech.is_certain:
            return []
        if followed is None:
            followed = _Followed(speech.start, self._labels)
        self._ask(followed, speech.end)
        told: list[Moment] = []
        while followed.next_step < speech.end:
            told += self._add(followed, followed.smoother.settle(), min(followed.next_step + _STEP, speech.end))
        return told + self._close(followed)

    def _settled(self, followed: _Followed, until: int) -> list[Moment]:
        told: list[Moment] = []
        while followed.next_step + _LOOK_AHEAD <= until:
            told += self._add(followed, followed.smoother.settle(), followed.next_step + _STEP)
        return told

    def _ask(self, followed: _Followed, end: int) -> None:
        if end <= followed.asked_until:
            return
        start = max(followed.start, end - _WINDOW)
        followed.asked_until = end
        first = (start - followed.next_step) // _STEP
        last = -((followed.next_step - end) // _STEP)
        if last > 0:
            followed.smoother.see(self._answer(self._recent.between(start, end)), range(first, last))

    def _add(self, followed: _Followed, probabilities: Floats, end: int) -> list[Moment]:
        """Put one settled step to the moment that goes on, or begin another."""
        told: list[Moment] = []
        label = int(np.argmax(probabilities))
        if followed.label != label or end - followed.moment_start > _LONGEST:
            told = self._close(followed)
            followed.label, followed.moment_start = label, followed.next_step
            followed.sum = np.zeros(self._labels)
        followed.sum += probabilities * (end - followed.next_step)
        followed.next_step = end
        return told

    def _close(self, followed: _Followed) -> list[Moment]:
        if followed.label is None:
            return []
        start_s, end_s = followed.moment_start / RATE_HZ, followed.next_step / RATE_HZ
        return [Moment(start_s, end_s, self._predict(followed.sum / followed.sum.sum(), end_s - start_s))]

    def _tell_now(self, speech: Speech, present: int) -> list[Now]:
        end = min(present, speech.end)
        start = max(speech.start, end - _NOW_WINDOW)
        if end - start < _SHORTEST_WINDOW:
            return []
        probabilities = np.exp(self._answer(self._recent.between(start, end)))
        return [Now(start / RATE_HZ, end / RATE_HZ, self._predict(probabilities, (end - start) / RATE_HZ))]


class _Recent:
    """The last seconds of the sound, by their place in the whole.

    Attributes:
        heard: how many samples have gone by.
    """

    def __init__(self) -> None:
        self.heard = 0
        self._held: Samples = np.zeros(4 * _KEPT, np.float32)
        self._end = 0

    def add(self, chunk: Samples) -> None:
        if self._end + len(chunk) > len(self._held):
            self._held[:_KEPT] = self._held[self._end - _KEPT : self._end]
            self._end = _KEPT
        self._held[self._end : self._end + len(chunk)] = chunk
        self._end += len(chunk)
        self.heard += len(chunk)

    def between(self, start: int, end: int) -> Samples:
        offset = self._end - self.heard
        return self._held[start + offset : end + offset]


class _Followed:
    """Where one stretch of speech stands."""

    def __init__(self, start: int, labels: int) -> None:
        self.start = start
        self.smoother = Smoother(labels)
        self.next_window = start + _LOOK_AHEAD  # earlier nothing is settled, and nothing need be asked
        self.asked_until = start
        self.next_step = start
        self.label: int | None = None
        self.moment_start = start
        self.sum = np.zeros(labels)
