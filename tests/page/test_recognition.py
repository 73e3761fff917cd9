"""The jobs of the page: one pass over a long sound, explanations, and the sounds that are not shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.recognizer import Recognizer
from hearfelt.page.preview import read_playable
from hearfelt.page.recognition import Pass, pass_over, predict, work_on
from hearfelt.page.session import LoadedSound, ReceivedFile, Visit, example_sound

MODEL = "tiny"


def lasting(seconds: float, name: str = "long.wav") -> ReceivedFile:
    samples, rate_hz = soundfile.read(io.BytesIO(example_sound("neutral").data), dtype="float32")
    file = io.BytesIO()
    soundfile.write(file, np.resize(samples, int(seconds * rate_hz)), rate_hz, format="WAV")
    return ReceivedFile(name, file.getvalue())


def short(seconds: float = 2.0, name: str = "short.wav") -> LoadedSound:
    file = lasting(seconds, name)
    return LoadedSound(file, read_playable(file.data, file.name, longest_s=60))


@pytest.fixture
def visit() -> Iterator[Visit]:
    visit = Visit()
    yield visit
    visit.clear()


def show(visit: Visit, *sounds: LoadedSound, longest_s: float = 600) -> None:
    """Show the first of these sounds, and begin what is missing."""
    for sound in sounds:
        visit.keep(sound)
    visit.chosen = sounds[0].key
    work_on(visit, [MODEL], longest_s=longest_s)


def settle(visit: Visit, longest_s: float = 600) -> None:
    """Wait until nothing is left to do."""
    while visit.jobs:
        for job in list(visit.jobs.values()):
            assert job.wait(300)
        work_on(visit, [MODEL], longest_s=longest_s)


def test_a_long_sound_is_decoded_and_divided_into_segments_in_one_pass(visit: Visit) -> None:
    sound = LoadedSound(lasting(70))
    show(visit, sound)
    assert isinstance(pass_over(visit, sound), Pass)
    settle(visit)
    own = Recognizer.load(MODEL).timeline(sound.file.data)
    timeline = sound.results[MODEL].timeline
    assert timeline is not None
    assert timeline.segments == own.segments
    assert timeline.source == "long.wav"
    assert sound.playable is not None
    assert sound.duration_s == pytest.approx(70)
    assert sound.results[MODEL].prediction is None


def test_another_model_does_not_decode_a_long_sound_again(visit: Visit) -> None:
    sound = short(20)
    playable = sound.playable
    show(visit, sound)
    settle(visit)
    assert sound.is_answered(MODEL)
    assert sound.playable is playable


def test_a_long_sound_that_turns_out_to_be_broken_is_refused_with_a_sentence(visit: Visit) -> None:
    silent = io.BytesIO()
    soundfile.write(silent, np.zeros(70 * 8_000, np.float32), 8_000, format="WAV")
    show(visit, LoadedSound(ReceivedFile("silent.wav", silent.getvalue())))
    settle(visit)
    assert visit.sounds == {}
    assert visit.refused == ["silent.wav: it contains only silence"] or "silen" in visit.refused[0]


def test_a_sound_that_is_longer_than_its_limit_is_refused(visit: Visit) -> None:
    show(visit, LoadedSound(lasting(70)), longest_s=65)
    settle(visit, 65)
    assert "this page accepts up to 1:05" in visit.refused[0]


def test_sounds_that_are_not_shown_are_predicted_too(visit: Visit) -> None:
    shown, other = short(), short(name="other.wav")
    predict(MODEL, shown)
    show(visit, shown, other)
    settle(visit)
    own = Recognizer.load(MODEL).recognize(other.file.data)
    assert other.results[MODEL].prediction == own


def test_a_short_sound_is_explained_without_being_asked_and_a_longer_one_when_asked(visit: Visit) -> None:
    quick, slow = short(), short(8.0)
    for sound in (quick, slow):
        predict(MODEL, sound)
        show(visit, sound)
        settle(visit)
    assert isinstance(quick.results[MODEL].explanation, Occlusion)
    assert slow.results[MODEL].explanation is None
    slow.results[MODEL].is_explanation_wanted = True
    work_on(visit, [MODEL], longest_s=600)
    settle(visit)
    assert isinstance(slow.results[MODEL].explanation, Occlusion)


def test_the_explanation_of_a_sound_ends_when_another_is_shown(visit: Visit) -> None:
    first, second = short(5.0), short()
    for sound in (first, second):
        predict(MODEL, sound)
    show(visit, first)
    [job] = visit.jobs.values()
    show(visit, second)
    assert job not in visit.jobs.values()
    assert job.wait(60)
    settle(visit)
    assert first.results[MODEL].explanation is None
    assert isinstance(second.results[MODEL].explanation, Occlusion)


def test_what_has_no_speech_is_not_explained(visit: Visit) -> None:
    file = io.BytesIO()
    soundfile.write(file, 0.2 * np.sin(np.arange(32_000) / 5), 16_000, format="WAV")
    data = file.getvalue()
    tone = LoadedSound(ReceivedFile("tone.wav", data), read_playable(data, "tone.wav", longest_s=60))
    prediction = predict(MODEL, tone).prediction
    assert prediction is not None
    assert prediction.has_no_speech
    show(visit, tone)
    settle(visit)
    assert tone.results[MODEL].explanation is None


def test_starting_over_ends_all_work(visit: Visit) -> None:
    sound = LoadedSound(lasting(300))
    show(visit, sound)
    job = pass_over(visit, sound)
    assert job is not None
    visit.clear()
    assert job.wait(120)
    assert job.share < 1
    assert sound.results == {}


@dataclass
class Worked:
    """A visit that is gone, and its job."""

    job: Pass | None = None


def test_the_work_for_a_visitor_who_is_gone_ends() -> None:
    worked, visit = Worked(), Visit()
    sound = LoadedSound(lasting(300))
    show(visit, sound)
    worked.job = pass_over(visit, sound)
    del visit
    assert worked.job is not None
    assert worked.job.wait(120)
    assert worked.job.share < 1
