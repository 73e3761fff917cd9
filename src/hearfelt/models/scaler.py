"""Scaling of features as a layer, so that it is part of the model file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

__all__ = ["Scaler"]


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
