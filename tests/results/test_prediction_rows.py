from __future__ import annotations

from dataclasses import replace

import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.results.prediction_rows import answer_columns, answer_object, answer_row, refusal_object, refusal_row

SAD = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "tiny")
CUT = SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0, "promised_s": 2.0})
SHAPLEY = Explanation(SAD, 1.0, 0.5, dict.fromkeys(GROUPS, 0.1))
OCCLUSION = Occlusion(SAD, 1.0, 0.5, (0.2, 1.0, 1.8), (0.0, -2.0, 1.0), BANDS_HZ, (0.3,) * len(BANDS_HZ))


@pytest.mark.parametrize(("kind", "why"), [("", None), ("classic-162", SHAPLEY), ("sound", OCCLUSION)])
def test_a_row_has_a_cell_for_every_column(kind: str, why: Explanation | Occlusion | None) -> None:
    columns = answer_columns(("calm", "sad"), reasons_of=kind)
    row = dict(zip(columns, answer_row("a.wav", SAD, why), strict=True))
    assert (row["source"], row["emotion"], row["calm"], row["sad"], row["error"]) == ("a.wav", "sad", 0.3, 0.7, "")
    assert len(refusal_row("a.wav", "empty", columns)) == len(columns)


def test_the_stretch_that_changes_most_is_named_by_its_ends() -> None:
    row = dict(zip(answer_columns(("calm", "sad"), reasons_of="sound"), answer_row("a", SAD, OCCLUSION), strict=True))
    assert (row["without_start_s"], row["without_end_s"], row["without_effect"]) == (0.75, 1.25, -2.0)


def test_an_object_has_reasons_only_where_they_were_asked() -> None:
    assert "why" not in answer_object("a.wav", SAD)
    assert answer_object("a.wav", SAD, SHAPLEY)["why"] == SHAPLEY.to_dict()
    assert refusal_object("a.wav", "empty") == {"source": "a.wav", "error": "empty"}


def test_an_object_nests_what_is_odd_and_a_row_has_its_codes() -> None:
    odd = replace(SAD, warnings=(CUT, SoundWarning("very_quiet", "it is very quiet")))
    assert answer_object("a.wav", SAD)["warnings"] == []
    assert answer_object("a.wav", odd)["warnings"] == [
        {"code": "cut_short", "text": "1.00 s of 2.00 s are there", "there_s": 1.0, "promised_s": 2.0},
        {"code": "very_quiet", "text": "it is very quiet"},
    ]
    columns = answer_columns(("calm", "sad"))
    assert dict(zip(columns, answer_row("a.wav", odd), strict=True))["warnings"] == "cut_short;very_quiet"
    assert dict(zip(columns, answer_row("a.wav", SAD), strict=True))["warnings"] == ""


def test_a_label_that_is_called_as_a_column_has_a_column_of_its_own() -> None:
    odd = Prediction("warnings", 0.7, {"model": 0.3, "warnings": 0.7}, False, 2.0, "mine")
    row = dict(zip(answer_columns(("model", "warnings")), answer_row("a.wav", odd), strict=True))
    assert (row["model"], row["p_model"], row["warnings"], row["p_warnings"]) == ("mine", 0.3, "", 0.7)
