"""Nearest neighbours among clips: a map of a corpus, and how far speakers leak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.corpora.clips import Clips
from hearfelt.errors import require

__all__ = ["FEWEST_CLIPS", "SpeakerLeakage", "measure_leakage", "standardized", "tsne_map"]

FEWEST_CLIPS: Final = 12  # of fewer, a map shows nothing
_PERPLEXITY: Final = 30.0  # neighbours that count; the authors of t-SNE advise 5 to 50
_BLOCK: Final = 512  # clips compared with all others at a time

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerLeakage:
    """Shares of clips whose nearest neighbour has the same speaker or emotion, 0 to 1.

    Attributes:
        same_speaker: how often the nearest clip has the same speaker.
        same_speaker_by_chance: the same for a random clip.
        same_emotion: how often the nearest clip has the same emotion.
        same_emotion_of_others: the same among the clips of other speakers.
        same_emotion_by_chance: how often a random clip has the same emotion.
    """

    same_speaker: float
    same_speaker_by_chance: float
    same_emotion: float
    same_emotion_of_others: float
    same_emotion_by_chance: float


def standardized(features: Floats) -> Floats:
    """Scale every feature to mean 0 and standard deviation 1; a constant one becomes 0.

    Args:
        features: ``(clips, features)``.
    """
    deviation = features.std(axis=0)
    centred = features - features.mean(axis=0)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9), np.float32)


def measure_leakage(features: Floats, clips: Clips) -> SpeakerLeakage:
    """Measure how far the speaker reveals the emotion, by nearest neighbours.

    Where a speaker is in both training and test, the nearest training clip is mostly one of the same voice, and often
    of the same emotion.

    Args:
        features: ``(clips, features)``, standardized.
        clips: of two or more known speakers, in the same order.
    """
    speakers = np.unique([clip.speaker for clip in clips], return_inverse=True)[1]
    emotions = np.unique([clip.emotion for clip in clips], return_inverse=True)[1]
    nearest = np.empty(len(clips), dtype=np.intp)
    others = np.empty(len(clips), dtype=np.intp)
    lengths = np.square(features).sum(axis=1)
    for first in range(0, len(clips), _BLOCK):
        block = slice(first, first + _BLOCK)
        distances = lengths - 2 * features[block] @ features.T  # (block, clips), but for each row's own length
        rows = np.arange(len(distances))
        distances[rows, first + rows] = np.inf
        nearest[block] = distances.argmin(axis=1)
        distances[speakers[block, None] == speakers] = np.inf
        others[block] = distances.argmin(axis=1)
    return SpeakerLeakage(
        same_speaker=float(np.mean(speakers[nearest] == speakers)),
        same_speaker_by_chance=_by_chance([clip.speaker for clip in clips]),
        same_emotion=float(np.mean(emotions[nearest] == emotions)),
        same_emotion_of_others=float(np.mean(emotions[others] == emotions)),
        same_emotion_by_chance=_by_chance([clip.emotion for clip in clips]),
    )


def tsne_map(features: Floats) -> NDArray[np.float64]:
    """Map clips to a plane so that similar clips lie close together (t-SNE, van der Maaten and Hinton 2008).

    Args:
        features: ``(clips, features)``, standardized; at least :data:`FEWEST_CLIPS` clips, not all alike.

    Returns:
        Coordinates ``(clips, 2)``; only neighbourhoods have a meaning.

    Raises:
        ExtraMissingError: if scikit-learn isn't installed.
    """
    manifold = require("sklearn.manifold", "map")
    machine = manifold.TSNE(
        perplexity=min(_PERPLEXITY, (len(features) - 1) / 3), init="pca", learning_rate="auto", random_state=0
    )
    return np.asarray(machine.fit_transform(features), dtype=np.float64)


def _by_chance(labels: Sequence[str]) -> float:
    """Return how often another random clip has the same label."""
    others = max(1, len(labels) - 1)
    return sum(number * (number - 1) for number in Counter(labels).values()) / (max(1, len(labels)) * others)
