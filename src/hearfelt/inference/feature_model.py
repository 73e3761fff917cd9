"""Models whose input is the 162 features, which numpy computes from the sound."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import AudioReader, Samples, refuse_silence, resample
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import ModelError
from hearfelt.features.classic import FEATURE_NAMES, SEED_WINDOW, classic_features
from hearfelt.inference.card import BACKGROUND_KEY, ModelCard
from hearfelt.inference.explain.shapley import Explanation, shapley_values
from hearfelt.inference.model import STATISTICS, Floats, Model, Progress
from hearfelt.inference.reference import SoundStatistics
from hearfelt.inference.session import Session
from hearfelt.inference.voice_activity import SpeechCheck
from hearfelt.inference.windowing import RATE_HZ, centred

__all__ = ["FeatureModel"]

_FEATURES = len(FEATURE_NAMES)  # 162


class FeatureModel(Model):
    """A model that takes the 162 features; explanations are exact Shapley values."""

    def __init__(self, session: Session, card: ModelCard, name: str) -> None:
        super().__init__(session, card, name)
        self._background = _background(session.metadata.get(BACKGROUND_KEY, ""), name)
        inputs, outputs = session.inputs, session.outputs
        if len(inputs) != 1 or not outputs:
            raise ModelError(f"{name}: {len(inputs)} inputs and {len(outputs)} outputs; one input is wanted")
        (shape,) = inputs.values()
        if shape[-1] != _FEATURES:
            raise ModelError(f"{name}: an input of {list(shape[1:])}; its card promises {_FEATURES} features")
        self._output = str(next(iter(outputs)))
        self.probed([self._output], np.zeros((1, _FEATURES), np.float32))

    def logits(self, reader: AudioReader) -> Floats:
        """Compute the logits of the sound's 162 features."""
        return self._run(self._features(reader))

    def checked_logits(self, reader: AudioReader) -> tuple[Floats, tuple[SoundWarning, ...]]:
        """Compute the logits, and check the part that they are computed from for speech."""
        check = SpeechCheck()
        logits = self._run(self._features(reader, check))
        return logits, check.warnings()

    def embedding(self, reader: AudioReader) -> npt.NDArray[np.float32]:
        """Raise an error: such a model has no embedding."""
        raise ModelError(f"{self.card.name}: it gives no embedding; a model that takes sound is wanted for this")

    def statistics(self, reader: AudioReader) -> SoundStatistics:
        """Compute one row of statistics and probabilities."""
        statistics, logits = self.run([STATISTICS, self._output], self._features(reader)[None])
        return SoundStatistics(statistics, self.probabilities(logits[0])[None])

    def window_logits(self, window: Samples) -> Floats:
        """Compute the logits of the features of one window."""
        return self._run(classic_features(centred(window), RATE_HZ))

    def explain(self, reader: AudioReader, progress: Progress | None = None) -> Explanation:
        """Compute the Shapley value of each feature group, with training clips as the background."""
        if self._background is None:
            raise ModelError(f"{self.card.name}: it carries no background of training clips to explain against")
        check = SpeechCheck()
        features = self._features(reader, check)
        prediction = self.prediction(self._run(features), check.warnings(), reader)

        def value(batch: npt.NDArray[np.float32]) -> Floats:
            return self.log_odds(self.run([self._output], batch)[0], prediction.emotion)

        shares, whole, base = shapley_values(value, features, self._background)
        if progress is not None:
            progress(1.0)
        return Explanation(prediction, whole, base, shares)

    def _run(self, features: npt.NDArray[np.float32]) -> Floats:
        (logits,) = self.run([self._output], features[None])  # (162,) -> (1, 162)
        return np.asarray(logits[0])

    @staticmethod
    def _features(reader: AudioReader, check: SpeechCheck | None = None) -> npt.NDArray[np.float32]:
        head = SEED_WINDOW.head(reader.parts(), reader.rate_hz)
        refuse_silence(reader)
        if check is not None:
            check.add(resample(centred(head), reader.rate_hz, RATE_HZ))
        return classic_features(head, reader.rate_hz)


def _background(text: str, name: str) -> npt.NDArray[np.float32] | None:
    if not text:
        return None
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<f4").reshape(-1, _FEATURES)
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"{name}: its background for explanations is damaged; load an undamaged copy") from error
