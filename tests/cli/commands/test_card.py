from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hearfelt.emotions import EMOTIONS


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
    assert "listens to the sound itself" in said
    assert "at most 2 s at once" in said
    assert f"136 parameters, {sound_model.stat().st_size / 1e6:.1f} MB" in said
    assert "licence CC BY-NC 4.0 (of the weights: for non-commercial use only; the code is MIT)" in said
    assert json.loads(here("card", sound_model, "--format", "json")[1])["file_bytes"] == sound_model.stat().st_size


def test_a_licence_that_forbids_nothing_is_left_as_it_is(here: Callable, model: Path) -> None:
    assert "licence CC0" in " ".join(here("card", model)[1].split())
    assert "commercial" not in here("card", model)[1]


def test_numbers_that_a_card_leaves_out_are_counted_in_the_file(here: Callable) -> None:
    assert "276,681 parameters, 4.2 MB" in here("card", "svm")[1]
    assert json.loads(here("card", "svm", "--format", "json")[1])["parameters"] == 276_681
