"""Speech emotion diarization metrics on frames of 10 ms, without a collar.

The error rate is that of speech emotion diarization (Wang, Ravanelli and Yacoubi 2023, "Speech Emotion Diarization:
Which Emotion Appears When?"): missed speech, false alarms and confused emotions, over the time of true speech.
Emotions have names, so nothing is matched first: it is what ``pyannote.metrics`` calls the identification error rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import accuracy, confusion_matrix, uar

__all__ = ["FRAMES_PER_S", "LabelSpan", "frame_confusion", "frame_labels", "segment_metrics"]

FRAMES_PER_S: Final = 100  # frames of 10 ms

_NEXT_TO_NOTHING: Final = 1e-6  # of a frame: times written with six decimals still fall where they were meant to


@dataclass(frozen=True)
class LabelSpan:
    """A stretch of time with one emotion.

    Attributes:
        start_s: where it begins, in seconds from the beginning of the recording.
        end_s: where it ends.
        emotion: the label.
    """

    start_s: float
    end_s: float
    emotion: str


def frame_labels(segments: Iterable[LabelSpan], duration_s: float, emotions: Sequence[str]) -> NDArray[np.int64]:
    """Label each frame of 10 ms by the emotion in its middle.

    Args:
        segments: in any order; no two of them at one time.
        duration_s: of the recording; what reaches beyond its end is not counted.
        emotions: the labels, in order.

    Returns:
        ``(frames,)``, indices in ``emotions``; their number, ``len(emotions)``, stands for no speech.

    Raises:
        CorpusError: if two segments lie over each other, one ends before it begins, or an emotion is unknown.

    Example:
        >>> frame_labels([LabelSpan(0.01, 0.03, "sad")], 0.05, ("calm", "sad")).tolist()
        [2, 1, 1, 2, 2]
    """
    labels = np.full(round(duration_s * FRAMES_PER_S), len(emotions), dtype=np.int64)
    before = 0
    for one in sorted(segments, key=lambda segment: (segment.start_s, segment.end_s)):
        if one.emotion not in emotions:
            raise CorpusError(f"a segment of {one.emotion!r}; one of {', '.join(emotions)} is wanted")
        if not 0 <= one.start_s <= one.end_s:
            raise CorpusError(f"a segment from {one.start_s} s to {one.end_s} s; from 0 s on, the end after the start")
        start, end = (_first_after(time_s) for time_s in (one.start_s, one.end_s))
        if start < before:
            raise CorpusError(f"two segments at {one.start_s:.3f} s; one emotion at a time is wanted")
        labels[start:end] = emotions.index(one.emotion)
        before = end
    return labels


def frame_confusion(truth: NDArray[Any], predicted: NDArray[Any], emotions: int) -> NDArray[np.int64]:
    """Count the frames of each true and predicted label, no speech being one.

    Args:
        truth: ``(frames,)``, as :func:`frame_labels` gives it.
        predicted: ``(frames,)``.
        emotions: number of emotions.

    Returns:
        ``(emotions + 1, emotions + 1)``: a row for each true label, no speech last.

    Example:
        >>> frame_confusion([0, 0, 2], [0, 2, 2], 2).tolist()
        [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
    """
    return confusion_matrix(np.asarray(truth), np.asarray(predicted), emotions + 1)


def segment_metrics(confusion: NDArray[Any]) -> dict[str, float]:
    """Compute the metrics of all frames together.

    Args:
        confusion: ``(emotions + 1, emotions + 1)``, of :func:`frame_confusion`, summed over the recordings.

    Returns:
        ``frame_accuracy``, the share of all frames with the right label, no speech being one; ``frame_uar``, the
        mean of the labels' shares of right frames, no speech among them; ``diarization_error_rate``, the sum of
        ``missed`` (speech without an emotion), ``false_alarm`` (an emotion without speech) and
        ``confusion`` (another emotion), each over the time of true speech; it may exceed 1. ``speech_accuracy`` and
        ``speech_uar`` look at frames of true speech alone, where a missed one is wrong.

    Raises:
        CorpusError: if there is no frame of speech.

    Example:
        >>> figures = segment_metrics(np.array([[6, 1, 1], [0, 2, 0], [3, 0, 7]]))     # 10 frames of speech, 10 without
        >>> figures["missed"], figures["false_alarm"], figures["confusion"], figures["diarization_error_rate"]
        (0.1, 0.3, 0.1, 0.5)
        >>> figures["frame_accuracy"], figures["speech_accuracy"], figures["speech_uar"]
        (0.75, 0.8, 0.875)
    """
    counts = np.asarray(confusion, dtype=np.int64)
    spoken = counts[:-1]  # (emotions, emotions + 1)
    total = int(spoken.sum())
    if not total:
        raise CorpusError("no frame of speech; an error rate over the time of speech needs at least one")
    missed, false_alarm = int(spoken[:, -1].sum()), int(counts[-1, :-1].sum())
    confused = total - missed - int(np.trace(spoken))
    within = counts.copy()
    within[-1] = 0  # a label that is nowhere true enters neither figure
    return {
        "frame_accuracy": accuracy(counts),
        "frame_uar": uar(counts),
        "diarization_error_rate": (missed + false_alarm + confused) / total,
        "missed": missed / total,
        "false_alarm": false_alarm / total,
        "confusion": confused / total,
        "speech_accuracy": accuracy(within),
        "speech_uar": uar(within),
    }


def _first_after(time_s: float) -> int:
    """Give the first frame whose middle is not before a time."""
    return int(np.ceil(time_s * FRAMES_PER_S - 0.5 - _NEXT_TO_NOTHING))
