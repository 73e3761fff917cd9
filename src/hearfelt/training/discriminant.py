"""Fit the linear discriminant of the target corpus, and the gate that keeps it to sound like the target's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hearfelt.errors import require
from hearfelt.models.sound_network import LARGEST, TargetDiscriminant

__all__ = ["Discriminant", "DiscriminantData", "GateData", "fit_discriminant", "target_discriminant"]

_CAUTION = 2.5  # in log-odds: corpora that were left out are often taken for the target a little
_GATE_COST = 0.01  # scikit-learn's C: the smaller, the smoother


@dataclass(frozen=True, eq=False)
class DiscriminantData:
    """What the discriminant is fitted to: clips of the target's corpora and their copies.

    Attributes:
        rows: ``(rows, d)``, standardized statistics.
        labels: ``(rows,)``, indices of the emotions.
        weights: ``(rows,)``, of each row; 0 for what is held out.
        channels: ``(rows,)``, number of each row's channel; 0 for that of the target, whose means are used.
        classes: number of emotions.
    """

    rows: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    channels: npt.NDArray[np.int64]
    classes: int


@dataclass(frozen=True, eq=False)
class GateData:
    """What the gate is fitted to: clips of all corpora.

    Attributes:
        rows: ``(rows, k)``, scaled components of the statistics.
        gains: ``(k,)``, of the components.
        is_target: ``(rows,)``, whether a row is of the target's corpora.
    """

    rows: npt.NDArray[np.float32]
    gains: npt.NDArray[np.float32]
    is_target: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Discriminant:
    """A fitted discriminant.

    Attributes:
        slopes: ``(d, classes)``; a column of 0 for an emotion without rows.
        offsets: ``(classes,)``.
        mean: ``(classes,)``, of the products of rows and slopes.
        deviation: ``(classes,)``, of the same.
    """

    slopes: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]


def fit_discriminant(data: DiscriminantData, shrinkage: float) -> Discriminant:
    """Fit a discriminant with a shrunken covariance (Friedman 1989, "Regularized Discriminant Analysis").

    Rows of one emotion and channel share a mean, and all share one covariance. All emotions have the same prior, so
    that a rare one is not neglected; of one without rows nothing is said.

    Args:
        data: to fit to.
        shrinkage: added to the covariance's diagonal, as a share of its mean.
    """
    used = data.weights > 0
    rows = np.clip(data.rows[used], -LARGEST, LARGEST)
    labels, channels, weights = data.labels[used], data.channels[used], data.weights[used]
    centred, means = rows.copy(), np.zeros((data.classes, rows.shape[1]))
    for label in range(data.classes):
        for channel in sorted(set(channels[labels == label].tolist()), reverse=True):
            own = (labels == label) & (channels == channel)
            means[label] = np.average(rows[own], axis=0, weights=weights[own])
            centred[own] -= means[label].astype(np.float32)
    centred *= np.sqrt(weights / weights.sum()).astype(np.float32)[:, None]
    covariance = (centred.T @ centred).astype(np.float64)
    covariance[np.diag_indices_from(covariance)] += max(shrinkage * covariance.diagonal().mean(), 1e-6)
    slopes = np.linalg.solve(covariance, means.T)  # (d, classes)
    offsets = -0.5 * (means.T * slopes).sum(axis=0)
    present = np.isin(np.arange(data.classes), labels)
    slopes -= slopes[:, present].mean(axis=1, keepdims=True)
    offsets -= offsets[present].mean()
    slopes[:, ~present], offsets[~present] = 0.0, 0.0
    products = rows @ slopes
    mean = np.asarray(np.average(products, axis=0, weights=weights), np.float64)
    deviation = np.sqrt(np.asarray(np.average(np.square(products - mean), axis=0, weights=weights), np.float64))
    return Discriminant(slopes.astype(np.float64), offsets, mean, np.where(deviation > 0, deviation, 1.0))


def target_discriminant(fitted: Discriminant, data: GateData, weight: float) -> TargetDiscriminant:
    """Make the layer of a network, and fit its gate.

    The gate is a logistic regression that tells the target's corpora from the others; where there are no others it is
    open.

    Args:
        fitted: the discriminant.
        data: that the gate is fitted to.
        weight: the logits are multiplied by it.
    """
    made = TargetDiscriminant(len(fitted.slopes), data.rows.shape[1], len(fitted.offsets))
    with torch.no_grad():
        made.discriminant.weight.copy_(torch.from_numpy((fitted.slopes / fitted.deviation).T))
        made.discriminant.bias.copy_(torch.from_numpy(-fitted.mean / fitted.deviation))
        made.scale.copy_(torch.from_numpy(weight * fitted.deviation))
        made.offset.copy_(torch.from_numpy(weight * (fitted.mean + fitted.offsets)))
        made.gains.copy_(torch.from_numpy(data.gains))
        _fit_gate(made.gate, data)
    return made.eval()


def _fit_gate(gate: torch.nn.Linear, data: GateData) -> None:
    gate.weight.zero_()
    gate.bias.fill_(20.0)
    if data.is_target.all():
        return
    regression = require("sklearn.linear_model", "train").LogisticRegression(
        C=_GATE_COST, class_weight="balanced", max_iter=500
    )
    regression.fit((np.clip(data.rows, -LARGEST, LARGEST) * data.gains).astype(np.float64), data.is_target)
    gate.weight.copy_(torch.from_numpy(regression.coef_))
    gate.bias.copy_(torch.from_numpy(regression.intercept_ - _CAUTION))
