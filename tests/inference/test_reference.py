from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearfelt import Audio, AudioError, ModelError, Recognizer, Reference, Segment
from hearfelt.inference.reference import (
    SETTINGS,
    ReferenceBuilder,
    SoundStatistics,
    prior_logits,
    reference_weight,
    variety,
)

RATE_HZ = 16_000
HASH = "0" * 16
HEARD = {"calm": 0.4, "sad": 0.6}


def tone(hz: float, seconds: float = 1.0, level: float = 0.1) -> Audio:
    noise = np.random.default_rng(int(hz)).normal(0, 0.01, round(seconds * RATE_HZ))
    return Audio((level * np.sin(2 * np.pi * hz * np.arange(len(noise)) / RATE_HZ) + noise).astype(np.float32), RATE_HZ)


SOUNDS = tuple(tone(hz) for hz in (150, 220, 330, 480, 700, 1_000))


def some(**changes: object) -> Reference:
    return replace(Reference("mine", HASH, 8, np.zeros(3), np.ones(3), HEARD, 0.2), **changes)


@pytest.fixture
def recognizer(reference_model: Path) -> Recognizer:
    return Recognizer.load(reference_model, threads=1)


def test_mean_and_deviation_are_those_of_the_recordings_statistics(recognizer: Recognizer) -> None:
    reference = recognizer.reference(SOUNDS)
    rows = np.stack([recognizer.embed(sound) for sound in SOUNDS])  # of this model the statistics
    np.testing.assert_allclose(reference.mean, rows.mean(axis=0), atol=5e-3)
    np.testing.assert_allclose(reference.deviation, rows.std(axis=0), atol=5e-3)
    probabilities = np.array([list(recognizer.recognize(sound).probabilities.values()) for sound in SOUNDS])
    np.testing.assert_allclose(list(reference.probabilities.values()), probabilities.mean(axis=0), atol=1e-4)
    assert (reference.model, reference.count) == ("sound-toy", 6)


def test_the_network_sees_a_sound_relative_to_the_reference(recognizer: Recognizer) -> None:
    reference = recognizer.reference(SOUNDS)
    weight = 6 / (6 + 2)  # the card's shrinkage
    assert reference.weight(recognizer.card.reference) == pytest.approx(weight)
    slopes = np.random.default_rng(5).normal(0, 0.4, (16, 8))
    deviation = np.sqrt((6 * reference.deviation**2 + 5) / (6 + 5))  # as if five usual recordings had been added
    relative = (recognizer.embed(SOUNDS[0]) - weight * reference.mean) / deviation**weight
    np.testing.assert_allclose(recognizer.logits(SOUNDS[0], reference=reference), relative @ slopes, atol=1e-3)


def test_the_temperature_lies_between_the_cards_two(recognizer: Recognizer) -> None:
    reference = recognizer.reference(SOUNDS)
    logits = recognizer.logits(SOUNDS[0], reference=reference)
    temperature = 1.5**0.25 * 3.0**0.75
    expected = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    prediction = recognizer.recognize(SOUNDS[0], reference=reference)
    np.testing.assert_allclose(list(prediction.probabilities.values()), expected, atol=1e-6)


def test_without_a_reference_nothing_changes(recognizer: Recognizer, sound_model: Path) -> None:
    reference = recognizer.reference(SOUNDS)
    recognizer.recognize(SOUNDS[1], reference=reference)
    older = Recognizer.load(sound_model, threads=1)
    np.testing.assert_allclose(recognizer.logits(SOUNDS[1]), older.logits(SOUNDS[1]), atol=1e-6)
    assert recognizer.card.parameters == older.card.parameters


def test_a_saved_reference_gives_the_same_predictions(recognizer: Recognizer, tmp_path: Path) -> None:
    reference = recognizer.reference(SOUNDS)
    reference.save(tmp_path / "me.json")
    loaded = Reference.load(tmp_path / "me.json")
    assert loaded == reference
    assert hash(loaded) == hash(reference)
    assert recognizer.recognize(SOUNDS[2], reference=loaded) == recognizer.recognize(SOUNDS[2], reference=reference)


def test_a_long_recording_counts_once_for_each_block_that_is_no_pause(recognizer: Recognizer) -> None:
    loud, pause = tone(300, 4.0).samples, np.zeros(2 * RATE_HZ, np.float32)
    reference = recognizer.reference([Audio(np.concatenate([loud, pause]), RATE_HZ)])
    assert reference.count == 2  # blocks of 2 s
    assert np.abs(reference.mean - recognizer.embed(tone(300, 2.0))).max() < 0.5


def test_sounds_that_cannot_be_read_are_raised_or_skipped(recognizer: Recognizer) -> None:
    with pytest.raises(AudioError):
        recognizer.reference([SOUNDS[0], b"no sound"])
    assert recognizer.reference([SOUNDS[0], b"no sound"], errors="skip").count == 1
    with pytest.raises(AudioError, match="no recordings"):
        recognizer.reference([b"no sound"], errors="skip")


