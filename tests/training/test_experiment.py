from __future__ import annotations

import csv
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.splits import Fold, Leaks
from hearfelt.corpora.toy import write_toy
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import HearfeltError, ModelError, RecipeError
from hearfelt.evaluation.plan import EvaluationProtocol, Plan
from hearfelt.evaluation.protocols import CORPORA, by_clip, protocol_called
from hearfelt.evaluation.references import ReferenceOptions
from hearfelt.evaluation.results import Results, read_results
from hearfelt.inference.recognizer import Recognizer
from hearfelt.training.augmented_copies import Variant
from hearfelt.training.clip_statistics import EncoderFiles
from hearfelt.training.experiment import (
    CURVES_TABLE,
    ENCODED,
    ExperimentOptions,
    plan_runs,
    run_experiment,
    run_single_emotions,
)
from hearfelt.training.loop import read_curves
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.runs import ANSWERS, Run, do_run, do_runs
from hearfelt.training.sound_network import held_out_groups
from hearfelt.training.training_set import variants_of

BY_SPEAKER = protocol_called("by-speaker")


@pytest.fixture(scope="module")
def results(quick: Recipe, toy_clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two folds and one seed of the classic network, without neutral, in two processes."""
    out = tmp_path_factory.mktemp("experiment")
    options = ExperimentOptions(jobs=2, drop=["neutral"], folds=2)
    return run_experiment(quick.changed("fit", epochs=2), BY_SPEAKER, toy_clips, out, options)


def test_every_test_clip_is_answered_once(results: Results, toy_clips: Clips) -> None:
    tested = toy_clips.without(emotion="neutral")
    assert sorted(row.clip for row in results.evaluation.rows) == sorted(clip.name for clip in tested)
    assert results.evaluation.runs == ((1, 0), (2, 0))


def test_a_dropped_emotion_is_in_no_file(results: Results) -> None:
    assert results.evaluation.emotions == ("calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    for model in results.folder.rglob("model.onnx"):
        assert Recognizer.load(model).labels == results.evaluation.emotions
    assert results.summary["dropped"] == ["neutral"]


def test_answers_are_those_of_the_exported_file(results: Results, toy_clips: Clips) -> None:
    by_name = {clip.name: clip for clip in toy_clips}
    for row in results.evaluation.rows[::9]:
        recognizer = Recognizer.load(results.folder / "runs" / f"fold{row.fold}-seed{row.seed}" / "model.onnx")
        prediction = recognizer.recognize(by_name[row.clip].path)
        np.testing.assert_allclose(row.probabilities, list(prediction.probabilities.values()), atol=1e-5)
        assert row.speaker not in recognizer.card.training_speakers


def test_the_summary_holds_recipe_epochs_and_figures(results: Results) -> None:
    summary = json.loads((results.folder / "summary.json").read_text())
    assert summary["recipe"]["fit"]["epochs"] == 2
    assert [(run["fold"], run["seed"]) for run in summary["runs"]] == [(1, 0), (2, 0)]
    assert {run["epoch"] for run in summary["runs"]} <= {1, 2}
    assert read_results(results.folder).summary == results.summary


def test_the_curves_of_all_runs_stay_with_the_results(results: Results) -> None:
    with (results.folder / CURVES_TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    places = [(int(row["fold"]), int(row["seed"]), int(row["epoch"])) for row in rows]
    assert places == [(1, 0, 1), (1, 0, 2), (2, 0, 1), (2, 0, 2)]
    assert all(0 <= float(row["validation_uar"]) <= 1 for row in rows)


def test_a_call_that_was_stopped_goes_on(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    def run() -> Results:
        return run_experiment(plain, BY_SPEAKER, toy_clips, tmp_path, ExperimentOptions(jobs=1, folds=2))

    first = run()
    kept, lost = tmp_path / "runs/fold1-seed0", tmp_path / "runs/fold2-seed0"
    before = (kept / "model.onnx").stat().st_mtime_ns
    (lost / ANSWERS).unlink()
    (lost / "run.json").unlink()
    for name in ("summary.json", "predictions.csv"):
        (tmp_path / name).unlink()
    second = run()
    assert second.summary == first.summary
    assert [row.probabilities for row in second.evaluation.rows] == [row.probabilities for row in first.evaluation.rows]
    assert (kept / "model.onnx").stat().st_mtime_ns == before
    assert (lost / ANSWERS).is_file()
    assert not (tmp_path / CURVES_TABLE).exists()  # a machine of this kind has no epochs


def test_runs_of_another_recipe_are_refused(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    plan = BY_SPEAKER.plan(toy_clips, folds=2)
    do_run(plan_runs(plain, plan, tmp_path)[0])
    other = plan_runs(plain.changed("svm", c=1.0), plan, tmp_path)[0]
    with pytest.raises(
        ModelError, match="holds a run of another recipe or other clips; delete it, or give another --out"
    ):
        do_run(other)


def test_seeds_vary_the_training_and_not_the_split(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=3), tmp_path, ExperimentOptions(seeds=3))
    tests = {run.fold: {one.test for one in runs if one.fold == run.fold} for run in runs}
    assert all(len(parts) == 1 for parts in tests.values())
    validation = {run.training_set.validation for run in runs if run.fold == 1}
    assert len(validation) > 1


def test_what_is_tested_changes_nothing_in_what_is_learned(quick: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    """The epoch, the scaler, SMOTE, the temperature: with other test labels all stay as they were."""
    once = quick.changed("fit", epochs=2)
    plan = BY_SPEAKER.plan(toy_clips, folds=2)
    fold = plan.folds[0]
    turned = {"sad": "happy", "happy": "sad", "calm": "angry", "angry": "calm"}
    mislabelled = Clips(replace(clip, emotion=turned.get(clip.emotion, clip.emotion)) for clip in fold.test)
    models = []
    for name, test in (("true", fold.test), ("turned", mislabelled), ("fewer", fold.test[:9])):
        changed = replace(plan, folds=(Fold(1, fold.train, test),))
        run = plan_runs(once, changed, tmp_path / name)[0]
        finished = do_run(run)
        models.append((run.folder / "model.onnx").read_bytes())
        assert {row.clip for row in finished.predictions.rows} == {clip.name for clip in test}
        assert not set(run.training_set.clips) & set(test)
    assert models[0] == models[1] == models[2]


def test_where_clips_are_divided_a_tenth_is_validation(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    by_clip = replace(BY_SPEAKER, by="clip")
    plan = by_clip.plan(toy_clips, folds=2)
    run = plan_runs(plain.changed("validation", clips=0.25), plan, tmp_path)[0]
    assert set(run.training_set.validation.count("emotion").values()) == {2}  # a quarter of 6 each, rounded
    assert set(run.training_set.validation.speakers) & set(run.training_set.train.speakers)


def children() -> set[str]:
    return {child for one in Path("/proc/self/task").glob("*/children") for child in one.read_text().split()}


def test_no_process_is_left_when_one_is_stopped(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=3), tmp_path)
    before = children()

    def stop(count: int) -> None:
        if count:  # the first run is done, others go on
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do_runs(runs, jobs=2, progress=stop)
    assert children() == before
    do_runs(runs, jobs=1)  # what a killed process was writing is swept away by the next call
    assert list(tmp_path.rglob("*.part")) == []
    assert len(do_runs(runs, jobs=1)) == 3


def test_one_job_starts_no_process(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=2), tmp_path)
    before, started = children(), []
    do_runs(runs, jobs=1, progress=lambda _: started.extend(children() - before))
    assert not started


def test_a_failing_run_tells_its_own_sentence(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=2), tmp_path)
    (tmp_path / "runs/fold1-seed0").mkdir(parents=True)
    (tmp_path / "runs/fold1-seed0/run.json").write_text("{")
    with pytest.raises(ModelError, match=r"run\.json: cannot be read"):
        do_runs(runs, jobs=1)


def test_no_seed_is_no_experiment(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match="0 seeds; at least 1 is needed"):
        run_experiment(plain, BY_SPEAKER, toy_clips, tmp_path, ExperimentOptions(seeds=0))


def test_copies_are_drawn_once_for_all_folds(quick: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs: list[Any] = plan_runs(quick, BY_SPEAKER.plan(toy_clips, folds=3), tmp_path)
    first, second = runs[0].training_set, runs[1].training_set
    both = [clip for clip in first.train if clip in set(second.train)]
    assert len(both) >= 16
    np.testing.assert_array_equal(first.clip_features.of(both).copies, second.clip_features.of(both).copies)


def step(**leaks: bool) -> EvaluationProtocol:
    return EvaluationProtocol("mine", "", "", by_clip, by="clip", leaky=True, **leaks)


def test_copies_of_test_clips_are_learned_from_where_a_protocol_lets_them_in(
    quick: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    runs = {
        leaks: plan_runs(quick, step(copies_of_test=leaks).plan(toy_clips, folds=3), tmp_path)[0]
        for leaks in (False, True)
    }
    honest, leaky = runs[False].training_set, runs[True].training_set
    assert not honest.leaked
    assert leaky.leaked == runs[True].test
    assert leaky.clip_features.of(leaky.leaked).copies.shape[:2] == (32, 1)
    assert leaky.train == honest.train
    assert leaky.key(quick, 0) != honest.key(quick, 0)


def test_the_epoch_is_chosen_on_test_where_a_protocol_says_so(quick: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    plan = step(copies_of_test=True, chooses_on_test=True).plan(toy_clips, folds=3)
    run = plan_runs(quick.changed("fit", final_epochs=1), plan, tmp_path)[0]  # which is not done with test clips
    assert run.training_set.validation == run.test
    finished = do_run(run)
    right = np.mean([row.label == EMOTIONS[int(np.argmax(row.probabilities))] for row in finished.predictions.rows])
    best = max(read_curves(run.folder), key=lambda row: (row["validation_uar"], -row["validation_loss"]))
    assert finished.epoch == best["epoch"]
    assert best["validation_accuracy"] == pytest.approx(right)


def test_validation_clips_have_copies_where_they_are_trained_on_at_the_end(
    quick: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    plan = step().plan(toy_clips, folds=3)
    plan = replace(plan, folds=plan.folds[:1])  # the clips that one fold validates on are trained on in another
    for recipe, wanted in ((quick, False), (quick.changed("fit", final_epochs=1), True)):
        training_set = plan_runs(recipe, plan, tmp_path)[0].training_set
        validation = set(training_set.validation)
        copies = training_set.clip_features.of(training_set.validation).copies
        assert validation
        assert bool(copies.any(axis=2).all()) is wanted


def test_a_recipe_without_copies_cannot_let_copies_in(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="plain makes no copies; it needs copies = 1 or more"):
        run_experiment(plain, step(copies_of_test=True), toy_clips, tmp_path, ExperimentOptions(jobs=1))


def test_the_summary_says_how_large_a_fold_s_file_is(results: Results) -> None:
    models = list(results.folder.rglob("model.onnx"))
    assert results.summary["file"]["bytes"] == max(path.stat().st_size for path in models)
    assert results.summary["file"]["parameters"] == Recognizer.load(models[0]).card.parameters > 1_000_000
    assert results.summary["beside"] == {}


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Five corpora of two people each, under the names that across-corpora wants; calm is in RAVDESS alone."""
    clips = read_corpus(write_toy(tmp_path_factory.mktemp("five"), speakers=10, clips_each=1), "toy")
    corpus_of = {who: CORPORA[place // 2] for place, who in enumerate(clips.speakers)}
    named = [
        replace(clip, corpus=corpus_of[clip.speaker], speaker=clip.speaker.replace("toy", corpus_of[clip.speaker]))
        for clip in clips
    ]
    return Clips(clip for clip in named if clip.emotion != "calm" or clip.corpus == "ravdess")


def test_each_corpus_is_answered_by_a_model_that_was_trained_without_it(
    plain: Recipe, five: Clips, tmp_path: Path
) -> None:
    results = run_experiment(plain, protocol_called("across-corpora"), five, tmp_path, ExperimentOptions(jobs=1))
    assert len(results.evaluation) == len(five)
    assert results.evaluation.emotions == tuple(one for one in EMOTIONS if one != "calm")
    for number, corpus in enumerate(CORPORA, 1):
        card = Recognizer.load(tmp_path / f"runs/fold{number}-seed0/model.onnx").card
        assert ("calm" in card.labels) == (corpus != "ravdess")
        assert not [speaker for speaker in card.training_speakers if speaker.startswith(corpus)]
        assert set(results.evaluation.of(fold=number).speakers) == set(five.where(corpus=corpus).speakers)


def test_models_of_an_earlier_call_predict_with_references(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    options = ExperimentOptions(jobs=1, folds=2)
    first = run_experiment(plain, BY_SPEAKER, toy_clips, tmp_path / "mine", options)
    trained = [path.stat().st_mtime_ns for path in sorted((tmp_path / "mine").rglob("model.onnx"))]
    compared = replace(options, trained=tmp_path / "mine", reference=ReferenceOptions(5, "speaker", draws=2))
    results = run_experiment(plain, BY_SPEAKER, toy_clips, tmp_path / "mine-reference-speaker-5", compared)
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "mine").rglob("model.onnx"))] == trained
    assert len(list((tmp_path / "mine").rglob(ENCODED))) == 2
    assert not (results.folder / "runs").exists()
    assert len(results.evaluation) == 2 * len(first.evaluation)
    assert results.summary["corpora"] == first.summary["corpora"]
    found = run_single_emotions(plain, BY_SPEAKER, toy_clips, tmp_path / "each", compared)
    alone = {run["fold"]: run["uar"] for run in first.summary["runs"]}
    assert found.uar(None) == pytest.approx(alone, abs=1e-6)
    assert len(found.emotions) == 8


# Networks that take sound


def test_a_network_that_takes_sound_has_another_target_where_its_own_is_left_out(
    sound_recipe: Recipe, five: Clips, encoder_files: EncoderFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hearfelt.training.experiment.prepare_statistics", lambda *_, **__: None)
    plan, options = protocol_called("across-corpora").plan(five), ExperimentOptions(encoder_files=encoder_files)
    for target, wanted in (
        ("ravdess", ["cremad", "ravdess", "ravdess", "ravdess", "ravdess"]),
        ("nemo", ["nemo", "nemo", "nemo", "nemo", "cremad"]),
    ):
        runs = plan_runs(sound_recipe.changed("heads", target=target), plan, tmp_path, options)
        assert [run.training_set.encoder_source.target.corpora for run in runs] == [(one,) for one in wanted]
        assert [len(run.training_set.train.corpora) for run in runs] == [4] * 5


@pytest.fixture(scope="module")
def sound_recipe() -> Recipe:
    heads = {"groups": 2, "count": 1, "epochs": 1, "batch": 4, "hidden": 8, "components": 8}
    copies = {"speed_change": 0.0, "degraded": False}
    return recipe_of({"name": "mine", "network": "hearfelt", "heads": heads, "copies": copies})


@pytest.fixture(scope="module")
def sound_runs(
    sound_recipe: Recipe, few: Clips, encoder_files: EncoderFiles, tmp_path_factory: pytest.TempPathFactory
) -> list[Run]:
    plan = protocol_called("by-speaker").plan(few, folds=3)
    return plan_runs(
        sound_recipe,
        plan,
        tmp_path_factory.mktemp("out"),
        ExperimentOptions(seeds=2, jobs=1, encoder_files=encoder_files),
    )


def test_each_fold_is_run_with_each_seed(sound_runs: list[Run]) -> None:
    assert [(run.fold, run.seed) for run in sound_runs] == [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (3, 1)]
    assert len({run.folder for run in sound_runs}) == 6


def test_nobody_tested_is_learned_from_or_asked(sound_runs: list[Run]) -> None:
    for run in sound_runs:
        training_set = run.training_set
        assert not set(run.test.speakers) & set(training_set.clips.speakers)
        assert set(training_set.encoder_source.target) == set(training_set.train)
        assert (len(training_set.leaked), len(training_set.validation), training_set.encoder_source.by) == (
            0,
            0,
            "speaker",
        )


def test_of_a_tested_speaker_no_song_is_learned_and_other_corpora_are(
    sound_recipe: Recipe, few: Clips, songs: Clips, others: Clips, encoder_files: EncoderFiles, tmp_path: Path
) -> None:
    protocol = protocol_called("by-speaker")
    tested = ("toy/01", "toy/02")
    fold = Fold(1, few.without(speaker=tested), few.where(speaker=tested))
    beside = Clips([*songs, *others])
    plan = Plan(protocol, few, (fold,), (), {}, Leaks((), ()), beside)
    (run,) = plan_runs(sound_recipe, plan, tmp_path, ExperimentOptions(jobs=1, encoder_files=encoder_files))
    training_set = run.training_set
    assert not {clip.speaker for clip, _ in variants_of(sound_recipe, training_set)} & set(tested)
    assert set(training_set.train) == {*fold.train, *songs.without(speaker=tested), *others}
    assert set(training_set.encoder_source.target) == set(
        fold.train
    )  # song and others are learned from, and nobody is checked on them
    assert {clip.channel for group in held_out_groups(training_set, 2, seed=0) for clip in group} == {"speech"}


def test_a_copy_of_a_tested_sound_is_not_learned(
    sound_recipe: Recipe, few: Clips, others: Clips, encoder_files: EncoderFiles, tmp_path: Path
) -> None:
    fold = Fold(1, few.without(speaker="toy/01"), few.where(speaker="toy/01"))
    twins = ((fold.test[0], others[0]),)
    plan = Plan(protocol_called("by-speaker"), few, (fold,), (), {}, Leaks((), ()), others, twins)
    (run,) = plan_runs(sound_recipe, plan, tmp_path, ExperimentOptions(jobs=1, encoder_files=encoder_files))
    assert others[0] not in set(run.training_set.train)
    assert others[1] in set(run.training_set.train)


@pytest.mark.parametrize("chooses", [False, True])
def test_leaks_come_in_only_where_a_protocol_lets_them(
    sound_recipe: Recipe, few: Clips, encoder_files: EncoderFiles, tmp_path: Path, chooses: bool
) -> None:
    degraded = sound_recipe.changed("copies", degraded=True)
    plan = step(copies_of_test=True, chooses_on_test=chooses).plan(few, folds=2)
    run = plan_runs(degraded, plan, tmp_path, ExperimentOptions(jobs=1, encoder_files=encoder_files))[0]
    training_set = run.training_set
    assert training_set.encoder_source.by == "clip"
    assert training_set.leaked == run.test
    assert training_set.validation == (run.test if chooses else Clips())
    assert not set(training_set.train) & set(run.test)
    ways = {variant for clip, variant in variants_of(degraded, training_set) if clip in set(run.test)}
    assert ways == ({Variant(), Variant(degraded=True)} if chooses else {Variant(degraded=True)})


def test_copies_of_test_clips_need_a_recipe_that_makes_some(sound_recipe: Recipe, few: Clips, tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"mine makes no copies; it needs speed_change = 0\.1 or degraded = true under \[copies\]"
    ):
        plan_runs(sound_recipe, step(copies_of_test=True).plan(few, folds=2), tmp_path)


def test_progress_counts_every_view_once(
    sound_recipe: Recipe, few: Clips, encoder_files: EncoderFiles, tmp_path: Path
) -> None:
    said: list[tuple[str, int]] = []
    counts: list[int] = []

    def progress(label: str, total: int) -> nullcontext[object]:
        said.append((label, total))
        return nullcontext(counts.append)

    plan = protocol_called("by-speaker").plan(few, folds=2)
    plan_runs(sound_recipe, plan, tmp_path, ExperimentOptions(jobs=1, encoder_files=encoder_files), progress=progress)  # type: ignore[arg-type]
    assert said == [("computing statistics", sum(counts))]
