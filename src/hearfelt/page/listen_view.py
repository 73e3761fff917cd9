"""The Listen view: sounds come in, and what is heard in them is shown; the answer first, what takes longer after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hearfelt.audio.warnings import texts_of
from hearfelt.errors import AudioError
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import DEFAULT_MODEL, shipped_models
from hearfelt.page import answer_markup
from hearfelt.page import downloads as taking_away
from hearfelt.page.announcements import tell
from hearfelt.page.listen_answer import reasons_asked_for, show_answers
from hearfelt.page.listen_inputs import put_inputs
from hearfelt.page.preview import SHORT_S, read_playable
from hearfelt.page.recognition import answered_by, recognizer_of
from hearfelt.page.session import Arrived, OneSound, Visit, this_visit
from hearfelt.page.settings import PageSettings
from hearfelt.results.clock import time_words

__all__ = ["show"]

_NOBODY: Final = "no other"
_GREETING: Final = (
    '<div class="hf-greeting"><h1>Which emotion is heard in a voice?</h1><p>Send a recording, speak into the'
    " microphone, or try a synthetic voice. You see what is heard when, how sure that is, and why.</p></div>"
)


def show(settings: PageSettings) -> None:
    """Show the view.

    Args:
        settings: how large and how long a sound may be.
    """
    visit = this_visit()
    telling = st.container(key="hf-telling")
    stage = st.container(key="hf-stage")
    with st.container(key="hf-inputs"):
        put_inputs(visit, settings)
    with stage:
        with st.container(key="hf-arriving"):  # so that what follows keeps its place, and is not drawn anew
            _read_waiting(visit, settings)
            for sentence in visit.refused:
                st.html(answer_markup.notice(sentence, title="This can't be heard"))
        if visit.sounds:
            _show_sounds(visit, telling)
        else:
            st.html(_GREETING)
            _tell(visit, telling, [] if visit.refused or not visit.round else ["Every sound is forgotten."])
            recognizer_of(DEFAULT_MODEL)  # so that it is ready when the first sound comes


def _read_waiting(visit: Visit, settings: PageSettings) -> None:
    """Read what has come; what cannot be heard is told, and the others go on."""
    known = len(visit.sounds)
    while visit.waiting:
        file = visit.waiting[0]
        with st.spinner(f"Reading {file.name} …"):
            try:
                visit.keep(_read(file, settings))
            except AudioError as error:
                visit.refused.append(str(error))
        del visit.waiting[0]
    if len(visit.sounds) > known:
        visit.chosen = list(visit.sounds)[known]


def _read(file: Arrived, settings: PageSettings) -> OneSound:
    size = math.ceil(10 * len(file.data) / 2**20) / 10  # in MB as Streamlit counts them; no limit looks like itself
    if size > settings.upload_mb:
        raise AudioError(f"{file.name}: {size:.1f} MB; this page takes files of up to {settings.upload_mb} MB")
    told = st.empty()

    def tell(seconds: float, of_s: float) -> None:
        if of_s > SHORT_S:
            told.progress(min(1.0, seconds / of_s), f"{time_words(seconds)} of {time_words(of_s)} read")
        elif seconds > SHORT_S:
            told.caption(f"{time_words(seconds)} read")

    playable = read_playable(file.data, file.name, longest_s=settings.longest_s, progress=tell)
    told.empty()
    return OneSound(file, playable)


def _tell(
    visit: Visit, place: DeltaGenerator, answers: Sequence[str], explained: Mapping[str, str] | None = None
) -> None:
    """Tell what cannot be heard, the answers, and what was found out about them, by model."""
    found = explained or {}
    said = [*(f"{sentence}." for sentence in visit.refused), *answers, *found.values()]
    with place:
        tell(said, about=f"{visit.round} {visit.chosen}", explained=" ".join(found))


def _show_sounds(visit: Visit, telling: DeltaGenerator) -> None:
    heading, place, choices = st.container(), st.container(), st.container(key="hf-choices")
    with heading:
        sound = _chosen(visit)
    with choices:
        models = _chosen_models(visit)
    with place:
        answers = [_heard_by(model, sound) for model in models]
        said = [f"{sound.file.name}, {one.model}: {answer_markup.said_of(one)}." for one in answers]
        said += [f"{odd}." for odd in dict.fromkeys(texts_of(one.other_warnings) for one in answers) if odd]
        _tell(visit, telling, said, explained=reasons_asked_for(sound, models))
        show_answers(sound, models)
    if len(visit.sounds) > 1:
        with st.container(key="hf-others"):
            _show_overview(visit, models)


def _heard_by(model: str, sound: OneSound) -> Prediction:
    told = st.empty()

    def tell(share: float) -> None:
        heard, whole = time_words(share * sound.duration_s), time_words(sound.duration_s)
        told.progress(share, f"{model} listens: {heard} of {whole}")

    if sound.duration_s > SHORT_S:
        prediction = answered_by(model, sound, tell).prediction
    else:
        with st.spinner(f"Listening to {time_words(sound.duration_s)} of sound …"):
            prediction = answered_by(model, sound).prediction
    told.empty()
    return prediction


def _chosen(visit: Visit) -> OneSound:
    """Show which sound it is, and let the visitor choose another of several."""
    if len(visit.sounds) > 1:
        keys = list(visit.sounds)
        widget = f"sounds-{visit.round}"
        st.pills(
            "Sounds",
            keys,
            default=visit.chosen,
            format_func=lambda key: visit.sounds[key].file.name,
            label_visibility="collapsed",
            required=True,
            key=widget,
        )
        visit.chosen = st.session_state[widget] or visit.chosen
    sound = visit.sounds[visit.chosen]
    note = f". {escape(sound.file.note)}" if sound.file.note else ""
    lasts = f"{sound.duration_s:.1f} s" if sound.duration_s < 60 else time_words(sound.duration_s)
    st.html(f'<div class="hf-title"><h1>{escape(sound.file.name)}</h1><p>{lasts}{note}</p></div>')
    return sound


def _chosen_models(visit: Visit) -> list[str]:
    names = sorted(shipped_models(), key=lambda name: (name != DEFAULT_MODEL, name))
    first, second, last = st.columns([1, 1, 1], gap="large", vertical_alignment="bottom")
    model = first.selectbox("Who answers", names, key="hf-model")
    others = [_NOBODY, *(name for name in names if name != model)]
    beside = second.selectbox("Compared with", others, key=f"hf-beside-{model}")
    last.button("Start over", on_click=visit.forget, type="tertiary", help="Forgets every sound of this visit.")
    return [model] if beside == _NOBODY else [model, beside]


def _show_overview(visit: Visit, models: Sequence[str]) -> None:
    model = models[0]
    st.html(f"<h2>All sounds{f', heard by {model}' if len(models) > 1 else ''}</h2>")
    place = st.empty()
    sounds = list(visit.sounds.values())
    for sound in sounds:
        if model not in sound.answers:
            place.html(answer_markup.overview([(one.file.name, _known(one, model)) for one in sounds]))
            answered_by(model, sound)
    place.html(answer_markup.overview([(one.file.name, _known(one, model)) for one in sounds]))
    pairs = [(sound, sound.answers[model]) for sound in sounds]
    with st.container(horizontal=True):
        st.download_button(
            "All as CSV", lambda: taking_away.as_csv(pairs), "answers.csv", "text/csv", on_click="ignore"
        )
        st.download_button(
            "All as JSON lines",
            lambda: taking_away.as_json_lines(pairs),
            "answers.jsonl",
            "application/jsonl",
            on_click="ignore",
        )


def _known(sound: OneSound, model: str) -> Prediction | None:
    return sound.answers[model].prediction if model in sound.answers else None
