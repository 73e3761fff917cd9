"""The model card inside a model file: labels, training data, calibration, licence, scores."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from hearfelt.errors import ModelError
from hearfelt.inference.prediction import Band

__all__ = ["BACKGROUND_KEY", "CARD_KEY", "INPUTS", "ModelCard"]

CARD_KEY: Final = "hearfelt.card"
"""Key of the card, JSON text, in ONNX's ``custom_metadata_map``."""

BACKGROUND_KEY: Final = "hearfelt.background"
"""Key of the background for explanations: base64 of little-endian float32 ``(k, 162)``, training clips' features."""

INPUTS: Final = ("classic-162", "sound")
FORMAT: Final = 1  # of the card; a file of a later format is refused with a sentence
SHORTEST_WINDOW_S: Final = 1.0  # less is too short to recognize an emotion
_ROUNDED: Final = 0.01  # how far rounded probabilities may be from adding up to 1


@dataclass(frozen=True, repr=False)
class ModelCard:
    """The model card: what a model file says about itself.

    Attributes:
        name: such as ``"classic"``.
        version: of hearfelt that wrote the file.
        labels: the emotions in the order of the network's outputs.
        input: ``"classic-162"`` for the 162 features, ``"sound"`` for samples at 16 kHz.
        temperature: logits are divided by it before the softmax (Guo et al. 2017); chosen on validation clips.
        unsure_below: a prediction with less confidence is unsure; chosen on validation clips.
        corpora: for each training corpus ``clips``, ``fingerprint`` and ``licence``.
        training_speakers: all speakers that the file was trained or tuned on, such as ``"ravdess/07"``.
        licence: of the weights.
        description: a few sentences for people.
        recipe: the whole recipe it was trained with.
        scores: for each protocol its figures, as shares of 1.
        limits: what the model cannot do, a sentence each.
        window_s: longest input of the network, in seconds; a longer clip is divided into equal blocks of at most this.
            0 means the whole clip, however long.
        parameters: number of learned numbers; if it is 0 in the file, a ``Recognizer`` counts them.
        reference: how much reference recordings count (:data:`hearfelt.inference.reference.SETTINGS`), and
            ``temperature``, used where they count wholly; in between it is interpolated geometrically. Empty for a file
            that takes none.
        plausible: quantiles of split-conformal prediction by coverage, such as ``{"0.9": 0.93}``, for
            :meth:`hearfelt.Prediction.plausible`; chosen on validation clips and outside. Empty if there are none.
        outside: ``{"bands": [[low, high, answers, right], ...]}``: of how many predictions for corpora that were left
            out of training, with a confidence between two numbers, how many were correct. Empty if not measured.
        unfamiliar_above: a sound whose output ``distance`` is greater is unlike all training sound; 0 means never.
        no_speech_below: a sound with less than this at the output ``speech``, a logit, has no speech.
        known_answer: ``{"example": name of a bundled clip, "probabilities": {label: p}}``, with which
            ``hearfelt doctor`` checks the file; empty if there is none.

    Raises:
        ModelError: if a value is impossible.

    Example:
        >>> ModelCard("mine", "1.0", ("calm", "sad"), "sound", temperature=1.5)
        <ModelCard mine: sound, calm, sad>
    """

    name: str
    version: str
    labels: tuple[str, ...]
    input: str
    temperature: float = 1.0
    unsure_below: float = 0.0
    corpora: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training_speakers: tuple[str, ...] = ()
    licence: str = ""
    description: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    window_s: float = 0.0
    parameters: int = 0
    known_answer: Mapping[str, Any] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)
    plausible: Mapping[str, float] = field(default_factory=dict)
    outside: Mapping[str, Any] = field(default_factory=dict)
    unfamiliar_above: float = 0.0
    no_speech_below: float = 0.0

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise ModelError(f"card of {self.name}: labels {list(self.labels)}; at least 2 different ones are wanted")
        if self.input not in INPUTS:
            raise ModelError(f"card of {self.name}: input {self.input!r}; {' or '.join(INPUTS)} is wanted")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ModelError(f"card of {self.name}: temperature {self.temperature}; a number above 0 is wanted")
        if not 0 <= self.unsure_below <= 1:
            raise ModelError(f"card of {self.name}: unsure_below {self.unsure_below}; 0 to 1 is wanted")
        if not (self.window_s == 0 or (math.isfinite(self.window_s) and self.window_s >= SHORTEST_WINDOW_S)):
            raise ModelError(
                f"card of {self.name}: window_s {self.window_s}; 0 or at least {SHORTEST_WINDOW_S} is wanted"
            )
        if self.parameters < 0:
            raise ModelError(f"card of {self.name}: parameters {self.parameters}; 0 or more is wanted")
        for setting, number in self.reference.items():
            is_number = isinstance(number, float | int) and math.isfinite(number)
            if not is_number or number < 0 or (number == 0 and setting == "temperature"):
                raise ModelError(f"card of {self.name}: reference {setting} {number!r}; a number above 0 is wanted")
        if self.known_answer:
            self._check_known_answer()
        self._check_confidence()

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands of :attr:`outside`, ascending; empty if it was not measured."""
        return tuple(Band(*band) for band in self.outside.get("bands", ()))

    def _check_confidence(self) -> None:
        try:
            is_fine = all(0 < float(key) < 1 and 0 <= one <= 1 for key, one in self.plausible.items())
        except (TypeError, ValueError):
            is_fine = False
        if not is_fine:
            raise ModelError(f"card of {self.name}: plausible {dict(self.plausible)}; numbers from 0 to 1 are wanted")
        try:
            ends = [0.0, *(band.high for band in self.bands)]
            is_fine = all(
                end <= band.low < band.high <= 1 and 0 <= band.right <= band.answers and band.answers
                for end, band in zip(ends, self.bands, strict=False)
            )
        except TypeError:
            is_fine = False
        if not is_fine:
            raise ModelError(f"card of {self.name}: outside {dict(self.outside)}; bands from 0 to 1 are wanted")
        if not (math.isfinite(self.unfamiliar_above) and self.unfamiliar_above >= 0):
            raise ModelError(f"card of {self.name}: unfamiliar_above {self.unfamiliar_above}; 0 or more is wanted")
        if not math.isfinite(self.no_speech_below):
            raise ModelError(f"card of {self.name}: no_speech_below {self.no_speech_below}; a number is wanted")

    def _check_known_answer(self) -> None:
        example, shares = self.known_answer.get("example"), self.known_answer.get("probabilities")
        if not isinstance(example, str) or not example or "/" in example or "\\" in example:
            raise ModelError(f"card of {self.name}: known answer for {example!r}; a bundled clip's name is wanted")
        numbers = list(shares.values()) if isinstance(shares, Mapping) and set(shares) == set(self.labels) else []
        if not numbers or not all(isinstance(one, float | int) and 0 <= one <= 1 for one in numbers):
            raise ModelError(f"card of {self.name}: known answer {shares}; a probability for each label is wanted")
        if abs(sum(numbers) - 1) > _ROUNDED:
            raise ModelError(f"card of {self.name}: known answer adds up to {sum(numbers):.3f}; 1 is wanted")

    def __repr__(self) -> str:
        return f"<ModelCard {self.name}: {self.input}, {', '.join(self.labels)}>"

    def to_json(self) -> str:
        """Write the card as JSON text, as it is stored in the file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card and check it.

        Raises:
            ModelError: if the text is no card, lacks a key, or has an impossible value.

        Example:
            >>> card = ModelCard("mine", "1.0", ("calm", "sad"), "sound", temperature=1.5)
            >>> ModelCard.from_json(card.to_json()) == card
            True
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"the model's card is no JSON ({error}); the file is damaged") from error
        if not isinstance(values, dict):
            raise ModelError("the model's card is no JSON object; the file is damaged")
        if values.pop("format", None) != FORMAT:
            raise ModelError(f"the model's card has a format this hearfelt does not know; it reads format {FORMAT}")
        if "heard_speakers" in values:  # its name in the shipped files
            values.setdefault("training_speakers", values.pop("heard_speakers"))
        known = {one.name: one for one in fields(cls)}
        if missing := [name for name in ("name", "version", "labels", "input") if name not in values]:
            raise ModelError(f"the model's card lacks {missing[0]!r}; the file is damaged or not from hearfelt")
        try:
            kept = {name: _as_kind(known[name].type, values[name]) for name in known if name in values}
        except (TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"the model's card says something impossible ({error}); the file is damaged") from error
        return cls(**kept)


def _as_kind(kind: Any, value: Any) -> Any:
    """Check a JSON value against a field's annotation; lists become tuples."""
    if kind == "str":
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no text")
        return value
    if kind == "float":
        return float(value)
    if kind == "int":
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{value!r} is no whole number")
        return value
    if kind == "tuple[str, ...]":
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise TypeError(f"{value!r} is no list of texts")
        return tuple(value)
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no object")
    return value
