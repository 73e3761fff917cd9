"""Divide 16 kHz sound into segments of one emotion, block by block; timelines and streams both use this.

A small hidden Markov model over the labels smooths what is found, so that a timeline does not flicker.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Samples
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import ModelError
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.inference.voice_activity import CHUNK, Speech, SpeechFinder, VoiceActivity
from hearfelt.inference.windowing import RATE_HZ

__all__ = [
    "INTERIM",
    "INTERIM_EVERY_S",
    "INTERIM_WINDOW_S",
    "LOOK_AHEAD_S",
    "SMOOTHING",
    "STEP_S",
    "WINDOW_S",
    "InterimLimits",
    "Segmenter",
    "Smoother",
    "Smoothing",
    "WindowClassifier",
]

Floats = npt.NDArray[np.float64]

_LEAST: Final = -20.0  # lower log-probabilities are raised to it: one window alone must not rule a label out


@dataclass(frozen=True)
class Smoothing:
    """The two parameters of the hidden Markov model.

    Attributes:
        stay: how many times as probable it is that the next step has the label of this one as that it has any certain
            other; 1 for no memory at all.
        weight: what a step's evidence, the mean log-probability of the windows over it, is multiplied by. Neighbouring
            steps share windows, so the same evidence counts several times; a weight below 1 makes up for that.

    Raises:
        ModelError: if ``stay`` is below 1, or ``weight`` not above 0.
    """

    stay: float
    weight: float

    def __post_init__(self) -> None:
        if not 1 <= self.stay < np.inf:
            raise ModelError(f"smoothing with stay {self.stay}; 1 or more is wanted")
        if not 0 < self.weight < np.inf:
            raise ModelError(f"smoothing with weight {self.weight}; a number above 0 is wanted")


SMOOTHING: Final = Smoothing(stay=3.0, weight=0.7)
"""Chosen by ``tools/choose_smoothing.py`` on recordings made of RAVDESS actors 01, 04, 10, 11, 12, 14, 20 and 21,
with models that were not trained on them; actors 06, 13, 17 and 22, on whom timelines are measured, had no part in it.

