from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.cli.cluster import executor_on, meant_everywhere

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
