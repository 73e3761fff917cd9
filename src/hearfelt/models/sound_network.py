"""The networks that take sound: an encoder, statistics of its states over a clip, and small heads on these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd, pitch_statistics
from hearfelt.models.frontend import LogMel
from hearfelt.models.layers import Scaler, relative_to_reference, statistics

__all__ = [
    "LARGEST",
    "LIMITS",
    "WINDOW_S",
    "Head",
    "Projection",
    "SoundNetwork",
    "TargetDiscriminant",
    "clip_statistics",
]

WINDOW_S: Final = 12.0  # processed at once; training clips are shorter
LARGEST: Final = 8.0  # normalized statistics are clipped there: beyond it is no speech, or a broken recording
_SPARE: Final = 64  # dimensions of the randomized decomposition beyond those kept
LIMITS: Final = (
    "Trained on acted speech, in which emotions are plainer than in everyday life.",
    "Trained on a few dozen sentences in three languages; other languages and long speech are new to it.",
    "It recognizes how a voice sounds; what a person feels, it cannot know.",
    "Calm and surprise come from one corpus alone, RAVDESS or TESS, and are the least certain in other recordings.",
)


def clip_statistics(states: Sequence[Tensor], pitch: Tensor) -> Tensor:
    """Compute the statistics of clips: mean and deviation of every state, and pitch statistics.

    Args:
        states: of the encoder, each ``(batch, frames, dimensions)``; the frame rates may differ.
        pitch: frames of the pitch front end, ``(batch, frames, 53)``.

    Returns:
        ``(batch, d)``.
    """
    return torch.cat([*(statistics(state) for state in states), pitch_statistics(pitch)], dim=1)


class Projection(nn.Module):
    """Principal components of the statistics, by a randomized decomposition (Halko et al. 2011).

    Args:
        dimensions: of the statistics.
        kept: number of components.
    """

    mean: Tensor
    deviation: Tensor
    components: Tensor

    def __init__(self, dimensions: int, kept: int) -> None:
        super().__init__()
        # The dimensions differ in size by decades: scaled first, the components can be stored in 8 bits.
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("deviation", torch.ones(dimensions))
        self.register_buffer("components", torch.eye(dimensions, kept))

    def fit(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Fit to statistics ``(rows, dimensions)`` of training clips, without their labels.

        Returns:
            ``(kept,)``, the deviation of each component before it was scaled, their mean square 1.
        """
        kept = self.components.shape[1]
        values = np.asarray(rows, np.float32)
        mean, deviation = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64) + 1e-3
        scaled = torch.from_numpy((values - mean.astype(np.float32)) / deviation.astype(np.float32))
        covariance = scaled.T @ scaled / len(scaled)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            _, spectrum, directions = torch.svd_lowrank(covariance, q=min(kept + _SPARE, len(covariance)), niter=3)
        deviations = spectrum[:kept].clamp(min=0.0).sqrt().numpy()
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(deviation))
        self.components.copy_(directions[:, :kept])
        gains: npt.NDArray[np.float32] = deviations / np.sqrt(np.square(deviations).mean())
        return gains

    def standardized(self, rows: Tensor) -> Tensor:
        """Scale statistics ``(batch, dimensions)`` to mean 0 and deviation 1 over the training clips."""
        return (rows - self.mean) / self.deviation

    def forward(self, rows: Tensor) -> Tensor:
        """Project ``(batch, dimensions)`` to ``(batch, kept)``."""
        return self.standardized(rows) @ self.components


