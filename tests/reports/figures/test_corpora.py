from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from hearfelt.emotions import look_of
from hearfelt.reports.figures.canvas import figure_png
from hearfelt.reports.figures.corpora import clip_map, count_plot, histogram, spreads


def test_a_bar_is_as_long_as_its_count_and_has_its_emotions_colour() -> None:
    axes = count_plot({"calm": 192, "angry": 96}).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [192, 96]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [look_of("calm").colour, look_of("angry").colour]
    assert [text.get_text() for text in axes.texts] == ["192", "96"]


def test_labels_that_are_no_emotions_have_one_colour_unless_told() -> None:
    assert len({bar.get_facecolor() for bar in count_plot({"01": 3, "02": 4}).axes[0].patches}) == 1
    told = count_plot({"01": 3, "02": 4}, colours=["#ff0000", "#00ff00"]).axes[0].patches
    assert [to_hex(bar.get_facecolor()) for bar in told] == ["#ff0000", "#00ff00"]


def test_many_labels_stand_upright_and_too_many_are_added_up() -> None:
    axes = count_plot({f"{k:02d}": 104 for k in range(24)}).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [104] * 24
    axes = count_plot({f"{k:04d}": 10 for k in range(500)}).axes[0]
    assert len(axes.patches) == 100
    assert sum(bar.get_height() for bar in axes.patches) == 5_000
    assert axes.get_xticklabels()[-1].get_text() == "401 others"


def test_nothing_to_count_is_drawn_as_nothing() -> None:
    assert figure_png(count_plot({}))
    assert figure_png(histogram([], label="seconds"))
    assert figure_png(spreads({}, label="seconds"))


def test_every_value_stands_in_a_bar_of_the_histogram() -> None:
    values = np.random.default_rng(0).normal(4, 1, 500)
    axes = histogram(values, label="seconds").axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 500
    assert axes.texts[0].get_text() == f"median {np.median(values):.1f}"
    assert sum(bar.get_height() for bar in histogram([2.0] * 7, label="seconds").axes[0].patches) == 7


def test_a_spread_shows_the_median_and_the_middle_half() -> None:
    outer, inner, dot = spreads({"calm": np.arange(101), "empty": []}, label="seconds").axes[0].get_lines()
    np.testing.assert_allclose(outer.get_xdata(), (5, 95))
    np.testing.assert_allclose(inner.get_xdata(), (25, 75))
    np.testing.assert_allclose(dot.get_xdata(), 50)


def test_every_clip_is_a_dot_of_its_groups_colour() -> None:
    axes = clip_map([[0, 0], [1, 1], [2, 0]], ["calm", "sad", "calm"]).axes[0]
    dots = axes.collections[0]
    at = {tuple(place): to_hex(colour) for place, colour in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)}
    assert at[(1.0, 1.0)] == look_of("sad").colour
    assert at[(0.0, 0.0)] == at[(2.0, 0.0)] == look_of("calm").colour
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["calm", "sad"]


def test_a_name_stands_among_its_groups_densest_dots() -> None:
    generator = np.random.default_rng(0)
    heap, strays = generator.normal(0, 0.1, (30, 2)), generator.uniform(-9, 9, (10, 2))
    other = generator.normal(8, 0.1, (30, 2))
    places = np.concatenate([heap, strays, other])
    axes = clip_map(places, ["r/01"] * 40 + ["r/02"] * 30, named=True).axes[0]
    by_name = {text.get_text(): np.asarray(text.get_position()) for text in axes.texts}
    assert np.abs(by_name["01"]).max() < 0.5
    assert np.abs(by_name["02"] - 8).max() < 0.5
    assert axes.get_legend() is None


def test_names_of_groups_that_lie_on_each_other_are_kept_apart() -> None:
    places = np.random.default_rng(0).normal(0, 1, (400, 2))
    axes = clip_map(places, [f"r/{k % 8}" for k in range(400)], named=True).axes[0]
    spots = np.array([text.get_position() for text in axes.texts]) / np.ptp(places, axis=0)
    gaps = np.hypot(*(spots[:, None] - spots[None]).T)
    assert gaps[~np.eye(8, dtype=bool)].min() > 0.04


def test_points_without_a_group_are_refused() -> None:
    with pytest.raises(ValueError, match="2 points and 1 groups"):
        clip_map([[0, 0], [1, 1]], ["calm"])
    assert figure_png(clip_map(np.zeros((0, 2)), []))
