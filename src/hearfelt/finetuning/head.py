"""The head that is taught: a linear discriminant in closed form, strong where clips are few.

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
Places = npt.NDArray[np.int64]

_LEAST: Final = 1e-6
_NEVER: Final = -1e4  # the logit of a label without a single clip


@dataclass(frozen=True)
class Setting:
    """What is chosen by cross-validation.

    Attributes:
        shrinkage: added to the covariance's diagonal, as a share of its mean: the more, the simpler the head.
        trust: how much the base's own answers count beside its embedding; 0 leaves them out.
    """

    shrinkage: float
    trust: float


SETTINGS: Final = tuple(
    Setting(shrinkage, trust) for trust in (0.0, 10.0, 30.0) for shrinkage in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
)


@dataclass(frozen=True, eq=False)
class Head:
    """A linear answer.

    Attributes:
        slopes: ``(numbers, classes)``.
        offsets: ``(classes,)``.
    """

    slopes: Floats
    offsets: Floats

    def answer(self, rows: npt.NDArray[np.floating]) -> Floats:
        """Turn ``(rows, numbers)`` into logits ``(rows, classes)``."""
        logits: Floats = rows @ self.slopes + self.offsets
        return logits


def fit_heads(
    rows: npt.NDArray[np.floating],
    labels: Places,
    classes: int,
    *,
    embedded: int,
    settings: Sequence[Setting] = SETTINGS,
) -> list[Head]:
    """Fit one head for each setting: linear discriminants with a shrunken covariance (Friedman 1989).

    Labels count as equally likely, so that a rare one is not passed over. How clips of one label differ is part of the
    covariance that all labels share, and so it counts for little in the answer. The settings share the decomposition
    of the covariance, so that many cost hardly more than one.

    Args:
        rows: ``(rows, numbers)``, for each clip its embedding and then the base's logits.
        labels: ``(rows,)``, places of the true labels; one without any row is never answered.
        classes: how many labels there are.
        embedded: how many of the numbers are the embedding.
        settings: which heads are wanted.

    Returns:
        Heads that take unscaled rows, in the order of the settings.

    Example:
        >>> rows = np.array([[0.0, 1.0], [1.0, 0.0], [9.0, 0.0], [8.0, 1.0]])
        >>> (head,) = fit_heads(rows, np.array([0, 0, 1, 1]), 2, embedded=2, settings=[Setting(1.0, 0.0)])
        >>> head.answer(np.array([[2.0, 0.5], [7.0, 0.5]])).argmax(axis=1).tolist()
        [0, 1]
    """
    rows = np.asarray(rows, np.float64)
    middle, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > _LEAST * np.maximum(1.0, np.abs(middle)), scale, 1.0)
    scaled = (rows - middle) / scale
    means = np.zeros((classes, rows.shape[1]))
    for label in np.unique(labels):
        means[label] = scaled[labels == label].mean(axis=0)
    apart = (scaled - means[labels]) / np.sqrt(len(rows))
    absent = ~np.isin(np.arange(classes), labels)
    heads: dict[Setting, Head] = {}
    for trust in dict.fromkeys(setting.trust for setting in settings):
        emphasis = np.concatenate([np.ones(embedded), np.full(rows.shape[1] - embedded, trust)])
        kept = np.flatnonzero(emphasis)
        slopes = _slopes(
            apart[:, kept] * emphasis[kept],
            means[:, kept] * emphasis[kept],
            [setting.shrinkage for setting in settings if setting.trust == trust],
        )
        for setting, some in zip((one for one in settings if one.trust == trust), slopes, strict=True):
            offsets = -0.5 * (means[:, kept] * emphasis[kept] * some).sum(axis=1)
            whole = np.zeros((rows.shape[1], classes))
            whole[kept] = (some * emphasis[kept] / scale[kept]).T
            offsets -= middle @ whole
            offsets[absent] = _NEVER
            heads[setting] = Head(whole, offsets)
    return [heads[setting] for setting in settings]


def _slopes(apart: Floats, means: Floats, shrinkages: Iterable[float]) -> Iterable[Floats]:
    """Solve for ``(classes, numbers)`` slopes, one after another for each shrinkage.

    Args:
        apart: ``(rows, numbers)``; its product with itself is the covariance.
        means: ``(classes, numbers)``.
        shrinkages: as shares of the covariance's mean diagonal.
    """
    variances, directions = _decomposed(apart)
    along = means @ directions  # (classes, directions)
    least = float(np.square(apart).sum()) / apart.shape[1]
    for shrinkage in shrinkages:
        added = max(shrinkage * least, _LEAST)
        yield (along / (variances + added)) @ directions.T + (means - along @ directions.T) / added


def _decomposed(apart: Floats) -> tuple[Floats, Floats]:
    """Find the covariance's variances and directions, by the smaller of its two products."""
    count, numbers = apart.shape
    if count >= numbers:
        variances, directions = np.linalg.eigh(apart.T @ apart)
        return np.maximum(variances, 0.0), directions
    variances, turned = np.linalg.eigh(apart @ apart.T)
    some = variances > _LEAST * max(float(variances[-1]), _LEAST)
    variances, turned = variances[some], turned[:, some]
    return variances, apart.T @ (turned / np.sqrt(variances))  # (numbers, directions)
