"""A loaded model: from an open sound to calibrated predictions, whatever its input.

There is one subclass for each input that a card may name: :mod:`hearfelt.inference.sound_model` and
:mod:`hearfelt.inference.feature_model`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import AudioReader, Samples
from hearfelt.errors import ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.session import Session
from hearfelt.inference.speech_check import SpeechCheck
from hearfelt.inference.timeline.segmenter import WindowClassifier

if TYPE_CHECKING:  # a model on sound needs no feature module
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation

__all__ = ["Model"]

Floats = npt.NDArray[np.float64]


class Model(ABC):
    """A network and its card.

    Args:
        session: the network.
        card: its card.
        name: used in messages.

    Raises:
        ModelError: if inputs or outputs differ from the card.
    """

    def __init__(self, session: Session, card: ModelCard, name: str) -> None:
        self.session, self.card, self.name = session, card, name

    @abstractmethod
    def logits(self, reader: AudioReader, check: SpeechCheck | None = None) -> Floats:
        """Compute the network's outputs for a whole sound, before temperature and softmax: ``(classes,)``.

        Args:
            reader: an open sound, not read yet.
            check: gets the same sound, if there is one.
        """

    @abstractmethod
    def embedding(self, reader: AudioReader) -> npt.NDArray[np.float32]:
        """Compute the embedding of a whole sound: ``(d,)``."""

    @abstractmethod
    def window_logits(self, window: Samples) -> Floats:
        """Compute the outputs for one window of a longer sound: ``(n,)`` at 16 kHz to ``(classes,)``."""

    @abstractmethod
    def explain(self, reader: AudioReader) -> Explanation | Occlusion:
        """Explain the prediction for a whole sound."""

    def recognize(self, reader: AudioReader) -> Prediction:
        """Make the prediction for a whole sound."""
        check = SpeechCheck()
        return self.prediction(self.logits(reader, check), reader, check)

    def prediction(self, logits: Floats, reader: AudioReader, check: SpeechCheck) -> Prediction:
        """Make a prediction from the logits ``(classes,)`` of a sound that was read to its end."""
        scaled = logits / self.card.temperature
        weights = np.exp(scaled - scaled.max())
        prediction = self.predict(weights / weights.sum(), reader.samples_read / reader.rate_hz)
        warnings = (*reader.warnings, *check.warnings())
        no_speech = any(warning.code == "no_speech" for warning in warnings)
        return replace(prediction, warnings=warnings, unsure=prediction.unsure or no_speech)

    def predict(self, shares: Floats, duration_s: float) -> Prediction:
        """Make a prediction from probabilities ``(classes,)``."""
        probabilities = dict(zip(self.card.labels, shares.tolist(), strict=True))
        emotion = max(probabilities, key=lambda label: probabilities[label])
        confidence = probabilities[emotion]
        unsure = confidence < self.card.unsure_below
        return Prediction(emotion, confidence, probabilities, unsure, duration_s, self.card.name)

    def log_probabilities(self, window: Samples) -> Floats:
        """Compute the log-probabilities of one window: ``(n,)`` at 16 kHz to ``(classes,)``."""
        scaled = self.window_logits(window) / self.card.temperature
        scaled -= scaled.max()
        return np.asarray(scaled - np.log(np.exp(scaled).sum()), np.float64)

    def log_odds(self, logits: Floats, emotion: str) -> Floats:
        """Compute ``log(p / (1 - p))`` of one emotion for each row of ``(rows, classes)`` logits."""
        scaled = logits / self.card.temperature
        index = self.card.labels.index(emotion)
        others = np.delete(scaled, index, axis=1)
        highest = others.max(axis=1)
        rest = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
        return np.asarray(scaled[:, index] - rest, np.float64)

    def window_classifier(self) -> WindowClassifier:
        """Give what a segmenter needs of this model."""
        return WindowClassifier(self.card.labels, self.card.name, self.log_probabilities, self.predict)

    def check_logits(self, output: str, probe: npt.NDArray[np.float32]) -> None:
        """Run a probe ``(1, n)`` once; raise an error unless there is a logit for each label of the card."""
        shape = self.session.run(output, probe).shape
        if shape != (1, len(self.card.labels)):
            raise ModelError(f"{self.name}: answers of shape {shape}; its card names {len(self.card.labels)} emotions")
