"""The recognizers of the page, shared by all visits; each result is computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Final

import streamlit as st

from hearfelt.errors import AudioError, HearfeltError
from hearfelt.features.classic import SEED_WINDOW
from hearfelt.inference.card import ModelCard
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.session import LoadedSound, Result, Visit

__all__ = [
    "LONGEST_EXPLAINED_S",
    "analysed_part",
    "compare_with_references",
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


def compare_with_references(visit: Visit, models: Sequence[str]) -> None:
    """Find what the sounds of a visit are to be compared with; results with another reference are dropped.

    Args:
        visit: its sounds get their references.
        models: names of shipped ones; one that takes no reference is passed over.
    """
    for model in models:
        reference = _reference(visit, model)
        for sound in visit.sounds.values():
            if sound.references.get(model) == reference:
                continue
            sound.results.pop(model, None)
            sound.references.pop(model, None)
            if reference is not None:
                sound.references[model] = reference


def _reference(visit: Visit, model: str) -> Reference | None:
    recognizer = recognizer_of(model)
    if not recognizer.takes_reference:
        return None
    known = dict(visit.remembered)
    if visit.is_together:
        known |= {key: sound.statistics for key, sound in visit.sounds.items()}
    for key, statistics in known.items():
        if model not in statistics and key in visit.sounds:
            with suppress(AudioError):  # such as silence
                statistics[model] = recognizer.statistics(visit.sounds[key].opened())
    found = [statistics[model] for statistics in known.values() if model in statistics]
    if found:
        return recognizer.reference_of(found)
    return visit.saved if visit.saved is not None and recognizer.fits(visit.saved) else None


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
    recognizer, file, reference = recognizer_of(model), sound.opened(), sound.references.get(model)
    if progress is None:
        sound.results[model] = Result(recognizer.recognize(file, reference=reference))
        return sound.results[model]
    with ThreadPoolExecutor(1) as thread:  # a decoder's callback must not raise, and Streamlit ends runs by raising
        running = thread.submit(recognizer.recognize, file, reference=reference)
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
        result.timeline = recognizer_of(model).timeline(
            sound.opened(), progress=progress, reference=sound.references.get(model)
        )
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
            result.explanation = recognizer_of(model).explain(sound.opened(), reference=sound.references.get(model))
        except HearfeltError as error:
            result.explanation = error
    return result.explanation
