"""The page's recognizers, shared by all visits, and what they say about the sounds of one; each thing is asked once."""

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
from hearfelt.page.session import Answered, OneSound

__all__ = [
    "EXPLAINED_S",
    "answered_by",
    "heard_part",
    "is_quickly_explained",
    "is_too_long_to_explain",
    "recognizer_of",
    "timeline_by",
    "why_of",
]

EXPLAINED_S: Final = 120.0
"""A model that hears a sound dozens of times is not asked to explain a longer one: that may take half an hour."""

_TOLD_EVERY_S: Final = 0.5
_QUICK_S: Final = 6.0  # a longer sound takes a model that hears it dozens of times too long to explain unasked


@st.cache_resource(show_spinner="Loading the model …")
def recognizer_of(model: str) -> Recognizer:
    """Load a shipped model; nothing of a visitor is in it."""
    return Recognizer.load(model)


def heard_part(card: ModelCard, duration_s: float = math.inf) -> str:
    """Say which part of a sound a model hears, or nothing if it hears all of it.

    Args:
        card: of the model.
        duration_s: how long the sound is.

    Example:
        >>> heard_part(ModelCard("classic", "1.0", ("calm", "sad"), "classic-162"))
        '0.6 to 3.1 s of it'
        >>> heard_part(ModelCard("tiny", "1.0", ("calm", "sad"), "sound"))
        ''
    """
    hears_all = card.input == "sound" or duration_s <= SEED_WINDOW.end_s
    return "" if hears_all else f"{SEED_WINDOW.offset_s:g} to {SEED_WINDOW.end_s:g} s of it"


def answered_by(model: str, sound: OneSound, progress: Callable[[float], None] | None = None) -> Answered:
    """Give a model's answer to a sound.

    Args:
        model: name of a shipped one.
        sound: keeps the answer.
        progress: is called now and then with the share of the sound that was heard so far; it may end this run of the
            page, and what was begun is kept nevertheless.
    """
    if model in sound.answers:
        return sound.answers[model]
    recognizer, file = recognizer_of(model), sound.opened()
    if progress is None:
        sound.answers[model] = Answered(recognizer.recognize(file))
        return sound.answers[model]
    with ThreadPoolExecutor(1) as beside:  # what a decoder calls must raise nothing, and Streamlit ends runs by raising
        answering = beside.submit(recognizer.recognize, file)
        try:
            progress(0.0)
            while wait([answering], timeout=_TOLD_EVERY_S).not_done:
                progress(file.share)
        finally:
            sound.answers[model] = Answered(answering.result())
    return sound.answers[model]


def timeline_by(model: str, sound: OneSound, progress: Callable[[float], None]) -> Timeline:
    """Tell when a model hears what in a sound.

    Args:
        model: one that has answered already.
        sound: keeps the timeline.
        progress: is called with the seconds that were heard so far.
    """
    answered = answered_by(model, sound)
    if answered.timeline is None:
        answered.timeline = recognizer_of(model).timeline(sound.opened(), progress=progress)
    return answered.timeline


def is_quickly_explained(model: str, sound: OneSound) -> bool:
    """Tell whether an explanation may be found without asking the visitor for patience."""
    return recognizer_of(model).card.input != "sound" or sound.duration_s <= _QUICK_S


def is_too_long_to_explain(model: str, sound: OneSound) -> bool:
    """Tell whether finding an explanation would take too long, and other visitors too much of the computer."""
    return recognizer_of(model).card.input == "sound" and sound.duration_s > EXPLAINED_S


def why_of(model: str, sound: OneSound) -> Explanation | Occlusion | HearfeltError:
    """Find what a model's answer depends on, or why that can't be said.

    Args:
        model: one that has answered already.
        sound: keeps the explanation.
    """
    answered = answered_by(model, sound)
    if answered.why is None:
        try:
            answered.why = recognizer_of(model).explain(sound.opened())
        except HearfeltError as error:
            answered.why = error
    return answered.why
