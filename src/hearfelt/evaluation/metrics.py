"""Metrics from labels and probabilities, in numpy: accuracy, UAR, macro-F1, intervals, calibration; some over time.

A class without a true clip has no recall, so it enters neither UAR nor macro-F1. Predictions of such a class still
count as wrong for their clips.

Metrics over time are on frames of 10 ms, without a collar. The error rate is that of speech emotion diarization (Wang,
Ravanelli and Yacoubi 2023, "Speech Emotion Diarization: Which Emotion Appears When?"): missed speech, false alarms and
confused emotions, over the time of true speech. Emotions have names, so nothing is matched first: it is what
``pyannote.metrics`` calls the identification error rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.errors import CorpusError

__all__ = [
    "BINS",
    "DRAWS",
    "FRAMES_PER_S",
    "METRICS",
    "ClassFigures",
    "LabelSpan",
    "Reliability",
    "accuracy",
    "bootstrap_by_speaker",
    "bootstrap_of_means",
    "confusion_matrix",
    "coverage_risk",
    "ece",
    "figures_of",
    "frame_confusion",
    "frame_labels",
    "lowest_class",
    "macro_f1",
    "per_class",
    "reliability",
    "risk_at",
    "segment_metrics",
    "uar",
]


METRICS: Final = ("uar", "accuracy", "macro_f1")
DRAWS: Final = 2_000
BINS: Final = 15

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class ClassFigures:
    """Metrics of one emotion.

    Attributes:
        emotion: the label.
        precision: share of its predictions that were right, 0 to 1; 0 where it was never predicted.
        recall: share of its clips that were recognized, 0 to 1; 0 where it has no clips.
        f1: harmonic mean of both.
        support: number of its clips.
    """

    emotion: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Reliability:
    """One bin of a reliability diagram: mean confidence and accuracy of the predictions in it.

    Attributes:
        low: lower end of the bin, not in it (but 0 is in the first).
        high: upper end, in it.
        count: number of predictions.
        confidence: their mean confidence, 0 where there are none.
        accuracy: share of them that were right, 0 where there are none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def confusion_matrix(truth: NDArray[Any], predicted: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Count the predictions of each true class.

    Args:
        truth: ``(clips,)``, indices of the true classes.
        predicted: ``(clips,)``, indices of the predicted classes.
        classes: number of classes.

    Returns:
        ``(classes, classes)``: a row for each true class, a column for each predicted class.

    Example:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2).tolist()
        [[1, 1], [0, 1]]
    """
    indices = np.asarray(truth, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(indices, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: NDArray[Any]) -> float:
    """Share of clips predicted correctly (also called WA), from a confusion matrix.

    Example:
        >>> accuracy(np.array([[3, 1], [0, 0]]))
        0.75
    """
    return float(_figures(np.asarray(confusion)[None])["accuracy"][0])


def uar(confusion: NDArray[Any]) -> float:
    """Unweighted average recall: the mean of the classes' recalls (also UA, or balanced accuracy).

    Unlike accuracy it cannot be raised by knowing which emotion is the most common: guessing gives
    1 / classes whatever the counts.

    Example:
        >>> uar(np.array([[8, 0], [1, 1]]))      # recalls 1 and 0.5; accuracy would say 0.9
        0.75
    """
    return float(_figures(np.asarray(confusion)[None])["uar"][0])


def macro_f1(confusion: NDArray[Any]) -> float:
    """Mean of the classes' F1, over the classes that have clips.

    Example:
        >>> round(macro_f1(np.array([[1, 1], [0, 2]])), 4)      # 2/3 and 4/5
        0.7333
    """
    return float(_figures(np.asarray(confusion)[None])["macro_f1"][0])


def figures_of(confusion: NDArray[Any]) -> dict[str, float]:
    """Compute the three metrics that every result states.

    Example:
        >>> figures_of(np.array([[2, 0], [0, 2]]))
        {'uar': 1.0, 'accuracy': 1.0, 'macro_f1': 1.0}
    """
    return {name: float(values[0]) for name, values in _figures(np.asarray(confusion)[None]).items()}


def per_class(confusion: NDArray[Any], emotions: Sequence[str]) -> list[ClassFigures]:
    """Compute precision, recall, F1 and support of each emotion, in the order given.

    Example:
        >>> per_class(np.array([[3, 1], [0, 4]]), ["calm", "sad"])[1]
        ClassFigures(emotion='sad', precision=0.8, recall=1.0, f1=0.888..., support=4)
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    columns = (_share(hits, predicted), _share(hits, support), _share(2 * hits, support + predicted))
    return [
        ClassFigures(emotion, float(precision), float(recall), float(f1), int(count))
        for emotion, precision, recall, f1, count in zip(emotions, *columns, support, strict=True)
    ]


