"""A prediction: the emotion, its probability and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hearfelt.audio.warnings import SoundWarning
from hearfelt.frozen import FrozenDict

__all__ = ["NO_SPEECH_WORDS", "SURE_WORDS", "UNSURE_WORD", "Prediction"]

SURE_WORDS: Final = ((0.9, "very sure"), (0.7, "fairly sure"), (0.5, "not very sure"), (0.0, "a guess"))
"""Confidence in words: the least probability for each, highest first. Calibration aims at "fairly sure" being right in
7 to 9 of 10 cases; how often it is was measured for each model. Below 0.5 the other emotions together are more
probable."""

UNSURE_WORD: Final = "unsure"
"""Used instead where the confidence is below the threshold of the model's card."""

NO_SPEECH_WORDS: Final = "no speech found"
"""Shown before the emotion where there is no speech."""


@dataclass(frozen=True, repr=False)
class Prediction:
    """The result for one sound; it cannot be changed and can be hashed.

    Attributes:
        emotion: the most probable label, also if the prediction is unsure.
        confidence: its probability, 0 to 1, calibrated.
        probabilities: for each of the model's labels, in its order; they add up to 1.
        unsure: whether the confidence is below the card's threshold, or no speech was found.
        duration_s: length of the sound, in seconds.
        model: name of the model.
        warnings: problems found in the sound; empty for a clean recording of speech.

    Example:
        >>> prediction = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "classic")
        >>> prediction, prediction.in_words, prediction.ranked()
        (<Prediction sad 70%>, 'fairly sure', [('sad', 0.7), ('calm', 0.3)])
        >>> prediction.to_dict()["probabilities"]
        {'calm': 0.3, 'sad': 0.7}
    """

    emotion: str
    confidence: float
    probabilities: Mapping[str, float]
    unsure: bool
    duration_s: float
    model: str
    warnings: tuple[SoundWarning, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", FrozenDict(self.probabilities))

    @property
    def in_words(self) -> str:
        """The confidence in words: one of :data:`SURE_WORDS`, or ``"unsure"``."""
        if self.unsure:
            return UNSURE_WORD
        return next((word for least, word in SURE_WORDS if self.confidence >= least), SURE_WORDS[-1][1])

    @property
    def has_no_speech(self) -> bool:
        """Whether no speech was found in the sound; the emotion then means nothing."""
        return any(warning.code == "no_speech" for warning in self.warnings)

    @property
    def other_warnings(self) -> tuple[SoundWarning, ...]:
        """The warnings apart from :attr:`has_no_speech`, which is shown first."""
        return tuple(warning for warning in self.warnings if warning.code != "no_speech")

    def ranked(self) -> list[tuple[str, float]]:
        """List labels and probabilities, the most probable first."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON, named and ordered as :data:`hearfelt.rows.PREDICTION`."""
        return {
            "emotion": self.emotion,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "unsure": self.unsure,
            "warnings": [warning.to_dict() for warning in self.warnings],
            "model": self.model,
            "duration_s": self.duration_s,
        }

    def __repr__(self) -> str:
        return f"<Prediction {self.emotion} {self.confidence:.0%}{', unsure' if self.unsure else ''}>"
