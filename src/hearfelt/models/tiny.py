"""The network ``tiny``: a small encoder distilled from Whisper, pitch statistics, and small heads."""

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

__all__ = ["SmallHead", "TinyEncoder", "TinyNetwork", "tiny_features"]

KERNEL: Final = 7
EXPANSION: Final = 2  # of the width within a block


class _Block(nn.Module):
    """Mix over time within each channel, then over channels (Liu et al. 2022, "A ConvNet for the 2020s")."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, EXPANSION * width), nn.Linear(EXPANSION * width, width)

    def forward(self, frames: Tensor) -> Tensor:
        mixed = self.over_time(frames).transpose(1, 2)  # (batch, width, frames) -> (batch, frames, width)
        mixed = self.narrow(functional.gelu(self.wide(self.norm(mixed))))
        together: Tensor = frames + mixed.transpose(1, 2)
        return together


class TinyEncoder(nn.Module):
    """From log-mel frames to states of a few layers, and a prediction of Whisper's whitened frames.

    Args:
        width: channels of a frame.
        fine_blocks: blocks at 50 frames a second.
        coarse_blocks: blocks at 25 frames a second.
        dimensions: number of Whisper's whitened dimensions that it predicts.

    Example:
        >>> tuple(TinyEncoder(16, dimensions=8)(torch.zeros(1, 80, 100))[-1].shape)
        (1, 25, 8)
    """

    def __init__(self, width: int, *, fine_blocks: int = 2, coarse_blocks: int = 4, dimensions: int = 256) -> None:
        super().__init__()
        self.stem = nn.Conv1d(BANDS, width, 5, stride=2, padding=2)
        self.fine_blocks = nn.ModuleList(_Block(width) for _ in range(fine_blocks))
        self.coarse_blocks = nn.ModuleList(_Block(width) for _ in range(coarse_blocks))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, dimensions)

    def forward(self, mel: Tensor) -> list[Tensor]:
        """Encode ``(batch, 80, frames)`` at 100 frames a second.

        Returns:
            States ``(batch, frames / 2 or / 4, width)`` after the fine blocks and after each coarse one but the first,
            and the predicted frames ``(batch, frames / 4, dimensions)``.
        """
        frames = functional.gelu(self.stem(mel))
        for block in self.fine_blocks:
            frames = block(frames)
        states = [frames]
        frames = functional.avg_pool1d(frames, 2)
        for block in self.coarse_blocks:
            frames = block(frames)
            states.append(frames)
        projected = [state.transpose(1, 2) for state in (states[0], *states[2:])]
        return [*projected, self.project(self.norm(projected[-1]))]

    @property
    def dimensions(self) -> int:
        """Dimensions of a frame of all states together."""
        return self.stem.out_channels * len(self.coarse_blocks) + self.project.out_features


def tiny_features(states: Sequence[Tensor], pitch: Tensor) -> Tensor:
    """Compute the features of clips: mean and deviation of every state, and pitch statistics.

    Args:
        states: of the encoder, each ``(batch, frames, dimensions)``.
        pitch: frames of the pitch front end, ``(batch, frames, 53)``.

    Returns:
        ``(batch, dimensions)``.
    """
    return torch.cat([*(statistics(state) for state in states), pitch_statistics(pitch)], dim=1)


class SmallHead(nn.Module):
    """Two layers from a clip's features to logits.

    Args:
        dimensions: of the features.
        hidden: width of the hidden layer.
        classes: number of emotions.
        dropout: of the hidden layer; that of the features is two fifths of it.
    """

    def __init__(self, dimensions: int, hidden: int, classes: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.scaler = Scaler(dimensions)
        self.hidden = nn.Linear(dimensions, hidden)
        self.input_dropout, self.dropout = nn.Dropout(dropout * 0.4), nn.Dropout(dropout)
        self.output = nn.Linear(hidden, classes)

    def classify(self, scaled: Tensor) -> Tensor:
        """Compute the logits ``(batch, classes)`` of scaled features."""
        logits: Tensor = self.output(self.dropout(functional.gelu(self.hidden(self.input_dropout(scaled)))))
        return logits

    def forward(self, features: Tensor) -> Tensor:
        """Compute the logits ``(batch, classes)`` of features ``(batch, dimensions)``."""
        return self.classify(self.scaler(features))


class TinyNetwork(nn.Module):
    """From samples to logits and an embedding.

    Args:
        encoder: a distilled one.
        heads: their log-probabilities are averaged.
        discriminant: has the weight of all heads together.
    """

    def __init__(self, encoder: TinyEncoder, heads: Sequence[nn.Module], discriminant: Discriminant) -> None:
        super().__init__()
        self.front, self.pitch = LogMel(), PitchFrontEnd()
        self.encoder = encoder
        self.heads = nn.ModuleList(heads)
        self.discriminant = discriminant

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits and embedding of one clip.

        Args:
            samples: ``(1, n)`` at 16 kHz, any level, at least 0.1 s.

        Returns:
            Logits ``(1, classes)``, and the clip's embedding ``(1, d)``: the mean of the predicted frames.
        """
        mel, wave = self.front(samples)
        states = self.encoder(mel)
        features = tiny_features(states, self.pitch(wave))
        heads = torch.stack([head(features).log_softmax(dim=1) for head in self.heads]).mean(dim=0)
        return (heads + self.discriminant(features).log_softmax(dim=1)) / 2.0, states[-1].mean(dim=1)