def lowest_class(figures: Sequence[ClassFigures]) -> ClassFigures:
    """Find the emotion that is recognized worst, by recall, among those with clips.

    Raises:
        ValueError: if no class has clips.
    """
    return min((one for one in figures if one.support), key=lambda one: one.recall)


def bootstrap_by_speaker(
    confusions: NDArray[Any], *, draws: int = DRAWS, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]] | None:
    """Compute percentile intervals over resampled speakers: how much the metrics depend on the speakers.

    Clips of one speaker resemble each other, so resampling clips would give far too narrow intervals. Whole speakers
    are drawn with replacement, the same ones for every seed of training, and the metrics of the seeds averaged.

    Args:
        confusions: ``(seeds, speakers, classes, classes)``, a confusion matrix for each seed and speaker.
        draws: number of draws.
        seed: decides the draws.
        level: share of the draws inside the interval.

    Returns:
        ``{metric: (low, high)}``, or None with fewer than two speakers.

    Example:
        >>> alike = np.tile(np.array([[3, 1], [1, 3]]), (1, 5, 1, 1))      # five speakers, all the same
        >>> bootstrap_by_speaker(alike)["uar"]
        (0.75, 0.75)
    """
    return bootstrap_of_means([confusions], draws=draws, seed=seed, level=level)


def bootstrap_of_means(
    parts: Sequence[NDArray[Any]], *, draws: int = DRAWS, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]] | None:
    """Compute intervals over resampled speakers of the mean over several parts, such as corpora.

    The speakers of each part are drawn on their own, so that each part always has as many as it has.

    Args:
        parts: each as for :func:`bootstrap_by_speaker`.
        draws: number of draws.
        seed: decides the draws.
        level: share of the draws inside the interval.

    Returns:
        ``{metric: (low, high)}``, or None if a part has fewer than two speakers.
    """
    generator = np.random.default_rng(seed)
    totals: dict[str, list[Matrix]] = {name: [] for name in METRICS}
    for part in parts:
        confusions = np.asarray(part, dtype=np.float64)
        speakers, classes = confusions.shape[1:3]
        if speakers < 2:
            return None
        drawn = generator.integers(speakers, size=(draws, speakers))
        counts = np.stack([np.bincount(row, minlength=speakers) for row in drawn]).astype(np.float64)
        of_seeds = [
            _figures((counts @ one.reshape(speakers, -1)).reshape(draws, classes, classes))
            for one in confusions  # (speakers, classes, classes)
        ]
        for name, values in totals.items():
            values.append(np.mean([figures[name] for figures in of_seeds], axis=0))
    ends = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    intervals = {name: np.quantile(np.mean(values, axis=0), ends) for name, values in totals.items()}
    return {name: (float(low), float(high)) for name, (low, high) in intervals.items()}


def reliability(
    confidences: NDArray[Any], correct: NDArray[Any], *, bins: int = BINS, weights: NDArray[Any] | None = None
) -> list[Reliability]:
    """Sort predictions into equally wide bins of confidence and compute the accuracy of each bin.

    Args:
        confidences: ``(clips,)``, 0 to 1.
        correct: ``(clips,)``, whether the prediction was right.
        bins: number of bins between 0 and 1; each holds its upper end.
        weights: ``(clips,)``, of each prediction in the means; all alike by default. Those of weight 0 are not counted.

    Example:
        >>> [(one.count, one.accuracy) for one in reliability([0.2, 0.9, 0.8], [False, True, False], bins=2)]
        [(1, 0.0), (2, 0.5)]
    """
    confidences = np.asarray(confidences, dtype=np.float64)
    correct = np.asarray(correct, dtype=np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    indices = np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, bins - 1)
    weights = np.ones(len(confidences)) if weights is None else np.asarray(weights, dtype=np.float64)
    counts = np.bincount(indices, weights=weights > 0, minlength=bins)
    totals = np.bincount(indices, weights=weights, minlength=bins)
    mean_confidence = _share(np.bincount(indices, weights=weights * confidences, minlength=bins), totals)
    bin_accuracy = _share(np.bincount(indices, weights=weights * correct, minlength=bins), totals)
    return [
        Reliability(
            float(edges[k]), float(edges[k + 1]), int(counts[k]), float(mean_confidence[k]), float(bin_accuracy[k])
        )
        for k in range(bins)
    ]


