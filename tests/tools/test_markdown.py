from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearfelt.errors import CorpusError
from result_pages.markdown import count, markdown_table, megabytes, read_speeds, speed


def test_columns_at_the_left_are_as_many_as_asked_for() -> None:
    assert markdown_table(("a", "b", "c"), [("1", "2", "3")], left=2).splitlines()[1] == "|---|---|--:|"


def test_parameters_are_written_as_papers_do_without_a_thousand_thousand() -> None:
    assert [count(number) for number in (999, 999_499, 999_500, 99_949_999, 99_950_000)] == [
        "1 k",
        "999 k",
        "1.0 M",
        "99.9 M",
        "100 M",
    ]


def test_what_nobody_measured_is_a_dash() -> None:
    assert (count(0), megabytes(0), speed(None)) == ("–", "–", "–")


def test_speeds_are_read_by_model_and_those_without_one_stay_out(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"machine": "x", "models": {"big": {"seconds_per_second": 61.5}, "odd": {"peak": 3}}}))
    assert read_speeds(path) == {"big": 61.5}
    assert read_speeds(tmp_path / "nowhere.json") == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"models": {"big": {"seconds_per_second": "fast"}}}', "{}"])
def test_a_damaged_file_of_speeds_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(CorpusError, match=r"format of benchmarks/model\.py"):
        read_speeds(path)
