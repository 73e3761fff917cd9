from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.reference import Reference
from hearfelt.page.preview import read_playable
from hearfelt.page.recognition import compare_with_references, predict, work_on
from hearfelt.page.session import LoadedSound, ReceivedFile, Visit, example_names, example_sound

RATE_HZ = 16_000
TOGETHER, REMEMBER, FORGET = (
    "These recordings belong together",
    "Remember this voice for this visit",
    "Forget the voice",
)


def received(hz: int) -> ReceivedFile:
    noise = np.random.default_rng(hz).normal(0, 0.01, RATE_HZ)
    file = io.BytesIO()
    soundfile.write(file, 0.2 * np.sin(2 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ) + noise, RATE_HZ, format="WAV")
    return ReceivedFile(f"{hz}.wav", file.getvalue())


def visit_of(*pitches_hz: int) -> Visit:
    visit = Visit()
    for hz in pitches_hz:
        file = received(hz)
        visit.keep(LoadedSound(file, read_playable(file.data, file.name, longest_s=60)))
    visit.chosen = next(iter(visit.sounds))
    return visit


@pytest.fixture
def visit() -> Visit:
    return visit_of(150, 330, 900)


@pytest.fixture
def model(reference_model: Path) -> str:
    return str(reference_model)


def alone(model: str, sound: LoadedSound, reference: Reference | None = None) -> dict[str, float]:
    return dict(Recognizer.load(model).recognize(sound.file.data, reference=reference).probabilities)


def answers(visit: Visit, model: str) -> list[dict[str, float]]:
    compare_with_references(visit, [model])
    found = [predict(model, sound).prediction for sound in visit.sounds.values()]
    return [dict(one.probabilities) for one in found if one is not None]


def reference_of(visit: Visit, model: str) -> Reference:
    return Recognizer.load(model).reference(sound.file.data for sound in visit.sounds.values())


def test_sounds_that_belong_together_are_the_reference_of_each_other(visit: Visit, model: str) -> None:
    plain = [alone(model, sound) for sound in visit.sounds.values()]
    assert answers(visit, model) == plain
    visit.is_together = True
    reference = reference_of(visit, model)
    expected = [alone(model, sound, reference) for sound in visit.sounds.values()]
    assert answers(visit, model) == [pytest.approx(one) for one in expected]
    visit.is_together = False
    assert answers(visit, model) == plain


def test_timeline_and_explanation_are_compared_too(model: str) -> None:
    visit = Visit()
    for name in example_names()[:2]:
        file = example_sound(name)
        visit.keep(LoadedSound(file, read_playable(file.data, file.name, longest_s=60)))
    visit.chosen = next(iter(visit.sounds))
    visit.is_together = True
    answers(visit, model)
    sound = visit.sounds[visit.chosen]
    reference = sound.references[model]
    work_on(visit, [model], longest_s=60)
    for job in visit.jobs.values():
        assert job.wait(60)
    result = sound.results[model]
    assert isinstance(result.explanation, Explanation | Occlusion)
    assert result.explanation.prediction.probabilities == pytest.approx(alone(model, sound, reference))
    assert result.timeline is not None
    assert "short_reference" in [one.code for one in result.timeline.warnings]


def test_a_remembered_voice_outlives_its_sounds_and_is_forgotten_when_asked(visit: Visit, model: str) -> None:
    for sound in visit.sounds.values():
        visit.remember(sound)
    answers(visit, model)
    reference = reference_of(visit, model)
    visit.clear()
    later = visit_of(500)
    visit.sounds = later.sounds
    (sound,) = visit.sounds.values()
    assert answers(visit, model) == [pytest.approx(alone(model, sound, reference))]
    visit.forget()
    assert answers(visit, model) == [alone(model, sound)]


def test_a_sound_is_remembered_or_not_by_turns(visit: Visit) -> None:
    sound = next(iter(visit.sounds.values()))
    visit.remember(sound)
    assert visit.remembers_voice
    visit.remember(sound)
    assert not visit.remembers_voice


def test_a_saved_reference_counts_for_its_model_alone(visit: Visit, model: str, sound_model: Path) -> None:
    visit.saved = reference_of(visit, model)
    sounds = list(visit.sounds.values())
    assert answers(visit, model) == [pytest.approx(alone(model, sound, visit.saved)) for sound in sounds]
    assert answers(visit, str(sound_model)) == [alone(str(sound_model), sound) for sound in sounds]
    assert all(str(sound_model) not in sound.references for sound in sounds)


def test_two_visits_know_nothing_of_each_other(visit: Visit, model: str) -> None:
    other = visit_of(150, 330)
    visit.is_together = True
    answers(visit, model)
    assert answers(other, model) == [alone(model, sound) for sound in other.sounds.values()]


def view(model: str) -> None:
    import streamlit as st
    from tests.page.views.test_reference import visit_of

    from hearfelt.page.views.reference import put_reference

    visit = st.session_state.setdefault("visit", visit_of(150, 330))
    put_reference(visit, visit.sounds[visit.chosen], [model])


def small_print(app: AppTest) -> str:
    return "\n".join(str(one.proto.body) for one in app.get("html")).replace("\u00a0", " ")


def test_toggles_and_buttons_do_what_they_say(model: str) -> None:
    app = AppTest.from_function(view, args=(model,), default_timeout=60).run()
    assert [one.label for one in app.toggle] == [TOGETHER, REMEMBER]
    assert "depends on its own sound alone" in small_print(app)
    app.toggle[0].set_value(True).run()
    assert "usual in 2 recordings, with a weight of 50 %" in small_print(app)
    assert "personal data" in small_print(app)
    [save] = app.get("download_button")
    assert save.proto.label == "Save the reference"
    app.toggle[0].set_value(False).run()
    app.toggle[1].set_value(True).run()
    assert "usual in 1 recording," in small_print(app)
    app.button[0].click().run()
    assert [one.value for one in app.toggle] == [False, False]
    assert "depends on its own sound alone" in small_print(app)
    assert not app.exception


def test_a_model_that_takes_none_shows_nothing(sound_model: Path) -> None:
    app = AppTest.from_function(view, args=(str(sound_model),), default_timeout=60).run()
    assert not app.toggle
    assert not app.exception
