from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.cli.options import examples, executor_on, expanded, meant_everywhere, parse_corpora, parse_names
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


Run = Callable[..., "subprocess.CompletedProcess[str]"]

WITHOUT_RAY = "import sys; sys.modules['ray'] = None; from hearfelt.cli.main import run; run(sys.argv[1:])"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nnetwork = "svm"\n')
    return path


def test_nobody_asked_for_a_cluster_and_none_is_looked_for() -> None:
    with executor_on(None, None) as executor:
        assert executor is None


def test_other_machines_do_not_know_the_folder_that_we_are_in() -> None:
    assert meant_everywhere({"mine": Path("clips")}) == {"mine": Path.cwd() / "clips"}


@pytest.mark.parametrize("command", ["evaluate", "tune"])
def test_without_ray_a_sentence_names_the_extra(command: str, recipe: Path, toy: Path, tmp_path: Path) -> None:
    more = ["-p", "by-speaker", "--folds", "2"] if command == "evaluate" else []
    arguments = [command, str(recipe), "-c", f"toy={toy}", "-o", str(tmp_path / "out.toml"), *more, "--ray", "auto"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_RAY, *arguments], capture_output=True, text=True, timeout=120)
    assert done.stderr == "hearfelt: ray is not installed; this command needs it: pip install 'hearfelt[ray]'\n"
    assert done.returncode == 7


def test_a_finished_model_has_nothing_to_spread(hearfelt: Run, toy: Path) -> None:
    wrong = hearfelt("evaluate", "-m", "svm", "-p", "by-speaker", "-c", f"toy={toy}", "-o", "out", "--ray", "auto")
    assert wrong.returncode == 2
    assert "is not trained, so --ray has nothing to do" in " ".join(wrong.stderr.replace("│", " ").split())
