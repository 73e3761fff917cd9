from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from hearfelt.inference.recognizer import Recognizer, shipped_models

EXAMPLE = "synthetic-even.flac"


@pytest.fixture(scope="module")
def knowing(make_sound_model: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a known answer in its card."""
    path = tmp_path_factory.mktemp("models") / "knowing.onnx"
    path.write_bytes(make_sound_model(known(make_sound_model)))
    return path


def known(make: Callable[..., bytes]) -> dict[str, object]:
    examples = Path(sys.modules["hearfelt"].__file__ or "").parent / "examples"
    probabilities = Recognizer(make(), threads=1).recognize(examples / EXAMPLE).probabilities
    return {"known_answer": {"example": EXAMPLE, "probabilities": {k: round(p, 4) for k, p in probabilities.items()}}}


def test_every_shipped_model_is_well(here: Callable) -> None:
    code, out, err = here("doctor", "--format", "json")
    said = json.loads(out)
    assert (code, err) == (0, "")
    assert [one["model"] for one in said["models"]] == list(shipped_models())
    assert all(one["is_well"] and one["file_bytes"] > 1000 for one in said["models"])


def test_it_says_what_hearfelt_stands_on(here: Callable, knowing: Path) -> None:
    _, out, _ = here("doctor", knowing)
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert version("numpy") in lines["numpy"]
    assert version("onnxruntime") in lines["onnxruntime"]
    assert {"hearfelt", "Python", "soundfile", "libsndfile", "soxr", "libsoxr"} <= set(lines)
    assert "core" in lines["runs"]
    assert "CPUExecutionProvider is used" in lines["providers"]
    assert "matplotlib" in lines["[plots]"]


def test_a_model_that_answers_its_clip_as_before_is_well(here: Callable, knowing: Path) -> None:
    code, out, _ = here("doctor", knowing, "--format", "json")
    (one,) = json.loads(out)["models"]
    assert (code, one["said"]) == (0, f"answers {EXAMPLE} as its card says")
    assert one["difference"] < 1e-4
    assert one["file_bytes"] == knowing.stat().st_size


def test_changed_weights_are_found_out(here: Callable, make_sound_model: Callable[..., bytes], tmp_path: Path) -> None:
    weights = np.random.default_rng(99).normal(0, 0.4, (16, 8))
    path = tmp_path / "changed.onnx"
    path.write_bytes(make_sound_model(known(make_sound_model), weights=weights))
    code, out, err = here("doctor", path)
    assert (code, err) == (6, "")
    assert "✗" in out
    assert "otherwise than its card says" in " ".join(out.split())


def test_a_model_without_a_known_answer_says_so_and_is_no_fault(here: Callable, sound_model: Path) -> None:
    code, out, _ = here("doctor", sound_model)
    assert code == 0
    assert "no known answer in its card" in " ".join(out.split())


def test_one_bad_file_does_not_hide_the_others(here: Callable, knowing: Path, tmp_path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(knowing.read_bytes()[:5000])
    code, out, err = here("doctor", tmp_path / "half.onnx", tmp_path / "none.onnx", knowing, "--format", "json")
    half, none, good = json.loads(out)["models"]
    assert (code, err) == (6, "")
    assert "cut short" in half["said"]
    assert "no such model file" in none["said"]
    assert (none["file_bytes"], good["is_well"]) == (None, True)
