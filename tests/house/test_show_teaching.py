"""The script that evaluates ``hearfelt teach`` and writes its scores into the docs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
ONE = {
    "uar": 0.75,
    "accuracy": 0.7,
    "macro_f1": 0.7,
    "recall": {"sad": 0.5, "boredom": 1.0},
    "confusion": [[1, 1], [0, 2]],
}
SHOWN = {
    "base": {"name": "hearfelt", "sha256": "0"},
    "clips": 4,
    "speakers": 2,
    "folds": 2,
    "labels": ["sad", "boredom"],
    "learning_curve": [{"share": 1.0, "clips": 2, "uar": 0.75}],
    "taught": ONE,
    "svm": {**ONE, "uar": 0.25},
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("show_teaching", ROOT / "tools" / "show_teaching.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_scores_are_written_between_the_marks(script: ModuleType) -> None:
    page = f"before\n{script.START}\nstale\n{script.END}\nafter\n"
    written = script.with_figures(page, SHOWN)
    assert "| `teach` with `hearfelt` | 75.0 | 70.0 | 50.0 | 100.0 |" in written
    assert "| `svm`, same clips and folds | 25.0 | 70.0 | 50.0 | 100.0 |" in written
    assert "stale" not in written
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert script.with_figures(written, SHOWN) == written


def test_the_page_says_what_was_measured(script: ModuleType) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    assert page.count(script.START) == page.count(script.END) == 1
    assert page == script.with_figures(page, json.loads(script.FIGURES.read_text(encoding="utf-8")))