class Head(nn.Module):
    """Two layers from normalized statistics to logits.

    Args:
        dimensions: of the statistics.
        hidden: width of the hidden layer.
        classes: number of emotions.
        dropout: of the hidden layer; that of the statistics is two fifths of it.
    """

    gains: Tensor

    def __init__(self, dimensions: int, hidden: int, classes: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        # Strong components speak louder: with equal ones, the head learns from noise.
        self.register_buffer("gains", torch.ones(dimensions))
        self.hidden = nn.Linear(dimensions, hidden)
        self.input_dropout, self.dropout = nn.Dropout(dropout * 0.4), nn.Dropout(dropout)
        self.output = nn.Linear(hidden, classes)

    def forward(self, normalized: Tensor) -> Tensor:
        """Compute the logits ``(batch, classes)`` of normalized statistics ``(batch, dimensions)``."""
        rows = self.input_dropout(normalized.clamp(-LARGEST, LARGEST) * self.gains)
        logits: Tensor = self.output(self.dropout(functional.gelu(self.hidden(rows))))
        return logits


class TargetDiscriminant(nn.Module):
    """A linear discriminant for sound like the target corpus's; for other sound it has no say.

    It takes all statistics, not their components: weak ones tell emotions of a known corpus apart, too.

    Args:
        dimensions: of the statistics.
        kept: number of their components.
        classes: number of emotions.
    """

    gains: Tensor
    scale: Tensor
    offset: Tensor
    temperature: Tensor

    def __init__(self, dimensions: int, kept: int, classes: int) -> None:
        super().__init__()
        self.discriminant, self.gate = nn.Linear(dimensions, classes), nn.Linear(kept, 1)
        self.register_buffer("gains", torch.ones(kept))
        self.register_buffer("scale", torch.ones(classes))
        self.register_buffer("offset", torch.zeros(classes))
        self.register_buffer("temperature", torch.ones(1))

    def scores(self, standardized: Tensor) -> Tensor:
        """Compute the discriminant's scores, of mean 0 and deviation 1 over the target: ``(batch, classes)``.

        Args:
            standardized: ``(batch, dimensions)`` statistics.
        """
        scores: Tensor = self.discriminant(standardized.clamp(-LARGEST, LARGEST))
        return scores

    def share(self, scaled: Tensor) -> Tensor:
        """Compute how much a sound is like the target's, 0 to 1: ``(batch, 1)``.

        Args:
            scaled: ``(batch, kept)`` components, without a reference.
        """
        share: Tensor = self.gate(scaled.clamp(-LARGEST, LARGEST) * self.gains).sigmoid()
        return share

    def forward(self, log_probabilities: Tensor, scores: Tensor, scaled: Tensor) -> Tensor:
        """Add the discriminant's logits to the heads', ``(batch, classes)``, and divide by the target's temperature.

        Args:
            log_probabilities: ``(batch, classes)`` of the heads.
            scores: ``(batch, classes)``, normalized by a reference if there is one.
            scaled: ``(batch, kept)`` components, without a reference.
        """
        share, own = self.share(scaled), (scores * self.scale + self.offset).log_softmax(dim=1)
        logits: Tensor = (log_probabilities + share * own) / self.temperature**share
        return logits


class SoundNetwork(nn.Module):
    """From samples, and optionally a reference, to logits.

    Args:
        encoder: from log-mel frames ``(1, 80, frames)`` to a list of states.
        projection: of the statistics.
        scaler: of the projected statistics.
        heads: their log-probabilities are averaged.
        discriminant: of the target corpus, if there is one.
        speech: from scaled statistics to the logit that somebody speaks.
    """

    def __init__(
        self,
        encoder: nn.Module,
        projection: Projection,
        scaler: Scaler,
        heads: Sequence[Head],
        discriminant: TargetDiscriminant | None,
        speech: nn.Module,
    ) -> None:
        super().__init__()
        self.front, self.pitch = LogMel(), PitchFrontEnd()
        self.encoder, self.projection, self.scaler = encoder, projection, scaler
        self.heads, self.discriminant, self.speech = nn.ModuleList(heads), discriminant, speech

    def forward(self, samples: Tensor, *reference: Tensor) -> tuple[Tensor, ...]:
        """Compute what is known of one clip.

        Args:
            samples: ``(1, n)`` at 16 kHz, any level, 0.1 s to 14 s.
            reference: nothing, or three tensors as :func:`~hearfelt.models.layers.relative_to_reference` takes them.

        Returns:
            Logits ``(1, classes)``; the embedding ``(1, kept)``, which the heads take; the statistics
            ``(1, kept + classes)`` of which references are made, components and the discriminant's scores, or
            ``(1, kept)`` without a discriminant; the logit that somebody speaks ``(1, 1)``; and the distance from the
            middle of all training clips ``(1, 1)``, about 1 for one of these.
        """
        mel, wave = self.front(samples)
        values = clip_statistics(self.encoder(mel), self.pitch(wave))
        scaled = self.scaler(self.projection(values))
        described = scaled
        if self.discriminant is not None:
            scores = self.discriminant.scores(self.projection.standardized(values))
            described = torch.cat([scaled, scores], dim=1)
        normalized = relative_to_reference(described, *reference)
        embedding, scores = normalized[:, : scaled.shape[1]], normalized[:, scaled.shape[1] :]
        logits = torch.stack([head(embedding).log_softmax(dim=1) for head in self.heads]).mean(dim=0)
        if self.discriminant is not None:
            logits = self.discriminant(logits, scores, scaled)
        distance = (scaled * scaled).mean(dim=1, keepdim=True).sqrt()
        return logits, embedding, described, self.speech(scaled.clamp(-LARGEST, LARGEST)), distance
