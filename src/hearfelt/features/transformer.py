"""The 162 classic features as a step of a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import Audio
from hearfelt.corpora.clips import Clip
from hearfelt.errors import AudioError, HearfeltError, require
from hearfelt.features.classic import FEATURE_NAMES, classic_features
from hearfelt.features.table import Task, measure_files

__all__ = ["ClassicFeatures"]


class ClassicFeatures:
    """Turn sounds into their 162 classic features; there is nothing to fit.

    It follows scikit-learn's conventions without needing scikit-learn, so it can be cloned, searched over and
    put at the front of a ``Pipeline``. Nothing is kept in a cache.

    Args:
        processes: how many measure files at once; ``None`` for one on each core.

    Example:
        >>> sound = Audio(np.zeros(22_050, dtype=np.float32), 22_050)
        >>> ClassicFeatures().fit_transform([sound, sound]).shape
        (2, 162)
    """

    def __init__(self, *, processes: int | None = 1) -> None:
        self.processes = processes

    def fit(self, sounds: Iterable[object], labels: object = None) -> Self:
        """Do nothing; pipelines ask for it."""
        return self

    def transform(self, sounds: Iterable[str | Path | Clip | Audio]) -> NDArray[np.float32]:
        """Measure each sound.

        Args:
            sounds: paths, clips, or sounds in memory.

        Returns:
            Features in the order given, ``(sounds, 162)``.

        Raises:
            AudioError: if one cannot be read; it names the first.
        """
        sounds = list(sounds)
        features = np.zeros((len(sounds), len(FEATURE_NAMES)), dtype=np.float32)
        files = [place for place, sound in enumerate(sounds) if not isinstance(sound, Audio)]
        tasks = [Task(_source_of(sounds[place]), (None,)) for place in files]
        for place, answer in zip(files, measure_files(tasks, self.processes), strict=True):
            if isinstance(answer, AudioError):
                raise answer
            features[place] = answer[0]
        for place, sound in enumerate(sounds):
            if isinstance(sound, Audio):
                features[place] = classic_features(sound.samples, sound.rate_hz)
        return features

    def fit_transform(self, sounds: Iterable[str | Path | Clip | Audio], labels: object = None) -> NDArray[np.float32]:
        """Measure each sound, as :meth:`transform` does."""
        return self.transform(sounds)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Name the 162 columns."""
        return np.array(FEATURE_NAMES, dtype=object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters, for ``clone`` and searches."""
        return {"processes": self.processes}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name.

        Raises:
            HearfeltError: if there is no such parameter.
        """
        for name, value in parameters.items():
            if name not in self.get_params():
                raise HearfeltError(f"ClassicFeatures has no parameter {name!r}; it has processes")
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        """Tags for scikit-learn 1.6 and later: no fitting is needed, and the input is no matrix."""
        utils = require("sklearn.utils", "train")
        return utils.Tags(
            estimator_type=None,
            target_tags=utils.TargetTags(required=False),
            transformer_tags=utils.TransformerTags(),
            input_tags=utils.InputTags(two_d_array=False),
            requires_fit=False,
        )


def _source_of(sound: object) -> Path | Excerpt:
    if isinstance(sound, Clip):
        return sound.sound
    if isinstance(sound, str | Path):
        return Path(sound)
    raise AudioError(f"a sound is a path, a Clip or an Audio, not {type(sound).__name__}")
