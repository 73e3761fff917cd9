from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.features.classic import FEATURE_NAMES, classic_features


def test_explore_writes_one_page(here, toy: Path, tmp_path: Path) -> None:
    code, out, err = here("explore", toy, "--out", tmp_path / "toy.html", "--jobs", 1)
    assert (code, err) == (0, "")
    assert out == f"{tmp_path / 'toy.html'}\n"
    assert (tmp_path / "toy.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["toy.html"]


def test_without_out_the_page_is_explore_html_here(here, toy: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert here("explore", toy, "--jobs", 1)[0] == 0
    assert (tmp_path / "explore.html").is_file()


def test_with_plots_only_plots_are_written(here, toy: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = here("explore", toy, "--plots", tmp_path / "plots", "--jobs", 1)
    assert code == 0
    assert out == f"41 plots in {tmp_path / 'plots'}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["plots"]
    assert {path.suffix for path in (tmp_path / "plots").iterdir()} == {".png"}


def test_as_overrules_what_the_names_say(here, toy: Path, tmp_path: Path) -> None:
    code, _, err = here("explore", toy, "--as", "ravdess", "--out", tmp_path / "x.html")
    assert code == 4
    assert "toy" in err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_one_sentence(here, tmp_path: Path) -> None:
    code, out, err = here("explore", tmp_path / "nowhere")
    assert code == 4
    assert out == ""
    assert err.count("\n") == 1
    assert "nowhere" in err


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_each_clip_and_the_features_after_its_name(here, toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    code, said, warned = here("features", toy, "--out", out)
    assert (code, said, warned) == (0, f"{out}: 96 clips, 162 features each\n", "")
    rows = rows_of(out)
    assert list(rows[0]) == ["clip", "speaker", "emotion", *FEATURE_NAMES]
    assert len(rows) == 96
    row = rows[5]
    assert row["emotion"] in row["clip"]
    samples, rate_hz = soundfile.read(toy / row["clip"], dtype="float32")
    numbers = np.array([row[name] for name in FEATURE_NAMES], dtype=np.float32)
    np.testing.assert_array_equal(numbers, classic_features(samples, rate_hz))


def test_one_process_or_two_write_the_same_table_and_so_does_the_cache(here, toy: Path, tmp_path: Path) -> None:
    tables = [tmp_path / f"{name}.csv" for name in ("one", "two", "again")]
    for table, jobs in zip(tables, (1, 2, 2), strict=True):
        assert here("features", toy, "--out", table, "--jobs", jobs)[0] == 0
    assert tables[0].read_bytes() == tables[1].read_bytes() == tables[2].read_bytes()


def test_a_table_can_be_parquet(here, toy: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert here("features", toy, "--out", tmp_path / "features.parquet")[0] == 0
    table = parquet.read_table(tmp_path / "features.parquet")
    assert (table.num_rows, table.num_columns) == (96, 165)
    assert str(table.schema.field("rms").type) == "float"


def test_a_folder_of_ones_own_is_read_with_as(here, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "sad").mkdir(parents=True)
    shutil.copy(toy / "01_angry_1.wav", tmp_path / "mine" / "sad")
    assert here("features", tmp_path / "mine", "--as", "folder", "--out", tmp_path / "mine.csv")[0] == 0
    assert [row["emotion"] for row in rows_of(tmp_path / "mine.csv")] == ["sad"]


def test_broken_and_silent_clips_are_named_and_the_others_go_on(here, toy: Path, tmp_path: Path) -> None:
    for name in ("01_angry_1.wav", "01_sad_1.wav", "01_calm_1.wav"):
        (tmp_path / "toy").mkdir(exist_ok=True)
        shutil.copy(toy / name, tmp_path / "toy")
    (tmp_path / "toy" / "01_sad_1.wav").write_text("no sound")
    soundfile.write(tmp_path / "toy" / "01_calm_1.wav", np.zeros(16_000), 16_000)
    code, said, warned = here("features", tmp_path / "toy", "--out", tmp_path / "features.csv")
    assert code == 3
    assert said.endswith("features.csv: 2 clips, 162 features each\n")
    broken, silent = warned.splitlines()
    assert "01_sad_1.wav" in broken
    assert "01_calm_1.wav: silent" in silent
    assert sorted(row["clip"] for row in rows_of(tmp_path / "features.csv")) == ["01_angry_1.wav", "01_calm_1.wav"]


def test_where_no_clip_can_be_read_no_table_is_written(here, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "01_sad_1.wav").write_text("no sound")
    code, said, warned = here("features", tmp_path / "toy", "--out", tmp_path / "features.csv")
    assert (code, said) == (3, "")
    assert "none of the 1 clips can be read" in warned
    assert not (tmp_path / "features.csv").exists()


def test_another_kind_of_table_is_refused_in_one_sentence(here, toy: Path, tmp_path: Path) -> None:
    code, _, warned = here("features", toy, "--out", tmp_path / "features.xlsx")
    assert code == 1
    assert warned == f"hearfelt: {tmp_path / 'features.xlsx'}: a table of features ends in .csv or .parquet\n"
