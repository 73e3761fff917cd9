"""The recognizers of the page, shared by all visits; each result is computed once."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

import streamlit as st

from hearfelt.errors import HearfeltError
from hearfelt.features.classic import SEED_WINDOW
from hearfelt.inference.card import ModelCard
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.session import LoadedSound, Result

__all__ = [
    "LONGEST_EXPLAINED_S",
    "analysed_part",
    "explain",
    "find_timeline",
    "is_quickly_explained",
    "is_too_long_to_explain",
    "predict",
    "recognizer_of",
]

LONGEST_EXPLAINED_S: Final = 120.0
"""Longer sounds are not explained with a model that has to run dozens of times: that may take half an hour."""

_PROGRESS_EVERY_S: Final = 0.5
_QUICK_S: Final = 6.0  # a longer sound takes such a model too long to explain it without being asked


@st.cache_resource(show_spinner="Loading the model …")
def recognizer_of(model: str) -> Recognizer:
    """Load a shipped model; it contains nothing of a visitor."""
    return Recognizer.load(model)


def analysed_part(card: ModelCard, duration_s: float = math.inf) -> str:
    """Say which part of a sound a model uses, or nothing if it uses all of it.

    Args:
        card: of the model.
        duration_s: length of the sound.

    Example:
        >>> analysed_part(ModelCard("classic", "1.0", ("calm", "sad"), "classic-162"))
        'seconds 0.6 to 3.1'
        >>> analysed_part(ModelCard("tiny", "1.0", ("calm", "sad"), "sound"))
        ''
    """
    uses_all = card.input == "sound" or duration_s <= SEED_WINDOW.end_s
    return "" if uses_all else f"seconds {SEED_WINDOW.offset_s:g} to {SEED_WINDOW.end_s:g}"


def predict(model: str, sound: LoadedSound, progress: Callable[[float], None] | None = None) -> Result:
    """Return a model's prediction for a sound.

    Args:
        model: name of a shipped one.
        sound: keeps the result.
        progress: called now and then with the share of the sound that was processed; it may end this run of the page,
            and the result is kept nevertheless.
    """
    if model in sound.results:
        return sound.results[model]
    recognizer, file = recognizer_of(model), sound.opened()
    if progress is None:
        sound.results[model] = Result(recognizer.recognize(file))
        return sound.results[model]
    with ThreadPoolExecutor(1) as thread:  # a decoder's callback must not raise, and Streamlit ends runs by raising
        running = thread.submit(recognizer.recognize, file)
        try:
            progress(0.0)
            while wait([running], timeout=_PROGRESS_EVERY_S).not_done:
                progress(file.share)
        finally:
            sound.results[model] = Result(running.result())
    return sound.results[model]


def find_timeline(model: str, sound: LoadedSound, progress: Callable[[float], None]) -> Timeline:
    """Return the segments that a model finds in a sound.

    Args:
        model: name of a shipped one.
        sound: keeps the timeline.
        progress: called with the seconds that were processed.
    """
    result = predict(model, sound)
    if result.timeline is None:
        result.timeline = recognizer_of(model).timeline(sound.opened(), progress=progress)
    return result.timeline


def is_quickly_explained(model: str, sound: LoadedSound) -> bool:
    """Return whether an explanation is fast enough to be computed without being asked for."""
    return recognizer_of(model).card.input != "sound" or sound.duration_s <= _QUICK_S


def is_too_long_to_explain(model: str, sound: LoadedSound) -> bool:
    """Return whether an explanation would take too long, and too much of the computer from other visitors."""
    return recognizer_of(model).card.input == "sound" and sound.duration_s > LONGEST_EXPLAINED_S


def explain(model: str, sound: LoadedSound) -> Explanation | Occlusion | HearfeltError:
    """Return what a prediction depends on, or the error that prevents an explanation.

    Args:
        model: name of a shipped one.
        sound: keeps the explanation.
    """
    result = predict(model, sound)
    if result.explanation is None:
        try:
            result.explanation = recognizer_of(model).explain(sound.opened())
        except HearfeltError as error:
            result.explanation = error
    return result.explanation
