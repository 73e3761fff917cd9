from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Here = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", 0.2 * np.sin(np.arange(8_000) / (5 + number)), 16_000)
    return folder


def test_it_writes_a_table_and_says_how_large_it_is(here: Here, folder: Path, sound_model: Path) -> None:
    table = folder.parent / "emotions.csv"
    code, out, err = here("batch", folder, "--out", table, "--model", sound_model, "--workers", 1)
    assert (code, out) == (0, f"{table}: 3 rows for 3 sounds\n")
    assert err == "hearfelt: 3 sounds\n"
    with table.open(newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == [f"{folder}/{number}.wav" for number in range(3)]


def test_a_table_can_be_piped_in(here: Here, folder: Path, sound_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    rows = b"clip,emotion\nclips/0.wav,sad\nclips/2.wav,calm\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(rows)))
    code, out, _ = here("batch", "-", "--out", "emotions.csv", "--model", sound_model, "--workers", 1)
    assert (code, out) == (0, "emotions.csv: 2 rows for 2 sounds\n")
    with Path("emotions.csv").open(newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == ["clips/0.wav", "clips/2.wav"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["clips", "emotions.csv"]


def test_a_failing_file_is_a_row_and_only_nothing_but_failures_is_an_error(
    here: Here, folder: Path, sound_model: Path
) -> None:
    (folder / "1.wav").write_bytes(b"")
    table = folder.parent / "emotions.jsonl"
    code, out, _ = here("batch", folder, "--out", table, "--model", sound_model, "--workers", 1)
    assert (code, out) == (0, f"{table}: 3 rows for 3 sounds; 1 with an error\n")
    code, out, _ = here("batch", folder / "1.wav", "-o", table, "-m", sound_model, "-w", 1)
    assert (code, out) == (3, f"{table}: 1 row for 1 sound; 1 with an error\n")


@pytest.mark.parametrize(
    ("inputs", "out", "sentence"),
    [
        (["nowhere"], "a.csv", "nowhere: there is no such file or folder; check the path"),
        (["clips"], "clips", "a table ends in .parquet, .csv or .jsonl; name it so"),
        (["clips"], "folder.csv", "folder.csv: this is a folder; name a file in it that ends in .csv"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    inputs: list[str],
    out: str,
    sentence: str,
    here: Here,
    folder: Path,
    sound_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("folder.csv").mkdir()
    code, said, err = here("batch", *inputs, "--out", out, "--model", sound_model)
    assert (code, said) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith("hearfelt: ")
    assert sentence in err


@pytest.mark.parametrize("written", ["clips", "features"])
def test_the_tables_of_clips_and_features_are_taken_wherever_they_lie(
    here: Here, toy: Path, sound_model: Path, tmp_path: Path, written: str
) -> None:
    table, out = tmp_path / "listed.csv", tmp_path / "emotions.csv"
    assert here(written, toy, "--out", table)[0] == 0
    code, said, err = here("batch", table, "--out", out, "--model", sound_model, "--workers", 1)
    assert (code, said) == (3, f"{out}: 96 rows for 96 sounds; 96 with an error\n")
    assert err.endswith("hearfelt: paths in a table are relative to the table's folder; --root names another one\n")
    code, said, _ = here("batch", table, "--root", toy, "--out", out, "--model", sound_model, "--workers", 1)
    assert (code, said) == (0, f"{out}: 96 rows for 96 sounds\n")


def test_a_table_without_paths_is_one_sentence(here: Here, sound_model: Path, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("topic\nbilling\n")
    code, said, err = here("batch", tmp_path / "calls.csv", "--out", tmp_path / "a.csv", "--model", sound_model)
    assert (code, said, err.count("\n")) == (4, "", 1)
    assert "it has topic, and path is needed" in err


def test_a_terminal_sees_how_far_it_is(folder: Path, sound_model: Path) -> None:
    command = [sys.executable, "-m", "hearfelt", "batch", str(folder), str(folder / "0.wav"), "-w", "1"]
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*command, "-o", str(folder.parent / "a.csv"), "-m", str(sound_model)],
        stdout=subprocess.PIPE,
        stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            block = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        shown += block
    os.close(leader)
    said, _ = process.communicate()
    text = shown.decode()
    assert process.returncode == 0
    assert said.decode().endswith("3 rows for 3 sounds\n")
    assert "1 source is named more than once" in text
    assert "listing sounds" in text
