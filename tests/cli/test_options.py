from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hearfelt.cli.options import examples, expanded, parse_corpora, parse_names, progress
from hearfelt.errors import CorpusError


def test_corpora_are_read_in_order_and_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("b", "a=b"):
        (tmp_path / name).mkdir()
    read = parse_corpora(["toy=~/b", f" folder = {tmp_path}/a=b "])
    assert list(read.items()) == [("toy", tmp_path / "b"), ("folder", tmp_path / "a=b")]


@pytest.mark.parametrize("value", ["ravdess", "=x", "ravdess=", "", "~/ravdess"])
def test_a_corpus_needs_a_name_and_a_path(value: str) -> None:
    with pytest.raises(CorpusError, match="write NAME=PATH, such as ravdess=~/ravdess"):
        parse_corpora([value])


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"there is nothing at .*nowhere"):
        parse_corpora([f"toy={tmp_path}/nowhere"])


def test_a_corpus_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="toy was given before"):
        parse_corpora([f"toy={tmp_path}", f"toy={tmp_path}"])


def test_names_come_in_lists_and_one_by_one_each_once() -> None:
    assert parse_names(["neutral,calm", "sad", " calm "]) == ("neutral", "calm", "sad")
    assert parse_names([]) == ()


def test_home_is_put_into_paths() -> None:
    assert expanded(None) is None
    assert expanded(Path("a/~b")) == Path("a/~b")
    assert expanded(Path("~")) == Path.home()


def test_brackets_in_an_example_stay() -> None:
    assert r"hearfelt\[plots]" in examples("pip install 'hearfelt[plots]'")


def test_progress_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("working", 3) as done:
        done(3)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("unit", ["items", "bytes"])
def test_progress_is_a_bar_at_a_terminal(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    with progress("working", 3_000_000, unit=unit) as done:  # type: ignore[arg-type]
        done(3_000_000)
    assert "working" in screen.getvalue()
    assert ("3.0/3.0 MB" if unit == "bytes" else "3000000/3000000") in screen.getvalue()
