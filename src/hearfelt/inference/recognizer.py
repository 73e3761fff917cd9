"""The recognizer: one model file, from sound to a prediction. Every edge of hearfelt uses this one object."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from hearfelt.audio import Audio, Sound, read_audio, refuse_silence
from hearfelt.errors import ModelError
from hearfelt.features.classic import FEATURE_NAMES, classic_features
from hearfelt.inference.card import BACKGROUND_KEY, CARD_KEY, ModelCard
from hearfelt.inference.explain import Explanation, shapley_values
from hearfelt.inference.prediction import Prediction

__all__ = ["DEFAULT_MODEL", "Recognizer", "shipped_models"]

DEFAULT_MODEL: Final = "classic"
LARGEST_BYTES: Final = 200 * 2**20  # far above any model of ours; a larger file is a mistake or an attack

Floats = npt.NDArray[np.float64]


def shipped_models() -> tuple[str, ...]:
    """Name the models that come with the package, sorted."""
    weights = resources.files("hearfelt.weights")
    return tuple(sorted(item.name[:-5] for item in weights.iterdir() if item.name.endswith(".onnx")))


class Recognizer:
    """Recognizes the emotion in a sound.

    One object may be used from several threads. A clip's answer depends on that clip alone, nothing outside the object
    is changed, and nothing ever goes to a network.

    Args:
        model: the bytes of a model file, as ``hearfelt train`` writes it.
        name: what messages call the file.
        threads: threads for one answer; by default ONNX Runtime decides.

    Attributes:
        card: what the file says of itself.

    Raises:
        ModelError: if the bytes are no model, or its card is missing or does not fit.

    Example:
        >>> import numpy as np
        >>> recognizer = Recognizer.load()
        >>> voice = np.sin(np.arange(32000) / 20).astype(np.float32)
        >>> set(recognizer.recognize(voice, 16000).probabilities) == set(recognizer.labels)
        True
    """

    def __init__(self, model: bytes, *, name: str = "model", threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ModelError(f"{threads} threads; 1 or more is wanted")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is told by the error, not on standard error
        if threads is not None:
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a dozen classes for a bad file and no common one
            reason = str(error).strip().splitlines()[0][:200]
            raise ModelError(f"{name}: this is no model that can be loaded ({reason})") from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        if CARD_KEY not in metadata:
            raise ModelError(f"{name}: there is no card inside; only files that hearfelt wrote say what they answer")
        self.card = ModelCard.from_json(metadata[CARD_KEY])
        self._background = _background(metadata.get(BACKGROUND_KEY, ""), name)
        self._check_fit(name)

    @classmethod
    def load(cls, model: str | Path | None = None, *, threads: int | None = None) -> Recognizer:
        """Load a model that comes with the package, or a file.

        Args:
            model: a name such as ``"classic"``, a path, or nothing for the default.
            threads: threads for one answer.

        Raises:
            ModelError: if there is no such model, or it is damaged.
        """
        path = model_path(DEFAULT_MODEL if model is None else model)
        try:
            if path.stat().st_size > LARGEST_BYTES:
                raise ModelError(
                    f"{path}: {path.stat().st_size >> 20} MiB; a model has at most {LARGEST_BYTES >> 20} MiB"
                )
            return cls(path.read_bytes(), name=str(model or DEFAULT_MODEL), threads=threads)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror})") from error

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions it tells apart, in the order of its outputs."""
        return self.card.labels

    def recognize(self, sound: Sound, rate_hz: int | None = None) -> Prediction:
        """Recognize the emotion in one sound.

        Args:
            sound: a path, bytes of a file, an open binary file, or samples: ``(n,)`` or ``(channels, n)``.
            rate_hz: the samples' rate; for samples only.

        Raises:
            AudioError: if the sound cannot be read, is shorter than 0.1 s or silent.
        """
        audio = self._heard(sound, rate_hz)
        return self._prediction(self._run(self._input(audio)[None])[0], audio)

    def recognize_many(self, sounds: Iterable[Sound]) -> Iterator[Prediction]:
        """Recognize one sound after another; the answers are those of :meth:`recognize`.

        Yields:
            A prediction for each, in order.

        Raises:
            AudioError: at the first sound that cannot be answered.
        """
        return (self.recognize(sound) for sound in sounds)

    def logits(self, sound: Sound, rate_hz: int | None = None) -> Floats:
        """Give the network's raw outputs, before temperature and softmax: ``(classes,)``."""
        logits: Floats = self._run(self._input(self._heard(sound, rate_hz))[None])[0]
        return logits

    def explain(self, sound: Sound, rate_hz: int | None = None) -> Explanation:
        """Tell how much each of the five feature groups spoke for the answer, as exact Shapley values.

        Returns:
            Contributions to the log-odds of the answer's emotion, against training clips as background.

        Raises:
            AudioError: as :meth:`recognize`.
            ModelError: if the model takes sound and not the 162 features, or carries no background.
        """
        if self.card.input != "classic-162" or self._background is None:
            raise ModelError(f"{self.card.name}: only models on the 162 features with a background can be explained so")
        audio = self._heard(sound, rate_hz)
        features = self._input(audio)
        prediction = self._prediction(self._run(features[None])[0], audio)
        place = self.labels.index(prediction.emotion)

        def log_odds(batch: npt.NDArray[np.float32]) -> Floats:
            scaled = self._run(batch) / self.card.temperature  # (batch, classes)
            others = np.delete(scaled, place, axis=1)
            highest = others.max(axis=1)
            rest = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
            return np.asarray(scaled[:, place] - rest, np.float64)

        shares, whole, base = shapley_values(log_odds, features, self._background)
        return Explanation(prediction, whole, base, shares)

    def __repr__(self) -> str:
        return f"<Recognizer {self.card.name}: {', '.join(self.labels)}>"

    def _heard(self, sound: Sound, rate_hz: int | None) -> Audio:
        audio = read_audio(sound, rate_hz)
        refuse_silence(audio)
        return audio

    def _input(self, audio: Audio) -> npt.NDArray[np.float32]:
        return classic_features(audio.samples, audio.rate_hz)

    def _run(self, batch: npt.NDArray[np.float32]) -> Floats:
        outputs: list[Any] = self._session.run([self._output_name], {self._input_name: batch})
        return np.asarray(outputs[0], np.float64)  # (batch, classes)

    def _prediction(self, logits: Floats, audio: Audio) -> Prediction:
        scaled = logits / self.card.temperature
        weights = np.exp(scaled - scaled.max())
        probabilities = dict(zip(self.labels, (weights / weights.sum()).tolist(), strict=True))
        emotion = max(probabilities, key=lambda label: probabilities[label])
        confidence = probabilities[emotion]
        return Prediction(
            emotion,
            confidence,
            probabilities,
            confidence < self.card.unsure_below,
            audio.duration_s,
            self.card.name,
        )

    def _check_fit(self, name: str) -> None:
        if self.card.input != "classic-162":
            raise ModelError(f"{name}: takes {self.card.input}; this hearfelt knows models on the 162 features")
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) < 1:
            raise ModelError(f"{name}: {len(inputs)} inputs and {len(outputs)} outputs; one input is wanted")
        self._input_name, self._output_name = inputs[0].name, outputs[0].name
        if inputs[0].shape[-1] != len(FEATURE_NAMES):
            raise ModelError(f"{name}: an input of {inputs[0].shape}; its card promises {len(FEATURE_NAMES)} features")
        answer = self._run(np.zeros((1, len(FEATURE_NAMES)), np.float32))
        if answer.shape != (1, len(self.labels)) or not np.isfinite(answer).all():
            raise ModelError(f"{name}: answers of shape {answer.shape}; its card names {len(self.labels)} emotions")


def model_path(model: str | Path) -> Path:
    """Find the file of a shipped model's name or of a path.

    Raises:
        ModelError: if there is neither.
    """
    if isinstance(model, str) and model in shipped_models():
        return Path(str(resources.files("hearfelt.weights") / f"{model}.onnx"))
    path = Path(model).expanduser()
    if path.is_file():
        return path
    names = ", ".join(shipped_models())
    looks_like_path = isinstance(model, Path) or os.sep in model or model.endswith(".onnx")
    what = "there is no such model file" if looks_like_path else "there is no model of this name"
    raise ModelError(f"{model}: {what}; the package brings {names}, and a path to an .onnx file is fine too")


def _background(text: str, name: str) -> npt.NDArray[np.float32] | None:
    if not text:
        return None
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<f4").reshape(-1, len(FEATURE_NAMES))
    except (binascii.Error, ValueError) as error:
        raise ModelError(f"{name}: its background for explanations is damaged; load an undamaged copy") from error
