"""The recognizers of the page, shared by all visits; each result is computed once, the long ones in jobs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import streamlit as st

from hearfelt.audio.reader import AudioReader, Samples, open_audio
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.features.classic import SEED_WINDOW
from hearfelt.inference.card import ModelCard
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.recording import Recording, open_recording
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.jobs import Job
from hearfelt.page.preview import PlayableWriter
from hearfelt.page.session import LoadedSound, Result, Visit
from hearfelt.reports.translation import _

__all__ = [
    "EXPLANATION",
    "Pass",
    "analysed_part",
    "compare_with_references",
    "is_explanation_due",
    "is_quickly_explained",
    "pass_over",
    "predict",
    "recognizer_of",
    "work_on",
]

_QUICK_S: Final = 6.0  # a longer sound takes such a model too long to explain it without being asked
_PASS, _OTHERS, EXPLANATION = "pass", "others", "explanation"
"""Kinds of jobs, first in their names."""


@st.cache_resource(show_spinner=False)
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
    ends = {"start": f"{SEED_WINDOW.offset_s:g}", "end": f"{SEED_WINDOW.end_s:g}"}
    return "" if uses_all else _("seconds {start} to {end}", **ends)


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
            visit.stop(sound.key)
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


class Pass(Job):
    """One pass over a long sound: decodes it if that was not done yet, and finds its segments.

    Args:
        sound: gets the timeline, and its player's data.
        model: name of a shipped one.
        longest_s: the longest sound that is accepted, in seconds.

    Attributes:
        model: as given.
    """

    def __init__(self, sound: LoadedSound, model: str, *, longest_s: float) -> None:
        super().__init__()
        self.model, self._sound, self._longest_s = model, sound, longest_s
        self._recognizer, self._reference = recognizer_of(model), sound.references.get(model)
        self._recording: Recording | None = None

    @property
    def timeline(self) -> Timeline | None:
        """The segments that were found so far."""
        return self._recording.timelines()[0] if self._recording is not None else None

    def work(self) -> None:
        """Read the sound once, from its beginning to its end."""
        sound = self._sound
        with open_audio(sound.opened(), name=sound.file.name) as reader:
            writer = PlayableWriter(reader, longest_s=self._longest_s) if sound.playable is None else None
            sound.writer = writer
            parts = self._watched(reader.parts() if writer is None else writer.parts(), reader)
            tee = AudioReader(parts, reader.rate_hz, reader.frames, channels=reader.channels, name=reader.name)
            classifier = self._recognizer.window_classifier(self._reference)
            with open_recording(tee, classifier, source=sound.name) as self._recording:
                deque(self._recording, maxlen=0)
                timeline = self._recording.timelines()[0]
            playable = sound.playable if writer is None else writer.finish()
            timeline = replace(timeline, warnings=tuple(dict.fromkeys((*reader.warnings, *timeline.warnings))))
        self.report(1.0)
        sound.playable, sound.writer = playable, None
        sound.result(self.model).timeline = timeline

    def _watched(self, parts: Iterator[Samples], reader: AudioReader) -> Iterator[Samples]:
        for part in parts:
            self.report(reader.samples_read / reader.frames if reader.frames else 0.0)
            yield part


class _Explaining(Job):
    """Finds what a prediction depends on."""

    def __init__(self, sound: LoadedSound, model: str) -> None:
        super().__init__()
        self._sound, self._result = sound, sound.result(model)
        self._recognizer, self._reference = recognizer_of(model), sound.references.get(model)

    def work(self) -> None:
        self.report(0.0)
        try:
            found: Explanation | Occlusion | HearfeltError = self._recognizer.explain(
                self._sound.opened(), reference=self._reference, progress=self.report
            )
        except HearfeltError as error:
            found = error
        self.report(1.0)
        self._result.explanation = found


class _Predicting(Job):
    """Predicts short sounds one after another."""

    def __init__(self, sounds: Sequence[LoadedSound], model: str) -> None:
        super().__init__()
        self._model, self._recognizer = model, recognizer_of(model)
        self._sounds = [(sound, sound.references.get(model)) for sound in sounds]

    def work(self) -> None:
        for place, (sound, reference) in enumerate(self._sounds):
            self.report(place / len(self._sounds))
            if not sound.is_answered(self._model):
                prediction = self._recognizer.recognize(sound.opened(), reference=reference)
                self.report(place / len(self._sounds))
                sound.result(self._model).prediction = prediction


def predict(model: str, sound: LoadedSound) -> Result:
    """Return a model's prediction for a sound with one emotion, and its segments.

    Args:
        model: name of a shipped one.
        sound: keeps the result.
    """
    result, recognizer, reference = sound.result(model), recognizer_of(model), sound.references.get(model)
    if result.prediction is None:
        result.prediction = recognizer.recognize(sound.opened(), reference=reference)
    if result.timeline is None:
        result.timeline = replace(recognizer.timeline(sound.opened(), reference=reference), source=sound.name)
    return result


def work_on(visit: Visit, models: Sequence[str], *, longest_s: float) -> None:
    """Begin what is missing, in jobs: of the sound that is shown first, then of the others.

    Sounds that a job could not read are refused.

    Args:
        visit: its sounds get results.
        models: names of one or two that are shown; the other sounds are for the first.
        longest_s: the longest sound that is accepted, in seconds.
    """
    for name in [name for name, job in visit.jobs.items() if not job.is_running]:
        job = visit.jobs.pop(name)
        if job.error is not None:
            _refuse(visit, name, job.error)
    for name in [name for name in visit.jobs if name[0] == EXPLANATION and name[1] != visit.chosen]:
        visit.jobs.pop(name).stop()  # begins again when its sound is shown
    shown = visit.sounds.get(visit.chosen)
    if shown is None:
        return
    for model in models:
        if shown.is_long and not shown.is_answered(model):
            _begin_pass(visit, shown, model, longest_s)
            break
        if is_explanation_due(model, shown):
            name = (EXPLANATION, shown.key, model)
            if name not in visit.jobs:
                visit.jobs[name] = _Explaining(shown, model).start()
    _work_on_others(visit, shown, models[0], longest_s)


def _refuse(visit: Visit, name: tuple[str, ...], error: HearfeltError) -> None:
    """Show why a job ended early: in place of its explanation, or of the sound that has no result for it."""
    kind, key, *more = name
    if kind == EXPLANATION:
        visit.sounds[key].result(more[0]).explanation = error
        return
    model, keys = (more[0], [key]) if kind == _PASS else (key, more)
    failed = next(one for one in keys if not visit.sounds[one].is_answered(model))
    visit.refused.append(str(error))
    visit.remove(failed)


def _work_on_others(visit: Visit, shown: LoadedSound, model: str, longest_s: float) -> None:
    missing = [one for one in visit.sounds.values() if one is not shown and not one.is_answered(model)]
    short = [one for one in missing if not one.is_long]
    if visit.jobs:
        return  # what is shown comes first
    if short:
        visit.jobs[_OTHERS, model, *(one.key for one in short)] = _Predicting(short, model).start()
    elif missing:
        _begin_pass(visit, missing[0], model, longest_s)


def _begin_pass(visit: Visit, sound: LoadedSound, model: str, longest_s: float) -> None:
    if not any(name[:2] == (_PASS, sound.key) for name in visit.jobs):
        visit.jobs[_PASS, sound.key, model] = Pass(sound, model, longest_s=longest_s).start()


def pass_over(visit: Visit, sound: LoadedSound) -> Pass | None:
    """Return the pass over a sound that is running, if there is one."""
    found = (job for name, job in visit.jobs.items() if name[:2] == (_PASS, sound.key) and isinstance(job, Pass))
    return next(found, None)


def is_quickly_explained(model: str, sound: LoadedSound) -> bool:
    """Return whether an explanation is fast enough to be computed without being asked for."""
    return recognizer_of(model).card.input != "sound" or sound.duration_s <= _QUICK_S


def is_explanation_due(model: str, sound: LoadedSound) -> bool:
    """Return whether an explanation is to be computed: there is something to explain, and it is wanted or quick."""
    result = sound.results.get(model)
    if sound.is_long or result is None or result.prediction is None or result.explanation is not None:
        return False
    if result.prediction.has_no_speech:
        return False
    return result.is_explanation_wanted or is_quickly_explained(model, sound)