Windows of up to 4 s that overlap do much of the smoothing before; more memory than this makes answers worse."""


class Smoother:
    """Smooths the labels of one stretch of speech, step after step, with what is known so far.

    A step is settled once and for all: its probabilities come from everything before it (the forward pass) and from
    the evidence that has come so far for itself and for the steps after it (the backward pass). The caller
    of :meth:`settle` decides how far that reaches ahead.

    Args:
        labels: number of labels.
        smoothing: the parameters.

    Example:
        >>> smoother = Smoother(2, Smoothing(stay=9.0, weight=1.0))
        >>> smoother.see(np.log([0.8, 0.2]), range(0, 2))
        >>> [smoother.settle().round(3).tolist() for _ in range(2)]
        [[0.919, 0.081], [0.919, 0.081]]
    """

    def __init__(self, labels: int, smoothing: Smoothing = SMOOTHING) -> None:
        self._leave = 1 / (smoothing.stay + labels - 1)
        self._stay = smoothing.stay * self._leave - self._leave
        self._weight = smoothing.weight
        self._before = np.full(labels, 1 / labels)  # prior of the first step that is not settled
        self._evidence: list[Floats] = []  # of the steps that are not settled: sums over windows
        self._windows: list[int] = []

    def see(self, log_probabilities: Floats, steps: range) -> None:
        """Add the evidence of a window to the steps that it covers.

        Args:
            log_probabilities: ``(labels,)``.
            steps: counted from the first that is not settled; earlier ones are ignored.
        """
        while len(self._evidence) < steps.stop:
            self._evidence.append(np.zeros_like(self._before))
            self._windows.append(0)
        for step in range(max(0, steps.start), steps.stop):
            self._evidence[step] += np.maximum(log_probabilities, _LEAST)
            self._windows[step] += 1

    def settle(self) -> Floats:
        """Give the first step that is not settled its final probabilities: ``(labels,)``."""
        likelihoods = [self._likelihood(*one) for one in zip(self._evidence, self._windows, strict=True)]
        here = likelihoods[0] if likelihoods else np.ones_like(self._before)
        after = np.ones_like(self._before)
        for likelihood in reversed(likelihoods[1:]):
            after = self._moved(likelihood * after)
            after /= after.sum()
        known = self._before * here
        del self._evidence[:1], self._windows[:1]
        self._before = self._moved(known / known.sum())
        settled: Floats = known * after
        settled /= settled.sum()
        return settled

    def _likelihood(self, evidence: Floats, windows: int) -> Floats:
        if not windows:
            return np.ones_like(evidence)
        mean = evidence / windows
        likelihood: Floats = np.exp(self._weight * (mean - mean.max()))
        return likelihood

    def _moved(self, probabilities: Floats) -> Floats:
        """Apply the transition matrix; it is symmetric, so the backward pass is the same."""
        moved: Floats = self._stay * probabilities + self._leave * probabilities.sum()
        return moved


LOOK_AHEAD_S: Final = 2.0
"""The emotion at time t depends on no sound after t + 2 s (and at most one chunk of 32 ms more, see Segmenter)."""

WINDOW_S: Final = 4.0  # the longest window that is classified; a clip of acted speech is about as long
HOP_S: Final = 2.0  # between the ends of two windows; every second costs two thirds more and brings next to nothing
STEP_S: Final = 0.5  # what is smoothed; within speech, emotions change on this grid
CONTEXT_S: Final = 0.2  # of the pause on either side goes into a window: the networks were trained on whole clips
LONGEST_S: Final = 30.0  # a longer segment is divided, so that a monologue does not keep a stream waiting
INTERIM_EVERY_S: Final = 0.5
INTERIM_WINDOW_S: Final = 2.0
INTERIM_SHORTEST_S: Final = 0.25

_LOOK_AHEAD, _WINDOW, _HOP = (round(one * RATE_HZ) for one in (LOOK_AHEAD_S, WINDOW_S, HOP_S))
_STEP, _CONTEXT, _LONGEST = (round(one * RATE_HZ) for one in (STEP_S, CONTEXT_S, LONGEST_S))
_INTERIM_EVERY, _INTERIM_WINDOW, _INTERIM_SHORTEST = (
    round(one * RATE_HZ) for one in (INTERIM_EVERY_S, INTERIM_WINDOW_S, INTERIM_SHORTEST_S)
)
_KEPT: Final = _WINDOW + RATE_HZ  # 5 s: a window ends at most a pause before the present


@dataclass(frozen=True)
class InterimLimits:
    """How far an interim result can be trusted, by how much speech it rests on.

    Attributes:
        temperatures: pairs of a length in seconds, ascending from 0, and the temperature of results that rest on as
            much speech or more.
        least_s: a result that rests on less speech is early.
        least_confidence: so is one with less confidence, after the temperature.
    """

    temperatures: tuple[tuple[float, float], ...]
    least_s: float
    least_confidence: float

    def temperature(self, speech_s: float) -> float:
        """Return the temperature for so much speech."""
        return [value for least_s, value in self.temperatures if speech_s >= least_s][-1]


def _read_limits() -> InterimLimits:
    found = json.loads(files(__package__).joinpath("interim.json").read_text(encoding="utf-8"))
    pairs = tuple((float(least_s), float(value)) for least_s, value in found["temperatures"])
    return InterimLimits(pairs, found["least_s"], found["least_confidence"])


INTERIM: Final = _read_limits()
"""Chosen by ``tools/choose_interim.py`` on speakers held out from training."""


@dataclass(frozen=True, eq=False)
class WindowClassifier:
    """What a segmenter needs of a model.

    Attributes:
        labels: of the model, in its order.
        model: its name.
        log_probabilities: gives the log-probabilities ``(labels,)`` of a window of samples ``(n,)`` at 16 kHz.
        predict: makes a prediction from probabilities ``(labels,)`` and a duration in seconds.
        warnings: about the reference that windows are compared with.
        smoother: makes a smoother for one stretch of speech.
    """

    labels: tuple[str, ...]
    model: str
    log_probabilities: Callable[[Samples], Floats]
    predict: Callable[[Floats, float], Prediction]
    warnings: tuple[SoundWarning, ...] = ()
    smoother: Callable[[int], Smoother] = Smoother


class Segmenter:
    """Divides one sound into segments.

    All times lie on the grid of the sound's own samples, so the result does not depend on the size of the blocks:

    1. A voice-activity model gives the probability of speech for each chunk of 32 ms; these make stretches of speech.
    2. A stretch is classified in windows: when 2 s of it are known, every 2 s after that, and when it has ended. A
       window is what is known of the stretch, at most its last 4 s, so a stretch of up to 4 s is classified as a whole
       in the end. No window extends over a pause.
    3. Each step of 0.5 s takes the mean over the windows that cover it, and is settled by a hidden Markov model 2 s
       after it began, or when the stretch has ended. Each stretch starts afresh: after a pause somebody else may speak.
    4. Successive steps with the same most probable label are one segment.

    So the emotion at time t depends on sound before t + 2 s, and whether there is speech at t on less. All of this
    happens at the end of a chunk, so a result may come 32 ms later.

    Args:
        window_classifier: the model.
        with_interim: whether to give an interim result every 0.5 s as well, for the last 2 s alone.
        limits: of interim results.
    """

    def __init__(
        self, window_classifier: WindowClassifier, *, with_interim: bool = False, limits: InterimLimits = INTERIM
    ) -> None:
        self._window_classifier, self._with_interim, self._limits = window_classifier, with_interim, limits
        self._voice, self._finder = VoiceActivity(), SpeechFinder()
        self._rest: Samples = np.zeros(0, np.float32)  # less than a chunk
        self._recent = _Recent()
        self._free_from = 0  # where the stretch before ended
        self._stretch: _Stretch | None = None

    def feed(self, samples: Samples) -> list[Segment | InterimResult]:
        """Take the next samples, as many as there are: ``(n,)`` float32 at 16 kHz."""
        given = np.concatenate([self._rest, samples])
        whole = len(given) - len(given) % CHUNK
        results: list[Segment | InterimResult] = []
        for start in range(0, whole, CHUNK):
            results += self._take(given[start : start + CHUNK], self._recent.length + CHUNK)
        self._rest = given[whole:].copy()
        return results

    def finish(self) -> list[Segment | InterimResult]:
        """End the sound, and give what was still open."""
        results: list[Segment | InterimResult] = []
        length = self._recent.length + len(self._rest)
        if len(self._rest):
            results += self._take(np.pad(self._rest, (0, CHUNK - len(self._rest))), length)
            self._rest = self._rest[:0]
        ended = self._finder.finish()
        return results if ended is None else [*results, *self._end_stretch(ended, length)]

    def _take(self, chunk: Samples, present: int) -> list[Segment | InterimResult]:
        """Take a whole chunk; the sound then has ``present`` samples, fewer if the chunk was padded."""
        before = self._recent.length
        self._recent.add(chunk)
        ended = self._finder.update(self._voice.probability(chunk))
        if ended is not None:
            return [*self._end_stretch(ended, present)]
        speech = self._finder.speech
        if speech is None or not speech.is_certain:
            return []
        if self._stretch is None:
            self._stretch = self._new_stretch(speech)
        results: list[Segment | InterimResult] = [*self._advance(self._stretch, speech, present)]
        if self._with_interim and present // _INTERIM_EVERY > before // _INTERIM_EVERY:
            results += self._interim(self._stretch, speech, present - present % _INTERIM_EVERY)
        return results

    def _new_stretch(self, speech: Speech) -> _Stretch:
        return _Stretch(max(self._free_from, speech.start - _CONTEXT), speech.start, self._window_classifier)

    def _advance(self, stretch: _Stretch, speech: Speech, present: int) -> list[Segment]:
        """Classify the windows that are due, and settle the steps whose look-ahead is over."""
        results: list[Segment] = []
        while stretch.next_window <= present:
            results += self._settle(stretch, stretch.next_window - 1)
            self._classify_until(stretch, speech, stretch.next_window)
            stretch.next_window += _HOP
        return results + self._settle(stretch, present)

    def _settle(self, stretch: _Stretch, until: int) -> list[Segment]:
        results: list[Segment] = []
        while stretch.next_step + _LOOK_AHEAD <= until:
            results += stretch.settle(stretch.next_step + _STEP)
        return results

    def _end_stretch(self, speech: Speech, present: int) -> list[Segment]:
        stretch, self._stretch = self._stretch, None
        end = min(speech.end, present)
        results: list[Segment] = []
        if speech.is_certain:
            stretch = stretch or self._new_stretch(speech)
            self._classify_until(stretch, speech, present)
            while stretch.next_step < end:
                results += stretch.settle(min(stretch.next_step + _STEP, end))
            results += stretch.close()
        self._free_from = end
        return results

    def _classify_until(self, stretch: _Stretch, speech: Speech, present: int) -> None:
        end = min(present, speech.end + _CONTEXT)
        if end <= stretch.classified_until:
            return
        start = max(stretch.from_, end - _WINDOW)
        stretch.classified_until = end
        first = (start - stretch.next_step) // _STEP
        last = -((stretch.next_step - min(end, speech.end)) // _STEP)  # rounded up
        if last > 0:
            stretch.smoother.see(
                self._window_classifier.log_probabilities(self._recent.between(start, end)), range(first, last)
            )

    def _interim(self, stretch: _Stretch, speech: Speech, present: int) -> list[InterimResult]:
        end = min(present, speech.end + _CONTEXT)
        start = max(stretch.from_, end - _INTERIM_WINDOW)
        if end - start < _INTERIM_SHORTEST:
            return []
        speech_s, limits = (end - start) / RATE_HZ, self._limits
        logits = self._window_classifier.log_probabilities(self._recent.between(start, end))
        weights = np.exp(logits / limits.temperature(speech_s))
        prediction = self._window_classifier.predict(weights / weights.sum(), speech_s)
        is_early = speech_s < limits.least_s or prediction.confidence < limits.least_confidence
        return [InterimResult(start / RATE_HZ, end / RATE_HZ, prediction, is_early)]


class _Stretch:
    """The state of one stretch of speech.

    Attributes:
        from_: the first sample that is classified.
        smoother: settles its steps.
        next_window: where the next window is due to end. Before the look-ahead is over nothing need be settled.
        classified_until: where the last one ended.
        next_step: where the first step that is not settled begins.
    """

    def __init__(self, from_: int, start: int, window_classifier: WindowClassifier) -> None:
        self.from_, self.next_step, self.classified_until = from_, start, start
        self.next_window = start + _LOOK_AHEAD
        self.smoother = window_classifier.smoother(len(window_classifier.labels))
        self._window_classifier = window_classifier
        self._label: int | None = None
        self._start = start  # of the segment that goes on
        self._sum = np.zeros(len(window_classifier.labels))

    def settle(self, end: int) -> list[Segment]:
        """Settle the next step, which ends here; give the segment that ends with it, if any."""
        probabilities = self.smoother.settle()
        label = int(np.argmax(probabilities))
        results: list[Segment] = []
        if label != self._label or end - self._start > _LONGEST:
            results = self.close()
            self._label, self._start = label, self.next_step
            self._sum = np.zeros_like(self._sum)
        self._sum += probabilities * (end - self.next_step)
        self.next_step = end
        return results

    def close(self) -> list[Segment]:
        """Give the open segment, if there is one."""
        if self._label is None:
            return []
        start_s, end_s = self._start / RATE_HZ, self.next_step / RATE_HZ
        return [Segment(start_s, end_s, self._window_classifier.predict(self._sum / self._sum.sum(), end_s - start_s))]


class _Recent:
    """The last seconds of the sound, by their position in the whole.

    Attributes:
        length: samples of the sound so far.
    """

    def __init__(self) -> None:
        self.length = 0
        self._held: Samples = np.zeros(4 * _KEPT, np.float32)
        self._end = 0

    def add(self, chunk: Samples) -> None:
        """Take the next samples."""
        if self._end + len(chunk) > len(self._held):
            self._held[:_KEPT] = self._held[self._end - _KEPT : self._end]
            self._end = _KEPT
        self._held[self._end : self._end + len(chunk)] = chunk
        self._end += len(chunk)
        self.length += len(chunk)

    def between(self, start: int, end: int) -> Samples:
        """Give samples by their position; ``start`` at most 5 s ago."""
        offset = self._end - self.length
        return self._held[start + offset : end + offset]
