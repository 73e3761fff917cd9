from __future__ import annotations

import io
import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import Audio, resample
from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.card import ModelCard
from hearfelt.inference.explain.shapley import Explanation
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


def test_confidence_under_the_cards_threshold_unsure_and_the_emotion_is_told_all_the_same(
    tiny_model: ModelMaker,
) -> None:
    def ask(threshold: float) -> Prediction:
        card = ModelCard("t", "0", ("calm", "sad", "angry"), "classic-162", unsure_below=threshold)
        spoken = Path(str(resources.files("hearfelt.examples") / "synthetic-neutral.flac"))
        return Recognizer(tiny_model(card)).recognize(spoken)

    confidence = ask(0).confidence
    assert not ask(confidence).unsure
    unsure = ask(math.nextafter(confidence, 1))
    assert unsure.unsure
    assert unsure.emotion == ask(0).emotion


def test_a_prediction_has_the_quantiles_and_the_outside_figures_of_its_card(tiny_model: ModelMaker) -> None:
    outside = {"bands": [[0.0, 1.0, 100, 20]]}
    card = ModelCard("t", "0", ("calm", "sad", "angry"), "classic-162", plausible={"0.9": 1.0}, outside=outside)
    recognizer = Recognizer(tiny_model(card))
    prediction = recognizer.recognize(voice(1), RATE)
    assert set(prediction.plausible(0.9)) == {"calm", "sad", "angry"}
    assert prediction.outside == card.bands
    assert replace(prediction, unsure=False).in_words == "a guess"


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
    assert list(recognizer.recognize_many(paths, workers=3)) == alone


@pytest.mark.parametrize("workers", [1, 3])
def test_of_many_one_that_cannot_be_read_raises_is_skipped_or_returns_its_error(
    recognizer: Recognizer, tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, voice(0), RATE)
    sounds, good = [path, tmp_path / "none.wav", path], recognizer.recognize(path)
    assert list(recognizer.recognize_many(sounds, errors="skip", workers=workers)) == [good, good]
    first, error, last = recognizer.recognize_many(sounds, errors="return", workers=workers)
    assert (first, last) == (good, good)
    assert isinstance(error, AudioError)
    many = recognizer.recognize_many(sounds, workers=workers)
    assert next(many) == good
    with pytest.raises(AudioError, match="there is no such file"):
        next(many)


def test_of_many_only_a_few_are_taken_ahead(recognizer: Recognizer) -> None:
    taken: list[int] = []

    def sounds() -> Iterator[Audio]:
        for seed in range(20):
            taken.append(seed)
            yield Audio(voice(seed), RATE)

    many = recognizer.recognize_many(sounds(), workers=2)
    next(many)
    many.close()
    assert len(taken) <= 4


def test_many_refuses_what_it_does_not_know(recognizer: Recognizer) -> None:
    with pytest.raises(ValueError, match="'raise', 'skip' or 'return' is wanted"):
        recognizer.recognize_many([], errors="ignore")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="workers=0; 1 or more is wanted"):
        recognizer.recognize_many([], workers=0)


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
    assert isinstance(why, Explanation)
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
    with pytest.raises(ModelError, match=f"no model of this name; the shipped models are .*{DEFAULT_MODEL}"):
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
    assert card.training_speakers
    assert not {f"ravdess/{actor}" for actor in ("06", "13", "17", "22")} & set(card.training_speakers)
    assert "non-commercial" in card.licence
    assert card.limits


# Models that take sound.


@pytest.fixture(scope="module")
def listener(sound_model: Path) -> Recognizer:
    return Recognizer.load(sound_model, threads=1)


def test_a_model_that_takes_sound_hears_16_khz_whatever_the_rate(listener: Recognizer) -> None:
    sound = voice(1)
    wanted = listener.recognize(sound, RATE).probabilities
    for rate in (22_050, 44_100, 48_000):
        assert listener.recognize(resample(sound, RATE, rate), rate).probabilities == pytest.approx(wanted, abs=0.02)


def test_a_whole_clip_is_answered_and_not_its_beginning(listener: Recognizer) -> None:
    # Twice as long as the window: the answer is the mean of both halves, which differ.
    halves = voice(1, 2.0), voice(6, 2.0)
    both = listener.logits(np.concatenate(halves), RATE)
    apart = [listener.logits(half, RATE) for half in halves]
    assert np.abs(apart[0] - apart[1]).max() > 0.1
    np.testing.assert_allclose(both, np.mean(apart, axis=0), atol=1e-9)
    assert listener.recognize(np.concatenate(halves), RATE).duration_s == 4.0