def test_a_reference_of_another_model_is_refused(
    recognizer: Recognizer, make_sound_model: Callable[..., bytes]
) -> None:
    other = Recognizer(make_sound_model({"name": "other"}, takes_reference=True))
    with pytest.raises(ModelError, match=r"for the model other \([0-9a-f]{16}\) and not for sound-toy"):
        recognizer.recognize(SOUNDS[0], reference=other.reference(SOUNDS))
    forged = replace(recognizer.reference(SOUNDS), mean=np.zeros(3), deviation=np.ones(3))
    with pytest.raises(ModelError, match="3 dimensions; 16 are wanted"):
        recognizer.recognize(SOUNDS[0], reference=forged)


@pytest.mark.parametrize("ask", ["reference", "statistics", "recognize"])
def test_an_older_file_says_that_it_takes_none(ask: str, sound_model: Path, recognizer: Recognizer) -> None:
    older = Recognizer.load(sound_model)
    assert not older.takes_reference
    asked = {
        "reference": lambda: older.reference(SOUNDS),
        "statistics": lambda: older.statistics(SOUNDS[0]),
        "recognize": lambda: older.recognize(SOUNDS[0], reference=recognizer.reference(SOUNDS)),
    }
    with pytest.raises(ModelError, match="sound-toy: this model file takes no reference recordings"):
        asked[ask]()


def test_predictions_warn_of_a_reference_that_is_short_or_of_one_kind(recognizer: Recognizer) -> None:
    def codes(reference: Reference) -> list[str]:
        warnings = recognizer.recognize(SOUNDS[0], reference=reference).warnings
        return [warning.code for warning in warnings if warning.code.endswith("reference")]

    short, enough = recognizer.reference(SOUNDS[:2]), recognizer.reference(SOUNDS)
    uniform = replace(enough, probabilities={label: float(label == "angry") for label in recognizer.labels})
    assert [codes(one) for one in (short, enough, uniform)] == [["short_reference"], [], ["uniform_reference"]]


def test_every_way_of_asking_takes_the_reference(reference_model: Path) -> None:
    recognizer = Recognizer.load(reference_model, threads=1)
    reference = recognizer.reference(SOUNDS)
    plain, one = recognizer.recognize(SOUNDS[3]), recognizer.recognize(SOUNDS[3], reference=reference)
    assert one.probabilities != plain.probabilities
    assert list(recognizer.recognize_many([SOUNDS[3]], reference=reference)) == [one]
    assert list(recognizer.recognize_many([SOUNDS[3]] * 2, reference=reference, workers=2)) == [one] * 2
    assert recognizer.explain(SOUNDS[3], reference=reference).prediction == one
    assert len(recognizer.embed(SOUNDS[3], reference=reference)) == 16


def test_an_endless_reference_weighs_1_and_ten_recordings_half() -> None:
    assert reference_weight(10**9, 1.0) == pytest.approx(1.0)
    assert reference_weight(10, 1.0) == pytest.approx(0.5)
    assert reference_weight(10, 1.0, {"shrinkage": 30.0}) == pytest.approx(0.25)


def test_a_reference_of_one_kind_weighs_less_if_the_card_says_so() -> None:
    settings = {"shrinkage": 0.0, "variety_power": 2.0}
    assert reference_weight(10, 0.05, settings) == pytest.approx(1 / 16)
    assert reference_weight(10, 0.9, settings) == reference_weight(10, 0.3, settings) == 1.0
    assert reference_weight(10, 0.0, settings) == 0.0


def test_variety_is_mutual_information_of_recording_and_emotion() -> None:
    joint = np.array([[0.4, 0.1], [0.05, 0.45]])  # two recordings, each with half of the probability
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    information = float((joint * np.log2(joint / independent)).sum())  # in bits: two labels have one
    assert variety(joint * 2) == pytest.approx(2 * information)  # 2: two of n / (n - 1) recordings


def test_variety_of_few_recordings_is_that_of_many_on_average() -> None:
    generator = np.random.default_rng(0)
    many = generator.dirichlet(np.full(6, 2.0), 20_000)
    few = [variety(many[first : first + 5]) for first in range(0, len(many), 5)]
    assert np.mean(few) == pytest.approx(variety(many), rel=0.1)


def test_unsure_predictions_have_no_variety_although_they_are_even() -> None:
    assert variety(np.full((20, 8), 1 / 8)) == pytest.approx(0.0, abs=1e-12)
    assert variety(np.array([[0.2, 0.8]])) == 0.0  # one recording tells nothing of it
    assert variety(np.eye(8)) == pytest.approx(1.0)


def test_the_prior_is_corrected_as_bayes_rule_says() -> None:
    predicted = np.array([0.68, 0.18, 0.08, 0.06])
    logits = np.log([0.5, 0.2, 0.2, 0.1]) + prior_logits(predicted, {"prior_correction": 1.0})
    shares = np.array([0.5, 0.2, 0.2, 0.1]) / (predicted + 0.02)  # to even priors
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), shares / shares.sum())
    assert prior_logits(predicted).tolist() == [0.0] * 4


