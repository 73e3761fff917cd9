"""Fit a head: a linear discriminant in closed form, good where clips are few.

Of the linear heads tried (discriminants with a shrunken covariance, multinomial regression with a ridge) the
discriminant was the better one by speaker and by likelihood, and it needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["SETTINGS", "Head", "Setting", "fit_heads"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_EPSILON: Final = 1e-6
_NEVER: Final = -1e4  # the logit of a label without a single clip


@dataclass(frozen=True)
class Setting:
    """Setting of a head, chosen by cross-validation.

    Attributes:
        shrinkage: added to the covariance's diagonal, as a share of its mean: the larger, the simpler the head.
        base_weight: factor of the base's logits beside its embedding; 0 leaves them out.
    """

    shrinkage: float
    base_weight: float


SETTINGS: Final = tuple(
    Setting(shrinkage, base_weight)
    for base_weight in (0.0, 10.0, 30.0)
    for shrinkage in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
)


@dataclass(frozen=True, eq=False)
class Head:
    """A linear head.

    Attributes:
        slopes: ``(dimensions, classes)``.
        offsets: ``(classes,)``.
    """

    slopes: Floats
    offsets: Floats

    def logits(self, rows: npt.NDArray[np.floating]) -> Floats:
        """Compute the logits ``(rows, classes)`` of ``(rows, dimensions)``."""
        logits: Floats = rows @ self.slopes + self.offsets
        return logits


def fit_heads(
    rows: npt.NDArray[np.floating],
    labels: Indices,
    classes: int,
    *,
    embedding_size: int,
    settings: Sequence[Setting] = SETTINGS,
) -> list[Head]:
    """Fit one head for each setting: linear discriminants with a shrunken covariance (Friedman 1989).

    All labels have the same prior, so that a rare one is not neglected. Differences between clips of one label are part
    of the covariance that all labels share, so they weigh little. The settings share the decomposition of the
    covariance, so that many cost hardly more than one.

    Args:
        rows: ``(rows, dimensions)``, for each clip its embedding and then the base's logits.
        labels: ``(rows,)``, indices of the true labels; one without rows is never predicted.
        classes: number of labels.
        embedding_size: number of dimensions of the embedding.
        settings: one head is fitted for each.

    Returns:
        Heads that take unscaled rows, in the order of the settings.

    Example:
        >>> rows = np.array([[0.0, 1.0], [1.0, 0.0], [9.0, 0.0], [8.0, 1.0]])
        >>> (head,) = fit_heads(rows, np.array([0, 0, 1, 1]), 2, embedding_size=2, settings=[Setting(1.0, 0.0)])
        >>> head.logits(np.array([[2.0, 0.5], [7.0, 0.5]])).argmax(axis=1).tolist()
        [0, 1]
    """
    rows = np.asarray(rows, np.float64)
    middle, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > _EPSILON * np.maximum(1.0, np.abs(middle)), scale, 1.0)
    scaled = (rows - middle) / scale
    means = np.zeros((classes, rows.shape[1]))
    for label in np.unique(labels):
        means[label] = scaled[labels == label].mean(axis=0)
    centred = (scaled - means[labels]) / np.sqrt(len(rows))
    absent = ~np.isin(np.arange(classes), labels)
    heads: dict[Setting, Head] = {}
    for base_weight in dict.fromkeys(setting.base_weight for setting in settings):
        emphasis = np.concatenate([np.ones(embedding_size), np.full(rows.shape[1] - embedding_size, base_weight)])
        kept = np.flatnonzero(emphasis)
        slopes = _slopes(
            centred[:, kept] * emphasis[kept],
            means[:, kept] * emphasis[kept],
            [setting.shrinkage for setting in settings if setting.base_weight == base_weight],
        )
        for setting, some in zip((one for one in settings if one.base_weight == base_weight), slopes, strict=True):
            offsets = -0.5 * (means[:, kept] * emphasis[kept] * some).sum(axis=1)
            whole = np.zeros((rows.shape[1], classes))
            whole[kept] = (some * emphasis[kept] / scale[kept]).T
            offsets -= middle @ whole
            offsets[absent] = _NEVER
            heads[setting] = Head(whole, offsets)
    return [heads[setting] for setting in settings]


def _slopes(centred: Floats, means: Floats, shrinkages: Iterable[float]) -> Iterable[Floats]:
    """Solve for ``(classes, dimensions)`` slopes, one after another for each shrinkage.

    Args:
        centred: ``(rows, dimensions)``; its product with itself is the covariance.
        means: ``(classes, dimensions)``.
        shrinkages: as shares of the covariance's mean diagonal.
    """
    variances, directions = _decomposed(centred)
    along = means @ directions  # (classes, directions)
    least = float(np.square(centred).sum()) / centred.shape[1]
    for shrinkage in shrinkages:
        added = max(shrinkage * least, _EPSILON)
        yield (along / (variances + added)) @ directions.T + (means - along @ directions.T) / added


def _decomposed(centred: Floats) -> tuple[Floats, Floats]:
    """Decompose the covariance into variances and directions, by the smaller of its two products."""
    count, dimensions = centred.shape
    if count >= dimensions:
        variances, directions = np.linalg.eigh(centred.T @ centred)
        return np.maximum(variances, 0.0), directions
    variances, turned = np.linalg.eigh(centred @ centred.T)
    some = variances > _EPSILON * max(float(variances[-1]), _EPSILON)
    variances, turned = variances[some], turned[:, some]
    return variances, centred.T @ (turned / np.sqrt(variances))  # (dimensions, directions)
