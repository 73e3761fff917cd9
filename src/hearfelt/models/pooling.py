"""From frames to one answer: attentive statistics over time, and the small network on top."""

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

_LEAST: float = 1e-5  # keeps the slope of a root finite where nothing varies


@dataclass(frozen=True)
class HeadSize:
    """How large a head is.

    Attributes:
        frames: numbers in a frame of each ear, such as ``(512, 256)``.
        widths: numbers that each ear's frames are turned into.
        attentions: how many ways of weighing the frames there are.
        hidden: width of the layer before the answer.
        dropout: share of the statistics dropped in training; of the frames' numbers a quarter of that.
    """

    frames: tuple[int, ...]
    widths: tuple[int, ...]
    attentions: int = 4
    hidden: int = 256
    dropout: float = 0.4


def halved(frames: Tensor) -> Tensor:
    """Average every two frames; an odd one at the end is left out.

    Args:
        frames: ``(batch, frames, numbers)``, at least 2 frames.

    Example:
        >>> halved(torch.tensor([[[1.0], [3.0], [9.0]]])).tolist()
        [[[2.0]]]
    """
    return functional.avg_pool1d(frames.transpose(1, 2), 2).transpose(1, 2)


def statistics(frames: Tensor) -> Tensor:
    """Mean and deviation of each number over all frames of each clip.

    Args:
        frames: ``(batch, frames, numbers)``.

    Returns:
        ``(batch, 2 · numbers)``, the means first.

    Example:
        >>> statistics(torch.tensor([[[1.0], [3.0]]])).round(decimals=2).tolist()
        [[2.0, 1.0]]
    """
    even = torch.ones_like(frames[:, :, :1])
    return torch.cat(_segments(frames, even / even.sum(dim=1, keepdim=True)), dim=1)


