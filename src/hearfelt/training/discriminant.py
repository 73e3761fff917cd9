"""Fit the linear discriminant of the target corpus, and the gate that keeps it to sound like the target's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hearfelt.errors import require
from hearfelt.models.sound_network import LARGEST, TargetDiscriminant

__all__ = ["DiscriminantData", "fit_discriminant"]

_CAUTION = 2.5  # in log-odds: corpora that were left out are often taken for the target a little
_GATE_COST = 0.01  # scikit-learn's C: the smaller, the smoother


@dataclass(frozen=True, eq=False)
class DiscriminantData:
    """What the discriminant is fitted to.

    Attributes:
        rows: ``(rows, k)``, scaled statistics.
        gains: ``(k,)``, of the components.
        labels: ``(rows,)``, indices of the emotions.
        weights: ``(rows,)``, of each row; 0 for what is held out.
        is_target: ``(rows,)``, whether a row is of the target's corpora.
        channels: ``(rows,)``, number of each row's channel; 0 for that of the target, whose means are used.
        classes: number of emotions.
    """

    rows: npt.NDArray[np.float32]
    gains: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    is_target: npt.NDArray[np.bool_]
    channels: npt.NDArray[np.int64]
    classes: int


def fit_discriminant(data: DiscriminantData, *, shrinkage: float, weight: float) -> TargetDiscriminant:
    """Fit a discriminant with a shrunken covariance (Friedman 1989, "Regularized Discriminant Analysis").

    Rows of one emotion and channel share a mean, and all share one covariance. All emotions have the same prior, so
    that a rare one is not neglected; of one without rows nothing is said. The gate is a logistic regression that tells
    the target's corpora from the others; where there are no others it is open.

    Args:
        data: to fit to.
        shrinkage: added to the covariance's diagonal, as a share of its mean.
        weight: the logits are multiplied by it.
    """
    used = data.is_target & (data.weights > 0)
    values = (np.clip(data.rows, -LARGEST, LARGEST) * data.gains).astype(np.float64)
    rows, labels, channels, weights = values[used], data.labels[used], data.channels[used], data.weights[used]
    means = np.zeros((data.classes, rows.shape[1]))
    for label in range(data.classes):
        for channel in sorted(set(channels[labels == label].tolist()), reverse=True):
            own = (labels == label) & (channels == channel)
            means[label] = np.average(rows[own], axis=0, weights=weights[own])
            rows[own] -= means[label]
    covariance = (rows * (weights / weights.sum())[:, None]).T @ rows
    covariance[np.diag_indices_from(covariance)] += max(shrinkage * covariance.diagonal().mean(), 1e-6)
    slopes = np.linalg.solve(covariance, means.T)  # (k, classes)
    offsets = -0.5 * (means.T * slopes).sum(axis=0)
    fitted = TargetDiscriminant(rows.shape[1], data.classes)
    present = np.isin(np.arange(data.classes), labels)
    slopes -= slopes[:, present].mean(axis=1, keepdims=True)
    offsets -= offsets[present].mean()
    slopes[:, ~present], offsets[~present] = 0.0, 0.0
    with torch.no_grad():
        fitted.gains.copy_(torch.from_numpy(data.gains))
        fitted.discriminant.weight.copy_(torch.from_numpy(weight * slopes.T))
        fitted.discriminant.bias.copy_(torch.from_numpy(weight * offsets))
        _fit_gate(fitted.gate, values, data)
    return fitted.eval()


def _fit_gate(gate: torch.nn.Linear, values: npt.NDArray[np.float64], data: DiscriminantData) -> None:
    used = data.weights > 0
    gate.weight.zero_()
    gate.bias.fill_(20.0)
    if data.is_target[used].all():
        return
    regression = require("sklearn.linear_model", "train").LogisticRegression(
        C=_GATE_COST, class_weight="balanced", max_iter=500
    )
    regression.fit(values[used], data.is_target[used])
    gate.weight.copy_(torch.from_numpy(regression.coef_))
    gate.bias.copy_(torch.from_numpy(regression.intercept_ - _CAUTION))
