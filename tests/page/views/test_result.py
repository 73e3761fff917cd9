"""The predictions on the page are those of the recognizer, for every shipped model."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from hearfelt.audio.reader import read_audio
from hearfelt.inference.recognizer import Recognizer, shipped_models
from hearfelt.page.session import ReceivedFile, Visit, example_names, example_sound
from hearfelt.page.texts import calibration_text
from hearfelt.reports.formatting import share_words
from hearfelt.reports.shipped_scores import read_scores


def view() -> None:
    from hearfelt.page.settings import PageSettings
    from hearfelt.page.views.listen import show

    show(PageSettings(upload_mb=1))


def shown(model: str, *files: ReceivedFile) -> AppTest:
    app = AppTest.from_function(view, default_timeout=60)
    app.session_state["hearfelt-visit"] = Visit(waiting=list(files), round=1)
    app.session_state["hf-model"] = model
    app.run()
    assert not app.exception
    while jobs := list(app.session_state["hearfelt-visit"].jobs.values()):
        assert all(job.wait(120) for job in jobs)
        app.run()
    return app


def markup(app: AppTest) -> str:
    return "\n".join(str(one.proto.body) for one in app.get("html")).replace("\u00a0", " ")


def stereo(seconds: float) -> ReceivedFile:
    """A voice at 44.1 kHz in two channels, quiet and off the middle, again and again."""
    voice, file = read_audio(example_sound("sad").data), io.BytesIO()
    samples = 0.2 * np.resize(voice.samples, round(seconds * 44_100)) + 0.01
    soundfile.write(file, np.stack([samples, 0.5 * samples], axis=1), 44_100, format="WAV")
    return ReceivedFile("stereo.wav", file.getvalue())


@pytest.mark.parametrize("model", shipped_models())
def test_the_answers_of_the_page_are_those_of_the_recognizer(model: str) -> None:
    recognizer = Recognizer.load(model, threads=4)
    files = [*map(example_sound, example_names()), stereo(4.0)]
    app = shown(model, *files)
    visit: Visit = app.session_state["hearfelt-visit"]
    assert [sound.file.name for sound in visit.sounds.values()] == [file.name for file in files]
    for sound in visit.sounds.values():
        own = recognizer.recognize(sound.file.data)
        answered = sound.results[model].prediction
        assert answered.emotion == own.emotion
        assert answered.unsure == own.unsure
        assert answered.probabilities == pytest.approx(own.probabilities, abs=1e-5)


@pytest.mark.parametrize("model", shipped_models())
def test_what_is_shown_is_what_the_recognizer_says(model: str) -> None:
    app = shown(model, example_sound("neutral"))
    [sound] = app.session_state["hearfelt-visit"].sounds.values()
    own, said = sound.results[model].prediction, markup(app)
    shown_bars = re.findall(r'hf-label">(\w+)</span>.*?hf-share">([^<]+)<', said.split("hf-bars")[1].split("</ol>")[0])
    assert shown_bars == [(name, share_words(share)) for name, share in own.ranked()]
    assert f'hf-sure">{own.in_words}, {share_words(own.confidence)}<' in said
    assert calibration_text(own, read_scores().for_unseen_speakers(model)) in said


@pytest.mark.parametrize(
    ("model", "seconds", "says_so"),
    [("classic", 4.0, True), ("svm", 4.0, True), ("classic", 3.0, False), ("tiny", 4.0, False)],
)
def test_a_model_that_uses_a_part_of_a_sound_says_so(model: str, seconds: float, says_so: bool) -> None:
    assert (f"{model} uses seconds 0.6 to 3.1 only" in markup(shown(model, stereo(seconds)))) == says_so


@pytest.mark.parametrize(("size", "words"), [(2**20 + 1, "1.1 MB"), (2**20 + 300_000, "1.3 MB"), (2**20, "")])
def test_a_file_that_is_too_large_never_looks_as_large_as_the_limit(size: int, words: str) -> None:
    said = markup(shown("tiny", ReceivedFile("large.wav", bytes(size))))
    assert (f"large.wav: {words}; this page accepts files of up to 1 MB" in said) == bool(words)
    assert ("no sound that can be read" in said) != bool(words)


def test_the_files_of_all_sounds_say_whose_answers_they_hold_where_two_models_answer() -> None:
    app = shown("tiny", example_sound("neutral"), example_sound("sad"))
    assert ">All sounds</p>" in markup(app)
    app.selectbox(key="hf-other-tiny").set_value("svm").run()
    assert ">All sounds, with tiny</p>" in markup(app)


@pytest.mark.parametrize("model", ["tiny", "classic"])
def test_a_long_sound_has_shares_of_time_and_no_single_emotion(model: str) -> None:
    app = shown(model, long(20.0))
    said = markup(app)
    [sound] = app.session_state["hearfelt-visit"].sounds.values()
    assert sound.results[model].prediction is None
    [(name, _), *_] = sound.results[model].timeline.durations().items()
    assert f"mostly {name}" in said
    assert "select a stretch of the waveform" in said
    assert "In a test with" not in said
    assert "Explain" not in [button.label for button in app.button]


def test_a_sound_without_speech_has_neither_a_ranking_nor_figures_of_a_test() -> None:
    samples, file = 0.2 * np.sin(np.arange(32_000) / 5), io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV")
    said = markup(shown("tiny", ReceivedFile("tone.wav", file.getvalue())))
    assert '<p class="hf-emotion">no speech found</p>' in said
    assert "hf-bars" not in said
    assert "test" not in said.split("hf-answer")[1].split("Another sound")[0].replace("was tested", "")


def long(seconds: float) -> ReceivedFile:
    """One short word in a long silence: much to hear, and little to follow."""
    samples, file = np.zeros(round(seconds * 16_000), np.float32), io.BytesIO()
    voice = read_audio(example_sound("neutral").data).samples
    samples[: len(voice)] = voice
    soundfile.write(file, samples, 16_000, format="FLAC")
    return ReceivedFile("long.flac", file.getvalue())
