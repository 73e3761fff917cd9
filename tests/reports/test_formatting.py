from __future__ import annotations

import pytest

from hearfelt.reports.formatting import bare, interval, many, percent


@pytest.mark.parametrize(("share", "shown"), [(0.0, "0.0"), (1.0, "100.0"), (0.74609, "74.6"), (0.00049, "0.0")])
def test_a_share_is_written_with_one_decimal(share: float, shown: str) -> None:
    assert bare(share) == shown
    assert percent(share) == f"{shown} %"


def test_an_interval_that_is_not_there_is_a_dash() -> None:
    assert interval(None) == "–"
    assert interval((0.5, 0.6123)) == "50.0–61.2"


def test_one_is_singular_and_nothing_is_not() -> None:
    assert (many(0, "clip"), many(1, "clip"), many(2_452, "clip")) == ("0 clips", "1 clip", "2,452 clips")
