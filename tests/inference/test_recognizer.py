from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, model_path, shipped_models

RATE = 16_000
ModelMaker = Callable[..., bytes]


def voice(seed: int, seconds: float = 2.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * (100 + 40 * seed) * k * time) / k for k in range(1, 9))
    return (0.1 * tones + 0.01 * generator.normal(size=len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def recognizer(tiny_model: ModelMaker) -> Recognizer:
    return Recognizer(tiny_model())


def test_probabilities_add_up_to_one_and_the_emotion_is_the_most_probable(recognizer: Recognizer) -> None:
    answer = recognizer.recognize(voice(1), RATE)
    assert list(answer.probabilities) == list(recognizer.labels)
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.confidence == max(answer.probabilities.values()) == answer.probabilities[answer.emotion]
    assert answer.duration_s == 2.0


def test_a_path_bytes_an_open_file_and_samples_get_the_same_answer(recognizer: Recognizer, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, voice(1), RATE, subtype="FLOAT")
    with path.open("rb") as file:
        answers = [
            recognizer.recognize(path),
            recognizer.recognize(str(path)),
            recognizer.recognize(path.read_bytes()),
            recognizer.recognize(file),
            recognizer.recognize(voice(1), RATE),
        ]
    assert all(answer == answers[0] for answer in answers)


def test_confidence_under_the_cards_threshold_is_unsure_and_the_emotion_is_told_all_the_same(
    tiny_model: ModelMaker,
) -> None:
    def ask(threshold: float) -> Prediction:
        card = ModelCard("t", "0", ("calm", "sad", "angry"), "classic-162", unsure_below=threshold)
        return Recognizer(tiny_model(card)).recognize(voice(1), RATE)

    confidence = ask(0).confidence
    assert not ask(confidence).is_unsure
    unsure = ask(math.nextafter(confidence, 1))
    assert unsure.is_unsure
    assert unsure.emotion == ask(0).emotion


def test_temperature_divides_the_logits(tiny_model: ModelMaker) -> None:
    card = ModelCard("t", "0", ("calm", "sad", "angry"), "classic-162", temperature=2.5)
    recognizer = Recognizer(tiny_model(card))
    scaled = recognizer.logits(voice(1), RATE) / 2.5
    wanted = np.exp(scaled) / np.exp(scaled).sum()
    np.testing.assert_allclose(list(recognizer.recognize(voice(1), RATE).probabilities.values()), wanted, atol=1e-9)


def test_many_get_the_answers_of_one_by_one_in_any_company(recognizer: Recognizer, tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.wav" for seed in range(6)]
    for seed, path in enumerate(paths):
        soundfile.write(path, voice(seed, 1 + seed / 3), RATE)
    alone = [recognizer.recognize(path) for path in paths]
    assert list(recognizer.recognize_many(paths)) == alone
    assert list(recognizer.recognize_many(reversed(paths))) == alone[::-1]


def test_several_threads_get_the_answers_of_one(recognizer: Recognizer) -> None:
    sounds = [voice(seed) for seed in range(8)]
    alone = [recognizer.recognize(sound, RATE) for sound in sounds]
    start = threading.Barrier(8)

    def together(sound: np.ndarray) -> Prediction:
        start.wait()
        return recognizer.recognize(sound, RATE)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(together, sounds)) == alone


def test_recognizing_changes_nothing_outside(recognizer: Recognizer) -> None:
    sound, before = voice(1), dict(os.environ)
    recognizer.recognize(sound, RATE)
    np.testing.assert_array_equal(sound, voice(1))
    assert dict(os.environ) == before


@pytest.mark.parametrize("sound", [np.zeros(RATE), np.full(RATE, 1 / 32768)])
def test_silence_gets_a_sentence_and_no_emotion(recognizer: Recognizer, sound: np.ndarray) -> None:
    with pytest.raises(AudioError, match="only silence"):
        recognizer.recognize(sound, RATE)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 192_000])
@pytest.mark.parametrize("seconds", [0.1, 0.61, 1.0, 7.0])
def test_every_rate_and_length_gets_finite_numbers(recognizer: Recognizer, rate: int, seconds: float) -> None:
    sound = np.sin(2 * np.pi * 220 * np.arange(math.ceil(seconds * rate)) / rate)
    assert all(math.isfinite(p) for p in recognizer.recognize(sound, rate).probabilities.values())


def test_an_explanation_adds_up_to_the_log_odds_of_the_answer(recognizer: Recognizer) -> None:
    why = recognizer.explain(voice(3), RATE)
    p = recognizer.recognize(voice(3), RATE).confidence
    assert why.emotion == recognizer.recognize(voice(3), RATE).emotion
    assert why.log_odds == pytest.approx(math.log(p / (1 - p)), abs=1e-4)
    assert why.log_odds - why.base_log_odds == pytest.approx(sum(why.contributions.values()), abs=1e-9)
    assert list(why.contributions) == ["chroma", "mfcc", "zero_crossing_rate", "mel", "rms"]


def test_damaged_files_are_model_errors(tiny_model: ModelMaker, tmp_path: Path) -> None:
    whole = tiny_model()
    labels = ("calm", "sad", "angry", "happy")
    for damaged in (
        b"",
        b"no model",
        whole[: len(whole) // 2],
        tiny_model(""),
        tiny_model("{}"),
        tiny_model(ModelCard("t", "0", labels, "classic-162")),
        tiny_model(ModelCard("t", "0", ("calm", "sad", "angry"), "sound")),
        tiny_model(features=161),
        tiny_model(background="!!!!"),
    ):
        path = tmp_path / "damaged.onnx"
        path.write_bytes(damaged)
        with pytest.raises(ModelError) as caught:
            Recognizer.load(path)
        assert "\n" not in str(caught.value)


def test_a_model_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"no model of this name; the package brings .*{DEFAULT_MODEL}"):
        Recognizer.load("clasic")
    with pytest.raises(ModelError, match="no such model file"):
        Recognizer.load(tmp_path / "mine.onnx")
    with pytest.raises(ModelError, match="0 threads"):
        Recognizer.load(threads=0)


def test_the_default_comes_with_the_package() -> None:
    assert DEFAULT_MODEL in shipped_models()
    assert Recognizer.load().card.name == DEFAULT_MODEL


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_says_whom_it_heard_and_under_which_licence(name: str) -> None:
    card = Recognizer.load(name, threads=1).card
    assert card.name == name
    assert model_path(name).name == f"{name}.onnx"
    assert card.heard_speakers
    assert not {f"ravdess/{actor}" for actor in ("06", "13", "17", "22")} & set(card.heard_speakers)
    assert "non-commercial" in card.licence
    assert card.limits
