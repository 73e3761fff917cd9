"""Layers that networks share: scaling of features, pooling over time, filters of a short-time Fourier transform."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FourierFilters", "Scaler", "halved", "relative_to_reference", "statistics"]


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


_EPSILON: float = 1e-5  # keeps the gradient of a root finite where nothing varies


def halved(frames: Tensor) -> Tensor:
    """Average every two frames; an odd one at the end is left out.

    Args:
        frames: ``(batch, frames, dimensions)``, at least 2 frames.

    Example:
        >>> halved(torch.tensor([[[1.0], [3.0], [9.0]]])).tolist()
        [[[2.0]]]
    """
    return functional.avg_pool1d(frames.transpose(1, 2), 2).transpose(1, 2)


def statistics(frames: Tensor) -> Tensor:
    """Compute mean and deviation of each dimension over all frames of each clip.

    Args:
        frames: ``(batch, frames, dimensions)``.

    Returns:
        ``(batch, 2 · dimensions)``, the means first.

    Example:
        >>> statistics(torch.tensor([[[1.0], [3.0]]])).round(decimals=2).tolist()
        [[2.0, 1.0]]
    """
    mean = frames.mean(dim=1)
    deviation = (((frames - mean[:, None]) ** 2).mean(dim=1) + _EPSILON).sqrt()
    return torch.cat([mean, deviation], dim=1)


class FourierFilters(nn.Module):
    """Filters of a short-time Fourier transform with a periodic Hann window.

    Args:
        turns: frequencies, in turns a period.
        frame: samples of a filter.
        period: samples of a period, at least ``frame``.

    Attributes:
        turns: ``(bins, 1)``.
        samples: ``(1, frame)``, counted from 0.
        window: ``(frame,)``.
        filters: cosines, then sines, ``(2 · bins, 1, frame)``.

    Example:
        >>> FourierFilters([0, 1], 4, 4).filters[:, 0].round(decimals=2).abs().tolist()
        [[0.0, 0.5, 1.0, 0.5], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5]]
    """

    filters: Tensor

    def __init__(self, turns: Iterable[int], frame: int, period: int) -> None:
        super().__init__()
        self.period = period
        self.turns = torch.tensor(list(turns), dtype=torch.float64)[:, None]
        self.samples = torch.arange(frame, dtype=torch.float64)[None]
        self.window = torch.hann_window(frame, periodic=True, dtype=torch.float64)
        # The product is reduced to one turn while it is whole, so that no digit is lost to a large angle.
        angles = (self.turns * self.samples).remainder(period) * (2.0 * torch.pi / period)
        filters = torch.cat([angles.cos() * self.window, angles.sin() * self.window])[:, None]
        self.register_buffer("filters", filters.to(torch.float32), persistent=False)

    def forward(self, waves: Tensor, hop: int) -> tuple[Tensor, Tensor]:
        """Filter ``(1, 1, n)``: cosine and sine parts, each ``(1, bins, frames)``."""
        cosines, sines = nn.functional.conv1d(waves, self.filters, stride=hop).chunk(2, dim=1)
        return cosines, sines
