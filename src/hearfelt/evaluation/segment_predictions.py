"""Predict recordings over time: by the timeline, and naively by windows of fixed length."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from hearfelt.audio.reader import Samples
from hearfelt.emotions import in_order
from hearfelt.errors import AudioError, ModelError
from hearfelt.evaluation.metrics import LabelSpan
from hearfelt.evaluation.synthetic_recordings import ClipSpan, Recording, Script
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.windowing import RATE_HZ
from hearfelt.runtime.progress import Advance

__all__ = [
    "METHODS",
    "NAIVE",
    "STEP_S",
    "TIMELINE",
    "WINDOW_S",
    "RecordingPredictions",
    "SegmentPrediction",
    "clipped_to",
    "naive_windows",
    "predict_recordings",
    "window_starts",
]

WINDOW_S: Final = 2.0
STEP_S: Final = 1.0
TIMELINE, NAIVE = "timeline", "naive"
METHODS: Final = (TIMELINE, NAIVE)


@dataclass(frozen=True)
class SegmentPrediction:
    """The prediction of one segment.

    Attributes:
        segment: beginning, end and emotion.
        probabilities: of each emotion, in order.
    """

    segment: LabelSpan
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class RecordingPredictions:
    """One recording with its predictions; its sound is not kept.

    Attributes:
        script: what it was made from.
        duration_s: length in seconds.
        spans: its clips, and when their true speech is.
        predictions: of each of :data:`METHODS`.
    """

    script: Script
    duration_s: float
    spans: tuple[ClipSpan, ...]
    predictions: dict[str, tuple[SegmentPrediction, ...]]


def predict_recordings(
    recognizer: Recognizer, scripts: Sequence[Script], *, jobs: int | None = None, progress: Advance | None = None
) -> list[RecordingPredictions]:
    """Make each recording, and predict it with both methods.

    Args:
        recognizer: the model.
        scripts: of the recordings.
        jobs: number of threads; one for each core by default.
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

    def predict(script: Script) -> RecordingPredictions:
        recording = script.record()
        segments = recognizer.timeline(recording.samples, RATE_HZ).segments
        predictions = {
            TIMELINE: tuple(
                _segment_prediction(LabelSpan(m.start_s, m.end_s, m.emotion), m.prediction, emotions) for m in segments
            ),
            NAIVE: naive_windows(recognizer, recording),
        }
        if progress:
            progress(1)
        return RecordingPredictions(script, recording.duration_s, recording.spans, predictions)

    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        return list(pool.map(predict, scripts))


def naive_windows(recognizer: Recognizer, recording: Recording) -> tuple[SegmentPrediction, ...]:
    """Predict windows of 2 s, one each second, with or without speech.

    Every segment takes the prediction of the window whose middle is nearest: a window stands for its middle second, the
    first also for the half second before and the last for what is left. Where the end of the recording falls between
    two windows, one more ends with it. A silent window has no prediction.

    Args:
        recognizer: the model.
        recording: to predict.
    """
    emotions = in_order(recognizer.labels)
    windows = window_starts(recording.duration_s)
    middles = [(start + end) / 2 for start, end in windows]
    edges = [0.0, *((one + next_) / 2 for one, next_ in pairwise(middles)), recording.duration_s]
    predictions = []
    for (start_s, end_s), from_s, to_s in zip(windows, edges[:-1], edges[1:], strict=True):
        window: Samples = recording.samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        try:
            prediction = recognizer.recognize(window, RATE_HZ)
        except AudioError:
            continue
        predictions.append(_segment_prediction(LabelSpan(from_s, to_s, prediction.emotion), prediction, emotions))
    return tuple(predictions)


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


def clipped_to(predictions: Iterable[LabelSpan], found: Sequence[LabelSpan]) -> list[LabelSpan]:
    """Cut segments to those parts that lie inside others: naive predictions where the timeline found speech.

    Args:
        predictions: segments that don't lie over each other.
        found: likewise.

    Example:
        >>> clipped_to([LabelSpan(0.0, 2.0, "sad"), LabelSpan(2.0, 3.0, "calm")], [LabelSpan(1.5, 2.5, "angry")])
        [LabelSpan(start_s=1.5, end_s=2.0, emotion='sad'), LabelSpan(start_s=2.0, end_s=2.5, emotion='calm')]
    """
    cut = (
        LabelSpan(max(one.start_s, inside.start_s), min(one.end_s, inside.end_s), one.emotion)
        for one in predictions
        for inside in found
    )
    return [one for one in cut if one.end_s > one.start_s]


def _segment_prediction(segment: LabelSpan, prediction: Prediction, emotions: Sequence[str]) -> SegmentPrediction:
    return SegmentPrediction(segment, tuple(float(prediction.probabilities[emotion]) for emotion in emotions))
