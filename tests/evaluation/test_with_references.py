from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError
from hearfelt.evaluation.divided_model import DividedModel
from hearfelt.evaluation.encoded_clips import encode_clips
from hearfelt.evaluation.evaluate import narrowed
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.references import ReferenceOptions
from hearfelt.evaluation.results import read_results
from hearfelt.evaluation.with_references import (
    EncodedFold,
    encode_plan,
    predict_with_references,
    write_with_references,
)
from hearfelt.inference.recognizer import Recognizer


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
    with pytest.raises(CorpusError, match="--reference-emotion angry: there are each, calm, sad"):
        write_with_references(parts, tmp_path, ReferenceOptions(5, emotion="angry"), info)
