"""Pooling and heads: from frames to logits, by attentive or plain statistics over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.scaler import Scaler

__all__ = [
    "AttentiveHead",
    "AttentiveStatistics",
    "Discriminant",
    "FrameDropout",
    "Head",
    "HeadSize",
    "PlainHead",
    "halved",
    "statistics",
]

_EPSILON: float = 1e-5  # keeps the gradient of a root finite where nothing varies


@dataclass(frozen=True)
class HeadSize:
    """Size of a head.

    Attributes:
        frames: dimensions of each encoder's frames, such as ``(512, 256)``.
        widths: that each encoder's frames are projected to.
        attentions: number of attention maps.
        hidden: width of the hidden layer.
        dropout: of the pooled statistics; that of the frames is a quarter of it.
    """

    frames: tuple[int, ...]
    widths: tuple[int, ...]
    attentions: int = 4
    hidden: int = 256
    dropout: float = 0.4


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
    even = torch.ones_like(frames[:, :, :1])
    return torch.cat(_mean_and_deviation(frames, even / even.sum(dim=1, keepdim=True)), dim=1)


class FrameDropout(nn.Dropout):
    """Dropout of single values of many frames, faster on a CPU than torch's, which draws them one by one.

    The share is rounded to a multiple of 1/65,536. Random numbers come from torch's seed.

    Example:
        >>> FrameDropout(0.5).eval()(torch.ones(1, 2, 3)).sum().item()
        6.0
    """

    def forward(self, frames: Tensor) -> Tensor:
        """Drop values of ``(batch, frames, dimensions)`` in training, and scale the others so that means stay."""
        if not self.training or not 0 < self.p < 1 or frames.device.type != "cpu":
            dropped: Tensor = super().forward(frames)
            return dropped
        seed = int(torch.randint(2**63 - 1, ()))
        drawn = np.random.SFC64(seed).random_raw(frames.numel() // 4 + 1).view(np.uint16)[: frames.numel()]
        kept = (drawn >= round(self.p * 65_536)).astype(np.float32)
        kept *= 1.0 / (1.0 - self.p)
        return frames * torch.from_numpy(kept).reshape(frames.shape)


class AttentiveStatistics(nn.Module):
    """Statistics over time, weighted by a few attention maps (Okabe et al. 2018).

    The output has the mean of each map, the plain mean and deviation, and the deviation under the mean attention.

    Example:
        >>> pool = AttentiveStatistics(8, 16, attentions=4)
        >>> tuple(pool(torch.zeros(2, 5, 8)).shape) == (2, pool.width)
        True
    """

    def __init__(self, dimensions: int, width: int, *, attentions: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = FrameDropout(dropout)
        self.project = nn.Linear(dimensions, width)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, attentions)
        self.width = width * (attentions + 3)

    def forward(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pool a batch.

        Args:
            frames: ``(batch, frames, dimensions)``.
            mask: ``(batch, frames)``, 1 where there is a frame and 0 where there is padding; all by default.

        Returns:
            ``(batch, width)``.
        """
        projected = self.norm(functional.gelu(self.project(self.dropout(frames))))  # (batch, frames, width)
        scores = self.attention(projected)  # (batch, frames, attentions)
        if mask is None:
            plain = torch.full_like(scores[:, :, :1], 1.0).softmax(dim=1)
        else:
            scores = scores.masked_fill(mask[:, :, None] == 0, -1e4)
            plain = (mask / mask.sum(dim=1, keepdim=True))[:, :, None]
        weights = scores.softmax(dim=1)
        attended = (weights.transpose(1, 2) @ projected).flatten(1)  # (batch, attentions · width)
        mean, deviation = _mean_and_deviation(projected, plain)
        _, attended_deviation = _mean_and_deviation(projected, weights.mean(dim=2, keepdim=True))
        return torch.cat([attended, mean, deviation, attended_deviation], dim=1)


def _mean_and_deviation(frames: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weights * frames).sum(dim=1)
    centred = frames - mean[:, None]
    return mean, ((weights * centred * centred).sum(dim=1) + _EPSILON).sqrt()


