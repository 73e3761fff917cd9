"""The network ``hearfelt``: Whisper and Moonshine encoders, pitch statistics, and an ensemble of heads."""

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

WINDOW_S: Final = 12.0  # processed at once; training clips are shorter
LIMITS: Final = (
    "Trained on acted speech, in which emotions are plainer than in everyday life.",
    "Trained on a few dozen sentences in three languages; other languages and long speech are new to it.",
    "It recognizes how a voice sounds; what a person feels, it cannot know.",
    "Calm and surprise come from one corpus alone, RAVDESS or TESS, and are the least certain in other recordings.",
)


class Whitening(nn.Module):
    """Partial whitening of frames: principal components, scaled towards equal variance.

    Args:
        dimensions: of a frame.
        kept: number of components.
    """

    mean: Tensor
    components: Tensor

    def __init__(self, dimensions: int, kept: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("components", torch.eye(dimensions, kept))

    def fit(self, frames: npt.NDArray[np.floating]) -> None:
        """Fit to frames ``(frames, dimensions)`` of the training part."""
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
        """Project ``(…, frames, dimensions)`` to ``(…, frames, kept)``."""
        return (frames - self.mean) @ self.components


class HearfeltNetwork(nn.Module):
    """From samples to logits and an embedding.

    Args:
        whisper: the large encoder.
        moonshine: the small encoder.
        whitenings: of the frames of each.
        heads: of each kind; log-probabilities are averaged within a kind, then over the kinds.
        discriminant: on the statistics of both encoders' states and of pitch; a kind of its own.
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
        """Compute logits and embedding of one clip.

        Args:
            samples: ``(1, n)`` at 16 kHz, any level, 0.1 s to 14 s.

        Returns:
            Logits ``(1, classes)``, and the clip's embedding ``(1, d)``: the mean of all whitened frames.
        """
        mel, wave = self.front(samples)
        states = [self.whisper(mel), self.moonshine(wave)]
        features = torch.cat([*(statistics(some) for some in states), pitch_statistics(self.pitch(wave))], dim=1)
        encoder_frames = [whiten(halved(some)) for whiten, some in zip(self.whitenings, states, strict=True)]
        log_probabilities = [self.discriminant(features).log_softmax(dim=1)]
        head_log_probabilities = [head(encoder_frames).log_softmax(dim=1) for head in self.heads]
        for count in self.counts:
            log_probabilities.append(torch.stack(head_log_probabilities[:count]).mean(dim=0))
            head_log_probabilities = head_log_probabilities[count:]
        embedding = torch.cat([frames.mean(dim=1) for frames in encoder_frames], dim=1)
        return torch.stack(log_probabilities).mean(dim=0), embedding
