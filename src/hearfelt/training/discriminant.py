"""The discriminant: a linear answer found in closed form, strong where speakers are few."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from hearfelt.models.pooling import Discriminant

__all__ = ["fit_discriminant"]

_LEAST: Final = 1e-6


def fit_discriminant(
    rows: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
    *,
    classes: int,
    shrinkage: float,
    emphasis: npt.NDArray[np.float32] | None = None,
) -> Discriminant:
    """Fit a linear discriminant with a shrunken covariance (Friedman 1989, "Regularized Discriminant Analysis").

    Rows of one emotion and group share a mean, and all share one covariance. Emotions count as equally likely, so that
    a rare one is not passed over. How speakers differ in saying the same thing is part of the covariance, and so it
    counts for little in the answer.

    Args:
        rows: ``(rows, numbers)``.
        labels: ``(rows,)``, places of the emotions; one without any rows is never answered.
        groups: ``(rows,)``, 0 for what is like the clips to be answered, whose means decide; other groups add to the
            covariance, and lend the means of emotions that group 0 lacks.
        weights: ``(rows,)``, how much each counts in the covariance.
        classes: how many emotions there are.
        shrinkage: added to the covariance's diagonal, as a share of its mean.
        emphasis: ``(numbers,)``, by how much each number is stretched after scaling: the more, the less the shrinkage
            holds it back; by default all are alike.

    Returns:
        From unscaled rows to logits.
    """
    middle, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    scale = scale if emphasis is None else scale / emphasis
    scaled = (rows - middle) / scale
    means = np.zeros((classes, rows.shape[1]), np.float32)
    for label in range(classes):
        for group in sorted(set(groups[labels == label].tolist()), reverse=True):
            some = (labels == label) & (groups == group)
            means[label] = scaled[some].mean(axis=0)
            scaled[some] -= means[label]
    weighted = torch.from_numpy(scaled * np.sqrt(weights / weights.sum())[:, None])
    covariance = weighted.T @ weighted  # (numbers, numbers)
    # One row for each emotion and group leaves nothing but zeros.
    covariance.diagonal().add_(max(shrinkage * float(covariance.diagonal().mean()), _LEAST))
    slopes = torch.cholesky_solve(torch.from_numpy(means.T.copy()), torch.linalg.cholesky(covariance))
    offsets = -0.5 * (torch.from_numpy(means).T * slopes).sum(dim=0)
    offsets[torch.from_numpy(~np.isin(np.arange(classes), labels))] = -1e4
    fitted = Discriminant(rows.shape[1], classes)
    back = slopes / torch.from_numpy(scale)[:, None]
    with torch.no_grad():
        fitted.slopes.copy_(back)
        fitted.offsets.copy_(offsets - torch.from_numpy(middle) @ back)
    return fitted.eval()
