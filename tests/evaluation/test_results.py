from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.splits import Leaks
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import (
    FailedClip,
    ModelFile,
    Results,
    ResultsInfo,
    find_results,
    read_results,
    summarize,
    write_results,
)

COMMITTED = Path(__file__).parents[2] / "results"


@pytest.fixture
def plan() -> Plan:
    clips = Clips(
        Clip("made", Path("nowhere"), f"{speaker}/{emotion}.wav", f"made/{speaker:02d}", emotion)
        for speaker in range(6)
        for emotion in EMOTIONS
    )
    return PROTOCOLS["by-speaker"].plan(clips, folds=2)


@pytest.fixture
def results(make_evaluation: Callable[..., Evaluation], plan: Plan, tmp_path: Path) -> Results:
    epochs = {(fold, seed): 10 * fold + seed for fold in (1, 2) for seed in (0, 1)}
    info = ResultsInfo(
        plan, {"name": "mine", "fit": {"epochs": 40}}, epochs, failed=[FailedClip("x", "made/01", "mute")]
    )
    return write_results(tmp_path / "by-speaker" / "mine", make_evaluation(), info)


def test_the_summary_has_what_others_read(results: Results) -> None:
    summary = json.loads((results.folder / "summary.json").read_text())
    assert summary["protocol"] == "by-speaker"
    assert summary["leaky"] is False
    assert summary["corpora"]["made"]["clips"] == 48
    assert len(summary["corpora"]["made"]["fingerprint"]) == 16
    assert summary["recipe"] == {"name": "mine", "fit": {"epochs": 40}}
    assert summary["seeds"] == [0, 1]
    assert [(run["fold"], run["seed"], run["epoch"]) for run in summary["runs"]] == [
        (1, 0, 10),
        (2, 0, 20),
        (1, 1, 11),
        (2, 1, 21),
    ]
    for part in (*summary["runs"], summary["mean"], summary["sd"], *summary["pooled"].values()):
        assert {"uar", "accuracy", "macro_f1"} <= part.keys()
    assert list(summary["pooled"]) == ["0", "1"]
    assert summary["unanswered"] == [{"clip": "x", "speaker": "made/01", "reason": "mute"}]


def test_the_summary_says_how_large_the_file_is_and_what_stood_beside(
    make_evaluation: Callable[..., Evaluation], plan: Plan, tmp_path: Path
) -> None:
    song = Clips([Clip("other", Path("nowhere"), "song.wav", "other/1", "sad", channel="song")])
    info = ResultsInfo(replace(plan, auxiliary=song), {}, file=ModelFile(1234, 56))
    summary = write_results(tmp_path / "by-speaker" / "mine", make_evaluation(), info).summary
    assert summary["file"] == {"bytes": 1234, "parameters": 56}
    assert summary["beside"] == {"other": {"clips": 1, "fingerprint": song.fingerprint()}}
    assert set(summary["corpora"]) == {"made"}


def test_a_leak_that_is_shown_on_purpose_is_said_in_words(
    make_evaluation: Callable[..., Evaluation], plan: Plan, tmp_path: Path
) -> None:
    step = replace(plan.protocol, leaky=True, copies_of_test=True, chooses_on_test=True)
    leaky = replace(plan, protocol=step, leaks=Leaks(("made/01", "made/02"), ()))
    results = write_results(tmp_path / "by-speaker" / "mine", make_evaluation(), ResultsInfo(leaky, {}))
    assert results.leak.startswith(
        "by-speaker is leaky: 2 speakers on both sides of the split; augmented copies of the test clips were"
        " trained on; the epoch was chosen on the test clips. "
    )


def test_pooled_figures_are_scikit_learn_s_over_all_folds_of_a_seed(results: Results) -> None:
    for seed in (0, 1):
        one = results.evaluation.of(seed=seed)
        pooled = results.summary["pooled"][str(seed)]
        assert pooled["uar"] == pytest.approx(balanced_accuracy_score(one.truth, one.predicted), abs=1e-6)
        assert pooled["accuracy"] == pytest.approx(accuracy_score(one.truth, one.predicted), abs=1e-6)
        assert pooled["macro_f1"] == pytest.approx(f1_score(one.truth, one.predicted, average="macro"), abs=1e-6)


def test_mean_and_sd_are_over_all_runs(results: Results) -> None:
    scores = [run["uar"] for run in results.summary["runs"]]
    assert len(scores) == 4
    assert results.summary["mean"]["uar"] == pytest.approx(statistics.mean(scores), abs=1e-6)
    assert results.summary["sd"]["uar"] == pytest.approx(statistics.stdev(scores), abs=1e-6)


