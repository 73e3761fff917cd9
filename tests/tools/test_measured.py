from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hearfelt.evaluation.results import Results, find_results
from hearfelt.inference.recognizer import shipped_models
from hearfelt.reports.shipped_scores import read_measured
from result_pages.measured import measured, measured_text

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory, make_results: Callable[..., Results]) -> list[Results]:
    home = tmp_path_factory.mktemp("results")
    return [make_results(home, protocol, "weak", 0.8) for protocol in ("seed-ravdess", "emobox-ravdess")]


def test_what_is_written_is_read_back(weak: list[Results], climbed: list[Results]) -> None:
    known = measured([*weak, *climbed], {"weak"})
    assert known.ladder is not None
    assert read_measured(measured_text(known)) == known


def test_the_honest_figures_of_a_model_come_first(weak: list[Results]) -> None:
    assert [one.protocol for one in measured(weak, {"weak"}).of("weak")] == ["emobox-ravdess", "seed-ravdess"]


def test_figures_are_those_of_the_summary(weak: list[Results]) -> None:
    [_, leaky] = measured(weak, {"weak"}).of("weak")
    assert (leaky.uar, leaky.calibration_error) == (pytest.approx(weak[0].figure("uar")), weak[0].summary["ece"])
    assert leaky.uar_ends == weak[0].interval("uar")
    assert sum(map(sum, leaky.confusion)) == len(weak[0].evaluation) == sum(bin.count for bin in leaky.reliability)


def test_a_row_of_shares_adds_up_and_what_is_confused_is_no_diagonal(weak: list[Results]) -> None:
    [one, _] = measured(weak, {"weak"}).of("weak")
    assert all(sum(row) == pytest.approx(1) for row in one.shares())
    confused = one.most_confused(3)
    assert all(truth != answer for truth, answer, _ in confused)
    assert confused[0][2] == max(
        share for row, shares in enumerate(one.shares()) for column, share in enumerate(shares) if row != column
    )


def test_models_that_are_not_shipped_stay_out(weak: list[Results]) -> None:
    assert measured(weak, {"other"}).measurements == ()
    assert measured(weak, {"other"}).ladder is None


def test_what_comes_with_the_package_is_what_the_results_say() -> None:
    if not RESULTS.is_dir():
        pytest.skip("only a checkout has results/")
    known = measured(find_results(RESULTS), shipped_models())
    assert read_measured() == known, "make docs writes it anew"
    assert {one.model for one in known.measurements} == set(shipped_models())


def test_how_often_sure_answers_were_right_is_counted_from_all_of_them(weak: list[Results]) -> None:
    [one, _] = measured(weak, {"weak"}).of("weak")
    confidences, correct = weak[1].evaluation.confidences, weak[1].evaluation.correct
    among = (confidences > 0.3) & (confidences <= 0.5)
    count, share = one.right_between(0.3, 0.5)
    assert count == among.sum() > 0
    assert share == pytest.approx(correct[among].mean(), abs=1e-5)
    assert one.right_between(0.5, 0.5) == (0, 0)
