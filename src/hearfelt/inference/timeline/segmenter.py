"""The one machine behind timelines and streams: sound at 16 kHz goes in, block by block, and segments come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Samples
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.inference.timeline.smoothing import Smoother
from hearfelt.inference.timeline.voice_activity import CHUNK, Speech, SpeechFinder, VoiceActivity
from hearfelt.inference.windowing import RATE_HZ

__all__ = ["LOOK_AHEAD_S", "NOW_EVERY_S", "NOW_WINDOW_S", "STEP_S", "WINDOW_S", "Segmenter", "WindowClassifier"]

Floats = npt.NDArray[np.float64]

LOOK_AHEAD_S: Final = 2.0
"""What is said of time t depends on no sound after t + 2 s (and at most one chunk of 32 ms more, see Segmenter)."""

WINDOW_S: Final = 4.0  # the longest that is judged at once; a clip of acted speech is about as long
HOP_S: Final = 2.0  # between the ends of two windows; every second costs two thirds more and brings next to nothing
STEP_S: Final = 0.5  # what is smoothed; within speech, emotions change on this grid
CONTEXT_S: Final = 0.2  # of the pause on either side is judged as well: the networks learned from whole clips
LONGEST_S: Final = 30.0  # a longer segment is divided, so that a monologue does not keep a stream waiting
NOW_EVERY_S: Final = 0.5
NOW_WINDOW_S: Final = 2.0
NOW_SHORTEST_S: Final = 0.25

_LOOK_AHEAD, _WINDOW, _HOP = (round(one * RATE_HZ) for one in (LOOK_AHEAD_S, WINDOW_S, HOP_S))
_STEP, _CONTEXT, _LONGEST = (round(one * RATE_HZ) for one in (STEP_S, CONTEXT_S, LONGEST_S))
_NOW_EVERY, _NOW_WINDOW, _NOW_SHORTEST = (round(one * RATE_HZ) for one in (NOW_EVERY_S, NOW_WINDOW_S, NOW_SHORTEST_S))
_KEPT: Final = _WINDOW + RATE_HZ  # 5 s: a window ends at most a pause before the present


@dataclass(frozen=True, eq=False)
class WindowClassifier:
    """What a segmenter needs of a model.

    Attributes:
        labels: how many there are.
        answer: gives the log-probabilities ``(labels,)`` of a window of samples ``(n,)`` at 16 kHz.
        predict: makes a prediction of probabilities ``(labels,)`` and a duration in seconds.
        smoother: makes what smooths one stretch of speech.
    """

    labels: int
    answer: Callable[[Samples], Floats]
    predict: Callable[[Floats, float], Prediction]
    smoother: Callable[[int], Smoother] = Smoother


class Segmenter:
    """Follows one sound.

    Everything lies on the grid of the sound's own samples, so that the blocks in which it comes make no difference:

    1. A voice-activity model says for each chunk of 32 ms how probable speech is; stretches of speech are made of that.
    2. A stretch is judged in windows: when 2 s of it were heard, every 2 s after that, and when it has ended; always
       what is known of it, up to the last 4 s. A stretch of up to 4 s is so judged as a whole in the end. No window
       reaches over a pause.
    3. Each step of 0.5 s gets its share of every window over it, and is settled by a hidden Markov model 2 s after it
       began, or when the stretch has ended. Each stretch begins anew: after a pause somebody else may speak.
    4. Steps with the same most probable label are a segment.

    What is said of the time t so depends on sound before t + 2 s, and whether there is speech at t on less. All of it
    is done at the end of a chunk, which is why an event may come 32 ms later.

    Args:
        judge: the model.
        with_now: whether the present is told as well, every 0.5 s, from the last 2 s by themselves.
    """

    def __init__(self, window_classifier: WindowClassifier, *, with_now: bool = False) -> None:
        self._window_classifier, self._with_now = window_classifier, with_now
        self._voice, self._finder = VoiceActivity(), SpeechFinder()
        self._rest: Samples = np.zeros(0, np.float32)  # less than a chunk
        self._recent = _Recent()
        self._free_from = 0  # where the stretch before ended
        self._followed: _Followed | None = None

    def feed(self, samples: Samples) -> list[Segment | InterimResult]:
        """Take the next samples, as many as there are: ``(n,)`` float32 at 16 kHz."""
        given = np.concatenate([self._rest, samples])
        whole = len(given) - len(given) % CHUNK
        told: list[Segment | InterimResult] = []
        for start in range(0, whole, CHUNK):
            told += self._hear(given[start : start + CHUNK], self._recent.heard + CHUNK)
        self._rest = given[whole:].copy()
        return told

    def finish(self) -> list[Segment | InterimResult]:
        """Say that the sound has ended."""
        told: list[Segment | InterimResult] = []
        length = self._recent.heard + len(self._rest)
        if len(self._rest):
            told += self._hear(np.pad(self._rest, (0, CHUNK - len(self._rest))), length)
            self._rest = self._rest[:0]
        ended = self._finder.finish()
        return told if ended is None else [*told, *self._ended(ended, length)]

    def _hear(self, chunk: Samples, present: int) -> list[Segment | InterimResult]:
        """Take a whole chunk; the sound has ``present`` samples then, which is less if the chunk was filled up."""
        before = self._recent.heard
        self._recent.add(chunk)
        ended = self._finder.hear(self._voice.hear(chunk))
        if ended is not None:
            return [*self._ended(ended, present)]
        speech = self._finder.speech
        if speech is None or not speech.is_certain:
            return []
        if self._followed is None:
            self._followed = self._begun(speech)
        told: list[Segment | InterimResult] = [*self._follow(self._followed, speech, present)]
        if self._with_now and present // _NOW_EVERY > before // _NOW_EVERY:
            told += self._tell_now(self._followed, speech, present - present % _NOW_EVERY)
        return told

    def _begun(self, speech: Speech) -> _Followed:
        return _Followed(max(self._free_from, speech.start - _CONTEXT), speech.start, self._window_classifier)

    def _follow(self, followed: _Followed, speech: Speech, present: int) -> list[Segment]:
        """Judge the windows that are due, and settle the steps whose look-ahead is over."""
        told: list[Segment] = []
        while followed.next_window <= present:
            told += self._settled(followed, followed.next_window - 1)
            self._judge_until(followed, speech, followed.next_window)
            followed.next_window += _HOP
        return told + self._settled(followed, present)

    def _settled(self, followed: _Followed, until: int) -> list[Segment]:
        told: list[Segment] = []
        while followed.next_step + _LOOK_AHEAD <= until:
            told += followed.settle(followed.next_step + _STEP)
        return told

    def _ended(self, speech: Speech, present: int) -> list[Segment]:
        followed, self._followed = self._followed, None
        end = min(speech.end, present)
        told: list[Segment] = []
        if speech.is_certain:
            followed = followed or self._begun(speech)
            self._judge_until(followed, speech, present)
            while followed.next_step < end:
                told += followed.settle(min(followed.next_step + _STEP, end))
            told += followed.close()
        self._free_from = end
        return told

    def _judge_until(self, followed: _Followed, speech: Speech, present: int) -> None:
        end = min(present, speech.end + _CONTEXT)
        if end <= followed.judged_until:
            return
        start = max(followed.from_, end - _WINDOW)
        followed.judged_until = end
        first = (start - followed.next_step) // _STEP
        last = -((followed.next_step - min(end, speech.end)) // _STEP)  # rounded up
        if last > 0:
            followed.smoother.see(self._window_classifier.answer(self._recent.between(start, end)), range(first, last))

    def _tell_now(self, followed: _Followed, speech: Speech, present: int) -> list[InterimResult]:
        end = min(present, speech.end + _CONTEXT)
        start = max(followed.from_, end - _NOW_WINDOW)
        if end - start < _NOW_SHORTEST:
            return []
        probabilities = np.exp(self._window_classifier.answer(self._recent.between(start, end)))
        prediction = self._window_classifier.predict(probabilities, (end - start) / RATE_HZ)
        return [InterimResult(start / RATE_HZ, end / RATE_HZ, prediction)]


class _Followed:
    """Where one stretch of speech stands.

    Attributes:
        from_: the first sample that is judged.
        smoother: what settles its steps.
        next_window: where the next window is due to end. Before the look-ahead is over nothing need be settled.
        judged_until: where the last one ended.
        next_step: where the first step begins that is not settled.
    """

    def __init__(self, from_: int, start: int, window_classifier: WindowClassifier) -> None:
        self.from_, self.next_step, self.judged_until = from_, start, start
        self.next_window = start + _LOOK_AHEAD
        self.smoother = window_classifier.smoother(window_classifier.labels)
        self._window_classifier = window_classifier
        self._label: int | None = None
        self._start = start  # of the segment that goes on
        self._sum = np.zeros(window_classifier.labels)

    def settle(self, end: int) -> list[Segment]:
        """Settle the next step, which ends here; gives the segment that is over with it, if one is."""
        probabilities = self.smoother.settle()
        label = int(np.argmax(probabilities))
        told: list[Segment] = []
        if label != self._label or end - self._start > _LONGEST:
            told = self.close()
            self._label, self._start = label, self.next_step
            self._sum = np.zeros_like(self._sum)
        self._sum += probabilities * (end - self.next_step)
        self.next_step = end
        return told

    def close(self) -> list[Segment]:
        """Give the segment that goes on, if there is one."""
        if self._label is None:
            return []
        start_s, end_s = self._start / RATE_HZ, self.next_step / RATE_HZ
        return [Segment(start_s, end_s, self._window_classifier.predict(self._sum / self._sum.sum(), end_s - start_s))]


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
        """Take the next samples."""
        if self._end + len(chunk) > len(self._held):
            self._held[:_KEPT] = self._held[self._end - _KEPT : self._end]
            self._end = _KEPT
        self._held[self._end : self._end + len(chunk)] = chunk
        self._end += len(chunk)
        self.heard += len(chunk)

    def between(self, start: int, end: int) -> Samples:
        """Give samples by their place; ``start`` at most 5 s ago."""
        offset = self._end - self.heard
        return self._held[start + offset : end + offset]
