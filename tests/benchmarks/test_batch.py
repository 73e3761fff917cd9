"""The benchmark of ``hearfelt batch`` (not its measurements), and the page calculated from it."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FIGURES = {
    "model_s_a_second": 100.0,
    "decode_wav_s_a_second": 30_000.0,
    "decode_flac_s_a_second": 5_000.0,
    "decode_mp3_s_a_second": 4_000.0,
    "wav_bytes_a_second": 32_000.0,
    "flac_bytes_a_second": 14_000.0,
    "mp3_bytes_a_second": 6_000.0,
    "rows_a_second": 100_000.0,
}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("batch")


@pytest.fixture
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_scale_page", ROOT / "tools" / "make_scale_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_scale_is_fresh(page: ModuleType) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    kept = json.loads(page.FIGURES.read_text(encoding="utf-8"))
    assert text == page.with_figures(text, kept), "run tools/make_scale_page.py"


def test_a_million_hours_at_a_hundred_times_real_time_are_ten_thousand_core_hours(page: ModuleType) -> None:
    lines = page.calculated(FIGURES, price=0.05, network_gbit=10.0)
    assert "| WAV, 16 kHz, 16 bit | 10,000 | $500 | 0.3% | 115 TB |" in lines
    # FLAC takes 1/5,000 s more than WAV's 1/30,000 s for each second of sound
    assert page.speed(FIGURES, "flac") == pytest.approx(1 / (0.01 - 1 / 30_000 + 1 / 5_000))


def test_a_slow_network_is_named_as_the_bottleneck(page: ModuleType) -> None:
    last = page.calculated(FIGURES, price=0.05, network_gbit=10.0)[-1]
    assert last.startswith("| 512 | 14 h | 13 Gbit/s |")
    assert last.endswith("| the network for WAV, else the model |")
    assert page.calculated(FIGURES, price=0.05, network_gbit=1.0)[-1].endswith("| the network |")


def test_the_figures_of_other_parts_stay(program: ModuleType, tmp_path: Path) -> None:
    kept = tmp_path / "batch.json"
    program.keep(kept, "figures", {"overhead": 0.1}, program.machine())
    program.keep(kept, "figures", {"ray_against_processes": 0.9}, program.machine())
    assert json.loads(kept.read_text())["figures"] == {"overhead": 0.1, "ray_against_processes": 0.9}


@pytest.mark.parametrize(("figures", "code"), [({"overhead": 0.1}, 0), ({"overhead": 0.2}, 1), ({}, 0)])
def test_a_missed_bar_is_a_failure(figures: dict[str, float], code: int, program: ModuleType) -> None:
    assert program.report(program.LIMITS, figures) == code


def test_many_names_are_given_to_few_clips(program: ModuleType, tmp_path: Path) -> None:
    links = program.linked(tmp_path / "clips", 20, seconds=0.15)
    assert len(links) == 20
    assert all(link.stat().st_size < 6_000 for link in links)
    assert len({link.stat().st_ino for link in links}) < 20
