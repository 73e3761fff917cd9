from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from hearfelt.emotions import EMOTIONS
from hearfelt.inference.recognizer import Recognizer, shipped_models


def test_json_is_the_whole_card_in_one_object(here: Callable, model: Path) -> None:
    code, out, err = here("card", model, "--format", "json")
    card = json.loads(out)
    assert (code, err) == (0, "")
    assert tuple(card["labels"]) == EMOTIONS
    assert card["training_speakers"] == ["toy/01", "toy/02"]
    assert card["corpora"]["toy"]["licence"] == "CC0"


def test_the_table_says_what_a_person_needs(here: Callable, model: Path) -> None:
    code, out, err = here("card", model)
    said = " ".join(out.split())
    assert (code, err) == (0, "")
    for needed in (
        "tiny hearfelt 0.1.0",
        "One linear layer with random weights.",
        "neutral, calm, happy, sad, angry, fearful, disgust, surprised",
        "toy, 96 clips, licence CC0",
        "2 speakers: toy/01, toy/02",
        "by-speaker: uar 12.5%",
        "below 30% confidence",
        "limit It has learned nothing.",
    ):
        assert needed in said


def test_without_a_name_it_is_the_shipped_model(here: Callable) -> None:
    code, out, _ = here("card", "--format", "json")
    assert (code, json.loads(out)["name"]) == (0, "hearfelt")


def test_a_name_nobody_knows_lists_what_there_is(here: Callable) -> None:
    code, out, err = here("card", "clasic")
    assert (code, out) == (6, "")
    assert "clasic: there is no model of this name" in err


def test_a_model_that_takes_sound_says_how_long_how_large_and_that_nc_is_non_commercial(
    here: Callable, sound_model: Path
) -> None:
    _, out, _ = here("card", sound_model)
    said = " ".join(out.split())
    assert "input the sound itself" in said
    assert "at most 2 s at once" in said
    assert f"136 parameters, {sound_model.stat().st_size / 1e6:.1f} MB" in said
    assert "licence CC BY-NC 4.0 (of the weights: for non-commercial use only; the code is MIT)" in said
    assert json.loads(here("card", sound_model, "--format", "json")[1])["file_bytes"] == sound_model.stat().st_size


def test_a_licence_that_forbids_nothing_is_left_as_it_is(here: Callable, model: Path) -> None:
    assert "licence CC0" in " ".join(here("card", model)[1].split())
    assert "commercial" not in here("card", model)[1]


def test_numbers_that_a_card_leaves_out_are_counted_in_the_file(here: Callable) -> None:
    assert "276,681 parameters, 1.2 MB" in here("card", "svm")[1]
    assert json.loads(here("card", "svm", "--format", "json")[1])["parameters"] == 276_681


EXAMPLE = "synthetic-neutral.flac"


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
    assert all(one["ok"] and one["file_bytes"] > 1000 for one in said["models"])


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
    assert (code, one["message"]) == (0, f"answers {EXAMPLE} as its card says")
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
    assert "cut short" in half["message"]
    assert "no such model file" in none["message"]
    assert (none["file_bytes"], good["ok"]) == (None, True)
