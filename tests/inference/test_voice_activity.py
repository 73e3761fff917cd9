from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearfelt.audio.reader import read_audio, resample
from hearfelt.augmentation.perturbations import Gain
from hearfelt.examples.clips import example_clips
from hearfelt.inference.recognizer import Recognizer, shipped_models
from hearfelt.inference.voice_activity import (
    BEGINS_AT,
    CHUNK,
    GOES_ON_AT,
    LITTLE_SHARE,
    MIN_PAUSE,
    PAD_AFTER,
    PAD_BEFORE,
    SHORTEST_SPEECH,
    Speech,
    SpeechCheck,
    SpeechFinder,
    VoiceActivity,
)
from hearfelt.inference.windowing import RATE_HZ

VOICES = [clip for clip in example_clips() if clip.stem != "synthetic-rain"]


def voice(path: Path) -> np.ndarray:
    audio = read_audio(path)
    return resample(audio.samples, audio.rate_hz, RATE_HZ)


def codes(*blocks: np.ndarray) -> list[str]:
    check = SpeechCheck()
    for block in blocks:
        check.add(block.astype(np.float32))
    return [warning.code for warning in check.warnings()]


def tones(seconds: float, *frequencies_hz: float) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.sum([np.sin(2 * np.pi * hz * time_s) for hz in frequencies_hz], axis=0) / len(frequencies_hz)


def pink(seconds: float) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=round(seconds * RATE_HZ)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))))
    return noise / np.abs(noise).max()


@pytest.mark.parametrize("path", VOICES, ids=lambda path: path.stem)
@pytest.mark.parametrize("gain_db", [0.0, -40.0])
def test_the_bundled_voices_speak(path: Path, gain_db: float) -> None:
    assert codes(Gain(gain_db).apply(voice(path), 16_000)) == []


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("level_db", [-3.0, -40.0])
def test_tones_hums_and_noise_are_no_speech(seconds: float, level_db: float) -> None:
    made = {
        "dial tone": tones(seconds, 350, 440),
        "ring tone": tones(seconds, 440, 480) * (np.arange(round(seconds * RATE_HZ)) % (6 * RATE_HZ) < 2 * RATE_HZ),
        "a key": tones(seconds, 697, 1209),
        "hum": np.sign(tones(seconds, 50)),
        "white noise": np.random.default_rng(0).uniform(-1, 1, round(seconds * RATE_HZ)),
        "pink noise": pink(seconds),
    }
    said = {kind: codes(sound * 10 ** (level_db / 20)) for kind, sound in made.items()}
    assert said == {kind: ["no_speech"] for kind in made}


def test_a_voice_after_a_loud_tone_is_found() -> None:
    assert codes(np.concatenate([tones(1.5, 1000), 0.2 * voice(VOICES[0])])) == []


def test_a_voice_that_begins_late_in_a_long_noise_is_little_speech() -> None:
    spoken = voice(VOICES[0])
    noise = 0.2 * np.std(spoken) * np.random.default_rng(0).normal(size=10 * RATE_HZ)
    assert codes(*[noise] * 6) == ["no_speech"]
    said = noise.copy()
    said[-len(spoken) :] += spoken
    assert len(spoken) / RATE_HZ < LITTLE_SHARE * 60
    assert codes(*[noise] * 5, said) == ["little_speech"]
    assert codes(said[-5 * RATE_HZ :]) == []


def test_long_pauses_are_no_part_of_the_sound_that_has_to_be_speech() -> None:
    assert codes(np.zeros(60 * RATE_HZ), voice(VOICES[0]), np.zeros(60 * RATE_HZ)) == []


@pytest.mark.parametrize("model", shipped_models())
def test_an_answer_where_nobody_speaks_says_so_and_unsure_with_its_numbers_as_they_were(model: str) -> None:
    recognizer = Recognizer.load(model, threads=1)
    tone = (0.5 * tones(2.0, 350, 440)).astype(np.float32)
    answer = recognizer.recognize(tone, RATE_HZ)
    assert ([one.code for one in answer.warnings], answer.unsure) == (["no_speech"], True)
    scaled = np.exp(recognizer.logits(tone, RATE_HZ) / recognizer.card.temperature)
    np.testing.assert_allclose(list(answer.probabilities.values()), scaled / scaled.sum(), rtol=1e-6)
    (many,) = recognizer.recognize_many([VOICES[0]])
    assert "no_speech" not in [one.code for one in many.warnings]


@pytest.mark.parametrize("model", ["tiny", "classic"])
def test_an_explained_answer_warns_as_the_answer_does(model: str) -> None:
    recognizer = Recognizer.load(model, threads=1)
    tone = (0.5 * tones(1.0, 425)).astype(np.float32)
    assert recognizer.explain(tone, RATE_HZ).prediction == recognizer.recognize(tone, RATE_HZ)
    assert recognizer.explain(VOICES[0]).prediction.warnings == ()


def test_a_timeline_warns_of_no_speech_and_of_little() -> None:
    recognizer = Recognizer.load("tiny", threads=1)
    spoken = voice(VOICES[0])
    for sound, expected in (
        ((0.5 * tones(5.0, 440)).astype(np.float32), ["no_speech"]),
        (spoken, []),
        (np.concatenate([spoken, np.zeros(10 * len(spoken), np.float32)]), ["little_speech"]),
    ):
        timeline = recognizer.timeline(sound, RATE_HZ)
        assert [one.code for one in timeline.warnings] == expected
        if expected:
            assert timeline.warnings[0].numbers["speech_s"] == pytest.approx(timeline.speech_s, abs=0.001)


