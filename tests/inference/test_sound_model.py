from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from hearfelt.audio.reader import open_audio
from hearfelt.errors import ModelError
from hearfelt.inference import sound_model
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.session import Session
from hearfelt.inference.sound_model import SoundModel

RATE_HZ = 16_000
SPEECH_HZ, ODD_HZ, NOISE_HZ = 120.0, float(np.geomspace(120, 7_000, 16)[8]), 7_000.0
VOICE = Path(str(resources.files("hearfelt.examples") / "synthetic-neutral.flac"))
ModelMaker = Callable[..., bytes]


def tone(seconds: float, *tones_hz: float) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.sum([0.2 * np.sin(2 * np.pi * hz * time_s) for hz in tones_hz], axis=0).astype(np.float32)


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="FLOAT")
    return file.getvalue()


@pytest.fixture
def checking(make_sound_model: ModelMaker, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recognizer]:
    """Makes recognizers whose file detects speech; loading the voice-activity network would be an error."""

    class Refused:
        def __init__(self) -> None:
            raise AssertionError("the file detects speech itself")

    monkeypatch.setattr(sound_model, "SpeechCheck", Refused)

    def make(**card: float) -> Recognizer:
        return Recognizer(make_sound_model(card, checks_sound=True), threads=1)

    return make


def output(model: bytes, name: str, sound: np.ndarray) -> float:
    return float(Session(model).run([name], {"samples": sound[None]})[0][0, 0])


def codes(recognizer: Recognizer, sound: np.ndarray) -> list[str]:
    return [one.code for one in recognizer.recognize(sound, RATE_HZ).warnings]


def test_the_files_own_output_says_whether_somebody_speaks(checking: Callable[..., Recognizer]) -> None:
    recognizer = checking()
    silent = recognizer.recognize(tone(1.5, NOISE_HZ), RATE_HZ)
    assert ([one.code for one in silent.warnings], silent.unsure) == (["no_speech"], True)
    assert codes(recognizer, tone(1.5, SPEECH_HZ)) == []


def test_the_limit_of_speech_is_that_of_the_card(
    checking: Callable[..., Recognizer], make_sound_model: ModelMaker
) -> None:
    sound = tone(1.5, SPEECH_HZ, NOISE_HZ)
    logit = output(make_sound_model(checks_sound=True), "speech", sound)
    assert codes(checking(no_speech_below=logit - 0.1), sound) == []
    assert codes(checking(no_speech_below=logit + 0.1), sound) == ["no_speech"]


def test_a_long_sound_has_speech_if_one_block_has(checking: Callable[..., Recognizer]) -> None:
    recognizer = checking()  # blocks of 2 s
    noise = [tone(2, NOISE_HZ)] * 9
    assert codes(recognizer, np.concatenate(noise)) == ["no_speech"]
    assert codes(recognizer, np.concatenate([*noise, tone(2, SPEECH_HZ)])) == ["little_speech"]
    assert codes(recognizer, np.concatenate([*noise[:3], tone(2, SPEECH_HZ)])) == []


def test_speech_in_a_pause_of_a_loud_sound_does_not_count(checking: Callable[..., Recognizer]) -> None:
    pause = 0.001 * tone(2, SPEECH_HZ)  # 60 dB below
    assert codes(checking(), np.concatenate([tone(2, NOISE_HZ), pause])) == ["no_speech"]


def test_a_sound_far_from_that_of_training_is_unfamiliar(
    checking: Callable[..., Recognizer], make_sound_model: ModelMaker
) -> None:
    usual, odd = tone(2, SPEECH_HZ), tone(2, SPEECH_HZ, ODD_HZ)
    distance = output(make_sound_model(checks_sound=True), "distance", odd)
    recognizer = checking(unfamiliar_above=0.6 * distance)
    assert codes(recognizer, usual) == []
    prediction = recognizer.recognize(odd, RATE_HZ)
    (warning,) = prediction.warnings
    assert (warning.code, warning.numbers["distance"]) == ("unfamiliar", pytest.approx(distance, abs=0.001))
    assert prediction.is_unfamiliar
    assert prediction.in_words not in ("very sure", "fairly sure")
    assert codes(recognizer, np.concatenate([usual, odd])) == []  # half of it: the mean counts
    assert codes(recognizer, np.concatenate([odd, odd, usual])) == ["unfamiliar"]


