from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.emotions import EMOTIONS
from hearfelt.inference.doctor import TOLERANCE, check_model, installation


def test_an_extra_lists_its_packages_and_which_are_there() -> None:
    found = installation()
    assert found.versions["Python"] == platform.python_version()
    assert {"plots", "parquet", "train"} <= set(found.extras)
    assert "test" not in found.extras
    assert found.extras["train"]["onnx"]


@pytest.mark.parametrize("name", ["none.flac", "__init__.py"])
def test_a_known_answer_for_no_clip_of_ours_is_a_fault(
    name: str, make_sound_model: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(
        make_sound_model({"known_answer": {"example": name, "probabilities": dict.fromkeys(EMOTIONS, 0.125)}})
    )
    health = check_model(path)
    assert not health.ok
    assert health.file_bytes == path.stat().st_size
    assert health.difference is None


def test_the_largest_difference_is_named(make_sound_model: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    wrong = {**dict.fromkeys(EMOTIONS, 0.0), "disgust": 1.0}
    path.write_bytes(make_sound_model({"known_answer": {"example": "synthetic-neutral.flac", "probabilities": wrong}}))
    health = check_model(path)
    assert health.difference is not None
    assert health.difference > TOLERANCE
    assert "instead of" in health.message