class FrameDropout(nn.Dropout):
    """Dropout of single numbers of many frames, faster on a processor than torch's, which draws them one by one.

    The share that is dropped is rounded to a multiple of 1/65,536. Random numbers come from torch's seed.

    Example:
        >>> FrameDropout(0.5).eval()(torch.ones(1, 2, 3)).sum().item()
        6.0
    """

    def forward(self, frames: Tensor) -> Tensor:
        """Drop numbers of ``(batch, frames, numbers)`` while learning, and raise the others so that sums stay."""
        if not self.training or not 0 < self.p < 1 or frames.device.type != "cpu":
            dropped: Tensor = super().forward(frames)
            return dropped
        seed = int(torch.randint(2**63 - 1, ()))
        drawn = np.random.SFC64(seed).random_raw(frames.numel() // 4 + 1).view(np.uint16)[: frames.numel()]
        kept = (drawn >= round(self.p * 65_536)).astype(np.float32)
        kept *= 1.0 / (1.0 - self.p)
        return frames * torch.from_numpy(kept).reshape(frames.shape)


class AttentiveStatistics(nn.Module):
    """Statistics over time in which a few learned attentions decide which frames count (Okabe et al. 2018).

    Beside the attentions' means stand the plain mean and deviation and the deviation under the mean attention.

    Example:
        >>> pool = AttentiveStatistics(8, 16, attentions=4)
        >>> tuple(pool(torch.zeros(2, 5, 8)).shape) == (2, pool.width)
        True
    """

    def __init__(self, numbers: int, width: int, *, attentions: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = FrameDropout(dropout)
        self.turn = nn.Linear(numbers, width)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, attentions)
        self.width = width * (attentions + 3)

    def forward(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pool a batch.

        Args:
            frames: ``(batch, frames, numbers)``.
            mask: ``(batch, frames)``, 1 where there is a frame and 0 where there is padding; all by default.

        Returns:
            ``(batch, width)``.
        """
        turned = self.norm(functional.gelu(self.turn(self.dropout(frames))))  # (batch, frames, width)
        scores = self.attention(turned)  # (batch, frames, attentions)
        if mask is None:
            plain = torch.full_like(scores[:, :, :1], 1.0).softmax(dim=1)
        else:
            scores = scores.masked_fill(mask[:, :, None] == 0, -1e4)
            plain = (mask / mask.sum(dim=1, keepdim=True))[:, :, None]
        weights = scores.softmax(dim=1)
        attended = (weights.transpose(1, 2) @ turned).flatten(1)  # (batch, attentions · width)
        mean, deviation = _segments(turned, plain)
        _, attended_deviation = _segments(turned, weights.mean(dim=2, keepdim=True))
        return torch.cat([attended, mean, deviation, attended_deviation], dim=1)


def _segments(frames: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weights * frames).sum(dim=1)
    apart = frames - mean[:, None]
    return mean, ((weights * apart * apart).sum(dim=1) + _LEAST).sqrt()


class AttentiveHead(nn.Module):
    """A head that learns which frames count: attentive statistics of each ear, then two layers.

    Args:
        size: of its parts.
        classes: how many emotions it tells apart.
    """

    def __init__(self, size: HeadSize, classes: int) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            AttentiveStatistics(numbers, width, attentions=size.attentions, dropout=size.dropout / 4)
            for numbers, width in zip(size.frames, size.widths, strict=True)
        )
        width = sum(size.attentions * wide + 3 * wide for wide in size.widths)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, size.hidden)
        self.dropout = nn.Dropout(size.dropout)
        self.answer = nn.Linear(size.hidden, classes)

    def pool(self, ears: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Describe a batch of clips, each by one row: ``(batch, width)``.

        Args:
            ears: frames of each ear, ``(batch, frames, numbers)``.
            masks: of each ear, as :meth:`AttentiveStatistics.forward` takes them.
        """
        asked: Sequence[Tensor | None] = masks or [None] * len(ears)
        pooled = [pool(frames, mask) for pool, frames, mask in zip(self.pools, ears, asked, strict=True)]
        described: Tensor = self.norm(torch.cat(pooled, dim=1))
        return described

    def judge(self, pooled: Tensor) -> Tensor:
        """Answer for pooled rows: logits ``(batch, classes)``."""
        logits: Tensor = self.answer(self.dropout(functional.gelu(self.hidden(self.dropout(pooled)))))
        return logits

    def forward(self, ears: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Answer for clips: logits ``(batch, classes)``."""
        return self.judge(self.pool(ears, masks))


class PlainHead(nn.Module):
    """A head that weighs all frames alike: mean and deviation of each ear, scaled, then two layers.

    It errs on other clips than :class:`AttentiveHead`, which is why both together are better than two of a kind.

    Args:
        size: of its parts; widths and attentions are not used.
        classes: how many emotions it tells apart.
    """

    def __init__(self, size: HeadSize, classes: int) -> None:
        super().__init__()
        width = 2 * sum(size.frames)
        self.scaler = Scaler(width)
        self.hidden = nn.Linear(width, size.hidden)
        self.scarce = nn.Dropout(size.dropout * 0.4)
        self.dropout = nn.Dropout(size.dropout)
        self.answer = nn.Linear(size.hidden, classes)

    def describe(self, ears: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Compute the statistics, not scaled: ``(batch, width)``."""
        parts: list[Tensor] = []
        for place, frames in enumerate(ears):
            mask = torch.ones_like(frames[:, :, 0]) if masks is None else masks[place]
            parts += _segments(frames, (mask / mask.sum(dim=1, keepdim=True))[:, :, None])
        return torch.cat(parts, dim=1)

    def pool(self, ears: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Describe a batch of clips, each by one row: ``(batch, width)``."""
        scaled: Tensor = self.scaler(self.describe(ears, masks))
        return scaled

    def judge(self, pooled: Tensor) -> Tensor:
        """Answer for pooled rows: logits ``(batch, classes)``."""
        logits: Tensor = self.answer(self.dropout(functional.gelu(self.hidden(self.scarce(pooled)))))
        return logits

    def forward(self, ears: list[Tensor], masks: list[Tensor] | None = None) -> Tensor:
        """Answer for clips: logits ``(batch, classes)``."""
        return self.judge(self.pool(ears, masks))


class Discriminant(nn.Module):
    """A linear answer from statistics of the ears' states, found in one step and not by learning.

    The numbers differ in size by decades, so its product is never computed in 8 bits.

    Args:
        numbers: of a clip's statistics.
        classes: how many emotions it tells apart.
    """

    def __init__(self, numbers: int, classes: int) -> None:
        super().__init__()
        self.slopes = nn.Parameter(torch.zeros(numbers, classes))
        self.offsets = nn.Parameter(torch.zeros(classes))

    def forward(self, described: Tensor) -> Tensor:
        """Answer for statistics ``(batch, numbers)``: logits ``(batch, classes)``."""
        return described @ self.slopes + self.offsets


Head = AttentiveHead | PlainHead