class AttentiveHead(nn.Module):
    """A head with attention over the frames: attentive statistics of each encoder, then two layers.

    Args:
        size: of its parts.
        classes: number of emotions.
    """

    def __init__(self, size: HeadSize, classes: int) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            AttentiveStatistics(dimensions, width, attentions=size.attentions, dropout=size.dropout / 4)
            for dimensions, width in zip(size.frames, size.widths, strict=True)
        )
        width = sum(size.attentions * wide + 3 * wide for wide in size.widths)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, size.hidden)
        self.dropout = nn.Dropout(size.dropout)
        self.output = nn.Linear(size.hidden, classes)

    def pool(self, encoder_frames: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Pool a batch of clips, each to one row: ``(batch, width)``.

        Args:
            encoder_frames: frames of each encoder, ``(batch, frames, dimensions)``.
            masks: of each encoder, as :meth:`AttentiveStatistics.forward` takes them.
        """
        all_masks: Sequence[Tensor | None] = masks or [None] * len(encoder_frames)
        pooled = [pool(frames, mask) for pool, frames, mask in zip(self.pools, encoder_frames, all_masks, strict=True)]
        features: Tensor = self.norm(torch.cat(pooled, dim=1))
        return features

    def classify(self, pooled: Tensor) -> Tensor:
        """Compute the logits ``(batch, classes)`` of pooled rows."""
        logits: Tensor = self.output(self.dropout(functional.gelu(self.hidden(self.dropout(pooled)))))
        return logits

    def forward(self, encoder_frames: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Compute the logits ``(batch, classes)`` of clips."""
        return self.classify(self.pool(encoder_frames, masks))


class PlainHead(nn.Module):
    """A head with equal weights of all frames: mean and deviation of each encoder, scaled, then two layers.

    Its errors are on other clips than those of :class:`AttentiveHead`, so that both together are better than two of a
    kind.

    Args:
        size: of its parts; widths and attentions are not used.
        classes: number of emotions.
    """

    def __init__(self, size: HeadSize, classes: int) -> None:
        super().__init__()
        width = 2 * sum(size.frames)
        self.scaler = Scaler(width)
        self.hidden = nn.Linear(width, size.hidden)
        self.input_dropout = nn.Dropout(size.dropout * 0.4)
        self.dropout = nn.Dropout(size.dropout)
        self.output = nn.Linear(size.hidden, classes)

    def frame_statistics(self, encoder_frames: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Compute the statistics, not scaled: ``(batch, width)``."""
        parts: list[Tensor] = []
        for index, frames in enumerate(encoder_frames):
            mask = torch.ones_like(frames[:, :, 0]) if masks is None else masks[index]
            parts += _mean_and_deviation(frames, (mask / mask.sum(dim=1, keepdim=True))[:, :, None])
        return torch.cat(parts, dim=1)

    def pool(self, encoder_frames: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Pool a batch of clips, each to one row: ``(batch, width)``."""
        scaled: Tensor = self.scaler(self.frame_statistics(encoder_frames, masks))
        return scaled

    def classify(self, pooled: Tensor) -> Tensor:
        """Compute the logits ``(batch, classes)`` of pooled rows."""
        logits: Tensor = self.output(self.dropout(functional.gelu(self.hidden(self.input_dropout(pooled)))))
        return logits

    def forward(self, encoder_frames: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Compute the logits ``(batch, classes)`` of clips."""
        return self.classify(self.pool(encoder_frames, masks))


class Discriminant(nn.Module):
    """A linear classifier of a clip's features, fitted in closed form.

    The features differ in size by decades, so its product is never computed in 8 bits.

    Args:
        dimensions: of the features.
        classes: number of emotions.
    """

    def __init__(self, dimensions: int, classes: int) -> None:
        super().__init__()
        self.slopes = nn.Parameter(torch.zeros(dimensions, classes))
        self.offsets = nn.Parameter(torch.zeros(classes))

    def forward(self, features: Tensor) -> Tensor:
        """Compute the logits ``(batch, classes)`` of features ``(batch, dimensions)``."""
        return features @ self.slopes + self.offsets


Head = AttentiveHead | PlainHead
