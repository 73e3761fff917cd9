"""Calibration: the numbers of a model's card that say how far its predictions can be relied on.

They are chosen on validation clips, and on predictions for whole corpora that were left out of training (*outside*);
test clips do not influence them. Where predictions have groups, such as corpora, every group counts alike, however
many clips it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.inference.prediction import Band

__all__ = [
    "TEMPERATURES",
    "ConformalQuantile",
    "UnsureBars",
    "UnsureThreshold",
    "confidence_bands",
    "conformal_quantile",
    "fit_temperature",
    "log_softmax",
    "speech_threshold",
    "threshold_for",
    "unfamiliar_threshold",
    "unsure_threshold",
]

# The range searched. A temperature at its end means that the logits are useless (20) or far too small (0.05).
TEMPERATURES: Final = (0.05, 20.0)

BAND_EDGES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_MOST_BELOW: Final = 0.06  # of a group's coverage
_NOISE_ABOVE: Final = 0.03  # share of noise that may be taken for speech
_SPEECH_BELOW: Final = 0.002  # share of speech that may be taken for noise
_GOLDEN: Final = (np.sqrt(5.0) - 1.0) / 2.0


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Turn logits into log-probabilities along the last axis, without overflow.

    Example:
        >>> np.exp(log_softmax(np.array([1000.0, 1000.0]))).round(3).tolist()
        [0.5, 0.5]
    """
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Fit the temperature that logits are divided by, so that confidence is calibrated.

    It minimises the negative log-likelihood of the labels (Guo et al. 2017, "On Calibration of Modern Neural
    Networks"), by golden section over the logarithm of the temperature: the loss is convex in its inverse,
    so there is one minimum. The most probable emotion of a clip never changes.

    Where every prediction is right, the likelihood grows without limit as the temperature falls, and a handful of easy
    clips would make the model overconfident. There the labels count as right ``n + 1`` times in ``n + 2`` (Platt
    1999, "Probabilistic Outputs for Support Vector Machines"), which is what ``n`` right predictions are evidence for.

    Args:
        logits: ``(clips, classes)``, of validation clips.
        labels: ``(clips,)``, indices of the true classes.

    Returns:
        A temperature between 0.05 and 20; above 1 where the model was overconfident.

    Raises:
        ValueError: if there are no clips, shapes don't fit, or a logit is not finite.

    Example:
        >>> sure = np.array([[9.0, 0.0]] * 4)                    # "first", with 99.99 %
        >>> temperature = fit_temperature(sure, np.array([0, 0, 0, 1]))
        >>> float(np.exp(log_softmax(sure / temperature))[0, 0].round(3))   # right 3 times in 4
        0.75
    """
    logits, labels = _checked(logits, labels)
    count, classes = logits.shape
    wanted = np.eye(classes)[labels]  # (clips, classes)
    if classes > 1 and (logits.argmax(axis=1) == labels).all():
        wrong = 1.0 / (count + 2.0)
        wanted = np.where(wanted == 1.0, 1.0 - wrong, wrong / (classes - 1))

    def loss(log_temperature: float) -> float:
        return -float((wanted * log_softmax(logits / np.exp(log_temperature))).sum(axis=1).mean())

    low, high = (float(np.log(end)) for end in TEMPERATURES)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > 1e-6:
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - _GOLDEN * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + _GOLDEN * (high - low)
            loss_right = loss(right)
    return float(np.exp((low + high) / 2.0))


def threshold_for(confidences: NDArray[Any], correct: NDArray[Any]) -> float:
    """Find the confidence below which a prediction is more often wrong than right.

    Calling a prediction unsure has two kinds of errors: a right one called unsure, and a wrong one that is not. The
    threshold returned has the fewest errors on the clips given; among equals it is the lowest, so that as few
    predictions as possible are unsure.

    Args:
        confidences: ``(clips,)``, probability of the prediction, after the temperature, 0 to 1.
        correct: ``(clips,)``, whether the prediction was right.

    Returns:
        A threshold from 0 (never unsure) to 1 (always).

    Raises:
        ValueError: if there are no clips, or the shapes differ.

    Example:
        >>> threshold_for(np.array([0.3, 0.4, 0.6, 0.9]), np.array([False, False, True, True]))
        0.5
    """
    confidences, correct = _same_length(confidences, correct)
    order = np.argsort(confidences, kind="stable")
    confidences, correct = confidences[order], correct[order]
    right_below = np.concatenate([[0], np.cumsum(correct)])
    wrong_above = np.concatenate([np.cumsum(~correct[::-1])[::-1], [0]])
    errors = right_below + wrong_above  # (clips + 1,): the k least sure answers are called unsure
    # Between two equal confidences there is no place for a threshold.
    errors[1:-1][np.diff(confidences) == 0.0] = len(correct) + 1
    count = int(np.argmin(errors))
    if count == 0:
        return 0.0
    if count == len(correct):
        return 1.0
    return float((confidences[count - 1] + confidences[count]) / 2.0)


@dataclass(frozen=True)
class UnsureBars:
    """What is wanted of a threshold.

    Attributes:
        accuracy: share of the outside predictions that are not unsure which should be correct, at least.
        outside: share of the outside predictions that should not be unsure, at least.
        inside: share of the predictions on clips like those of training that should not be unsure, at least.
    """

    accuracy: float = 0.65
    outside: float = 0.5
    inside: float = 0.9


_BARS: Final = UnsureBars()


@dataclass(frozen=True)
class UnsureThreshold:
    """A threshold of confidence, and what it reaches of :class:`UnsureBars`."""

    threshold: float
    accuracy: float
    outside: float
    inside: float


def unsure_threshold(
    confidences: NDArray[Any],
    correct: NDArray[Any],
    corpora: NDArray[Any],
    inside: NDArray[Any],
    bars: UnsureBars = _BARS,
) -> UnsureThreshold:
    """Find the confidence below which a prediction should be called unsure, for sound from anywhere.

    The lowest threshold that reaches all bars; where none does, the one that falls short least, summed over the bars,
    each as a share of itself.

    Args:
        confidences: ``(clips,)``, outside, 0 to 1.
        correct: ``(clips,)``, whether the prediction was correct.
        corpora: ``(clips,)``, the corpus of each.
        inside: ``(predictions,)``, confidences for validation clips of the corpora that were trained on.
        bars: what is wanted.

    Raises:
        ValueError: if there are no clips, or the shapes differ.

    Example:
        >>> sure, right = np.array([0.125, 0.25, 0.5, 0.75, 1.0]), np.array([False, False, True, True, True])
        >>> unsure_threshold(sure, right, np.array(["emodb"] * 5), np.array([0.7, 0.9]))
        UnsureThreshold(threshold=0.1875, accuracy=0.75, outside=0.8, inside=1.0)
    """
    confidences, correct = _same_length(confidences, correct)
    weights, inside = _weights(corpora, len(confidences)), np.asarray(inside, dtype=np.float64)
    values = np.unique(np.concatenate([confidences, inside]))
    thresholds = np.concatenate([[0.0], (values[1:] + values[:-1]) / 2.0])
    kept = _at_least(confidences, weights, thresholds)
    right = _at_least(confidences, weights * correct, thresholds)
    accuracy = np.divide(right, kept, out=np.ones_like(kept), where=kept > 0)
    kept_inside = _at_least(inside, np.full(len(inside), 1.0 / max(len(inside), 1)), thresholds)
    reached = np.stack([accuracy, kept, kept_inside])  # (3, thresholds)
    wanted = np.array([bars.accuracy, bars.outside, bars.inside])[:, None]
    best = int(np.argmin(np.maximum(1.0 - reached / wanted, 0.0).sum(axis=0).round(9)))
    return UnsureThreshold(float(thresholds[best]), *(float(share) for share in reached[:, best].round(12)))


@dataclass(frozen=True)
class ConformalQuantile:
    """The quantile of split-conformal prediction for one coverage, and what it gives.

    Attributes:
        quantile: a label is in the set if 1 - its probability is at most this.
        coverage: share of the sets that contain the correct label, by group.
        size: mean number of labels in a set, by group.
    """

    quantile: float
    coverage: Mapping[str, float]
    size: Mapping[str, float]


def conformal_quantile(
    probabilities: NDArray[Any],
    correct: NDArray[Any],
    groups: NDArray[Any],
    coverage: float = 0.9,
    shares: Mapping[str, float] | None = None,
) -> ConformalQuantile:
    """Find the quantile with which :meth:`hearfelt.Prediction.plausible` contains the correct label this often.

    Split-conformal prediction with the score 1 - probability of the correct label (Sadinle, Lei and Wasserman 2019,
    "Least Ambiguous Set-Valued Classifiers"). On clips drawn as those given are, a set contains the correct label with
    at least the probability ``coverage``. The groups are weighted, because new sound may come from any of them
    (Tibshirani et al. 2019, "Conformal Prediction Under Covariate Shift"). The quantile is raised where the coverage of
    a group would be lower by more than 0.06.

    Args:
        probabilities: ``(clips, classes)`` after the temperature.
        correct: ``(clips,)`` indices of the correct classes; or ``(clips, classes)``, True for each class that counts
            as correct, for a corpus in which calm clips are labelled neutral.
        groups: ``(clips,)``, such as the corpus of each.
        coverage: above 0 and below 1.
        shares: how much each group counts; by default all alike.

    Raises:
        ValueError: if there are no clips, the shapes differ or the coverage is impossible.

    Example:
        >>> certain = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
        >>> conformal_quantile(certain, np.array([0, 0, 1]), np.array(["emodb"] * 3), 0.5).quantile.__round__(3)
        0.2
    """
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage {coverage}; above 0 and below 1 is wanted")
    probabilities = np.asarray(probabilities, dtype=np.float64)
    wanted = np.asarray(correct)
    if wanted.ndim == 1 and probabilities.ndim == 2:
        wanted = np.arange(probabilities.shape[1]) == wanted[:, None]
    if probabilities.ndim != 2 or wanted.shape != probabilities.shape or not len(wanted):
        raise ValueError(f"probabilities {probabilities.shape}, correct {wanted.shape}; (clips, classes) are wanted")
    groups = np.asarray(groups).astype(str)
    weights = _weights(groups, len(wanted), shares)
    scores = 1.0 - np.where(wanted, probabilities, -np.inf).max(axis=1)
    quantile = _upper_quantile(scores, weights, coverage)
    names = np.unique(groups)
    least = max(coverage - _MOST_BELOW, 0.0)
    quantile = max(quantile, *(float(np.quantile(scores[groups == one], least, method="higher")) for one in names))
    sets = 1.0 - probabilities <= quantile
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
    covered, sizes = (sets & wanted).any(axis=1), sets.sum(axis=1)
    return ConformalQuantile(
        quantile,
        {str(one): float(covered[groups == one].mean()) for one in names},
        {str(one): float(sizes[groups == one].mean()) for one in names},
    )


def confidence_bands(
    confidences: NDArray[Any], correct: NDArray[Any], *, edges: tuple[float, ...] = BAND_EDGES, fewest: int = 50
) -> tuple[Band, ...]:
    """Count how many predictions were correct, by confidence.

    A band with fewer predictions than ``fewest`` is joined to the one above it, or to the one below it at the top.
    Where more confidence comes with fewer correct predictions, bands are joined until that is so no more (pool
    adjacent violators).

    Args:
        confidences: ``(clips,)``, outside, 0 to 1.
        correct: ``(clips,)``, whether the prediction was correct.
        edges: of the bands, from 0 to 1.
        fewest: predictions in a band.

    Raises:
        ValueError: if there are no clips, or the shapes differ.

    Example:
        >>> sure, right = np.array([0.55, 0.58, 0.95, 0.96]), np.array([True, False, True, True])
        >>> confidence_bands(sure, right, fewest=2)
        (Band(low=0.0, high=0.6, answers=2, right=1), Band(low=0.6, high=1.0, answers=2, right=2))
    """
    confidences, correct = _same_length(confidences, correct)
    counts = np.histogram(confidences, edges)[0]
    rights = np.histogram(confidences[correct], edges)[0]
    bands: list[Band] = []
    for low, high, answers, right in zip(edges, edges[1:], counts.tolist(), rights.tolist(), strict=False):
        bands.append(Band(low, high, answers, right))
        while len(bands) > 1 and (
            bands[-2].answers < fewest or bands[-2].right * bands[-1].answers > bands[-1].right * bands[-2].answers
        ):
            bands[-2:] = [_joined(*bands[-2:])]
    while len(bands) > 1 and bands[-1].answers < fewest:
        bands[-2:] = [_joined(*bands[-2:])]
    return tuple(bands)


def speech_threshold(logits: NDArray[Any], speaks: NDArray[Any], groups: NDArray[Any]) -> float:
    """Find the logit of speech below which a sound contains none.

    It is midway between the logit that all but 3 % of the noise stays below, each kind alike, and the one that all but
    0.2 % of the speech of every corpus reaches.

    Args:
        logits: ``(clips,)``, the network's output ``speech``.
        speaks: ``(clips,)``, whether there is speech.
        groups: ``(clips,)``, the corpus or the kind of noise.

    Raises:
        ValueError: if there is no speech or no noise, or the shapes differ.

    Example:
        >>> speech_threshold(np.array([-4.0, -2.0, 2.0]), np.array([False, False, True]), np.array(["a", "a", "b"]))
        0.0
    """
    logits, speaks = _same_length(logits, speaks)
    groups = np.asarray(groups)
    if speaks.all() or not speaks.any():
        raise ValueError("speech_threshold: both speech and noise are wanted")
    order = np.argsort(-logits[~speaks])
    _, kinds, counts = np.unique(groups[~speaks][order], return_inverse=True, return_counts=True)
    above = np.cumsum(1.0 / counts[kinds]) / len(counts)
    highest = logits[~speaks][order][min(int(np.searchsorted(above, _NOISE_ABOVE)), len(order) - 1)]
    corpora = [logits[speaks & (groups == one)] for one in np.unique(groups[speaks])]
    return float((highest + min(np.quantile(own, _SPEECH_BELOW) for own in corpora)) / 2.0)


def unfamiliar_threshold(distances: NDArray[Any], corpora: NDArray[Any], most: float = 0.02) -> float:
    """Find the distance from training sound above which a sound is called unfamiliar.

    Args:
        distances: ``(clips,)``, the network's output ``distance`` for clips of corpora that were left out of training.
        corpora: ``(clips,)``, the corpus of each.
        most: of such clips of acted speech, at most this share is called unfamiliar, each corpus counting alike.

    Raises:
        ValueError: if there are no clips, or the shapes differ.

    Example:
        >>> unfamiliar_threshold(np.arange(100.0), np.array(["emodb"] * 100), 0.05)
        95.0
    """
    distances = np.asarray(distances, dtype=np.float64)
    if distances.ndim != 1 or not len(distances):
        raise ValueError(f"{distances.shape} distances; (clips,) are wanted")
    quantile = _upper_quantile(distances, _weights(corpora, len(distances)), 1.0 - most)
    return float(min(quantile, distances.max()))


def _upper_quantile(scores: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """Give the score that at least this share of the weight reaches, with a further clip at the upper end.

    With equal weights it is the ceil((n + 1) share)-th smallest score, which makes the promise hold for a new clip;
    1 if there are too few clips for that.
    """
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) / (1.0 + weights.mean())
    place = int(np.searchsorted(reached, share - 1e-12))
    return float(scores[order[place]]) if place < len(scores) else max(1.0, float(scores.max()))


def _at_least(
    values: NDArray[np.float64], weights: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Add up the weights of the values at or above each threshold."""
    order = np.argsort(values, kind="stable")
    above = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])
    return np.asarray(above[np.searchsorted(values[order], thresholds)], np.float64)