def test_the_prior_is_corrected_as_much_as_the_reference_counts(make_sound_model: Callable[..., bytes]) -> None:
    settings = {"shrinkage": 2.0, "prior_correction": 0.5}
    recognizer = Recognizer(make_sound_model({"reference": settings}, takes_reference=True))
    reference = recognizer.reference(SOUNDS)
    means = np.array(list(reference.probabilities.values()))
    logits = recognizer.logits(SOUNDS[0], reference=reference) / recognizer.card.temperature
    logits -= 6 / (6 + 2) * 0.5 * np.log(means + 0.02)
    found = recognizer.recognize(SOUNDS[0], reference=reference).probabilities
    np.testing.assert_allclose(list(found.values()), np.exp(logits) / np.exp(logits).sum(), atol=1e-5)


def test_a_reference_of_nothing_is_no_reference() -> None:
    empty = SoundStatistics(np.zeros((0, 3)), np.zeros((0, 2)))
    builder = ReferenceBuilder()
    builder.add(empty)
    with pytest.raises(AudioError, match="no recordings"):
        builder.reference("mine", HASH, ("calm", "sad"))


def test_statistics_are_read_back_as_they_were_written() -> None:
    some = SoundStatistics(np.arange(6.0).reshape(2, 3), np.array([[0.5, 0.5], [0.25, 0.75]]))
    again = SoundStatistics.from_dict(json.loads(json.dumps(some.to_dict())))
    np.testing.assert_array_equal(again.statistics, some.statistics)
    np.testing.assert_array_equal(again.probabilities, some.probabilities)


def test_every_setting_has_a_default() -> None:
    assert set(SETTINGS) == {"shrinkage", "variety_power", "prior_correction"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": np.array([np.nan] * 3)}, "no row of finite numbers"),
        ({"mean": np.full(3, 1e6)}, "no row of finite numbers"),
        ({"mean": np.zeros(2)}, "one for each mean"),
        ({"deviation": -np.ones(3)}, "0 or more"),
        ({"count": 0}, "0 recordings"),
        ({"probabilities": {}}, "not numbers from 0 to 1"),
        ({"probabilities": {"calm": 1.5}}, "not numbers from 0 to 1"),
        ({"variety": float("nan")}, "a variety of nan"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_an_impossible_reference_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        some(**change)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RIFF", "no JSON"),
        ("[]", "hearfelt reference"),
        ('{"format": 2}', "hearfelt reference"),
        ('{"format": 1, "model_hash": ""}', "format"),
        ('{"format": 2, "model_hash": ""}', "KeyError"),
        (json.dumps({**json.loads(some().to_json()), "mean": "?"}), "damaged"),
        (json.dumps({**json.loads(some().to_json()), "mean": "AAA="}), "one for each mean"),
        (json.dumps({**json.loads(some().to_json()), "mean": "AAAA"}), "damaged"),
        (json.dumps({**json.loads(some().to_json()), "count": True}), "no whole number"),
        (json.dumps({**json.loads(some().to_json()), "probabilities": [1]}), "damaged"),
    ],
)
def test_what_is_no_reference_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "me.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=words) as caught:
        Reference.load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_or_no_json_at_all_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Reference.load(tmp_path / "none.json")
    (tmp_path / "large.json").write_bytes(bytes(2**20 + 1))
    with pytest.raises(ModelError, match="too large"):
        Reference.load(tmp_path / "large.json")


def test_its_arrays_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        some().mean[0] = 1.0


def test_it_takes_a_few_kb_and_holds_no_sound(recognizer: Recognizer) -> None:
    assert len(recognizer.reference(SOUNDS).to_json()) < 4_000


def test_timeline_segments_and_stream_agree_with_a_reference(reference_model: Path, talk: np.ndarray) -> None:
    recognizer = Recognizer.load(reference_model, threads=1)
    reference = recognizer.reference(SOUNDS[:4])
    sound = talk[: 6 * RATE_HZ]
    timeline = recognizer.timeline(sound, RATE_HZ, reference=reference)
    assert list(recognizer.segments(sound, RATE_HZ, reference=reference)) == list(timeline.segments)
    assert timeline.segments != recognizer.timeline(sound, RATE_HZ).segments
    assert "short_reference" in [warning.code for warning in timeline.warnings]
    stream = recognizer.stream(RATE_HZ, reference=reference)
    streamed = [*stream.feed(sound), *stream.finish()]
    assert [one for one in streamed if isinstance(one, Segment)] == list(timeline.segments)
    sides = recognizer.timeline(np.stack([sound, sound]), RATE_HZ, channels="separate", reference=reference)
    assert [side.segments for side in sides] == [timeline.segments] * 2


def test_a_pickled_recognizer_and_reference_are_the_same(reference_model: Path) -> None:
    recognizer = Recognizer.load(reference_model, threads=1)
    reference = recognizer.reference(SOUNDS)
    again, known = pickle.loads(pickle.dumps((recognizer, reference)))
    assert known == reference
    assert again.recognize(SOUNDS[0], reference=known) == recognizer.recognize(SOUNDS[0], reference=reference)
