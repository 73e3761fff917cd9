from __future__ import annotations

from pathlib import Path


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
