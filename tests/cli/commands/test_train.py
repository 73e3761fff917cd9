from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.inference.recognizer import Recognizer

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Here = Callable[..., tuple[int, str, str]]

PLAIN = 'name = "mine"\nnetwork = "svm"\n'
LONG = """
name = "long"
network = "classic"
[augment]
copies = 1
[balance]
smote = true
[fit]
epochs = 8
patience = 8
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(PLAIN)
    return tmp_path / "mine.toml"


def test_training_writes_a_model_and_says_what_to_do_next(here: Here, plain: Path, toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    code, said, wrong = here("train", plain, "--corpus", f"toy={toy}", "--out", out, "--drop", "neutral,calm")
    assert (code, wrong) == (0, "")
    assert f"hearfelt recognize clip.wav --model {out / 'model.onnx'}" in said
    assert "That UAR is too high" in said
    assert Recognizer.load(out / "model.onnx").labels == ("happy", "sad", "angry", "fearful", "disgust", "surprised")


def test_a_second_training_into_the_same_folder_is_refused(here: Here, plain: Path, toy: Path, tmp_path: Path) -> None:
    command = ("train", plain, "--corpus", f"toy={toy}", "--out", tmp_path / "runs")
    assert here(*command)[0] == 0
    code, said, wrong = here(*command)
    assert (code, said) == (1, "")
    assert (
        wrong == f"hearfelt: {tmp_path / 'runs'}: holds a training; --resume goes on with it, or give another folder"
        " with --out\n"
    )
    assert here(*command, "--resume")[0] == 0


def test_speakers_can_be_kept_away(here: Here, plain: Path, toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    assert here("train", plain, "-c", f"toy={toy}", "-o", out, "--without-speakers", "01,toy/02")[0] == 0
    assert Recognizer.load(out / "model.onnx").card.training_speakers == ("toy/03", "toy/04", "toy/05", "toy/06")


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ('name = "a"\nnetwork = "svm"\nepoch = 3\n', 5, "unknown key 'epoch'"),
        ('name = "a"\nnetwork = "clasic"\n', 5, "did you mean 'classic'?"),
        ("name = ", 5, "this is no TOML"),
    ],
)
def test_a_mistake_in_the_recipe_is_told_before_anything_starts(
    text: str, code: int, sentence: str, here: Here, toy: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.toml").write_text(text)
    got, said, wrong = here("train", tmp_path / "a.toml", "--corpus", f"toy={toy}", "--out", tmp_path / "runs")
    assert (got, said) == (code, "")
    assert sentence in wrong
    assert wrong.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_one_speaker_is_refused(here: Here, plain: Path, toy: Path, tmp_path: Path) -> None:
    away = "02,03,04,05,06"
    code, _, wrong = here("train", plain, "-c", f"toy={toy}", "-o", tmp_path / "o", "--without-speakers", away)
    assert code == 4
    assert "training needs at least 2" in wrong


def test_a_killed_training_goes_on_to_the_same_file(hearfelt: Run, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(LONG)

    def command(out: str) -> list[str]:
        return ["train", "long.toml", "--corpus", f"toy={toy}", "--out", out, "--seed", "3"]

    whole = hearfelt(*command("whole"))
    assert whole.returncode == 0, whole.stderr
    assert whole.stderr == ""  # quiet when piped
    curves = tmp_path / "killed" / "curves.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "hearfelt", *command("killed")], cwd=tmp_path, stdout=subprocess.DEVNULL, env=os.environ
    ) as process:
        until = time.monotonic() + 90
        while not (curves.is_file() and len(curves.read_text().splitlines()) >= 2):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "killed" / "model.onnx").exists()
    assert hearfelt(*command("killed")).returncode == 1  # it doesn't begin again unasked
    resumed = hearfelt(*command("killed"), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "killed/model.onnx").read_bytes() == (tmp_path / "whole/model.onnx").read_bytes()
    rows = [json.loads(line) for line in curves.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert (tmp_path / "killed" / "curves.png").stat().st_size > 5000


def test_tuning_writes_a_recipe_that_trains(here: Here, plain: Path, toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    better = tmp_path / "better.toml"
    code, said, wrong = here("tune", plain, "--corpus", f"toy={toy}", "--out", better, "--trials", 2)
    assert (code, wrong) == (0, "")
    assert "the best of 2 trials" in said
    assert f"hearfelt train {better} --corpus toy={toy}" in said
    assert here("train", better, "--corpus", f"toy={toy}", "--out", tmp_path / "runs")[0] == 0
