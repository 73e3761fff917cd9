"""Reference recordings: what is usual for a voice, a room or a microphone, from recordings without labels.

A model that takes a reference describes each sound by statistics, standardized over its training clips. The mean and
deviation of these over some recordings of one setting say what is usual there; the model then compares a sound with
that, the more the better the reference is.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError, ModelError
from hearfelt.frozen import FrozenDict
from hearfelt.runtime.files import atomic_write, path_given

__all__ = [
    "FEW_RECORDINGS",
    "HASH_DIGITS",
    "SETTINGS",
    "UNIFORM_SHARE",
    "Reference",
    "ReferenceBuilder",
    "SoundStatistics",
    "prior_logits",
    "reference_weight",
    "shrunken_deviation",
    "variety",
]

Floats = npt.NDArray[np.float64]

FORMAT: Final = 2  # of the file; one of a later format is refused with a sentence
HASH_DIGITS: Final = 16  # of the SHA-256 of a model file
FEW_RECORDINGS: Final = 5  # with fewer there is a warning
UNIFORM_SHARE: Final = 0.7  # if one emotion has a higher mean probability, there is a warning
_USUAL: Final = 5  # recordings of usual variety that are added to every reference
LARGEST_BYTES: Final = 2**20  # a file has a few thousand

SETTINGS: Final[Mapping[str, float]] = MappingProxyType(
    {"shrinkage": 10.0, "variety_power": 0.0, "prior_correction": 0.0}
)
"""How a reference is used where a card does not say it.

