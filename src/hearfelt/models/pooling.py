"""Pooling over time: halving the frame rate, and statistics over all frames."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["halved", "statistics"]

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
