"""The protocol that trains without a corpus and tests the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.evaluate import FoldPredictions, combine, narrowed, predict_clips
from hearfelt.evaluation.metrics import bootstrap_by_speaker, bootstrap_of_means, ece
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import ResultsInfo, counted_folds, read_results, summarize, write_results
from hearfelt.inference.card import ModelCard
from hearfelt.inference.recognizer import Recognizer

ACROSS = PROTOCOLS["across-corpora"]
EIGHT = EMOTIONS
LABELS = {
    "ravdess": EIGHT,
    "cremad": ("neutral", "happy", "sad", "angry", "fearful", "disgust"),
    "tess": ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    "emodb": ("neutral", "happy", "sad", "angry", "fearful", "disgust", "boredom"),
    "nemo": ("neutral", "happy", "sad", "angry", "fearful", "surprised"),
}


def invented(corpus: str, labels: tuple[str, ...], *, channel: str = "speech", speakers: int = 3) -> list[Clip]:
    """Clips by name alone: each speaker says each emotion twice."""
    return [
        Clip(corpus, Path(corpus), f"{channel}/{who}/{one}{take}.wav", f"{corpus}/{who}", one, channel=channel)
        for who in range(speakers)
        for one in labels
        for take in range(2)
    ]


@pytest.fixture(scope="module")
def clips() -> Clips:
    song = invented("ravdess", EIGHT[:6], channel="song")
    return Clips([*song, *(clip for corpus, labels in LABELS.items() for clip in invented(corpus, labels))])


@pytest.fixture(scope="module")
def plan(clips: Clips) -> Plan:
    return ACROSS.plan(clips)


def test_each_fold_tests_the_speech_of_a_corpus_and_trains_on_all_others(plan: Plan) -> None:
    assert [ACROSS.fold_title(fold.name) for fold in plan.folds] == list(LABELS)
    for fold, corpus in zip(plan.folds, LABELS, strict=True):
        assert (fold.test.corpora, set(fold.test.count("channel"))) == ((corpus,), {"speech"})
        assert fold.train.corpora == tuple(sorted(set(LABELS) - {corpus}))
    song = plan.clips.where(channel="song")
    assert not set(plan.folds[0].train) & set(song)
    assert set(song) <= set(plan.folds[1].train)
    assert not plan.leaks


def test_calm_is_taught_by_ravdess_alone_and_tested_as_neutral(plan: Plan) -> None:
    without_ravdess, *others = plan.folds
    assert "calm" not in without_ravdess.train.emotions
    assert all(fold.train.emotions == EIGHT for fold in others)
    assert without_ravdess.test.count("emotion")["neutral"] == 12
    assert [plan.scored_labels(fold) for fold in plan.folds] == [
        tuple(one for one in labels if one not in ("calm", "boredom")) for labels in LABELS.values()
    ]
    assert plan.all_scored_labels == tuple(one for one in EIGHT if one != "calm")
    assert plan.left_out == {"of boredom, which hearfelt does not know": 6}


def test_all_five_corpora_are_wanted_and_others_only_to_train_on(clips: Clips) -> None:
    with pytest.raises(CorpusError, match=r"without tess, nemo the score is another, so give --corpus tess=FOLDER"):
        ACROSS.plan(clips.without(corpus=("tess", "nemo")))
    further = Clips([*clips, *invented("mine", ("calm", "sad", "boredom"))])
    with pytest.raises(CorpusError, match="leave --corpus mine=… out"):
        ACROSS.plan(further)
    made = ACROSS.plan(further, auxiliary=True)
    beside = [made.training_clips(fold).where(corpus="mine").emotions for fold in made.folds]
    assert beside == [("sad",), *[("calm", "sad")] * 4]  # no label beyond those of the five


def test_a_finished_model_that_heard_one_of_the_corpora_is_refused(clips: Clips) -> None:
    with pytest.raises(CorpusError, match=r"would test mine on 1 of its training speakers .*; give a recipe"):
        ACROSS.plan(clips, card=ModelCard("mine", "1", EIGHT, "sound", training_speakers=("nemo/1",)))


def test_a_finished_model_without_calm_is_tested_on_it_as_neutral(clips: Clips) -> None:
    labels = ("neutral", "sad", "angry")
    made = ACROSS.plan(clips, card=ModelCard("mine", "1", labels, "sound", training_speakers=("other/1",)))
    assert made.folds[0].test.count("emotion") == {"neutral": 12, "sad": 6, "angry": 6}
    assert all(not fold.train for fold in made.folds)


def test_probabilities_are_those_among_the_corpus_s_own_labels() -> None:
    given = {"neutral": 0.2, "calm": 0.3, "sad": 0.3, "angry": 0.2}
    assert narrowed(given, ("neutral", "calm")) == pytest.approx({"neutral": 0.4, "calm": 0.6})
    assert narrowed(given, ("sad", "angry")) == pytest.approx({"sad": 0.6, "angry": 0.4})  # calm is nobody's here
    assert narrowed({"neutral": 0.0, "sad": 0.0, "calm": 0.0, "angry": 1.0}, ("neutral", "sad")) == {
        "neutral": 0.5,
        "sad": 0.5,
    }


def test_an_answer_is_scored_among_the_labels_given(make_recognizer: Callable[..., Recognizer], toy: Path) -> None:
    clip = next(one for one in read_corpora({"toy": toy}) if one.emotion == "sad")
    recognizer = make_recognizer()
    own = ("neutral", "happy", "sad")
    [row] = predict_clips(recognizer, [clip], fold=1, labels=own).rows
    wanted = narrowed(recognizer.recognize(clip.path).probabilities, own)
    assert row.probabilities == pytest.approx(tuple(wanted.values()))


def test_labels_that_a_fold_is_not_scored_among_have_probability_0() -> None:
    parts = [
        FoldPredictions(("neutral", "sad"), (Row("a.wav", "x/a", 1, 0, "sad", (0.3, 0.7)),), ()),
        FoldPredictions(("sad", "angry"), (Row("b.wav", "y/b", 2, 0, "angry", (0.4, 0.6)),), ()),
    ]
    evaluation, _ = combine(parts, ("neutral", "sad", "angry"))
    assert [row.probabilities for row in evaluation.rows] == [(0.3, 0.7, 0.0), (0.0, 0.4, 0.6)]
    with pytest.raises(CorpusError, match="2 sets of labels"):
        combine(parts)


@pytest.fixture(scope="module")
def evaluation(plan: Plan) -> Evaluation:
    """Made-up answers of two seeds, worse from fold to fold."""
    generator, labels = np.random.default_rng(1), plan.all_scored_labels or ()
    rows = []
    for seed in range(2):
        for fold in plan.folds:
            own = [labels.index(label) for label in fold.test.emotions]
            for clip in fold.test:
                logits = np.full(len(labels), -np.inf)
                logits[own] = generator.normal(0, 1, len(own))
                logits[labels.index(clip.emotion)] += 3.0 - 0.5 * fold.name
                shares = np.exp(logits) / np.exp(logits).sum()
                rows.append(Row(clip.name, clip.speaker, fold.name, seed, clip.emotion, tuple(shares.tolist())))
    return Evaluation(labels, rows)


def test_the_headline_is_the_mean_over_the_four_corpora_that_count(
    plan: Plan, evaluation: Evaluation, tmp_path: Path
) -> None:
    results = write_results(tmp_path / "across-corpora" / "mine", evaluation, ResultsInfo(plan, {"name": "mine"}))
    by_hand = {}
    for fold in (1, 2, 3, 4, 5):
        for seed in (0, 1):
            part = evaluation.of(fold=fold, seed=seed)
            recalls = [part.correct[part.truth == k].mean() for k in np.unique(part.truth)]
            by_hand[fold, seed] = np.mean(recalls)
    assert {(run["fold"], run["seed"]): run["uar"] for run in results.summary["runs"]} == pytest.approx(
        by_hand, abs=1e-6
    )
    wanted = np.mean([uar for (fold, _), uar in by_hand.items() if fold != 3])
    assert results.figure("uar") == results.summary["mean"]["uar"] == pytest.approx(wanted, abs=1e-6)
    assert counted_folds("across-corpora") == (1, 2, 4, 5)
    low, high = results.interval("uar") or (1.0, 0.0)
    assert low < wanted < high
    assert read_results(results.folder).summary == results.summary


def test_the_calibration_error_is_that_of_each_corpus(evaluation: Evaluation) -> None:
    summary = summarize(evaluation, {}, (1, 2, 4, 5))
    part = evaluation.of(fold=2, seed=1)
    [run] = [run for run in summary["runs"] if (run["fold"], run["seed"]) == (2, 1)]
    assert run["ece"] == pytest.approx(ece(part.confidences, part.correct), abs=1e-6)
    each = [evaluation.of(fold=fold) for fold in (1, 2, 4, 5)]
    assert summary["ece"] == pytest.approx(np.mean([ece(one.confidences, one.correct) for one in each]), abs=1e-6)
    assert "ece" not in summarize(evaluation, {})["runs"][0]


def test_intervals_of_a_mean_draw_the_speakers_of_each_part(evaluation: Evaluation) -> None:
    parts = [evaluation.of(fold=fold).confusions for fold in (1, 2)]
    both = bootstrap_of_means(parts)
    each = [bootstrap_by_speaker(part) for part in parts]
    assert both is not None
    low, high = both["uar"]
    assert min(one["uar"][0] for one in each if one) < low < high < max(one["uar"][1] for one in each if one)
    assert bootstrap_of_means([parts[0], parts[1][:, :1]]) is None  # one speaker


def test_each_corpus_that_counts_weighs_alike(plan: Plan, evaluation: Evaluation, tmp_path: Path) -> None:
    results = write_results(tmp_path / "mine", evaluation, ResultsInfo(plan, {"name": "mine"}))
    folds = np.array([row.fold for row in evaluation.rows])
    sums = [results.weights[folds == fold].sum() for fold in (1, 2, 3, 4, 5)]
    assert sums == pytest.approx([1, 1, 0, 1, 1])
