"""Scaling of features as a layer, so that it is part of the model file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

__all__ = ["Scaler", "relative_to_reference"]

_SMALLEST, _LARGEST = 0.1, 10.0  # ratio of deviations; a few recordings may agree in a dimension by chance


class Scaler(nn.Module):
    """What scikit-learn's ``StandardScaler`` does, as the first layer of a network.

    Args:
        features: number of features of a row. Until it is fitted, rows pass unchanged.

    Example:
        >>> scaler = Scaler(2)
        >>> scaler.fit(np.array([[1.0, 5.0], [3.0, 5.0]]))
        >>> scaler(torch.tensor([[3.0, 7.0]])).tolist()
        [[1.0, 2.0]]
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    def fit(self, rows: npt.NDArray[np.floating]) -> None:
        """Fit mean and deviation of each feature; a constant feature is only centred.

        Args:
            rows: ``(rows, features)`` of the training part, and of nothing else.
        """
        rows = np.asarray(rows, np.float64)
        deviation = rows.std(axis=0)
        # The bound is scikit-learn's own: what is left of a constant after rounding counts as constant.
        constant = deviation <= 10 * np.finfo(np.float32).eps * np.abs(rows.mean(axis=0))
        self.mean.copy_(torch.from_numpy(rows.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(np.where(constant, 1.0, deviation)))

    def forward(self, features: Tensor) -> Tensor:
        """Scale ``(batch, features)`` to mean 0 and deviation 1 over the training part."""
        return (features - self.mean) / self.scale


def relative_to_reference(standardized: Tensor, *reference: Tensor) -> Tensor:
    """Normalize standardized statistics by those of reference recordings, as far as these count.

    At a weight w the centre is w times the reference's mean, and the scale its deviation to the power of w: at 0
    nothing changes, at 1 the reference has mean 0 and deviation 1.

    Args:
        standardized: ``(batch, k)``, as a :class:`Scaler` gives them.
        reference: nothing; or the reference's mean and deviation of the standardized statistics, ``(k,)`` or
            ``(batch, k)``, and its weight, ``(1,)`` or ``(batch, 1)``, 0 to 1.

    Returns:
        ``(batch, k)``.

    Example:
        >>> one = torch.tensor([[3.0, 1.0]])
        >>> mean, deviation = torch.tensor([1.0, 1.0]), torch.tensor([4.0, 1.0])
        >>> relative_to_reference(one, mean, deviation, torch.tensor([0.5])).tolist()
        [[1.25, 0.5]]
    """
    if not reference:
        return standardized
    mean, deviation, weight = reference
    return (standardized - weight * mean) / deviation.clamp(_SMALLEST, _LARGEST) ** weight
