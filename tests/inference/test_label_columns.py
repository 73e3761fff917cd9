from __future__ import annotations

import pytest

from hearfelt.inference.label_columns import label_columns
from hearfelt.results.segment_rows import FACTS


@pytest.mark.parametrize("label", [*FACTS, "duration_s", "error"])
def test_a_label_that_is_called_as_a_column_has_a_column_of_its_own(label: str) -> None:
    assert label_columns(["calm", label]) == ["calm", f"p_{label}"]


def test_other_labels_keep_their_names() -> None:
    labels = ["calm", "Source", "p_calm", "p_", "", "errors"]
    assert label_columns(labels) == labels


def test_two_labels_never_share_a_column_and_a_column_depends_on_its_label_alone() -> None:
    labels = ["source", "p_source", "p_p_source", "p_p_p_source"]
    assert label_columns(labels) == ["p_source", "p_p_source", "p_p_p_source", "p_p_p_p_source"]
    assert [label_columns([label])[0] for label in labels] == label_columns(labels)
