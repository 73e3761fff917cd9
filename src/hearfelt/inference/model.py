"""A loaded model: from an open sound to calibrated predictions, whatever its input.

There is one subclass for each input that a card may name: :mod:`hearfelt.inference.sound_model` and
:mod:`hearfelt.inference.feature_model`.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import AudioReader, Samples
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.reference import HASH_DIGITS, Reference, SoundStatistics, shrunken_deviation
from hearfelt.inference.session import Session
from hearfelt.inference.timeline.segmenter import WindowClassifier

if TYPE_CHECKING:  # a model on sound needs no feature module
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation

__all__ = ["LOGITS", "REFERENCE_INPUTS", "STATISTICS", "Model"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[float], None]

LOGITS, STATISTICS = "logits", "statistics"
REFERENCE_INPUTS: Final = ("reference_mean", "reference_deviation", "reference_weight")
"""Optional inputs, ``(k,)``, ``(k,)`` and ``(1,)`` float32: what is usual where the sound comes from, in the units of
the output ``statistics`` ``(1, k)``, and how much of it counts. Their values in the file are zeros, ones and 0."""


class Model(ABC):
    """A network and its card.

    Args:
        session: the network.
        card: its card.
        name: used in messages.

    Attributes:
        temperature: logits are divided by it; the card's without a reference.
        prior_logits: added after that, ``(classes,)``; 0 without a reference.

    Raises:
        ModelError: if inputs or outputs differ from the card.
    """

    def __init__(self, session: Session, card: ModelCard, name: str) -> None:
        self.session, self.card, self.name = session, card, name
        self.temperature = card.temperature
        self.prior_logits: Floats = np.zeros(len(card.labels))
        self.reference_values: dict[str, npt.NDArray[np.float32]] = {}
        self._reference_warnings: tuple[SoundWarning, ...] = ()

    @abstractmethod
    def logits(self, reader: AudioReader) -> Floats:
        """Compute the network's outputs for a whole sound, before temperature and softmax: ``(classes,)``.

        Args:
            reader: an open sound, not read yet.
        """

    @abstractmethod
    def checked_logits(self, reader: AudioReader) -> tuple[Floats, tuple[SoundWarning, ...]]:
        """Compute the logits, and warn if nobody speaks or the sound is unfamiliar."""

    @abstractmethod
    def embedding(self, reader: AudioReader) -> npt.NDArray[np.float32]:
        """Compute the embedding of a whole sound: ``(d,)``."""

    @abstractmethod
    def statistics(self, reader: AudioReader) -> SoundStatistics:
        """Compute what a whole sound adds to a reference."""

    @abstractmethod
    def window_logits(self, window: Samples) -> Floats:
        """Compute the outputs for one window of a longer sound: ``(n,)`` at 16 kHz to ``(classes,)``."""

    @abstractmethod
    def explain(self, reader: AudioReader, progress: Progress | None = None) -> Explanation | Occlusion:
        """Explain the prediction for a whole sound; ``progress`` is called with the share that is done."""

    @property
    def file_hash(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the model's file."""
        return self.session.digest[:HASH_DIGITS]

    @property
    def takes_reference(self) -> bool:
        """Whether the file takes reference recordings; older and fine-tuned ones don't."""
        return STATISTICS in self.session.outputs and set(REFERENCE_INPUTS) <= set(self.session.optional_inputs)

    def with_reference(self, reference: Reference | None) -> Self:
        """Give the model that compares each sound with a reference; this one stays as it is.

        Raises:
            ModelError: if the model takes no reference, or this one is for another model.
        """
        if reference is None:
            return self
        self.require_reference_inputs()
        if reference.model_hash != self.file_hash or list(reference.probabilities) != list(self.card.labels):
            raise ModelError(
                f"the reference is for the model {reference.model} ({reference.model_hash}) and not for"
                f" {self.card.name} ({self.file_hash}); make one with this model"
            )
        dimensions = self.session.optional_inputs[REFERENCE_INPUTS[0]][-1]
        if len(reference.mean) != dimensions:
            raise ModelError(f"the reference has {len(reference.mean)} dimensions; {dimensions} are wanted")
        weight = reference.weight(self.card.reference)
        deviation = shrunken_deviation(reference.deviation, reference.count)
        values = reference.mean, deviation, np.array([weight], np.float32)
        model = copy.copy(self)
        model.reference_values = dict(zip(REFERENCE_INPUTS, values, strict=True))
        model._reference_warnings = reference.warnings
        at_full_weight = self.card.reference.get("temperature", self.card.temperature)
        model.temperature = self.card.temperature ** (1 - weight) * at_full_weight**weight
        model.prior_logits = reference.prior_logits(self.card.reference)
        return model

    def require_reference_inputs(self) -> None:
        """Raise an error unless the file takes reference recordings.

        Raises:
            ModelError: if it doesn't.
        """
        if not self.takes_reference:
            raise ModelError(
                f"{self.card.name}: this model file takes no reference recordings; older and fine-tuned ones don't"
            )

    def recognize(self, reader: AudioReader) -> Prediction:
        """Make the prediction for a whole sound."""
        return self.prediction(*self.checked_logits(reader), reader)

    def prediction(self, logits: Floats, found: tuple[SoundWarning, ...], reader: AudioReader) -> Prediction:
        """Make a prediction from the logits ``(classes,)`` of a sound that was read to its end, and what was found."""
        prediction = self.predict(self.probabilities(logits), reader.samples_read / reader.rate_hz)
        warnings = (*reader.warnings, *found, *self._reference_warnings)
        no_speech = any(warning.code == "no_speech" for warning in warnings)
        unsure = prediction.unsure or no_speech
        return replace(prediction, warnings=warnings, unsure=unsure, quantiles=self.card.plausible)

    def probabilities(self, logits: Floats) -> Floats:
        """Compute the calibrated probabilities ``(classes,)`` of logits."""
        scaled = self._scaled(logits)
        weights = np.exp(scaled - scaled.max())
        return np.asarray(weights / weights.sum(), np.float64)

    def predict(self, shares: Floats, duration_s: float) -> Prediction:
        """Make a prediction from probabilities ``(classes,)``."""
        probabilities = dict(zip(self.card.labels, shares.tolist(), strict=True))
        emotion = max(probabilities, key=lambda label: probabilities[label])
        confidence = probabilities[emotion]
        unsure = confidence < self.card.unsure_below
        outside = () if self.reference_values else self.card.bands  # measured without one
        return Prediction(emotion, confidence, probabilities, unsure, duration_s, self.card.name, outside=outside)

    def log_probabilities(self, window: Samples) -> Floats:
        """Compute the log-probabilities of one window: ``(n,)`` at 16 kHz to ``(classes,)``."""
        scaled = self._scaled(self.window_logits(window))
        scaled -= scaled.max()
        return np.asarray(scaled - np.log(np.exp(scaled).sum()), np.float64)

    def log_odds(self, logits: Floats, emotion: str) -> Floats:
        """Compute ``log(p / (1 - p))`` of one emotion for each row of ``(rows, classes)`` logits."""
        scaled = self._scaled(logits)
        index = self.card.labels.index(emotion)
        others = np.delete(scaled, index, axis=1)
        highest = others.max(axis=1)
        rest = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
        return np.asarray(scaled[:, index] - rest, np.float64)

    def _scaled(self, logits: Floats) -> Floats:
        return logits / self.temperature + self.prior_logits

    def window_classifier(self) -> WindowClassifier:
        """Give what a segmenter needs of this model."""
        return WindowClassifier(
            self.card.labels, self.card.name, self.log_probabilities, self.predict, self._reference_warnings
        )

    def run(self, outputs: Sequence[str], values: npt.NDArray[np.float32]) -> list[Floats]:
        """Compute some outputs for the value of the main input, compared with the reference, if there is one."""
        return self.session.run(outputs, {next(iter(self.session.inputs)): values, **self.reference_values})

    def probed(self, outputs: Sequence[str], probe: npt.NDArray[np.float32]) -> dict[str, Floats]:
        """Run a probe once, of a batch of 1; raise an error unless the logits fit the card, and the inputs the outputs.

        Args:
            outputs: the outputs that this kind of model uses, the logits first.
            probe: a value of the main input.

        Returns:
            Their values, and those of the statistics if the file takes a reference.
        """
        names = list(dict.fromkeys([*outputs, *([STATISTICS] if self.takes_reference else [])]))
        values = dict(zip(names, self.run(names, probe), strict=True))
        shape = values[outputs[0]].shape
        if shape != (1, len(self.card.labels)):
            raise ModelError(f"{self.name}: outputs of shape {shape}; its card names {len(self.card.labels)} emotions")
        if self.takes_reference:
            inputs = [self.session.optional_inputs[name] for name in REFERENCE_INPUTS]
            dimensions = inputs[0][-1]
            wanted = [("tensor(float)", dimensions), ("tensor(float)", dimensions), ("tensor(float)", 1)]
            shape = values[STATISTICS].shape
            if inputs != wanted or shape != (1, dimensions):
                raise ModelError(
                    f"{self.name}: statistics of shape {shape} and a reference of {inputs}; they do not fit"
                )
        return values
