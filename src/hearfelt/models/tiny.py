"""The smallest network that takes sound: an ear that learned from the large one what to listen for, and small heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd, pitch_statistics
from hearfelt.models.frontend import BANDS, LogMel
from hearfelt.models.pooling import Discriminant, statistics
from hearfelt.models.scaler import Scaler

__all__ = ["SmallHead", "TinyEar", "TinyNetwork", "describe"]

KERNEL: Final = 7
WIDER: Final = 2  # how much wider a block is inside


class _Block(nn.Module):
    """Mix over time, number by number, then over the numbers (Liu et al. 2022, "A ConvNet for the 2020s")."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, WIDER * width), nn.Linear(WIDER * width, width)

    def forward(self, frames: Tensor) -> Tensor:
        mixed = self.over_time(frames).transpose(1, 2)  # (batch, width, frames) -> (batch, frames, width)
        mixed = self.narrow(functional.gelu(self.wide(self.norm(mixed))))
        together: Tensor = frames + mixed.transpose(1, 2)
        return together


class TinyEar(nn.Module):
    """From log-mel frames to states of a few layers, the last of which imitate the large ear's whitened frames.

    Args:
        width: numbers in a frame.
        fine: blocks at 50 frames a second.
        coarse: blocks at 25 frames a second.
        imitated: numbers of the large ear that it imitates.

    Example:
        >>> mel, imitated = torch.zeros(1, 80, 100), TinyEar(16, imitated=8)(torch.zeros(1, 80, 100))[-1]
        >>> tuple(imitated.shape)
        (1, 25, 8)
    """

    def __init__(self, width: int, *, fine: int = 2, coarse: int = 4, imitated: int = 256) -> None:
        super().__init__()
        self.stem = nn.Conv1d(BANDS, width, 5, stride=2, padding=2)
        self.fine = nn.ModuleList(_Block(width) for _ in range(fine))
        self.coarse = nn.ModuleList(_Block(width) for _ in range(coarse))
        self.norm = nn.LayerNorm(width)
        self.imitate = nn.Linear(width, imitated)

    def forward(self, mel: Tensor) -> list[Tensor]:
        """Hear ``(batch, 80, frames)`` at 100 frames a second.

        Returns:
            States ``(batch, frames / 2 or / 4, width)`` after the fine blocks and after each coarse one but the first,
            and the imitated frames ``(batch, frames / 4, imitated)``.
        """
        frames = functional.gelu(self.stem(mel))
        for block in self.fine:
            frames = block(frames)
        states = [frames]
        frames = functional.avg_pool1d(frames, 2)
        for block in self.coarse:
            frames = block(frames)
            states.append(frames)
        turned = [state.transpose(1, 2) for state in (states[0], *states[2:])]
        return [*turned, self.imitate(self.norm(turned[-1]))]

    @property
    def numbers(self) -> int:
        """Numbers in a frame of all states together."""
        return self.stem.out_channels * len(self.coarse) + self.imitate.out_features


def describe(states: Sequence[Tensor], pitch: Tensor) -> Tensor:
    """Describe clips by mean and deviation of every state, and by their pitch statistics.

    Args:
        states: of the ear, each ``(batch, frames, numbers)``.
        pitch: frames of the ear for pitch, ``(batch, frames, 53)``.

    Returns:
        ``(batch, numbers)``.
    """
    return torch.cat([*(statistics(state) for state in states), pitch_statistics(pitch)], dim=1)


class SmallHead(nn.Module):
    """Two layers from a clip's statistics to an answer.

    Args:
        numbers: of the statistics.
        hidden: width of the layer between.
        classes: how many emotions it tells apart.
        dropout: share of the layer between that is dropped in training; of the statistics two fifths of it.
    """

    def __init__(self, numbers: int, hidden: int, classes: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.scaler = Scaler(numbers)
        self.hidden = nn.Linear(numbers, hidden)
        self.scarce, self.dropout = nn.Dropout(dropout * 0.4), nn.Dropout(dropout)
        self.answer = nn.Linear(hidden, classes)

    def judge(self, scaled: Tensor) -> Tensor:
        """Answer for scaled statistics: logits ``(batch, classes)``."""
        logits: Tensor = self.answer(self.dropout(functional.gelu(self.hidden(self.scarce(scaled)))))
        return logits

    def forward(self, described: Tensor) -> Tensor:
        """Answer for statistics ``(batch, numbers)``: logits ``(batch, classes)``."""
        return self.judge(self.scaler(described))


class TinyNetwork(nn.Module):
    """From samples to logits, and to a description of the clip.

    Args:
        ear: that has learned.
        heads: answers are averaged as log-probabilities.
        discriminant: weighs as much as all heads together.
    """

    def __init__(self, ear: TinyEar, heads: Sequence[nn.Module], discriminant: Discriminant) -> None:
        super().__init__()
        self.front, self.pitch = LogMel(), PitchFrontEnd()
        self.ear = ear
        self.heads = nn.ModuleList(heads)
        self.discriminant = discriminant

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Answer for one clip.

        Args:
            samples: ``(1, n)`` at 16 kHz, any level, at least 0.1 s.

        Returns:
            Logits ``(1, classes)``, and the clip's embedding ``(1, d)``: the mean of the imitated frames.
        """
        mel, wave = self.front(samples)
        states = self.ear(mel)
        described = describe(states, self.pitch(wave))
        heads = torch.stack([head(described).log_softmax(dim=1) for head in self.heads]).mean(dim=0)
        return (heads + self.discriminant(described).log_softmax(dim=1)) / 2.0, states[-1].mean(dim=1)
