"""hearfelt: which emotion is heard in a voice, how sure that is, and a score on unseen speakers that is true.

Example:
    >>> import hearfelt
    >>> "Recognizer" in hearfelt.__all__
    True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hearfelt.audio.reader import read_audio
    from hearfelt.emotions import Emotion
    from hearfelt.errors import HearfeltError
    from hearfelt.inference.prediction import Prediction
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.inference.timeline.segments import Moment, Timeline

__all__ = ["Emotion", "HearfeltError", "Moment", "Prediction", "Recognizer", "Timeline", "read_audio"]

_DEFINED_IN = {
    "Emotion": "hearfelt.emotions",
    "HearfeltError": "hearfelt.errors",
    "Moment": "hearfelt.inference.timeline.segments",
    "Prediction": "hearfelt.inference.prediction",
    "Recognizer": "hearfelt.inference.recognizer",
    "Timeline": "hearfelt.inference.timeline.segments",
    "read_audio": "hearfelt.audio.reader",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for, so that ``hearfelt --help`` needs neither numpy nor a model."""
    if name not in _DEFINED_IN:
        raise AttributeError(f"module 'hearfelt' has no attribute {name!r}")
    return getattr(importlib.import_module(_DEFINED_IN[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