- ``shrinkage``: so many recordings have half the weight of endless ones.
- ``variety_power``: how strongly one of little :func:`variety` is trusted less; 0 is not at all.
- ``prior_correction``: strength of :func:`prior_logits`; 0 for none."""

# References of 20 recordings of all emotions have 0.15 and more in each of four corpora, those of one emotion 0.05 to
# 0.19 (docs/experiments.md).
_USUAL_VARIETY: Final = 0.2
_SMALLEST_PRIOR: Final = 0.02  # added to each, so that an emotion that a reference lacks is not favoured without limit


@dataclass(frozen=True, eq=False)
class SoundStatistics:
    """What a sound adds to a reference: a row for each of its blocks.

    Attributes:
        statistics: ``(rows, k)`` of the network.
        probabilities: ``(rows, labels)`` without a reference.
    """

    statistics: Floats
    probabilities: Floats

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        packed = base64.b64encode(self.statistics.astype("<f4").tobytes()).decode("ascii")
        return {"statistics": packed, "probabilities": self.probabilities.tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SoundStatistics:
        """Read what :meth:`to_dict` gave."""
        probabilities = np.array(values["probabilities"], np.float64)
        statistics = np.frombuffer(base64.b64decode(values["statistics"]), "<f4").astype(np.float64)
        return cls(statistics.reshape(len(probabilities), -1), probabilities)


@dataclass(frozen=True, eq=False, repr=False)
class Reference:
    """What is usual for a voice, a room or a microphone; made by :meth:`hearfelt.Recognizer.reference`.

    It contains no sound and no words, but describes a voice: a reference of one person is personal data.

    Two are equal if their JSON is. Mean and deviation are rounded to half precision, so that a saved reference gives
    the same predictions.

    Attributes:
        model: name of the model that it is for.
        model_hash: first 16 hex digits of the SHA-256 of the model's file.
        count: number of recordings; one that is longer than the model's window counts once for each block.
        mean: ``(k,)`` float32, mean of the standardized statistics.
        deviation: ``(k,)`` float32, standard deviation of the statistics.
        probabilities: of each label, the mean that the model gives these recordings without a reference.
        variety: of these probabilities, as :func:`variety` computes it.

    Raises:
        ModelError: if a value is impossible.

    Example:
        >>> one = Reference("mine", "0" * 16, 8, np.zeros(2), np.ones(2), {"calm": 0.4, "sad": 0.6}, 0.2)
        >>> one, Reference.from_json(one.to_json()) == one
        (<Reference for mine: 8 recordings>, True)
    """

    model: str
    model_hash: str
    count: int
    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    probabilities: Mapping[str, float]
    variety: float

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            values = np.asarray(getattr(self, name), np.float16).astype(np.float32)
            if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
                raise ModelError(f"reference: its {name} is no row of finite numbers")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        if len(self.mean) != len(self.deviation) or (self.deviation < 0).any():
            raise ModelError("reference: its deviation is no row of numbers of 0 or more, one for each mean")
        if self.count < 1:
            raise ModelError(f"reference: {self.count} recordings; 1 or more are wanted")
        shares = list(self.probabilities.values())
        if not shares or not all(0 <= share <= 1 for share in shares):
            raise ModelError("reference: its probabilities are not numbers from 0 to 1, one for each label")
        if not 0 <= self.variety <= 1:
            raise ModelError(f"reference: a variety of {self.variety}; 0 to 1 is wanted")
        object.__setattr__(self, "variety", round(self.variety, 4))
        rounded = {label: round(share, 4) for label, share in self.probabilities.items()}
        object.__setattr__(self, "probabilities", FrozenDict(rounded))

    def weight(self, settings: Mapping[str, float]) -> float:
        """Compute how much it counts, 0 to 1: :func:`reference_weight` with the settings of a model's card."""
        return reference_weight(self.count, self.variety, settings)

    def prior_logits(self, settings: Mapping[str, float]) -> Floats:
        """Compute what it adds to a model's logits, ``(labels,)``: :func:`prior_logits`, times its weight."""
        return self.weight(settings) * prior_logits(list(self.probabilities.values()), settings)

    @property
    def warnings(self) -> tuple[SoundWarning, ...]:
        """The warnings that a prediction with it gets: ``short_reference``, ``uniform_reference``, or none."""
        warnings = []
        if self.count < FEW_RECORDINGS:
            text = (
                f"the reference has {self.count} recording{'s' * (self.count > 1)}; {FEW_RECORDINGS} or more are better"
            )
            warnings.append(SoundWarning("short_reference", text, {"recordings": float(self.count)}))
        label, share = max(self.probabilities.items(), key=lambda pair: pair[1])
        if self.count > 1 and share > UNIFORM_SHARE:
            text = f"the recordings of the reference all sound {label}; some of other emotions are better"
            warnings.append(SoundWarning("uniform_reference", text, {"share": share}))
        return tuple(warnings)

    def to_json(self) -> str:
        """Write it as JSON text of a few kB; mean and deviation are base64 of little-endian float16."""
        values = {
            "format": FORMAT,
            "model": self.model,
            "model_hash": self.model_hash,
            "count": self.count,
            "mean": _encoded(self.mean),
            "deviation": _encoded(self.deviation),
            "probabilities": dict(self.probabilities),
            "variety": self.variety,
        }
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Reference:
        """Read what :meth:`to_json` wrote.

        Raises:
            ModelError: if the text is no reference.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"this is no reference, it is no JSON ({error})") from None
        if not isinstance(values, dict) or "model_hash" not in values:
            raise ModelError("this is no reference; a file that `hearfelt reference` wrote is wanted")
        if values.get("format") != FORMAT:
            raise ModelError(f"a reference of a format that this hearfelt does not know; it reads format {FORMAT}")
        try:
            return cls(
                _text(values["model"]),
                _text(values["model_hash"]),
                _whole(values["count"]),
                _decoded(values["mean"]),
                _decoded(values["deviation"]),
                {_text(label): float(share) for label, share in values["probabilities"].items()},
                float(values["variety"]),
            )
        except ModelError:
            raise
        except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise ModelError(f"the reference is damaged ({type(error).__name__}: {error}); make it again") from None

    def save(self, path: str | Path) -> None:
        """Write it to a file, as JSON; an existing file is replaced."""
        with atomic_write(path_given(path)) as file:
            file.write(self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Reference:
        """Read a file that :meth:`save` wrote.

        Raises:
            ModelError: if it cannot be read, or is no reference.
        """
        try:
            with path_given(path).open("rb") as file:
                content = file.read(LARGEST_BYTES + 1)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
        if len(content) > LARGEST_BYTES:
            raise ModelError(f"{path}: too large for a reference; a file that `hearfelt reference` wrote is wanted")
        try:
            return cls.from_json(content.decode("utf-8"))
        except ValueError as error:
            raise ModelError(f"{path}: {error}") from None

    def __eq__(self, other: object) -> bool:
        return self.to_json() == other.to_json() if isinstance(other, Reference) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        return f"<Reference for {self.model}: {self.count} recording{'s' * (self.count > 1)}>"


def reference_weight(count: int, variety: float, settings: Mapping[str, float] = SETTINGS) -> float:
    """Compute how much a reference counts: 0 not at all, 1 as if it were endless and varied.

    The count is shrunk, as the mean of few numbers is. A reference of one emotion would move the model's centre to that
    emotion: it counts less the more alike its recordings are to the model.

    Args:
        count: number of recordings.
        variety: as :func:`variety` computes it.
        settings: of the card; :data:`SETTINGS` are used for what it does not name.

    Example:
        >>> reference_weight(10, 0.3)
        0.5
        >>> reference_weight(10, 0.1, {"variety_power": 2.0})
        0.125
    """
    settings = {**SETTINGS, **settings}
    varied = min(1.0, max(0.0, variety) / _USUAL_VARIETY) ** settings["variety_power"]
    return float(count / (count + settings["shrinkage"]) * varied)


def variety(probabilities: Floats) -> float:
    """Compute how differently a model answers several recordings: 0 all alike, 1 each emotion as surely as it can be.

    It is the mutual information of recording and emotion, as a share of the entropy of all emotions alike; the same as
    BALD (Houlsby et al. 2011) with recordings in the place of models. A model that is unsure of every recording has
    probabilities that are even on average; this tells them from those of varied recordings.

    Args:
        probabilities: ``(recordings, labels)``; those of few have too little of it, which is corrected.

    Example:
        >>> variety(np.array([[1.0, 0.0], [0.0, 1.0]])), variety(np.array([[0.5, 0.5], [0.5, 0.5]]))
        (1.0, 0.0)
    """
    count, labels = probabilities.shape
    of_mean, mean = _entropy(probabilities.mean(axis=0)), _entropy(probabilities).mean()
    return _variety(float(of_mean), float(mean), count, labels)


def prior_logits(probabilities: Sequence[float] | Floats, settings: Mapping[str, float] = SETTINGS) -> Floats:
    """Compute logits that make emotions rarer that a model predicts for most recordings of a reference.

    So far as these are of all emotions, one that is predicted more often than others is predicted too often (Saerens
    et al. 2002, "Adjusting the outputs of a classifier to new a priori probabilities").

    Args:
        probabilities: ``(labels,)``, their means over the recordings.
        settings: of the card.

    Returns:
        ``(labels,)``.

    Example:
        >>> prior_logits([0.5, 0.5], {"prior_correction": 1.0}).tolist()
        [0.0, 0.0]
    """
    shares = np.asarray(probabilities, np.float64) + _SMALLEST_PRIOR
    strength = {**SETTINGS, **settings}["prior_correction"]
    return np.asarray(strength * np.log(shares.mean() / shares), np.float64)


def shrunken_deviation(deviation: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.float32]:
    """Estimate how much a setting varies from a few recordings: as if a few usual ones had been added.

    Args:
        deviation: ``(k,)`` of the standardized statistics.
        count: number of recordings.

    Returns:
        ``(k,)``, never 0.

    Example:
        >>> shrunken_deviation(np.array([0.0, np.sqrt(7.0)]), 5).tolist()[1]
        2.0
    """
    variance = np.square(deviation, dtype=np.float64)
    shrunken: npt.NDArray[np.float32] = np.sqrt((count * variance + _USUAL) / (count + _USUAL)).astype(np.float32)
    return shrunken


class ReferenceBuilder:
    """Makes a reference from the statistics of sounds, one at a time.

    Example:
        >>> builder = ReferenceBuilder()
        >>> builder.add(SoundStatistics(np.array([[1.0], [3.0]]), np.array([[0.5, 0.5], [0.1, 0.9]])))
        >>> builder.reference("mine", "0" * 16, ("calm", "sad")).probabilities
        {'calm': 0.3, 'sad': 0.7}
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean, self._squares, self._probabilities, self._entropy = np.zeros(1), np.zeros(1), np.zeros(1), 0.0

    def add(self, sound: SoundStatistics) -> None:
        """Add a sound."""
        for row, probabilities in zip(sound.statistics, sound.probabilities, strict=True):  # Welford (1962)
            self._count += 1
            change = row - self._mean
            self._mean = self._mean + change / self._count
            self._squares = self._squares + change * (row - self._mean)
            self._probabilities = self._probabilities + probabilities
            self._entropy += float(_entropy(probabilities))

    def reference(self, model: str, model_hash: str, labels: Sequence[str]) -> Reference:
        """Give the reference.

        Args:
            model: name of the model.
            model_hash: of its file.
            labels: of the model.

        Raises:
            AudioError: if no sound was added.
        """
        if not self._count:
            raise AudioError("a reference of no recordings; at least one is wanted")
        shares = self._probabilities / self._count
        mean, deviation = self._mean.astype(np.float32), np.sqrt(self._squares / self._count).astype(np.float32)
        varied = _variety(float(_entropy(shares)), self._entropy / self._count, self._count, len(labels))
        probabilities = dict(zip(labels, shares.tolist(), strict=True))
        return Reference(model, model_hash, self._count, mean, deviation, probabilities, varied)


def _entropy(probabilities: Floats) -> Floats:
    """Compute the entropy in nats over the last axis."""
    shares = np.maximum(probabilities, 1e-12)
    return np.asarray(-(shares * np.log(shares)).sum(axis=-1))


def _variety(of_mean: float, mean: float, count: int, labels: int) -> float:
    found = (of_mean - mean) / math.log(labels) * count / max(1, count - 1)
    return min(1.0, max(0.0, found))


def _encoded(values: npt.NDArray[np.float32]) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode("ascii")


def _decoded(text: Any) -> npt.NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(_text(text), validate=True), "<f2").astype(np.float32)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value