def test_the_headline_is_the_mean_over_seeds_of_the_pooled_figure_and_lies_in_its_interval(results: Results) -> None:
    pooled = [one["uar"] for one in results.summary["pooled"].values()]
    assert results.figure("uar") == pytest.approx(statistics.mean(pooled))
    interval = results.interval("uar")
    assert interval is not None
    assert interval[0] < results.figure("uar") < interval[1]


def test_one_run_has_no_deviation(make_evaluation: Callable[..., Evaluation]) -> None:
    summary = summarize(make_evaluation(folds=1, seeds=1), {})
    assert summary["sd"] == {"uar": None, "accuracy": None, "macro_f1": None}
    assert summary["runs"][0]["epoch"] is None


def test_one_speaker_has_no_interval(make_evaluation: Callable[..., Evaluation]) -> None:
    assert summarize(make_evaluation(speakers=1, folds=1), {})["intervals"] is None


def test_what_is_written_is_read_back(results: Results) -> None:
    again = read_results(results.folder)
    assert again.summary == results.summary
    assert (again.name, again.protocol) == ("mine", "by-speaker")


def test_a_leaky_protocol_says_so_in_its_summary(
    named: Clips, make_evaluation: Callable[..., Evaluation], tmp_path: Path
) -> None:
    plan = PROTOCOLS["seed-ravdess"].plan(named)
    summary = write_results(tmp_path, make_evaluation(folds=1), ResultsInfo(plan, {})).summary
    assert summary["leaky"] is True
    assert summary["leaks"] == {"speakers": 24, "copies": 0, "copies_of_test": False, "chosen_on_test": False}


@pytest.mark.parametrize(
    ("leaks", "sentence"),
    [
        ({"speakers": 24, "copies": 0}, "seed-ravdess is leaky: 24 speakers on both sides"),
        ({"speakers": 1, "copies": 2}, "seed-ravdess is leaky: 1 speaker and 2 sounds under different names on both"),
        ({"speakers": 0, "copies": 1}, "seed-ravdess is leaky: 1 sound under different names on both"),
        ({"speakers": 0, "copies": 0}, "seed-ravdess is leaky, though here no training speaker is tested"),
    ],
)
def test_what_leaks_is_said_in_words(
    make_evaluation: Callable[..., Evaluation], leaks: dict[str, int], sentence: str
) -> None:
    summary = {"protocol": "seed-ravdess", "leaky": True, "leaks": leaks}
    evaluation = make_evaluation(folds=1)
    assert Results(Path(), evaluation, summary).leak.startswith(sentence)
    assert Results(Path(), evaluation, {**summary, "leaky": False}).leak == ""


def test_a_summary_that_is_not_what_the_predictions_give_is_refused(results: Results) -> None:
    path = results.folder / "summary.json"
    summary = json.loads(path.read_text())
    summary["pooled"]["0"]["uar"] += 0.01
    path.write_text(json.dumps(summary))
    with pytest.raises(CorpusError, match=r"'pooled' is not what predictions\.csv gives"):
        read_results(results.folder)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "cannot be read"),
        ("[]", "an object is missing"),
        ('{"protocol": "by-speaker"}', "'leaky' is missing"),
    ],
)
def test_a_damaged_summary_is_refused(results: Results, text: str, fault: str) -> None:
    (results.folder / "summary.json").write_text(text)
    with pytest.raises(CorpusError, match=fault):
        read_results(results.folder)


def test_runs_without_their_numbers_are_refused(results: Results) -> None:
    path = results.folder / "summary.json"
    summary = json.loads(path.read_text())
    del summary["runs"][0]["epoch"]
    path.write_text(json.dumps(summary))
    with pytest.raises(CorpusError, match="not as 'hearfelt evaluate' writes it"):
        read_results(results.folder)


def test_an_old_summary_is_gone_before_new_predictions_come(results: Results, plan: Plan) -> None:
    blocked = results.folder / "predictions.csv"
    blocked.unlink()
    blocked.mkdir()  # writing the predictions will fail
    with pytest.raises(OSError, match="predictions"):
        write_results(results.folder, results.evaluation, ResultsInfo(plan, {}))
    assert not (results.folder / "summary.json").exists()


def test_results_are_found_by_protocol_and_name(results: Results) -> None:
    home = results.folder.parent.parent
    assert [one.name for one in find_results(home)] == ["mine"]
    assert find_results(home / "nothing") == []
    results.folder.parent.rename(home / "emobox-ravdess")
    with pytest.raises(CorpusError, match="results of by-speaker"):
        find_results(home)


def test_every_committed_summary_is_what_its_predictions_give() -> None:
    found = find_results(COMMITTED)  # reading holds each summary to its predictions
    over_time = list(COMMITTED.glob("*/*/recordings.csv"))  # held to their own kind of answers by the page of results
    assert len(found) == len(list(COMMITTED.glob("*/*/predictions.csv"))) - len(over_time)
