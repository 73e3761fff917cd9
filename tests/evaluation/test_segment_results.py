from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.splits import Fold, Leaks
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.evaluate import evaluate_model
from hearfelt.evaluation.metrics import LabelSpan
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import find_results
from hearfelt.evaluation.segment_results import (
    RecordingRows,
    SegmentResults,
    evaluate_recordings,
    find_segment_results,
    read_segment_results,
    summarize,
)
from hearfelt.inference.recognizer import Recognizer

NAME = "ravdess-conversations"


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    return read_corpora({"toy": toy})


@pytest.fixture(scope="module")
def results(clips: Clips, sound_model: Path, tmp_path_factory: pytest.TempPathFactory) -> SegmentResults:
    """Four recordings of the toy corpus; tests must not change them."""
    home = tmp_path_factory.mktemp("results")
    plan = Plan(PROTOCOLS[NAME], clips, (Fold(1, Clips(), clips),), (), {"of others": 3}, Leaks((), ()))
    recognizer = Recognizer.load(sound_model, threads=1)
    return evaluate_recordings(recognizer, plan, home / NAME / "mine", recordings=4, file=sound_model, jobs=2)


@pytest.fixture
def copied(results: SegmentResults, tmp_path: Path) -> Path:
    """The same to change."""
    return Path(shutil.copytree(results.folder, tmp_path / NAME / "mine"))


def test_the_summary_says_what_was_measured_and_both_ways_figures(results: SegmentResults, clips: Clips) -> None:
    summary = json.loads((results.folder / "summary.json").read_text())
    assert summary == results.summary
    assert (summary["protocol"], summary["leaky"], summary["model"]) == (NAME, False, "sound-toy")
    assert summary["corpora"]["toy"] == {"clips": 96, "fingerprint": clips.fingerprint()}
    assert (summary["recordings"], summary["seed"], summary["file"]["parameters"]) == (4, 0, 136)
    assert summary["left_out"] == {"of others": 3}
    figures = {"frame_accuracy", "frame_uar", "diarization_error_rate", "missed", "false_alarm", "confusion"}
    assert figures <= set(summary)
    assert figures <= set(summary["naive"])
    assert figures <= set(summary["naive_where_speech_was_found"])
    assert list(summary["by_speaker"]) == ["toy/01", "toy/02", "toy/03", "toy/04"]
    ours, naive = summary["diarization_error_rate"], summary["naive"]["diarization_error_rate"]
    assert summary["lower_than_naive"] == pytest.approx(1 - ours / naive, abs=1e-5)


