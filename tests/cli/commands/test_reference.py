from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.reference import Reference

Here = Callable[..., tuple[int, str, str]]
RATE_HZ = 16_000


@pytest.fixture(scope="session")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five short recordings that differ in pitch."""
    folder = tmp_path_factory.mktemp("mine")
    time_s = np.arange(RATE_HZ) / RATE_HZ
    for hz in (150, 240, 330, 520, 900):
        noise = np.random.default_rng(hz).normal(0, 0.01, RATE_HZ)
        soundfile.write(folder / f"{hz}.wav", 0.2 * np.sin(2 * np.pi * hz * time_s) + noise, RATE_HZ)
    return folder


def answers(output: str) -> list[dict[str, float]]:
    return [json.loads(line)["probabilities"] for line in output.splitlines()]


def test_the_file_is_the_reference_that_python_makes(
    here: Here, reference_model: Path, mine: Path, tmp_path: Path
) -> None:
    code, said, _ = here("reference", mine, "--out", tmp_path / "me.json", "--model", reference_model)
    assert (code, said.splitlines()[0]) == (
        0,
        f"{tmp_path / 'me.json'}: 5 recordings, for the model sound-toy; it counts 71%",
    )
    assert Reference.load(tmp_path / "me.json") == Recognizer.load(reference_model).reference(sorted(mine.iterdir()))


def test_a_file_a_folder_and_python_give_the_same_predictions(
    here: Here, reference_model: Path, mine: Path, tmp_path: Path
) -> None:
    here("reference", mine, "--out", tmp_path / "me.json", "--model", reference_model)
    asked = ("recognize", mine / "330.wav", "--format", "json", "--model", reference_model)
    (plain,) = answers(here(*asked)[1])
    (by_file,) = answers(here(*asked, "--reference", tmp_path / "me.json")[1])
    (by_folder,) = answers(here(*asked, "--reference", mine)[1])
    recognizer = Recognizer.load(reference_model)
    expected = recognizer.recognize(mine / "330.wav", reference=Reference.load(tmp_path / "me.json"))
    assert by_file == by_folder == pytest.approx(dict(expected.probabilities), abs=1e-4)
    assert plain != by_file


def test_json_says_what_is_in_it(here: Here, reference_model: Path, mine: Path, tmp_path: Path) -> None:
    one = mine / "150.wav"
    _, said, _ = here("reference", one, "-o", tmp_path / "me.json", "-m", reference_model, "--format", "json")
    facts = json.loads(said)
    assert (facts["recordings"], [warning["code"] for warning in facts["warnings"]]) == (1, ["short_reference"])
    assert sum(facts["probabilities"].values()) == pytest.approx(1.0, abs=0.01)


def test_a_recording_that_cannot_be_read_is_reported_and_left_out(
    here: Here, reference_model: Path, mine: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    out = tmp_path / "me.json"
    code, said, errors = here("reference", mine, tmp_path / "bad.wav", "-o", out, "-m", reference_model)
    assert code == 3
    assert "5 recordings" in said
    assert "bad.wav" in errors
    assert Reference.load(out).count == 5


@pytest.mark.parametrize("command", ["timeline", "listen"])
def test_other_commands_take_it_too(
    command: str, here: Here, reference_model: Path, mine: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "short.wav", np.random.default_rng(0).normal(0, 0.1, 4_000), RATE_HZ)
    sound = ("--file", tmp_path / "short.wav") if command == "listen" else (tmp_path / "short.wav",)
    code, said, errors = here(
        command, *sound, "--reference", mine / "150.wav", "--model", reference_model, "--format", "json"
    )
    assert code == 0
    assert "the reference has 1 recording" in (errors if command == "timeline" else said)


def test_what_does_not_fit_is_one_sentence(
    here: Here, model: Path, reference_model: Path, mine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "me.json"
    assert here("reference", mine, "-o", out, "-m", model)[::2] == (
        6,
        "hearfelt: tiny: this model file takes no reference recordings; older and fine-tuned ones don't\n",
    )
    assert here("reference", mine, "-o", tmp_path / "me.wav", "-m", reference_model)[0] == 2
    assert here("reference", tmp_path, "-o", out, "-m", reference_model)[0] == 3
    out.write_text("{}")
    code, _, errors = here("recognize", mine / "150.wav", "--reference", out, "-m", reference_model)
    assert (code, errors) == (
        6,
        f"hearfelt: {out}: this is no reference; a file that `hearfelt reference` wrote is wanted\n",
    )
    code, _, errors = here("recognize", mine / "150.wav", "--reference", tmp_path / "none", "-m", reference_model)
    assert (code, "none" in errors) == (3, True)
