"""One sound and what is heard in it: the answer beside the player, what can be taken away, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import Final

import streamlit as st

from hearfelt.errors import HearfeltError
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page import answer_markup
from hearfelt.page import downloads as taking_away
from hearfelt.page.calibration_text import what_sure_means
from hearfelt.page.drawing import put_drawing
from hearfelt.page.preview import SHORT_S
from hearfelt.page.recognition import (
    EXPLAINED_S,
    answered_by,
    heard_part,
    is_quickly_explained,
    is_too_long_to_explain,
    recognizer_of,
    timeline_by,
    why_of,
)
from hearfelt.page.session import Answered, OneSound
from hearfelt.page.wave import put_player
from hearfelt.page.why_markup import reasons
from hearfelt.reports.explanations import occlusion_sentence, why_sentence
from hearfelt.reports.shipped_scores import read_measured
from hearfelt.results.clock import time_words

__all__ = ["reasons_asked_for", "show_answers"]

_TOO_LONG: Final = (
    "To say why, {model} would have to listen to all of this a dozen times over, so that is done for up to {most} of"
    " sound. Send a part that you wonder about."
)
_NO_SPEECH: Final = "No speech was found in it, so nothing is marked over time. The answer is for the sound as a whole."


def show_answers(sound: OneSound, models: Sequence[str]) -> None:
    """Show a sound and the answers of one model or of two.

    Args:
        sound: the sound.
        models: names of one or two.
    """
    hero = st.container(key="hf-hero" if len(models) == 1 else "hf-hero-of-two")
    below = st.container(key="hf-taking")
    reasons_place = st.container(key="hf-reasons")
    with hero:
        answers = _show_hero(sound, models)
    with below:
        _put_downloads(sound, answers)
    with reasons_place:
        _show_reasons(sound, answers)


def reasons_asked_for(sound: OneSound, models: Sequence[str]) -> dict[str, str]:
    """Say, by model, what was found out because the visitor asked why."""
    asked = {model: sound.answers[model].why for model in models if not is_quickly_explained(model, sound)}
    return {model: _in_a_sentence(why) for model, why in asked.items() if why is not None}


def _in_a_sentence(why: Explanation | Occlusion | HearfeltError) -> str:
    if isinstance(why, Explanation):
        return why_sentence(why)
    return occlusion_sentence(why) if isinstance(why, Occlusion) else f"{why}."


def _show_hero(sound: OneSound, models: Sequence[str]) -> Mapping[str, Answered]:
    if len(models) == 1:
        wide, narrow = st.columns([1.9, 1], gap="large")
        with narrow:
            answers = {models[0]: _show_answer(sound, models[0])}
    else:
        wide = st.container()
        places = st.columns(len(models), gap="large")
        answers = {}
        for model, place in zip(models, places, strict=True):
            with place:
                answers[model] = _show_answer(sound, model, who=f"{model} hears")
    with wide:
        player, told = st.container(), st.empty()
        is_long = sound.duration_s > SHORT_S
        known = {model: one.timeline for model, one in answers.items() if one.timeline is not None}
        if is_long and len(known) < len(models):
            with player:
                put_player(sound, known)
            _find_timelines(sound, models, told)
            st.rerun()
        timelines = _find_timelines(sound, models, told)
        with player:
            put_player(sound, timelines)
        if not any(timeline.segments for timeline in timelines.values()):
            told.caption(_NO_SPEECH)
    return answers


def _show_answer(sound: OneSound, model: str, *, who: str = "") -> Answered:
    answered = answered_by(model, sound)
    prediction = answered.prediction
    st.html(answer_markup.answer(prediction, who=who) + answer_markup.oddities(prediction))
    st.html(answer_markup.bars(prediction))
    part = _part(model, sound)
    hears = f"{model} hears {part}; the ribbon goes on to its end. " if part else ""
    means = what_sure_means(prediction, read_measured().for_strangers(model))
    st.html(f'<p class="hf-small-print">{hears}{means}</p>')
    return answered


def _part(model: str, sound: OneSound) -> str:
    return heard_part(recognizer_of(model).card, sound.duration_s)


def _find_timelines(
    sound: OneSound, models: Sequence[str], told: st.delta_generator.DeltaGenerator
) -> dict[str, Timeline]:
    def tell(seconds: float) -> None:
        if sound.duration_s > SHORT_S:
            words = f"Following it: {time_words(seconds)} of {time_words(sound.duration_s)}"
            told.progress(min(1.0, seconds / sound.duration_s), words)

    found = {model: timeline_by(model, sound, tell) for model in models}
    told.empty()
    return found


def _put_downloads(sound: OneSound, answers: Mapping[str, Answered]) -> None:
    stem = PurePath(sound.file.name).stem
    pairs = [(sound, one) for one in answers.values()]
    of_each = [
        (one, f" of {model}", f"{stem}-{model}") if len(answers) > 1 else (one, "", stem)
        for model, one in answers.items()
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html('<p class="hf-take">Take it with you</p>')
        for one, whose, name in of_each:
            part = _part(one.prediction.model, sound)
            _button(f"Picture{whose}", partial(taking_away.picture, sound, one, part), f"{name}.png", "image/png")
        _button("JSON", lambda: taking_away.as_json(pairs), f"{stem}.json", "application/json")
        _button("CSV", lambda: taking_away.as_csv(pairs), f"{stem}.csv", "text/csv")
        for one, whose, name in of_each:
            make = partial(taking_away.segments_csv, one)
            _button(f"Segments{whose} as CSV", make, f"{name}-segments.csv", "text/csv")


def _button(label: str, make: object, file_name: str, kind: str) -> None:
    st.download_button(label, make, file_name, kind, on_click="ignore", key=f"take-{label}")  # type: ignore[arg-type]


def _show_reasons(sound: OneSound, answers: Mapping[str, Answered]) -> None:
    st.html("<h2>Why</h2>")
    for model, answered in answers.items():
        if len(answers) > 1:
            st.html(f'<h3 class="hf-who">{model}</h3>')
        place = st.empty()
        if answered.why is None and is_too_long_to_explain(model, sound):
            most = time_words(EXPLAINED_S)
            place.html(f'<p class="hf-prose">{_TOO_LONG.format(model=model, most=most)}</p>')
            continue
        is_asked = answered.why is None and not is_quickly_explained(model, sound)
        if is_asked and not place.button(
            "Find out why", key=f"why-{model}", help="The model listens again, dozens of times: this takes a while."
        ):
            continue
        if answered.why is None:
            with place, st.spinner("Listening again without parts of it …"):
                why_of(model, sound)
        if is_asked:
            st.rerun()  # so that it is told, and has the focus that the button lost
        with place:
            if isinstance(answered.why, Explanation | Occlusion):
                put_drawing(reasons(answered.why), key=f"reasons-{model}")
            else:
                st.html(answer_markup.notice(str(answered.why), title="This can't be explained"))
