from __future__ import annotations

import numpy as np
import pytest

from hearfelt.audio.reader import Audio
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.reports.figures.canvas import figure_png, figure_svg
from hearfelt.reports.figures.explanations import contribution_bars, occlusion_sheet

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
        "log-odds of angry: −2.00 on average, +0.50 for this clip"
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


AUDIO = Audio((0.1 * np.sin(np.arange(32_000) / 9)).astype(np.float32), 16_000, name="tone")


def an_occlusion(times: list[float], bands: list[float]) -> Occlusion:
    prediction = Prediction("angry", 0.6, {"angry": 0.6, "sad": 0.4}, False, 2.0, "toy")
    middles = tuple(np.linspace(0.125, 1.875, len(times)).tolist())
    return Occlusion(prediction, 0.4, 0.25, middles, tuple(times), BANDS_HZ, tuple(bands))


def test_the_curve_stands_under_the_waveform_on_the_same_time_axis() -> None:
    times = [0.1, 0.2, 1.5, -0.4, 0.0]
    wave, curve, bands = occlusion_sheet(AUDIO, an_occlusion(times, [0.1] * 8)).axes
    assert wave.get_xlim() == curve.get_xlim() == (0, 2.0)
    drawn = curve.lines[0]
    assert drawn.get_ydata().tolist() == times
    assert drawn.get_xdata()[2] == pytest.approx(1.0)
    assert bands.get_yticklabels()[5].get_text() == "2.7 to 3.9 kHz"


def test_bands_are_as_long_as_their_effects_and_against_has_another_colour() -> None:
    effects = [0.5, -1.0, 0.0, 2.0, 0.1, 0.1, 0.1, 0.1]
    bars = occlusion_sheet(AUDIO, an_occlusion([0.1] * 5, effects)).axes[2].patches
    assert [bar.get_width() for bar in bars] == effects
    assert bars[0].get_facecolor() != bars[1].get_facecolor()


def test_the_picture_says_that_it_is_occlusion_and_no_cause() -> None:
    svg = figure_svg(occlusion_sheet(AUDIO, an_occlusion([0.1] * 5, [0.2] * 8), title="a$b.wav"))
    assert "not a cause" in svg
    assert "a$b.wav: angry, 60 %" in svg


@pytest.mark.parametrize("effect", [0.0, 1e-9, 30.0, -30.0])
def test_any_effect_can_be_drawn(effect: float) -> None:
    assert figure_png(occlusion_sheet(AUDIO, an_occlusion([effect] * 3, [effect] * 8)), dpi=60).startswith(b"\x89PNG")