def test_the_tables_hold_the_truth_and_every_answer(results: SegmentResults) -> None:
    with (results.folder / "recordings.csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    with (results.folder / "predictions.csv").open(newline="") as file:
        answers = list(csv.DictReader(file))
    assert list(answers[0]) == ["recording", "way", "start_s", "end_s", "emotion", *EMOTIONS]
    assert {row["recording"] for row in truth} == {"000", "001", "002", "003"}
    assert all(f"_{row['emotion']}_" in row["clip"] for row in truth)
    assert {row["way"] for row in answers} <= {"timeline", "naive"}
    for one in results.recordings:
        naive = [row for row in answers if (row["recording"], row["way"]) == (one.name, "naive")]
        assert float(naive[-1]["end_s"]) == pytest.approx(one.duration_s, abs=1e-4)
        assert sum(float(naive[0][emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-3)


def test_the_figures_are_those_of_a_pencil() -> None:
    truth = (LabelSpan(1.0, 2.0, "sad"), LabelSpan(3.0, 4.0, "calm"))
    predictions = {
        "timeline": (LabelSpan(1.5, 2.5, "sad"), LabelSpan(3.0, 4.0, "sad")),
        "naive": (LabelSpan(0.0, 2.0, "calm"), LabelSpan(2.0, 5.0, "calm")),
    }
    summary = summarize(("calm", "sad"), [RecordingRows("000", "mine/a", 5.0, truth, predictions)])
    assert [summary[key] for key in ("missed", "false_alarm", "confusion")] == [0.25, 0.25, 0.5]
    assert (summary["diarization_error_rate"], summary["frame_accuracy"]) == (1.0, 0.6)
    assert summary["naive"]["diarization_error_rate"] == 2.0  # 3 s of false alarm and 1 s confused, over 2 s
    assert summary["naive_where_speech_was_found"]["diarization_error_rate"] == 0.75
    assert summary["lower_than_naive"] == 0.5
    assert summary["by_speaker"] == {"mine/a": {"diarization_error_rate": 1.0, "naive": 2.0}}
    assert (summary["duration_s"], summary["speech_s"]) == (5.0, 2.0)


def test_what_is_written_is_found_and_no_other_protocol_trips_over_it(results: SegmentResults) -> None:
    home = results.folder.parents[1]
    [found] = find_segment_results(home)
    assert (found.name, found.protocol, found.recordings) == ("mine", NAME, results.recordings)
    assert find_results(home) == []


def test_the_same_call_writes_the_same_files(
    results: SegmentResults, clips: Clips, sound_model: Path, tmp_path: Path
) -> None:
    plan = Plan(PROTOCOLS[NAME], clips, (Fold(1, Clips(), clips),), (), {"of others": 3}, Leaks((), ()))
    recognizer = Recognizer.load(sound_model, threads=1)
    evaluate_recordings(recognizer, plan, tmp_path / "again", recordings=4, file=sound_model, jobs=1)
    for name in ("recordings.csv", "predictions.csv", "summary.json"):
        assert (tmp_path / "again" / name).read_text() == (results.folder / name).read_text()


def test_a_changed_figure_and_a_changed_answer_are_seen(copied: Path) -> None:
    path = copied / "summary.json"
    whole = path.read_text()
    summary = json.loads(whole)
    summary["naive"]["missed"] += 0.01
    path.write_text(json.dumps(summary))
    with pytest.raises(CorpusError, match="'naive' is not what the tables"):
        read_segment_results(copied)
    path.write_text(whole)
    lines = (copied / "predictions.csv").read_text().splitlines()
    (copied / "predictions.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(CorpusError, match="is not what the tables"):
        read_segment_results(copied)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("summary.json", "{", "cannot be read"),
        ("summary.json", "[]", "an object is missing"),
        ("summary.json", "{}", "'protocol' is missing"),
        ("recordings.csv", "recording,speaker\n", "the columns"),
        ("predictions.csv", "recording,way,start_s,end_s,emotion,sad\n9,naive,0,1,sad,1\n", "recording '9'"),
        ("predictions.csv", "recording,way,start_s,end_s,emotion,sad\n000,mine,0,1,sad,1\n", "way 'mine'"),
        ("predictions.csv", "recording,way,start_s,end_s,emotion,sad\n000,naive,x,1,sad,1\n", "line 2"),
        ("predictions.csv", "recording,way,start_s,end_s,emotion,sad\n000,naive\n", "2 fields instead of 6"),
    ],
)
def test_damaged_files_are_refused_in_words(copied: Path, name: str, text: str, fault: str) -> None:
    (copied / name).write_text(text)
    with pytest.raises(CorpusError, match=fault):
        read_segment_results(copied)


def test_results_under_another_protocol_s_name_are_refused(copied: Path) -> None:
    summary = json.loads((copied / "summary.json").read_text())
    (copied / "summary.json").write_text(json.dumps({**summary, "protocol": "other"}))
    with pytest.raises(CorpusError, match="results of other"):
        find_segment_results(copied.parents[1])


def test_a_protocol_that_makes_recordings_is_not_answered_clip_by_clip(
    clips: Clips, sound_model: Path, tmp_path: Path
) -> None:
    plan = Plan(PROTOCOLS[NAME], clips, (Fold(1, Clips(), clips),), (), {}, Leaks((), ()))
    with pytest.raises(CorpusError, match="evaluated over time"):
        evaluate_model(Recognizer.load(sound_model, threads=1), plan, tmp_path)