def coverage_risk(confidences: NDArray[Any], correct: NDArray[Any], *, weights: NDArray[Any] | None = None) -> Matrix:
    """Compute how many predictions are wrong if only the most confident ones are kept (Geifman and El-Yaniv 2017).

    Args:
        confidences: ``(clips,)``.
        correct: ``(clips,)``, whether the prediction was right.
        weights: ``(clips,)``, of each prediction; all alike by default. Those of weight 0 are left out.

    Returns:
        ``(thresholds, 2)``, a row for each confidence that occurs, highest first: the share of predictions with at
        least this confidence (coverage), and the share of these that are wrong (risk).

    Example:
        >>> coverage_risk([0.9, 0.8, 0.8, 0.3], [True, True, False, False]).round(2).tolist()
        [[0.25, 0.0], [0.75, 0.33], [1.0, 0.5]]
    """
    confidences, wrong = np.asarray(confidences, dtype=np.float64), ~np.asarray(correct, dtype=bool)
    weights = np.ones(len(confidences)) if weights is None else np.asarray(weights, dtype=np.float64)
    confidences, wrong, weights = (values[weights > 0] for values in (confidences, wrong, weights))
    order = np.argsort(-confidences, kind="stable")
    kept, mistaken = np.cumsum(weights[order]), np.cumsum((weights * wrong)[order])
    last = np.flatnonzero(np.diff(confidences[order], append=-np.inf))  # of equal confidences
    return np.stack([kept / weights.sum(), mistaken / kept], axis=1)[last] if len(order) else np.zeros((0, 2))


def risk_at(curve: Matrix, share: float) -> float:
    """Look up the risk where at least a share of the predictions is kept.

    Args:
        curve: of :func:`coverage_risk`, with a prediction.
        share: 0 to 1.

    Example:
        >>> risk_at(np.array([[0.25, 0.0], [0.75, 0.33], [1.0, 0.5]]), 0.5)
        0.33
    """
    index = int(np.searchsorted(curve[:, 0], share - 1e-9))
    return float(curve[min(index, len(curve) - 1), 1])


def ece(confidences: NDArray[Any], correct: NDArray[Any], *, bins: int = BINS) -> float:
    """Expected calibration error: how far, on average, confidence is from the share that was right.

    Naeini et al. 2015, with equally wide bins, weighted by the number of predictions in each.

    Example:
        >>> round(ece([0.9, 0.9], [True, False]), 3)      # said 90 %, was right half the time
        0.4
    """
    groups = reliability(confidences, correct, bins=bins)
    total = sum(one.count for one in groups)
    if not total:
        raise ValueError("no predictions; a calibration error needs at least one")
    return sum(one.count * abs(one.accuracy - one.confidence) for one in groups) / total


def _figures(confusions: NDArray[Any]) -> dict[str, Matrix]:
    """Compute the three metrics of each of many matrices: ``(draws, classes, classes)`` -> ``(draws,)``."""
    confusions = np.asarray(confusions, dtype=np.float64)
    hits = np.diagonal(confusions, axis1=1, axis2=2)  # (draws, classes)
    support, predicted = confusions.sum(axis=2), confusions.sum(axis=1)  # (draws, classes)
    classes = np.maximum((support > 0).sum(axis=1), 1)
    f1 = np.where(support > 0, _share(2 * hits, support + predicted), 0.0)
    return {
        "uar": _share(hits, support).sum(axis=1) / classes,
        "accuracy": _share(hits.sum(axis=1), support.sum(axis=1)),
        "macro_f1": f1.sum(axis=1) / classes,
    }


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Matrix:
    """Divide, with 0 where there is nothing to divide by."""
    whole = np.asarray(whole, dtype=np.float64)
    return np.asarray(np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0))


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