def test_a_pause_as_long_as_a_block_changes_nothing(listener: Recognizer) -> None:
    generator = np.random.default_rng(0)
    faint = (1e-5 * generator.normal(size=2 * RATE)).astype(np.float32)
    with_pause = np.concatenate([voice(1, 2.0), faint, voice(6, 2.0), faint])
    np.testing.assert_allclose(
        listener.logits(with_pause, RATE), listener.logits(np.concatenate([voice(1, 2.0), voice(6, 2.0)]), RATE)
    )


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_long_file_gets_the_answer_of_its_samples_read_whole(
    rate: int, listener: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.concatenate([voice(seed, 9.1) for seed in range(8)])  # 73 s, in eight voices
    file = io.BytesIO()
    soundfile.write(file, resample(sound, RATE, rate), rate, format="WAV", subtype="FLOAT")
    in_parts = listener.recognize(file.getvalue())
    monkeypatch.setattr("hearfelt.inference.windowing.LONG_S", 1e9)
    whole = listener.recognize(file.getvalue())
    assert in_parts.probabilities == pytest.approx(whole.probabilities, abs=1e-4)
    assert in_parts.duration_s == whole.duration_s == pytest.approx(72.8, abs=1e-3)


@pytest.mark.parametrize("shipped", ["", "classic"])
def test_memory_does_not_grow_with_length(listener: Recognizer, tmp_path: Path, shipped: str) -> None:
    recognizer = Recognizer.load(shipped, threads=1) if shipped else listener
    spoken = voice(3, 10.0)
    recognizer.recognize(spoken, RATE)  # what is loaded at the first sound stays

    def peak(minutes: int) -> int:
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            for _ in range(minutes * 6):
                file.write(spoken)
        tracemalloc.start()
        recognizer.recognize(path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(6) < 1.3 * peak(2) < 20e6


def test_an_embedding_is_one_row_of_the_network_averaged_as_the_answer_is(listener: Recognizer) -> None:
    halves = voice(1, 2.0), voice(6, 2.0)
    embedding = listener.embed(np.concatenate(halves), RATE)
    assert (embedding.shape, embedding.dtype) == ((16,), np.float32)
    np.testing.assert_allclose(embedding, np.mean([listener.embed(half, RATE) for half in halves], axis=0), atol=1e-5)
    assert np.abs(listener.embed(halves[0], RATE) - listener.embed(halves[1], RATE)).max() > 0.1


def test_a_model_on_features_has_no_embedding(recognizer: Recognizer) -> None:
    with pytest.raises(ModelError, match="gives no embedding"):
        recognizer.embed(voice(1), RATE)


@pytest.mark.parametrize("rate", [8_000, 11_025, 48_000])
@pytest.mark.parametrize("seconds", [0.1, 0.61, 2.0, 2.001, 7.3])
def test_a_sound_of_any_rate_and_length_is_answered(rate: int, seconds: float, listener: Recognizer) -> None:
    sound = np.sin(2 * np.pi * 220 * np.arange(math.ceil(seconds * rate)) / rate)
    assert sum(listener.recognize(sound, rate).probabilities.values()) == pytest.approx(1)


def test_several_threads_hear_what_one_hears(listener: Recognizer) -> None:
    sounds = [voice(seed, 5.0) for seed in range(6)]
    alone = [listener.recognize(sound, RATE) for sound in sounds]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda sound: listener.recognize(sound, RATE), sounds)) == alone


def test_bad_sound_is_an_audio_error_also_here(listener: Recognizer, tmp_path: Path) -> None:
    for sound, rate in ((np.zeros(RATE), RATE), (voice(1)[:800], RATE), (tmp_path / "none.wav", None)):
        with pytest.raises(AudioError):
            listener.recognize(sound, rate)


MADE_WRONGLY: dict[str, tuple[dict[str, object], str]] = {
    "labels": ({"card": {"labels": ("calm", "sad")}, "weights": np.ones((16, 3))}, "names 2 emotions"),
    "input's name": ({"names": ("wave", "logits", "embedding")}, "inputs \\['wave'\\]"),
    "output's name": ({"names": ("samples", "answer", "embedding")}, "'logits' is missing"),
    "no embedding": ({"names": ("samples", "logits", "numbers")}, "'embedding' is missing"),
    "not finite": ({"weights": np.full((16, 8), np.inf)}, "not finite"),
    "features": ({"card": {"input": "classic-162"}}, "its card promises 162 features"),
}


@pytest.mark.parametrize(("changes", "words"), MADE_WRONGLY.values(), ids=MADE_WRONGLY)
def test_a_sound_model_that_is_not_what_its_card_says_is_refused(
    changes: dict[str, object], words: str, make_sound_model: ModelMaker
) -> None:
    with pytest.raises(ModelError, match=words):
        Recognizer(make_sound_model(**changes), name="mine")


def test_hearing_sound_loads_no_module_of_features(sound_model: Path) -> None:
    code = f"""
import sys, numpy
from hearfelt import Recognizer
Recognizer.load({str(sound_model)!r}).recognize(numpy.sin(numpy.arange(16000.0)), 16000)
unwanted = ("hearfelt.features", "scipy", "torch")
print(*[name for name in sys.modules if name.startswith(unwanted)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_model_file_is_given_as_a_path_or_as_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(model_path("tiny"), tmp_path / "my.onnx")
    monkeypatch.chdir(tmp_path)
    wanted = Recognizer.load("tiny").recognize(voice(1), RATE)
    assert Recognizer("my.onnx").recognize(voice(1), RATE) == wanted
    assert Recognizer(Path("my.onnx")).recognize(voice(1), RATE) == wanted
    with pytest.raises(ModelError, match=r"^no\.onnx: "):
        Recognizer("no.onnx")


def test_a_recognizer_is_pickled_by_its_path_wherever_it_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(model_path("svm"), tmp_path / "my.onnx")
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(Recognizer("my.onnx", threads=1))
    assert len(pickled) < 1_000  # the path, not the model
    monkeypatch.chdir(tmp_path.parent)
    back = pickle.loads(pickled)
    assert back.recognize(voice(1), RATE) == Recognizer.load("svm", threads=1).recognize(voice(1), RATE)


def test_a_shipped_model_is_pickled_by_its_name() -> None:
    pickled = pickle.dumps(Recognizer.load("tiny", threads=1))
    assert str(model_path("tiny").parent).encode() not in pickled
    back, wanted = pickle.loads(pickled), Recognizer.load("tiny", threads=1)
    assert back.recognize(voice(1), RATE) == wanted.recognize(voice(1), RATE)


def test_a_recognizer_made_of_bytes_says_why_it_cannot_be_pickled() -> None:
    recognizer = Recognizer(model_path("tiny").read_bytes())
    with pytest.raises(ModelError, match="made of bytes, so a pickle cannot name its file; load it from a path"):
        pickle.dumps(recognizer)
