from __future__ import annotations

from dataclasses import replace

import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.results.predictions import error_row, prediction_row, why_cells, why_names
from hearfelt.rows import PREDICTION_ROW, columns, table_row

SAD = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "tiny")
CUT = SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0, "promised_s": 2.0})
SHAPLEY = Explanation(SAD, 1.0, 0.5, dict.fromkeys(GROUPS, 0.1))
OCCLUSION = Occlusion(SAD, 1.0, 0.5, (0.2, 1.0, 1.8), (0.0, -2.0, 1.0), BANDS_HZ, (0.3,) * len(BANDS_HZ))


def cells(why: Explanation | Occlusion, input_kind: str) -> dict[str, object]:
    labels, names = ("calm", "sad"), why_names(input_kind)
    row = table_row({**prediction_row("a.wav", SAD, why), **why_cells(why)}, labels, names)
    return dict(zip(columns(labels, names), row, strict=True))


@pytest.mark.parametrize(("kind", "why"), [("classic-162", SHAPLEY), ("sound", OCCLUSION)])
def test_a_table_with_explanations_has_a_number_in_each_of_their_columns(
    kind: str, why: Explanation | Occlusion
) -> None:
    row = cells(why, kind)
    assert (row["source"], row["emotion"], row["calm"], row["sad"], row["error"]) == ("a.wav", "sad", 0.3, 0.7, None)
    more = [name for name in why_names(kind) if name not in PREDICTION_ROW]
    assert more
    assert all(isinstance(row[name], float) for name in more)


def test_the_stretch_that_changes_most_is_named_by_its_ends() -> None:
    row = cells(OCCLUSION, "sound")
    assert (row["without_start_s"], row["without_end_s"], row["without_effect"]) == (0.75, 1.25, -2.0)


def test_json_has_an_explanation_only_if_one_is_wanted() -> None:
    assert "why" not in prediction_row("a.wav", SAD)
    assert prediction_row("a.wav", SAD, SHAPLEY)["why"] == SHAPLEY.to_dict()
    assert error_row("a.wav", "empty") == {"source": "a.wav", "error": "empty"}


def test_json_has_the_plausible_labels_of_a_model_with_quantiles() -> None:
    row = prediction_row("a.wav", replace(SAD, quantiles={"0.9": 0.8, "0.5": 0.5}))
    assert row["plausible"] == {"0.9": ["sad", "calm"], "0.5": ["sad"]}
    assert "plausible" not in prediction_row("a.wav", SAD)
    names = columns(("calm", "sad"))
    assert len(table_row(row, ("calm", "sad"))) == len(names)
    assert "plausible" not in names


def test_json_has_the_names_of_the_schema_in_their_order_and_all_of_each_warning() -> None:
    odd = replace(SAD, warnings=(CUT, SoundWarning("very_quiet", "it is very quiet")))
    assert (*prediction_row("a.wav", odd), "error") == PREDICTION_ROW
    assert prediction_row("a.wav", SAD)["warnings"] == []
    assert prediction_row("a.wav", odd)["warnings"] == [
        {"code": "cut_short", "text": "1.00 s of 2.00 s are there", "there_s": 1.0, "promised_s": 2.0},
        {"code": "very_quiet", "text": "it is very quiet"},
    ]
