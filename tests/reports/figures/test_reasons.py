from __future__ import annotations

import pytest

from hearfelt.inference.explain import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.figures.canvas import figure_png, figure_svg
from hearfelt.reports.figures.reasons import contribution_bars

SHARES = {"chroma": 0.25, "mfcc": -1.5, "zero_crossing_rate": 0.0, "mel": 3.0, "rms": 0.75}


def an_explanation(shares: dict[str, float]) -> Explanation:
    prediction = Prediction("angry", 0.6, {"angry": 0.6, "sad": 0.4}, False, 1.2, "toy")
    return Explanation(prediction, -2.0 + sum(shares.values()), -2.0, shares)


def test_bars_are_as_long_as_the_contributions_and_the_strongest_comes_first() -> None:
    axes = contribution_bars(an_explanation(SHARES)).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [3.0, -1.5, 0.75, 0.25, 0.0]
    assert [text.get_text() for text in axes.texts] == ["+3.00", "−1.50", "+0.75", "+0.25", "+0.00"]
    assert axes.get_yticklabels()[0].get_text() == GROUPS_IN_WORDS["mel"][1]


def test_what_speaks_against_has_another_colour() -> None:
    mel, mfcc, rms, *_ = contribution_bars(an_explanation(SHARES)).axes[0].patches
    assert mel.get_facecolor() == rms.get_facecolor() != mfcc.get_facecolor()


def test_the_plot_says_where_the_log_odds_start_and_end() -> None:
    assert contribution_bars(an_explanation(SHARES)).axes[0].get_xlabel() == (
        "log-odds of angry: −2.00 before listening, +0.50 for this clip"
    )


@pytest.mark.parametrize("share", [0.0, 1e-12, 40.0, -40.0, 1.0])
@pytest.mark.parametrize("other", [0.0, -0.5, -0.001])
def test_every_number_stays_inside_and_beside_the_names(share: float, other: float) -> None:
    figure = contribution_bars(an_explanation({**dict.fromkeys(SHARES, share), "mel": other * share}))
    assert figure_png(figure, dpi=100).startswith(b"\x89PNG")
    axes = figure.axes[0]
    names_end = max(label.get_window_extent().x1 for label in axes.get_yticklabels())
    for text in axes.texts:
        box = text.get_window_extent()
        assert names_end < box.x0
        assert box.x1 <= figure.bbox.x1


def test_a_label_that_looks_like_a_formula_is_drawn_as_text() -> None:
    prediction = Prediction("$a", 0.6, {"$a": 0.6, "b": 0.4}, False, 1.2, "toy")
    svg = figure_svg(contribution_bars(Explanation(prediction, 0.4, 0.0, {"$b": 0.4})))
    assert "log-odds of $a" in svg
    assert "$b" in svg
