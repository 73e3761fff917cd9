"""Trainings and trials on a real cluster of three nodes on this machine."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from hearfelt.cli.main import run

Started = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]
NodesWith = Callable[..., AbstractContextManager[tuple["subprocess.Popen[str]", str]]]

PATIENCE_S = 300  # a busy machine takes long to start a cluster, and a hanging one must not hold up the tests
KEPT = ("predictions.csv", "curves.csv", "summary.json")

RECIPE = """
name = "quick"
network = "classic"

[augment]
copies = 0

[fit]
epochs = 1
"""

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.timeout(4 * PATIENCE_S),
]


def hearfelt(*arguments: object) -> None:
    """Run a command in this process, which has torch already."""
    with pytest.raises(SystemExit) as end:
        run([str(argument) for argument in arguments])
    assert not end.value.code


def wait_until(there: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while process.poll() is None and not there():
        assert time.monotonic() < end, "nothing was done"
        time.sleep(0.05)


def test_a_cluster_that_loses_a_node_gives_the_same_results_and_the_same_better_recipe(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Started, nodes_with: NodesWith
) -> None:
    (tmp_path / "quick.toml").write_text(RECIPE)
    (tmp_path / "plain.toml").write_text('name = "plain"\nnetwork = "svm"\n')
    (tmp_path / "toy").symlink_to(toy)
    monkeypatch.chdir(tmp_path)
    evaluate = ["evaluate", "quick.toml", "-p", "by-speaker", "--folds", "3", "-c", "toy=toy", "-o"]
    tune = ["tune", "plain.toml", "-c", "toy=toy", "--trials", "5", "-o"]
    hearfelt(*evaluate, "here", "-j", "1")
    hearfelt(*tune, "here.toml")
    with nodes_with() as (nodes, address):
        assert nodes.stdin is not None
        assert nodes.stdout is not None
        with started(sys.executable, "-m", "hearfelt", *evaluate, "away", "--ray", address) as process:
            wait_until(lambda: list((tmp_path / "away").glob("runs/*/answers.json")), process)
            print("take one", file=nodes.stdin, flush=True)
            assert nodes.stdout.readline() == "a node is gone\n"
            process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        with started(sys.executable, "-m", "hearfelt", *tune, "away.toml", "--ray", address) as process:
            process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
    assert len(list((tmp_path / "away").glob("runs/*/model.onnx"))) == 3
    for name in KEPT:
        assert (tmp_path / "away" / name).read_bytes() == (tmp_path / "here" / name).read_bytes(), name
    assert (tmp_path / "away.toml").read_text() == (tmp_path / "here.toml").read_text()
    assert not list((tmp_path / "away").rglob("*.part"))
