"""The program that asks whether a model's answer survives small changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "small_changes.py"
EMOTIONS = {"neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(SCRIPT), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def report(ravdess: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("small") / "changes" / "classic.json"
    done = run("--model", "classic", "--corpus", f"ravdess={ravdess}", "--limit", "2", "--jobs", "1", "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    return {"text": done.stdout, **json.loads(out.read_text(encoding="utf-8"))}


def test_two_clips_of_each_emotion_of_one_unheard_actor_are_asked(report: dict) -> None:
    assert report["clips"] == 16
    assert report["speakers"] == ["ravdess/06"]
    assert report["model"] == "classic"


def test_every_demanded_row_is_there_with_its_bar(report: dict) -> None:
    rows = {(row["group"], row["name"]): row["bar"] for row in report["rows"]}
    correct = {"UAR", *(f"{what}, {emotion}" for what in ("recall", "precision") for emotion in EMOTIONS)}
    small = {
        *("additive tone", "zeros before", "zeros after", "clipping", "crop at the beginning", "crop at the end"),
        *("gain", "high-pass", "low-pass", "white noise"),
    }
    same = {"20 dB louder", "20 dB quieter", "DC offset of 0.1", "48 kHz instead of 16"}
    assert {name: rows[group, name] for group, name in rows if group == "correctness"} == dict.fromkeys(correct, 0.5)
    assert {name: rows[group, name] for group, name in rows if group == "small changes"} == dict.fromkeys(small, 0.95)
    listened = {name: rows[group, name] for group, name in rows if group == "inaudible changes"}
    assert listened == dict.fromkeys(same, 0.02)
    assert rows["half the band", "8 kHz instead of 16"] == 0.8
    assert len(rows) == 17 + 10 + 4 + 1


def test_a_row_passes_when_its_value_is_on_the_right_side_of_its_bar(report: dict) -> None:
    for row in report["rows"]:
        at_most = row["group"] == "inaudible changes"
        assert row["passed"] == (row["value"] <= row["bar"] if at_most else row["value"] >= row["bar"])
        assert 0 <= row["value"] <= 1


def test_the_table_says_each_row_and_how_many_pass(report: dict) -> None:
    for row in report["rows"]:
        assert f"  {row['name']} " in report["text"]
    passed = sum(row["passed"] for row in report["rows"])
    assert report["text"].endswith(f"{passed} of {len(report['rows'])} rows pass\n")


def test_what_is_no_model_is_one_sentence_and_an_exit_code(tmp_path: Path) -> None:
    done = run("--model", "nobody", "--corpus", f"ravdess={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.startswith("nobody: there is no model of this name")
    assert done.stderr.count("\n") == 1