def _weights(groups: NDArray[Any], clips: int, shares: Mapping[str, float] | None = None) -> NDArray[np.float64]:
    """Weigh clips so that their groups count alike, or by their shares; the sum is 1."""
    groups = np.asarray(groups).astype(str)
    if groups.shape != (clips,):
        raise ValueError(f"groups {groups.shape}; one for each of {clips} clips is wanted")
    names, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    wanted = np.array([1.0 if shares is None else shares[name] for name in names.tolist()])
    return np.asarray((wanted / wanted.sum() / counts)[places], np.float64)


def _joined(one: Band, other: Band) -> Band:
    return Band(one.low, other.high, one.answers + other.answers, one.right + other.right)


def _same_length(values: NDArray[Any], verdicts: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, verdicts = np.asarray(values, dtype=np.float64), np.asarray(verdicts, dtype=bool)
    if values.ndim != 1 or values.shape != verdicts.shape or not len(values):
        raise ValueError(f"{values.shape} numbers and {verdicts.shape} verdicts; (clips,) of each are wanted")
    return values, verdicts


def _checked(logits: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits {logits.shape}, labels {labels.shape}; (clips, classes) and (clips,) are wanted")
    if not np.isfinite(logits).all():
        raise ValueError("a logit is not finite; a temperature can only be found for finite ones")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"label {labels.max()} of {logits.shape[1]} classes; indices from 0 are wanted")
    return logits, labels
