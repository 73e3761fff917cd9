"""A prediction: which emotion is heard, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Prediction"]


@dataclass(frozen=True)
class Prediction:
    """The answer for one sound.

    Attributes:
        emotion: the most probable label, also when the answer is unsure.
        confidence: its probability, 0 to 1, calibrated.
        probabilities: for each of the model's labels, in its order; they add up to 1.
        is_unsure: whether the confidence is below the card's threshold.
        duration_s: how long the sound is.
        model: name of the model that answered.

    Example:
        >>> Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic").ranked()
        [('sad', 0.7), ('calm', 0.3)]
    """

    emotion: str
    confidence: float
    probabilities: Mapping[str, float]
    is_unsure: bool
    duration_s: float
    model: str

    def ranked(self) -> list[tuple[str, float]]:
        """List labels and probabilities, the most probable first."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])
