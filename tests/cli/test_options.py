from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.cli.options import examples, expanded, parse_corpora, parse_names
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
