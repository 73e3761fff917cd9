"""The network that ships: two borrowed ears, one made by hand, and an ensemble of small heads that learned to judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd, pitch_statistics
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.frontend import LogMel
from hearfelt.models.pooling import Discriminant, halved, statistics

__all__ = ["LIMITS", "WINDOW_S", "HearfeltNetwork", "Whitening"]

WINDOW_S: Final = 12.0  # heard at once; training clips are shorter
LIMITS: Final = (
    "It learned from acted speech: what people show when they play a feeling is plainer than what they show in life.",
    "It learned from a few dozen sentences in three languages; other languages and long speech are new to it.",
    "It hears a voice and not a person: what somebody feels, it cannot know.",
    "Calm and surprise come from one corpus alone, RAVDESS or TESS, and are the least certain in other recordings.",
)


class Whitening(nn.Module):
    """Fewer numbers a frame, none of which repeats another: principal components, evened out in part.

    Args:
        numbers: in a frame.
        kept: components.
    """

    mean: Tensor
    components: Tensor

    def __init__(self, numbers: int, kept: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("components", torch.eye(numbers, kept))

    def fit(self, frames: npt.NDArray[np.floating]) -> None:
        """Learn from frames ``(frames, numbers)`` of the training part, and of nothing else."""
        kept = self.components.shape[1]
        rows = np.asarray(frames, np.float64)
        mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-3
        scaled = (rows - mean) / deviation
        variances, directions = np.linalg.eigh(scaled.T @ scaled / len(rows))
        variances, directions = variances[::-1][:kept], directions[:, ::-1][:, :kept]
        # Whitened wholly, the weak components would be mostly noise; the exponent is between that and none.
        components = directions / (variances + 0.05 * variances.mean()) ** 0.375
        self.mean.copy_(torch.from_numpy(mean))
        self.components.copy_(torch.from_numpy(components / deviation[:, None]))

    def forward(self, frames: Tensor) -> Tensor:
        """Turn ``(…, frames, numbers)`` into ``(…, frames, kept)``."""
        return (frames - self.mean) @ self.components


class HearfeltNetwork(nn.Module):
    """From samples to logits, and to a description of the clip.

    Args:
        whisper: the large ear.
        moonshine: the small ear.
        whitenings: of the frames of each.
        heads: kinds of heads; answers are averaged within a kind, then over the kinds, as log-probabilities.
        discriminant: answers from the statistics of all three ears; a kind of its own.
    """

    def __init__(
        self,
        whisper: WhisperEncoder,
        moonshine: MoonshineEncoder,
        whitenings: tuple[Whitening, Whitening],
        heads: Sequence[Sequence[nn.Module]],
        discriminant: Discriminant,
    ) -> None:
        super().__init__()
        self.front = LogMel()
        self.whisper, self.moonshine, self.pitch = whisper, moonshine, PitchFrontEnd()
        self.whitenings = nn.ModuleList(whitenings)
        self.heads = nn.ModuleList(head for kind in heads for head in kind)
        self.counts = tuple(len(kind) for kind in heads)
        self.discriminant = discriminant

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Answer for one clip.

        Args:
            samples: ``(1, n)`` at 16 kHz, any level, 0.1 s to 14 s.

        Returns:
            Logits ``(1, classes)``, and the clip's embedding ``(1, d)``: the mean of all whitened frames.
        """
        mel, wave = self.front(samples)
        states = [self.whisper(mel), self.moonshine(wave)]
        described = torch.cat([*(statistics(some) for some in states), pitch_statistics(self.pitch(wave))], dim=1)
        ears = [whiten(halved(some)) for whiten, some in zip(self.whitenings, states, strict=True)]
        answers = [self.discriminant(described).log_softmax(dim=1)]
        given = [head(ears).log_softmax(dim=1) for head in self.heads]
        for count in self.counts:
            answers.append(torch.stack(given[:count]).mean(dim=0))
            given = given[count:]
        embedding = torch.cat([frames.mean(dim=1) for frames in ears], dim=1)
        return torch.stack(answers).mean(dim=0), embedding
