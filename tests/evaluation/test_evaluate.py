from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError, ModelError
from hearfelt.evaluation.evaluate import combine, evaluate_model, predict_clips
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.inference.recognizer import Recognizer

Maker = Callable[..., Recognizer]


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    return read_corpora({"toy": toy})


def test_every_clip_is_answered_as_the_recognizer_answers_it(make_recognizer: Maker, clips: Clips) -> None:
    recognizer = make_recognizer()
    predictions = predict_clips(recognizer, clips[:5], fold=3, seed=1)
    assert [row.clip for row in predictions.rows] == [clip.name for clip in clips[:5]]
    assert {(row.fold, row.seed) for row in predictions.rows} == {(3, 1)}
    for row, clip in zip(predictions.rows, clips[:5], strict=True):
        assert row.probabilities == tuple(recognizer.recognize(clip.path).probabilities.values())
        assert (row.label, row.speaker) == (clip.emotion, clip.speaker)


def test_parts_of_a_recording_are_answered_each_under_its_own_name(
    make_recognizer: Maker, clips: Clips, joined: Path
) -> None:
    recognizer = make_recognizer()
    parts = read_corpora({"folder": joined})
    predictions = predict_clips(recognizer, parts[:5], fold=1)
    wanted = predict_clips(recognizer, clips[:5], fold=1)
    assert [row.probabilities for row in predictions.rows] == [row.probabilities for row in wanted.rows]
    assert [row.clip for row in predictions.rows] == [part.name for part in parts[:5]]
    assert len({row.clip for row in predictions.rows}) == 5


def test_probabilities_stand_in_the_order_of_the_labels_whatever_the_model_s(
    make_recognizer: Maker, clips: Clips
) -> None:
    recognizer = make_recognizer(EMOTIONS[::-1])
    [row] = predict_clips(recognizer, clips[:1], fold=1).rows
    given = recognizer.recognize(clips[0].path).probabilities
    assert row.probabilities == tuple(given[emotion] for emotion in EMOTIONS)


def test_a_silent_and_a_broken_clip_are_named_and_not_guessed_at(
    make_recognizer: Maker, clips: Clips, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000), 16000)
    (tmp_path / "broken.wav").write_text("no sound")
    bad = [Clip("mine", tmp_path, name, "mine/a", "sad") for name in ("silent.wav", "broken.wav")]
    predictions = predict_clips(make_recognizer(), [clips[0], *bad], fold=1)
    assert [row.clip for row in predictions.rows] == [clips[0].name]
    assert [one.clip for one in predictions.failed] == ["silent.wav", "broken.wav"]
    assert all(one.clip in one.reason for one in predictions.failed)


def test_a_clip_that_no_seed_could_answer_is_named_once(make_recognizer: Maker, clips: Clips, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_text("no sound")
    some = [clips[0], Clip("mine", tmp_path, "broken.wav", "mine/a", "sad")]
    evaluation, failed = combine(predict_clips(make_recognizer(), some, fold=1, seed=seed) for seed in (0, 1))
    assert len(evaluation) == 2
    assert [one.clip for one in failed] == ["broken.wav"]


def test_a_label_that_the_model_does_not_know_is_refused(make_recognizer: Maker, clips: Clips) -> None:
    with pytest.raises(ModelError, match="is not among the model's labels"):
        predict_clips(make_recognizer(("sad", "angry")), clips, fold=1)


def test_models_with_different_labels_make_no_evaluation(make_recognizer: Maker, clips: Clips) -> None:
    sad = clips.where(emotion="sad")[:1]
    predictions = [predict_clips(make_recognizer(labels), sad, fold=1) for labels in (EMOTIONS, ("sad", "angry"))]
    with pytest.raises(CorpusError, match="2 sets of labels"):
        combine(predictions)


def test_a_finished_model_answers_every_clip_once_with_seed_0(
    make_recognizer: Maker, clips: Clips, tmp_path: Path
) -> None:
    recognizer = make_recognizer(training_speakers=("ravdess/01",))
    plan = PROTOCOLS["by-speaker"].plan(clips, card=recognizer.card)
    done: list[int] = []
    results = evaluate_model(recognizer, plan, tmp_path, progress=done.append)
    assert len(results.evaluation) == len(clips) == sum(done)
    assert results.summary["seeds"] == [0]
    assert results.summary["model"] == "linear"
    assert results.summary["recipe"] == {"name": "linear"}
    assert [run["epoch"] for run in results.summary["runs"]] == [None]


def test_processes_answer_alike_and_one_that_dies_costs_its_clip(
    sound_model: Path, clips: Clips, tmp_path: Path, dies_at: Callable[[str], None]
) -> None:
    recognizer = Recognizer.load(sound_model, threads=1)
    some = clips.without(speaker=recognizer.card.training_speakers)[:40]
    plan = PROTOCOLS["by-speaker"].plan(some, card=recognizer.card)
    here = evaluate_model(recognizer, plan, tmp_path / "here")
    there = evaluate_model(recognizer, plan, tmp_path / "there", file=sound_model, jobs=2)
    one, two = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("here", "there"))
    assert one == two
    assert (here.summary["file"], there.summary["file"]["bytes"]) == (None, sound_model.stat().st_size)
    dies_at(some[0].path.name)
    rest = evaluate_model(recognizer, plan, tmp_path / "rest", file=sound_model, jobs=2)
    (lost,) = rest.summary["unanswered"]
    assert lost["clip"] == some[0].name
    assert "SIGSEGV" in str(lost)
    assert len(rest.evaluation) == len(here.evaluation) - 1
