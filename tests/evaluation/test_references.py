from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import CorpusError, HearfeltError
from hearfelt.evaluation.encoded_clips import DividedModel, encode_clips
from hearfelt.evaluation.evaluate import narrowed
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.references import (
    SINGLE_EMOTIONS,
    Drawn,
    EncodedFold,
    ReferenceOptions,
    SingleEmotions,
    draw_references,
    encode_plan,
    find_single_emotions,
    predict_with_references,
    read_single_emotions,
    reference_sentence,
    write_single_emotions,
    write_with_references,
)
from hearfelt.evaluation.results import read_results
from hearfelt.inference.recognizer import Recognizer


def clips_of(*speakers: int, corpus: str = "mine") -> Clips:
    """So many clips of each speaker, of two emotions in turn."""
    return Clips(
        Clip(corpus, Path("nowhere"), f"{who}/{k}.wav", f"{corpus}/{who}", ("sad", "angry")[k % 2])
        for who, count in enumerate(speakers)
        for k in range(count)
    )


def drawn(clips: Clips, options: ReferenceOptions, seed: int = 0) -> list[Drawn]:
    return draw_references(clips, options, np.random.default_rng(seed))


@pytest.mark.parametrize("wanted", [1, 5, 30, 100])
@pytest.mark.parametrize("by", ["setting", "speaker"])
def test_every_clip_is_predicted_once_and_never_with_itself(wanted: int, by: str) -> None:
    clips = Clips([*clips_of(60, 7, 1), *clips_of(40, corpus="other")])
    parts = drawn(clips, ReferenceOptions(wanted, by))  # type: ignore[arg-type]
    assert sorted(index for one in parts for index in one.predicted) == list(range(len(clips)))
    for one in parts:
        assert not set(one.predicted) & set(one.reference)
        groups = {
            clips[index].corpus if by == "setting" else clips[index].speaker
            for index in (*one.predicted, *one.reference)
        }
        assert len(groups) == 1
        assert len(one.reference) == len(set(one.reference)) <= wanted


def test_halves_of_a_speaker_are_compared_with_each_other() -> None:
    first, second = drawn(clips_of(60), ReferenceOptions(30, "speaker"))
    assert set(first.predicted) == set(second.reference)
    assert set(second.predicted) == set(first.reference)
    assert (len(first.predicted), len(second.predicted)) == (30, 30)


@pytest.mark.parametrize(
    ("clips", "wanted", "in_reference", "parts"),
    [
        (60, 16, 16, 3),
        (40, 30, 30, 4),
        (31, 30, 30, 31),
        (20, 30, 19, 20),
        (2, 5, 1, 2),
        (1, 5, 0, 1),
        (4000, 30, 30, 20),
    ],
)
def test_a_group_has_as_many_parts_as_the_reference_needs(
    clips: int, wanted: int, in_reference: int, parts: int
) -> None:
    made = drawn(clips_of(clips), ReferenceOptions(wanted))
    assert len(made) == parts
    assert {len(one.reference) for one in made} == {in_reference}


def test_another_draw_is_another_reference() -> None:
    clips, options = clips_of(60), ReferenceOptions(10)
    assert drawn(clips, options) == drawn(clips, options)
    assert drawn(clips, options, seed=1) != drawn(clips, options)


def test_labels_matter_only_for_a_reference_of_one_emotion() -> None:
    clips = clips_of(60)
    turned = Clips(clips_of(60)[::-1][k] for k in range(60))
    assert drawn(clips, ReferenceOptions(10)) == drawn(turned, ReferenceOptions(10))
    for one in drawn(clips, ReferenceOptions(10, emotion="sad")):
        assert {clips[index].emotion for index in one.reference} == {"sad"}
        assert len(one.reference) == 10
    assert {one.reference for one in drawn(clips, ReferenceOptions(10, emotion="happy"))} == {()}


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(HearfeltError, match="0 clips in 3 draws; at least 1 of each"):
        ReferenceOptions(0)
    with pytest.raises(HearfeltError, match="5 clips in 0 draws"):
        ReferenceOptions(5, draws=0)


def test_how_references_were_drawn_is_said_in_words() -> None:
    assert reference_sentence(ReferenceOptions(1, "speaker", draws=1, emotion="sad").to_dict()) == (
        "each clip compared with 1 other of its speaker, all sad"
    )


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    """Clips of speakers that the model's card does not name."""
    return read_corpora({"toy": toy}).without(speaker=("toy/01", "toy/02"))


@pytest.fixture(scope="module")
def part(reference_model: Path, clips: Clips) -> EncodedFold:
    model = DividedModel(reference_model)
    return EncodedFold(model, encode_clips(model, clips), fold=2, seed=1)


def test_every_clip_is_predicted_in_every_draw(part: EncodedFold, clips: Clips) -> None:
    predictions = predict_with_references(part, ReferenceOptions(5, draws=3))
    for seed in (3, 4, 5):  # the second seed of training, three draws each
        rows = [row for row in predictions.rows if row.seed == seed]
        assert sorted(row.clip for row in rows) == sorted(clip.name for clip in clips)
    assert {row.fold for row in predictions.rows} == {2}