def test_dogs_engines_and_guns_are_no_speech_and_readers_speak(corpora_home: Path) -> None:
    def share(paths: list[Path]) -> float:
        return float(np.mean([codes(voice(path)) == ["no_speech"] for path in paths]))

    assert share(sorted((corpora_home / "other" / "noise").glob("[!s]*.opus"))[::6]) >= 0.8  # 90 % of them all
    assert share(sorted((corpora_home / "other" / "read").glob("*.opus"))[::12]) <= 0.05


YES, MAYBE, NO = BEGINS_AT + 0.1, (BEGINS_AT + GOES_ON_AT) / 2, GOES_ON_AT - 0.1
SHORTEST, PAUSE = SHORTEST_SPEECH // CHUNK, MIN_PAUSE // CHUNK  # chunks


def probabilities(samples: np.ndarray) -> list[float]:
    activity = VoiceActivity()
    return [activity.probability(samples[start : start + CHUNK]) for start in range(0, len(samples) - CHUNK + 1, CHUNK)]


def stretches(given: list[float]) -> list[Speech]:
    finder = SpeechFinder()
    ended = [speech for one in given if (speech := finder.update(one)) is not None]
    rest = finder.finish()
    return ended if rest is None else [*ended, rest]


def test_a_voice_is_heard_where_it_is_and_nowhere_else(talk: np.ndarray) -> None:
    found = stretches(probabilities(talk))
    assert all(one.is_certain for one in found)
    starts_s, ends_s = [one.start / RATE_HZ for one in found], [one.end / RATE_HZ for one in found]
    assert starts_s == pytest.approx([0.5, 3.98, 6.32, 10.6], abs=0.2)
    assert ends_s == pytest.approx([3.18, 6.22, 9.1, 12.5], abs=0.5)  # the clips end with a little silence


@pytest.mark.parametrize("loudness", [0.01, 0.1, 10.0])
def test_a_quiet_recording_is_heard_as_a_loud_one(talk: np.ndarray, loudness: float) -> None:
    quiet = stretches(probabilities(talk * np.float32(loudness)))
    loud = stretches(probabilities(talk))
    assert [one.is_certain for one in quiet] == [one.is_certain for one in loud]
    for one, other in zip(quiet, loud, strict=True):
        assert (one.start, one.end) == pytest.approx((other.start, other.end), abs=CHUNK)


@pytest.mark.parametrize("kind", ["silence", "noise", "offset", "hum", "tone"])
def test_what_is_no_voice_is_no_speech(kind: str) -> None:
    time_s = np.arange(5 * RATE_HZ) / RATE_HZ
    sound = {
        "silence": np.zeros_like(time_s),
        "noise": np.random.default_rng(0).normal(0, 0.02, len(time_s)),
        "offset": np.full_like(time_s, 0.7),
        "hum": 0.1 * np.sign(np.sin(2 * np.pi * 50 * time_s)),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time_s),
    }[kind]
    assert not [one for one in stretches(probabilities(sound.astype(np.float32))) if one.is_certain]


def test_two_sounds_heard_at_once_do_not_disturb_each_other(talk: np.ndarray) -> None:
    alone = probabilities(talk[: 3 * RATE_HZ])
    one, other = VoiceActivity(), VoiceActivity()
    together = []
    for start in range(0, 3 * RATE_HZ - CHUNK + 1, CHUNK):
        together.append(one.probability(talk[start : start + CHUNK]))
        other.probability(talk[5 * RATE_HZ + start : 5 * RATE_HZ + start + CHUNK])
    assert together == alone


def test_speech_begins_a_little_before_it_is_noticed_and_ends_with_the_last_sure_chunk() -> None:
    (found,) = stretches([NO] * 20 + [YES] * 10 + [NO] * 30)
    assert found == Speech(20 * CHUNK - PAD_BEFORE, 30 * CHUNK + PAD_AFTER, True)


def test_speech_goes_on_through_doubt_but_does_not_begin_with_it() -> None:
    assert stretches([MAYBE] * 40) == []
    (found,) = stretches([NO] * 20 + [YES] * 2 + [MAYBE] * 20 + [NO] * 30)
    assert found.end == 42 * CHUNK + PAD_AFTER


def test_doubt_after_a_pause_is_part_of_the_pause() -> None:
    (found,) = stretches([YES] * 10 + [NO] * 2 + [MAYBE] * 40)
    assert found.end == 10 * CHUNK + PAD_AFTER


def test_a_short_pause_belongs_to_the_sentence_and_a_long_one_divides() -> None:
    assert len(stretches([YES] * 20 + [NO] * (PAUSE - 1) + [YES] * 20)) == 1
    assert len(stretches([YES] * 20 + [NO] * PAUSE + [YES] * 20)) == 2


def test_a_click_is_not_believed() -> None:
    assert [one.is_certain for one in stretches([NO] * 9 + [YES] * (SHORTEST - 1) + [NO] * 30)] == [False]
    assert [one.is_certain for one in stretches([NO] * 9 + [YES] * SHORTEST + [NO] * 30)] == [True]


def test_stretches_never_overlap_and_never_begin_before_the_sound() -> None:
    generator = np.random.default_rng(4)
    for _ in range(50):
        found = stretches(np.repeat(generator.random(60), generator.integers(1, 9, 60)).tolist())
        edges = [edge for one in found for edge in (one.start, one.end)]
        assert edges == sorted(edges)
        assert not edges or edges[0] >= 0
