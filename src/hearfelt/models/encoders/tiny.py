"""The encoder of ``tiny``: a small convolutional network that is distilled from Whisper."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.frontend import BANDS

__all__ = ["TinyEncoder"]

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
    """From log-mel frames to states of a few layers, and a prediction of Whisper's states.

    Args:
        width: channels of a frame.
        fine_blocks: blocks at 50 frames a second.
        coarse_blocks: blocks at 25 frames a second.
        dimensions: number of principal components of Whisper's states that it predicts.

    Example:
        >>> import torch
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