def test_predictions_are_those_of_the_recognizer_with_other_clips_of_the_speaker(
    part: EncodedFold, clips: Clips, reference_model: Path
) -> None:
    """With all other clips of a speaker in the reference, it can be made by hand."""
    recognizer = Recognizer.load(reference_model, threads=1)
    predictions = predict_with_references(part, ReferenceOptions(100, "speaker", draws=1))
    own = clips.where(speaker="toy/03")
    for clip in own[:3]:
        reference = recognizer.reference([other.sound for other in own if other != clip])
        assert reference.count == len(own) - 1
        wanted = recognizer.recognize(clip.sound, reference=reference).probabilities
        [row] = [row for row in predictions.rows if row.clip == clip.name]
        assert row.probabilities == pytest.approx([wanted[emotion] for emotion in predictions.emotions], abs=2e-3)


def test_predictions_are_scored_among_the_labels_given(part: EncodedFold, clips: Clips) -> None:
    labels = ("neutral", "happy", "sad", "angry")
    some = encode_clips(part.model, clips.where(emotion=labels))
    whole, among = (
        predict_with_references(EncodedFold(part.model, some, 1, labels=wanted), ReferenceOptions(4, draws=1))
        for wanted in (None, labels)
    )
    shares = dict(zip(whole.emotions, whole.rows[0].probabilities, strict=True))
    assert among.rows[0].probabilities == pytest.approx(tuple(narrowed(shares, labels).values()))


def test_results_say_how_references_were_drawn(reference_model: Path, clips: Clips, tmp_path: Path) -> None:
    model = Recognizer.load(reference_model)
    plan = PROTOCOLS["by-speaker"].plan(clips, card=model.card)
    parts, info = encode_plan(reference_model, plan, jobs=1)
    options = ReferenceOptions(5, "speaker", draws=2)
    results = write_with_references(parts, tmp_path / "by-speaker" / "toy-reference-speaker-5", options, info)
    assert results.summary["reference"] == {"clips": 5, "by": "speaker", "draws": 2, "emotion": None}
    assert results.summary["model"] == "sound-toy"
    assert results.summary["seeds"] == [0, 1]
    assert read_results(results.folder).summary == results.summary
    first, second = (results.evaluation.of(seed=seed).rows for seed in (0, 1))
    assert [one.probabilities for one in first] != [one.probabilities for one in second]


def test_an_emotion_that_no_clip_has_is_refused(reference_model: Path, clips: Clips, tmp_path: Path) -> None:
    some = clips.where(emotion=("calm", "sad"))
    parts, info = encode_plan(
        reference_model, PROTOCOLS["by-speaker"].plan(some, card=Recognizer.load(reference_model).card)
    )
    with pytest.raises(CorpusError, match="--reference-emotion angry: no clip has it; there are each, calm, sad"):
        write_with_references(parts, tmp_path, ReferenceOptions(5, emotion="angry"), info)


def test_each_emotion_is_measured_in_every_draw_against_none(reference_model: Path, toy: Path, tmp_path: Path) -> None:
    clips = read_corpora({"toy": toy}).where(emotion=("calm", "sad", "angry")).without(speaker=("toy/01", "toy/02"))
    plan = PROTOCOLS["by-speaker"].plan(clips, card=Recognizer.load(reference_model).card)
    parts, info = encode_plan(reference_model, plan, jobs=1)
    options = ReferenceOptions(4, draws=2)
    found = write_single_emotions(parts, tmp_path / "by-speaker" / "toy-reference-4-each", options, info)
    assert [(run["emotion"], run["seed"]) for run in found.content["runs"]] == [
        (None, 0),
        *((emotion, seed) for emotion in ("calm", "sad", "angry") for seed in (0, 1)),
    ]
    one = ReferenceOptions(4, draws=2, emotion="sad")
    results = write_with_references(parts, tmp_path / "by-speaker" / "sad", one, info)
    assert found.uar("sad")[1] == pytest.approx(results.figure("uar"), abs=1e-6)
    assert found.emotions == ("calm", "sad", "angry")
    assert [one.folder for one in find_single_emotions(tmp_path)] == [found.folder]


def run(fold: int, seed: int, emotion: str | None, uar: float) -> dict[str, object]:
    return {"fold": fold, "seed": seed, "emotion": emotion, "uar": uar, "ece": 0.1}


def test_changes_are_against_the_same_fold_without_a_reference() -> None:
    runs = [
        run(1, 0, None, 0.5),
        run(2, 0, None, 0.4),
        run(1, 0, "sad", 0.4),
        run(1, 1, "sad", 0.5),
        run(2, 0, "sad", 0.5),
    ]
    found = SingleEmotions(Path("x"), {"runs": [*runs, run(1, 0, "calm", 0.6)]})
    assert found.change("sad") == pytest.approx({1: -0.05, 2: 0.1})
    assert found.change("calm") == pytest.approx({1: 0.1})


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / SINGLE_EMOTIONS).write_text(json.dumps({"runs": [{"fold": 1}]}))
    with pytest.raises(CorpusError, match=r"single_emotions\.json: cannot be read"):
        read_single_emotions(tmp_path)
