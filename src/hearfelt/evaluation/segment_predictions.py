"""What a model says of a recording, segment by segment: in its timeline, and in the way that comes to mind first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from hearfelt.audio.reader import Samples
from hearfelt.emotions import in_order
from hearfelt.errors import AudioError, ModelError
from hearfelt.evaluation.diarization import LabelSpan
from hearfelt.evaluation.synthetic_recordings import Conversation, Script, Turn
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.windowing import RATE_HZ

__all__ = [
    "NAIVE",
    "STEP_S",
    "TIMELINE",
    "WAYS",
    "WINDOW_S",
    "Heard",
    "Said",
    "answer_scripts",
    "naive_windows",
    "window_starts",
    "within",
]

WINDOW_S: Final = 2.0
STEP_S: Final = 1.0
TIMELINE, NAIVE = "timeline", "naive"
WAYS: Final = (TIMELINE, NAIVE)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Said:
    """An answer and the time it holds for.

    Attributes:
        segment: from when to when, and which emotion.
        probabilities: of each emotion, in order.
    """

    segment: LabelSpan
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Heard:
    """One recording with everything said about it; its sound is forgotten.

    Attributes:
        script: what it was made from.
        duration_s: length in seconds.
        turns: its clips, and when their true speech is.
        said: the answers of each of :data:`WAYS`.
    """

    script: Script
    duration_s: float
    turns: tuple[Turn, ...]
    said: dict[str, tuple[Said, ...]]


def answer_scripts(
    recognizer: Recognizer, scripts: Sequence[Script], *, jobs: int | None = None, progress: Progress | None = None
) -> list[Heard]:
    """Make each recording, and let a model answer it in both ways.

    Args:
        recognizer: the model.
        scripts: of the recordings.
        jobs: how many threads share them; one for each core by default.
        progress: called with 1 after each recording.

    Returns:
        One for each script, in their order.

    Raises:
        ModelError: if a clip has a label that the model does not know.
        AudioError: if a clip cannot be read.
    """
    emotions = in_order(recognizer.labels)
    for clip in (clip for script in scripts for clip in script.clips):
        if clip.emotion not in emotions:
            raise ModelError(f"{clip.name}: {clip.emotion} is not among the model's labels ({', '.join(emotions)})")

    def answer(script: Script) -> Heard:
        made = script.record()
        segments = recognizer.timeline(made.samples, RATE_HZ).segments
        said = {
            TIMELINE: tuple(_said(LabelSpan(m.start_s, m.end_s, m.emotion), m.prediction, emotions) for m in segments),
            NAIVE: naive_windows(recognizer, made),
        }
        if progress:
            progress(1)
        return Heard(script, made.duration_s, made.turns, said)

    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        return list(pool.map(answer, scripts))


def naive_windows(recognizer: Recognizer, made: Conversation) -> tuple[Said, ...]:
    """Answer windows of 2 s, one each second, whether somebody speaks in them or not.

    Every segment takes the answer of the window whose middle is nearest: a window holds for its middle second, the
    first also for the half second before and the last for what is left. Where the end of the recording falls between
    two windows, one more ends with it. A window in which nothing at all can be heard says nothing.

    Args:
        recognizer: the model.
        made: a recording.
    """
    emotions = in_order(recognizer.labels)
    places = window_starts(made.duration_s)
    middles = [(start + end) / 2 for start, end in places]
    edges = [0.0, *((one + next_) / 2 for one, next_ in pairwise(middles)), made.duration_s]
    said = []
    for (start_s, end_s), from_s, to_s in zip(places, edges[:-1], edges[1:], strict=True):
        window: Samples = made.samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        try:
            prediction = recognizer.recognize(window, RATE_HZ)
        except AudioError:
            continue
        said.append(_said(LabelSpan(from_s, to_s, prediction.emotion), prediction, emotions))
    return tuple(said)


def window_starts(duration_s: float) -> list[tuple[float, float]]:
    """List where windows of 2 s begin and end, one each second.

    Example:
        >>> window_starts(3.5)
        [(0.0, 2.0), (1.0, 3.0), (1.5, 3.5)]
        >>> window_starts(1.2)
        [(0.0, 1.2)]
    """
    if duration_s <= WINDOW_S:
        return [(0.0, duration_s)]
    starts = np.arange(0.0, duration_s - WINDOW_S + 1e-9, STEP_S).tolist()
    if duration_s - WINDOW_S - starts[-1] > 1e-9:
        starts.append(round(duration_s - WINDOW_S, 6))
    return [(start, round(start + WINDOW_S, 6)) for start in starts]


def within(said: Iterable[LabelSpan], found: Sequence[LabelSpan]) -> list[LabelSpan]:
    """Keep of some segments what lies inside others: the naive answers where the timeline found speech.

    Args:
        said: segments that don't lie over each other.
        found: likewise.

    Example:
        >>> within([LabelSpan(0.0, 2.0, "sad"), LabelSpan(2.0, 3.0, "calm")], [LabelSpan(1.5, 2.5, "angry")])
        [LabelSpan(start_s=1.5, end_s=2.0, emotion='sad'), LabelSpan(start_s=2.0, end_s=2.5, emotion='calm')]
    """
    cut = (
        LabelSpan(max(one.start_s, inside.start_s), min(one.end_s, inside.end_s), one.emotion)
        for one in said
        for inside in found
    )
    return [one for one in cut if one.end_s > one.start_s]


def _said(segment: LabelSpan, prediction: Prediction, emotions: Sequence[str]) -> Said:
    return Said(segment, tuple(float(prediction.probabilities[emotion]) for emotion in emotions))