def test_without_a_limit_nothing_is_unfamiliar_and_noise_is_only_called_no_speech(
    checking: Callable[..., Recognizer],
) -> None:
    odd = tone(2, SPEECH_HZ, ODD_HZ)
    assert codes(checking(), odd) == []
    assert codes(checking(unfamiliar_above=0.1, no_speech_below=100.0), odd) == ["no_speech"]


def test_the_logits_are_the_same_whether_the_sound_is_checked_or_not(checking: Callable[..., Recognizer]) -> None:
    sound, recognizer = tone(5, SPEECH_HZ, 900.0), checking()
    scaled = np.exp(recognizer.logits(sound, RATE_HZ) / recognizer.card.temperature)
    shares = list(recognizer.recognize(sound, RATE_HZ).probabilities.values())
    np.testing.assert_allclose(shares, scaled / scaled.sum(), rtol=1e-6)


def test_an_explained_answer_warns_as_the_answer_does(checking: Callable[..., Recognizer]) -> None:
    recognizer = checking(unfamiliar_above=0.1)
    for sound in (tone(3, NOISE_HZ), tone(3, SPEECH_HZ, ODD_HZ), tone(3, SPEECH_HZ)):
        assert recognizer.explain(sound, RATE_HZ).prediction == recognizer.recognize(sound, RATE_HZ)


def test_an_explanation_reports_its_progress_and_an_error_there_ends_it(checking: Callable[..., Recognizer]) -> None:
    shares: list[float] = []
    checking().explain(tone(3, SPEECH_HZ), RATE_HZ, progress=shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, pytest.approx(1.0, abs=0.1))

    def end(share: float) -> None:
        if share > 0.2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        checking().explain(tone(3, SPEECH_HZ), RATE_HZ, progress=end)


def test_memory_does_not_grow_with_a_checked_sound(checking: Callable[..., Recognizer]) -> None:
    recognizer = checking()

    def peak(seconds: int) -> int:
        sound = tone(2, SPEECH_HZ)
        tracemalloc.start()
        model = SoundModel(recognizer._model.session, recognizer.card, "toy")
        with open_audio(wav(np.tile(sound, seconds // 2)), None) as reader:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            assert model.recognize(reader).duration_s == seconds
            most = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        return most

    assert peak(480) < peak(120) + 1_000_000  # the sound itself has 46 MB more


def test_a_timeline_keeps_its_voice_activity(make_sound_model: ModelMaker) -> None:
    recognizer = Recognizer(make_sound_model({"no_speech_below": 100.0}, checks_sound=True), threads=1)
    assert [one.code for one in recognizer.recognize(VOICE).warnings] == ["no_speech"]
    assert recognizer.timeline(VOICE).segments
    assert recognizer.timeline(VOICE).warnings == ()


def test_a_file_without_the_output_asks_the_detector(make_sound_model: ModelMaker) -> None:
    recognizer = Recognizer(make_sound_model(), threads=1)
    assert codes(recognizer, tone(2, SPEECH_HZ)) == ["no_speech"]
    assert recognizer.recognize(VOICE).warnings == ()


def test_an_output_of_another_shape_is_refused(make_sound_model: ModelMaker) -> None:
    model = onnx.load_from_string(make_sound_model(checks_sound=True))
    for one in model.graph.initializer:
        if one.name == "speech.weights":
            one.CopyFrom(onnx.numpy_helper.from_array(np.ones((16, 2), np.float32), one.name))
    for one in model.graph.output:
        if one.name == "speech":
            one.type.tensor_type.shape.dim[1].dim_value = 2
    with pytest.raises(ModelError, match=r"'speech' of shape \(1, 2\)"):
        Recognizer(model.SerializeToString(), name="odd")
