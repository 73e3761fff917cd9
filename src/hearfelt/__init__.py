"""Speech emotion recognition with calibrated confidence and honest, speaker-independent evaluation.

Example:
    >>> import numpy
    >>> from hearfelt import Recognizer
    >>> recognizer = Recognizer.load("tiny")
    >>> tone = 0.1 * numpy.sin(numpy.arange(32_000) / 20)  # 2 s at 16 kHz
    >>> prediction = recognizer.recognize(tone, 16_000)
    >>> prediction.unsure, [warning.code for warning in prediction.warnings]
    (True, ['no_speech'])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hearfelt.audio.reader import Audio, read_audio
    from hearfelt.emotions import Emotion
    from hearfelt.errors import (
        AudioError,
        AudioNotFoundError,
        CorpusError,
        DownloadError,
        ExtraMissingError,
        HearfeltError,
        ModelError,
        RecipeError,
    )
    from hearfelt.inference.card import ModelCard
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation
    from hearfelt.inference.prediction import Prediction, Predictions
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.inference.reference import Reference
    from hearfelt.inference.timeline.recording import Stream
    from hearfelt.inference.timeline.segments import Segment, Timeline

    __version__: str

__all__ = [
    "Audio",
    "AudioError",
    "AudioNotFoundError",
    "CorpusError",
    "DownloadError",
    "Emotion",
    "Explanation",
    "ExtraMissingError",
    "HearfeltError",
    "ModelCard",
    "ModelError",
    "Occlusion",
    "Prediction",
    "Predictions",
    "RecipeError",
    "Recognizer",
    "Reference",
    "Segment",
    "Stream",
    "Timeline",
    "__version__",
    "read_audio",
]

_DEFINED_IN = {
    "Audio": "hearfelt.audio.reader",
    "AudioError": "hearfelt.errors",
    "AudioNotFoundError": "hearfelt.errors",
    "CorpusError": "hearfelt.errors",
    "DownloadError": "hearfelt.errors",
    "Emotion": "hearfelt.emotions",
    "Explanation": "hearfelt.inference.explain.shapley",
    "ExtraMissingError": "hearfelt.errors",
    "HearfeltError": "hearfelt.errors",
    "ModelCard": "hearfelt.inference.card",
    "ModelError": "hearfelt.errors",
    "Occlusion": "hearfelt.inference.explain.occlusion",
    "Prediction": "hearfelt.inference.prediction",
    "Predictions": "hearfelt.inference.prediction",
    "RecipeError": "hearfelt.errors",
    "Recognizer": "hearfelt.inference.recognizer",
    "Reference": "hearfelt.inference.reference",
    "Segment": "hearfelt.inference.timeline.segments",
    "Stream": "hearfelt.inference.timeline.recording",
    "Timeline": "hearfelt.inference.timeline.segments",
    "read_audio": "hearfelt.audio.reader",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that ``hearfelt --help`` needs no numpy."""
    if name == "__version__":
        from importlib.metadata import version

        return version("hearfelt")
    if name not in _DEFINED_IN:
        raise AttributeError(f"module 'hearfelt' has no attribute {name!r}")
    return getattr(importlib.import_module(_DEFINED_IN[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
