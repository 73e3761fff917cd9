from __future__ import annotations

import pytest
from rich.cells import cell_len

from hearfelt.cli.display.explanations import why_chart
from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction

ANGRY = Prediction("angry", 0.8, {"angry": 0.8, "sad": 0.2}, False, 3.0, "tiny")


def explanation(**shares: float) -> Explanation:
    return Explanation(ANGRY, 1.0, 0.0, {**dict.fromkeys(GROUPS, 0.0), **shares})


def occlusion(times: dict[int, float], bands: dict[int, float], *, windows: int = 29) -> Occlusion:
    middles = tuple(0.125 + place * 2.75 / (windows - 1) for place in range(windows))
    time_effects = tuple(times.get(place, 0.0) for place in range(windows))
    return Occlusion(
        ANGRY, 1.4, 0.25, middles, time_effects, BANDS_HZ, tuple(bands.get(place, 0.0) for place in range(8))
    )


@pytest.mark.parametrize("width", [40, 50, 63, 80, 120])
def test_a_chart_of_groups_fits(width: int) -> None:
    chart = why_chart(explanation(mfcc=1.0, rms=-0.7, chroma=0.01), width).plain
    assert max(cell_len(line) for line in chart.splitlines()) <= width


def test_the_chart_puts_for_to_the_right_and_against_to_the_left_strongest_first() -> None:
    first, second, *_ = why_chart(explanation(mfcc=0.5, rms=-1.0), 80).plain.splitlines()
    assert first.strip().startswith("loudness")
    assert first.partition("│")[0].endswith("█" * 14)
    assert "█" not in first.partition("│")[2]
    assert second.strip().startswith("timbre")
    assert second.partition("│")[2].startswith("█" * 7 + " ")
    assert "█" not in second.partition("│")[0]


@pytest.mark.parametrize("width", [30, 40, 63, 80, 120])
@pytest.mark.parametrize("windows", [10, 60])
def test_a_chart_of_occlusion_fits(width: int, windows: int) -> None:
    chart = why_chart(occlusion({3: 1.0, 7: -0.5}, {0: 0.3, 5: -12.5}, windows=windows), width).plain
    assert max(cell_len(line) for line in chart.splitlines()) <= width


def test_the_curve_rises_where_the_answer_needs_the_sound_and_what_speaks_against_it_stands_below() -> None:
    up, down, axis, *bands = why_chart(occlusion({9: 2.0, 20: -1.0}, {5: 1.0}), 80).plain.splitlines()
    assert up.index("█") == down.index("▄") - 11 == 4 + 8 + 9
    assert up.split() == ["for", "█"]
    assert down.split() == ["against", "▄"]
    assert axis.split() == ["0", "3.0", "s"]
    assert bands[5].split()[:4] == ["2,682", "to", "3,934", "Hz"]
    assert "█" * 14 in bands[5]


def test_where_nothing_speaks_against_the_answer_there_is_no_line_for_it() -> None:
    chart = why_chart(occlusion({9: 2.0}, {5: 1.0}), 80).plain
    assert "against" not in chart


def test_a_flat_chart_is_drawn_all_the_same() -> None:
    assert "for" in why_chart(occlusion({}, {}), 80).plain
