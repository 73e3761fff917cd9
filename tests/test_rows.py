from __future__ import annotations

import pytest

from hearfelt.rows import PART_ROW, PREDICTION_ROW, SEGMENT_ROW, columns, label_columns, table_row

ROWS = [PREDICTION_ROW, PART_ROW, SEGMENT_ROW]


@pytest.mark.parametrize("label", [name for name in SEGMENT_ROW if name != "probabilities"])
def test_a_label_that_is_called_as_a_column_has_a_column_of_its_own(label: str) -> None:
    assert label_columns(["calm", label]) == ["calm", f"p_{label}"]


def test_other_labels_keep_their_names() -> None:
    labels = ["calm", "Source", "p_calm", "p_", "", "errors"]
    assert label_columns(labels) == labels


def test_two_labels_never_share_a_column_and_a_column_depends_on_its_label_alone() -> None:
    labels = ["source", "p_source", "p_p_source", "p_p_p_source"]
    assert label_columns(labels) == ["p_source", "p_p_source", "p_p_p_source", "p_p_p_p_source"]
    assert [label_columns([label])[0] for label in labels] == label_columns(labels)


def test_all_rows_have_the_same_names_in_the_same_order() -> None:
    place = ("channel", "start_s", "end_s")
    assert [tuple(name for name in row if name not in place) for row in ROWS] == [PREDICTION_ROW] * 3
    assert [row[:4] for row in ROWS[1:]] == [("source", "start_s", "end_s", "emotion"), ("source", *place)]


@pytest.mark.parametrize("names", ROWS)
def test_a_table_has_a_cell_for_every_column_also_of_a_row_without_a_prediction(names: tuple[str, ...]) -> None:
    labels = ["calm", "source"]
    row = table_row({"source": "a.wav", "error": "empty"}, labels, names)
    assert dict(zip(columns(labels, names), row, strict=True)) == {
        name: {"source": "a.wav", "error": "empty"}.get(name) for name in columns(labels, names)
    }


def test_a_table_has_the_codes_of_the_warnings_and_no_others() -> None:
    found = [{"code": "clipped", "text": "it is distorted"}, {"code": "very_quiet", "text": "it is very quiet"}]
    assert table_row({"warnings": found}, [], ("warnings",)) == ["clipped;very_quiet"]
    assert table_row({"warnings": []}, [], ("warnings",)) == [""]


def test_a_label_of_another_model_has_an_empty_cell() -> None:
    assert table_row({"probabilities": {"calm": 0.25}}, ["calm", "sad"], ("probabilities",)) == [0.25, None]
