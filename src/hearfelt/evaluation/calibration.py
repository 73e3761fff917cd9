"""Calibration: one temperature, and the threshold of confidence below which a model is unsure.

Both are chosen on validation clips and stored in the model's card; test clips do not influence them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["TEMPERATURES", "fit_temperature", "log_softmax", "threshold_for"]

# The range searched. A temperature at its end means that the logits are useless (20) or far too small (0.05).
TEMPERATURES: Final = (0.05, 20.0)

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
    confidences = np.asarray(confidences, dtype=np.float64)
    correct = np.asarray(correct, dtype=bool)
    if confidences.ndim != 1 or confidences.shape != correct.shape or not len(correct):
        raise ValueError(f"{confidences.shape} confidences and {correct.shape} verdicts; (clips,) of each are wanted")
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


def _checked(logits: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits {logits.shape}, labels {labels.shape}; (clips, classes) and (clips,) are wanted")
    if not np.isfinite(logits).all():
        raise ValueError("a logit is not finite; a temperature can only be found for finite ones")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"label {labels.max()} of {logits.shape[1]} classes; indices from 0 are wanted")
    return logits, labels
