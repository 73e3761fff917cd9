from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from hearfelt.evaluation.metrics import Reliability
from hearfelt.inference.recognizer import DEFAULT_MODEL
from hearfelt.page.model_drawing import ladder, reliability
from hearfelt.reports.shipped_scores import Ladder, read_measured

SHIPPED = read_measured().of(DEFAULT_MODEL)[0]


def points(markup: str) -> list[tuple[float, float, float]]:
    circles = ElementTree.fromstring(markup).findall("circle")
    return [(float(one.get("cx", 0)), float(one.get("cy", 0)), float(one.get("r", 0))) for one in circles]


def test_a_point_on_the_diagonal_means_as_sure_as_right() -> None:
    bins = tuple(Reliability(k / 2, k / 2 + 0.5, 10, k / 2 + 0.25, k / 2 + 0.25) for k in range(2))
    [low, high] = points(reliability(replace(SHIPPED, reliability=bins)))
    assert low[0] - high[0] == pytest.approx(high[1] - low[1])


def test_more_answers_are_a_larger_point_and_too_few_are_none() -> None:
    bins = tuple(Reliability(k / 4, k / 4 + 0.25, count, 0.5, 0.5) for k, count in enumerate((0, 3, 20, 100)))
    [few, many] = points(reliability(replace(SHIPPED, reliability=bins)))
    assert few[2] < many[2]


def test_the_diagram_of_the_shipped_model_says_its_points_in_words() -> None:
    said = ElementTree.fromstring(reliability(SHIPPED)).get("aria-label", "")
    assert said.startswith("Reliability diagram: ")
    assert said.count("said and") == len(points(reliability(SHIPPED)))


def test_the_ladder_rises_with_every_leak_and_skips_what_was_not_measured() -> None:
    steps = Ladder(("honest", "one", "two"), {"mine": (0.4, 0.6, 0.9), "other": (0.3, None, 0.5)}, 0.125)
    drawn = points(ladder(steps))
    assert len(drawn) == 5
    assert [height for _, height, _ in drawn[:3]] == sorted((height for _, height, _ in drawn[:3]), reverse=True)
    assert "mine from 40.0 % to 90.0 %" in ladder(steps)


def test_figures_of_the_best_stand_above_its_line_and_those_of_others_below_theirs() -> None:
    markup = ladder(Ladder(("honest", "one"), {"other": (0.3, 0.9), "mine": (0.6, 0.99)}, 0.125))
    heights = {one.text: float(one.get("y", 0)) for one in ElementTree.fromstring(markup).iterfind("text[@class]")}
    [_, other, _, mine] = (height for _, height, _ in points(markup))
    assert heights["90.0"] > other + 12
    assert 8 < heights["99.0"] < mine - 5  # and is seen whole
