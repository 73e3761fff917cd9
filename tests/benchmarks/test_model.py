"""The benchmark of models, without its measurements."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("model")


def test_both_ways_hear_the_same_voices_of_the_same_length(program: ModuleType) -> None:
    voices = program.voices(3.0)
    ours, theirs = (voices[way] for way in program.WAYS)
    assert {len(clip) for clip in ours} == {66_150}
    assert {len(clip) for clip in theirs} == {48_000}
    assert len(ours) == len(theirs) >= 6
    assert all(np.abs(clip).max() > 0.01 for clip in (*ours, *theirs))


def test_the_network_to_compare_with_has_wav2vec_2_bases_shape(program: ModuleType) -> None:
    forward, _ = program.wav2vec2_base_shape()
    assert tuple(forward(np.zeros(16_000, np.float32)).shape) == (1, 49, 768)  # 49 frames a second, as published


def test_models_measured_on_one_machine_stand_beside_each_other(program: ModuleType, tmp_path: Path) -> None:
    kept = tmp_path / "deep" / "model.json"
    program.keep(kept, "models", {"tiny": {"peak_rss_mb": 100.0}}, program.versions())
    program.keep(kept, "models", {"hearfelt": {"peak_rss_mb": 150.0}}, program.versions())
    program.keep(kept, "models", {"tiny": {"peak_rss_mb": 90.0}}, program.versions())
    read = json.loads(kept.read_text(encoding="utf-8"))
    assert read["models"] == {"hearfelt": {"peak_rss_mb": 150.0}, "tiny": {"peak_rss_mb": 90.0}}
    assert read["machine"] == program.versions()


def test_figures_of_another_machine_are_not_kept_beside_ours(program: ModuleType, tmp_path: Path) -> None:
    kept = tmp_path / "model.json"
    kept.write_text(json.dumps({"machine": {"processor": "another"}, "models": {"classic": {}}}), encoding="utf-8")
    program.keep(kept, "models", {"tiny": {"peak_rss_mb": 90.0}}, program.versions())
    assert set(json.loads(kept.read_text(encoding="utf-8"))["models"]) == {"tiny"}


def test_a_missed_bar_is_said_and_counts(program: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    good = {
        "threads_differ_by": 1e-6,
        "batch_differs_by": 1e-6,
        "stream_differs_by": 0.0,
        "processors_differ_by": 1e-4,
        "times_faster_than_wav2vec2_base_shape": 25.0,
        "cold_start_ratio": 8.0,
        "peak_rss_mb": 150.0,
        "file_bytes": 20_000_000.0,
    }
    assert program.report(program.LIMITS, good) == 0
    assert "FAIL" not in capsys.readouterr().out
    for name, _, _, bar, at_least in program.LIMITS:
        assert program.report(program.LIMITS, {**good, name: bar * (0.9 if at_least else 1.1)}) == 1
        assert capsys.readouterr().out.count("FAIL") == 1


def test_differences_of_a_shipped_model_are_found_and_within_their_bars(program: ModuleType) -> None:
    found = program.differences("tiny")
    bars = {name: bar for name, _, _, bar, _ in program.LIMITS if name.endswith("_by")}
    assert set(found) == set(bars)
    assert all(0 <= found[name] <= bars[name] for name in bars)
    assert found["processors_differ_by"] > 0  # what was written down is rounded


def test_answers_that_nobody_wrote_down_are_compared_with_each_other_alone(
    program: ModuleType, sound_model: Path
) -> None:
    found = program.differences(str(sound_model))
    assert set(found) == {"threads_differ_by", "batch_differs_by", "stream_differs_by"}


def test_a_model_without_a_figure_has_no_row_for_it(program: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.report(program.LIMITS, {"peak_rss_mb": 150.0}) == 0
    assert capsys.readouterr().out.count("pass") == 1
