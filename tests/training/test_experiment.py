from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearfelt.corpora.clips import Clips
from hearfelt.corpora.splits import Fold
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import HearfeltError, ModelError, RecipeError
from hearfelt.evaluation.protocols import Protocol, protocol_called
from hearfelt.evaluation.results import Results, read_results
from hearfelt.evaluation.split_functions import by_clip
from hearfelt.inference.recognizer import Recognizer
from hearfelt.training.experiment import CURVES_TABLE, plan_runs, read_curves_table, run_experiment
from hearfelt.training.loop import read_curves
from hearfelt.training.recipe import Recipe
from hearfelt.training.runs import ANSWERS, do_run, do_runs
from hearfelt.training.trainer import key_of

BY_SPEAKER = protocol_called("by-speaker")


@pytest.fixture(scope="module")
def results(quick: Recipe, toy_clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two folds and one seed of the classic network, without neutral, in two processes."""
    out = tmp_path_factory.mktemp("experiment")
    return run_experiment(
        quick.changed("fit", epochs=2), BY_SPEAKER, toy_clips, seeds=1, out=out, jobs=2, drop=["neutral"], folds=2
    )


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
        answer = recognizer.recognize(by_name[row.clip].path)
        np.testing.assert_allclose(row.probabilities, list(answer.probabilities.values()), atol=1e-5)
        assert row.speaker not in recognizer.card.training_speakers


def test_the_summary_holds_recipe_epochs_and_figures(results: Results) -> None:
    summary = json.loads((results.folder / "summary.json").read_text())
    assert summary["recipe"]["fit"]["epochs"] == 2
    assert [(run["fold"], run["seed"]) for run in summary["runs"]] == [(1, 0), (2, 0)]
    assert {run["epoch"] for run in summary["runs"]} <= {1, 2}
    assert read_results(results.folder).summary == results.summary


def test_the_curves_of_all_runs_stay_with_the_results(results: Results) -> None:
    rows = read_curves_table(results.folder)
    assert [(row["fold"], row["seed"], row["epoch"]) for row in rows] == [(1, 0, 1), (1, 0, 2), (2, 0, 1), (2, 0, 2)]
    assert all(0 <= row["validation_uar"] <= 1 for row in rows)
    assert (results.folder / CURVES_TABLE).stat().st_size < 2000
    assert read_curves_table(results.folder / "nowhere") == []


def test_a_call_that_was_stopped_goes_on(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    def run() -> Results:
        return run_experiment(plain, BY_SPEAKER, toy_clips, seeds=1, out=tmp_path, jobs=1, folds=2)

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
    do_run(plan_runs(plain, plan, seeds=1, out=tmp_path)[0])
    other = plan_runs(plain.changed("svm", c=1.0), plan, seeds=1, out=tmp_path)[0]
    with pytest.raises(
        ModelError, match="holds a run of another recipe or other clips; delete it, or give another --out"
    ):
        do_run(other)


def test_seeds_vary_the_training_and_not_the_split(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=3), seeds=3, out=tmp_path)
    tests = {run.fold: {one.test for one in runs if one.fold == run.fold} for run in runs}
    assert all(len(parts) == 1 for parts in tests.values())
    validation = {run.lesson.validation.clips for run in runs if run.fold == 1}
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
        run = plan_runs(once, changed, seeds=1, out=tmp_path / name)[0]
        finished = do_run(run)
        models.append((run.folder / "model.onnx").read_bytes())
        assert {row.clip for row in finished.answers.rows} == {clip.name for clip in test}
        assert not set(run.lesson.clips) & set(test)
    assert models[0] == models[1] == models[2]


def test_where_clips_are_divided_a_tenth_is_validation(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    by_clip = replace(BY_SPEAKER, by="clip")
    plan = by_clip.plan(toy_clips, folds=2)
    run = plan_runs(plain.changed("validation", clips=0.25), plan, seeds=1, out=tmp_path)[0]
    assert set(run.lesson.validation.clips.count("emotion").values()) == {2}  # a quarter of 6 each, rounded
    assert set(run.lesson.validation.clips.speakers) & set(run.lesson.learn.clips.speakers)


def children() -> set[str]:
    return {child for one in Path("/proc/self/task").glob("*/children") for child in one.read_text().split()}


def test_no_process_is_left_when_one_is_stopped(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=3), seeds=1, out=tmp_path)

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
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=2), seeds=1, out=tmp_path)
    before, started = children(), []
    do_runs(runs, jobs=1, progress=lambda _: started.extend(children() - before))
    assert not started


def test_a_failing_run_tells_its_own_sentence(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs = plan_runs(plain, BY_SPEAKER.plan(toy_clips, folds=2), seeds=1, out=tmp_path)
    (tmp_path / "runs/fold1-seed0").mkdir(parents=True)
    (tmp_path / "runs/fold1-seed0/run.json").write_text("{")
    with pytest.raises(ModelError, match=r"run\.json: cannot be read"):
        do_runs(runs, jobs=1)


def test_no_seed_is_no_experiment(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match="0 seeds; at least 1 is needed"):
        run_experiment(plain, BY_SPEAKER, toy_clips, seeds=0, out=tmp_path)


def test_copies_are_drawn_once_for_all_folds(quick: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    runs: list[Any] = plan_runs(quick, BY_SPEAKER.plan(toy_clips, folds=3), seeds=1, out=tmp_path)
    first, second = runs[0].lesson.learn, runs[1].lesson.learn
    both = [clip for clip in first.clips if clip in set(second.clips)]
    assert len(both) >= 16
    np.testing.assert_array_equal(first.of(both).copies, second.of(both).copies)


def step(**leaks: bool) -> Protocol:
    return Protocol("mine", "", "", by_clip, by="clip", leaky=True, **leaks)


def test_copies_of_test_clips_are_learned_from_where_a_protocol_lets_them_in(
    quick: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    runs = {
        leaks: plan_runs(quick, step(copies_of_test=leaks).plan(toy_clips, folds=3), seeds=1, out=tmp_path)[0]
        for leaks in (False, True)
    }
    assert runs[False].lesson.copied is None
    copied = runs[True].lesson.copied
    assert copied is not None
    assert copied.clips == runs[True].test
    assert copied.copies.shape[:2] == (32, 1)
    np.testing.assert_array_equal(runs[True].lesson.learn.features, runs[False].lesson.learn.features)
    assert len({key_of(quick, run.lesson, 0) for run in runs.values()}) == 2


def test_the_epoch_is_chosen_on_test_where_a_protocol_says_so(quick: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    plan = step(copies_of_test=True, chooses_on_test=True).plan(toy_clips, folds=3)
    run = plan_runs(quick, plan, seeds=1, out=tmp_path)[0]
    assert run.lesson.validation.clips == run.test
    finished = do_run(run)
    right = np.mean([row.label == EMOTIONS[int(np.argmax(row.probabilities))] for row in finished.answers.rows])
    best = max(read_curves(run.folder), key=lambda row: row["validation_uar"])
    assert finished.epoch == best["epoch"]
    assert best["validation_accuracy"] == pytest.approx(right)


def test_a_recipe_without_copies_cannot_let_copies_in(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="plain makes no copies; it needs copies = 1 or more"):
        run_experiment(plain, step(copies_of_test=True), toy_clips, seeds=1, out=tmp_path, jobs=1)


def test_the_summary_says_how_large_a_fold_s_file_is(results: Results) -> None:
    models = list(results.folder.rglob("model.onnx"))
    assert results.summary["file"]["bytes"] == max(path.stat().st_size for path in models)
    assert results.summary["file"]["parameters"] == Recognizer.load(models[0]).card.parameters > 1_000_000
    assert results.summary["beside"] == {}
