from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hearfelt.emotions import EMOTIONS
from hearfelt.evaluation.metrics import coverage_risk, reliability
from hearfelt.reports.figures.canvas import figure_png
from hearfelt.reports.figures.results import (
    cell_strength,
    confusion_matrix,
    coverage_risk_curves,
    fold_bars,
    learning_curves,
    per_class_bars,
    reference_size_lines,
    reliability_diagram,
    reliability_lines,
)
from hearfelt.reports.theme import ACCENT, GRID, INK, SURFACE, contrast, mixed


def words(figure: Figure, place: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[place].texts]


def test_a_confusion_matrix_shows_shares_of_each_row() -> None:
    figure = confusion_matrix([[8, 2], [3, 1]], ["calm", "sad"])
    assert words(figure) == ["80", "20", "75", "25"]
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["calm  (10)", "sad  (4)"]


def test_the_first_label_stands_at_the_top_left() -> None:
    axes = confusion_matrix([[8, 2], [3, 1]], ["calm", "sad"]).axes[0]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.texts[0].get_position() == (0, 0)


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_every_cell_can_be_read_whatever_its_share(shade: str) -> None:
    surface = mixed(getattr(SURFACE, shade), getattr(GRID, shade), 0.35)
    for percent in range(101):
        cell = mixed(surface, getattr(ACCENT, shade), cell_strength(percent / 100))
        assert contrast(getattr(INK, shade), cell) >= 4.5, percent


def test_an_emotion_that_nobody_spoke_has_an_empty_row_and_no_nan() -> None:
    figure = confusion_matrix([[8, 2], [0, 0]], ["calm", "sad"])
    assert words(figure) == ["80", "20"]
    assert figure_png(figure)


def test_a_rare_mistake_is_not_shown_as_none() -> None:
    assert "<1" in words(confusion_matrix([[999, 1], [0, 5]], ["calm", "sad"]))


def test_a_matrix_that_does_not_fit_its_labels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) for 3 labels; \(3, 3\) is needed"):
        confusion_matrix([[1, 0], [0, 1]], ["calm", "sad", "angry"])


def bars(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]


def test_a_bar_is_as_long_as_its_value_and_metrics_keep_their_colour() -> None:
    figure = per_class_bars(EMOTIONS, {"precision": np.linspace(0, 1, 8), "recall": np.full(8, 0.5)})
    drawn = bars(figure)
    np.testing.assert_allclose([bar.get_width() for bar in drawn], [*np.linspace(0, 1, 8), *[0.5] * 8])
    assert len({bar.get_facecolor() for bar in drawn[:8]}) == 1
    assert drawn[0].get_facecolor() != drawn[8].get_facecolor()


def test_a_single_metric_takes_the_emotions_colours() -> None:
    assert len({bar.get_facecolor() for bar in bars(per_class_bars(EMOTIONS, {"recall": np.full(8, 0.5)}))}) == 8


def test_a_metric_with_too_few_values_is_refused() -> None:
    with pytest.raises(ValueError, match="recall: 1 values for 2 labels"):
        per_class_bars(["calm", "sad"], {"recall": [0.5]})


def epochs(count: int, **more: object) -> list[dict[str, object]]:
    return [
        {"epoch": e, "train_loss": 2 / e, "validation_loss": 2.2 / e, "validation_uar": 0.1 * min(e, 4) - 0.01 * e}
        | more
        for e in range(1, count + 1)
    ]


def test_the_epoch_with_the_best_validation_uar_is_marked() -> None:
    figure = learning_curves(epochs(8))
    assert words(figure, 1) == ["chosen: epoch 4"]
    assert words(learning_curves(epochs(8), chosen=2), 1) == ["chosen: epoch 2"]


def test_missing_columns_are_left_out() -> None:
    left, right = learning_curves(epochs(3)).axes
    assert left.get_legend_handles_labels()[1] == ["training", "validation"]
    assert right.get_legend_handles_labels()[1] == ["validation UAR"]
    assert figure_png(learning_curves([]))


def test_of_several_runs_the_mean_is_drawn_as_far_as_half_of_them_went() -> None:
    rows = [row for seed, length in enumerate((4, 8, 8)) for row in epochs(length, fold=1, seed=seed)]
    left = learning_curves(rows).axes[0]
    thick = max(left.get_lines(), key=lambda line: line.get_linewidth())
    assert list(thick.get_xdata()) == list(range(1, 9))
    assert len([line for line in left.get_lines() if line.get_linewidth() < 1]) == 6
    assert not words(learning_curves(rows), 1)


def test_a_fold_has_a_bar_of_its_mean_and_a_dot_for_each_seed() -> None:
    runs = [
        {"fold": fold, "seed": seed, "uar": value}
        for fold, values in {10: (0.4, 0.6), 2: (0.7, 0.9)}.items()
        for seed, value in enumerate(values)
    ]
    axes = fold_bars(runs).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "10"]
    np.testing.assert_allclose([bar.get_height() for bar in bars(axes.figure)], [0.8, 0.5])
    assert [len(dots.get_offsets()) for dots in axes.collections] == [2, 2]
    assert axes.get_ylabel() == "UAR"


def test_a_calibrated_model_lies_on_the_diagonal() -> None:
    confidences = np.repeat([0.25, 0.75], 4)
    correct = [True, False, False, False, True, True, True, False]
    upper = reliability_diagram(reliability(confidences, correct, bins=4)).axes[0]
    line = upper.get_lines()[-1]
    np.testing.assert_allclose(line.get_xdata(), [0.25, 0.75])
    np.testing.assert_allclose(line.get_ydata(), [0.25, 0.75])


def test_full_confidence_falls_into_the_last_bin_and_counts_are_kept() -> None:
    lower = reliability_diagram(reliability([1.0, 1.0, 0.0], [True, True, False])).axes[1]
    heights = [patch.get_height() for patch in lower.patches if isinstance(patch, Rectangle)]
    assert (heights[0], heights[-1], sum(heights)) == (1, 2, 3)


def test_bins_without_predictions_can_be_drawn() -> None:
    assert figure_png(reliability_diagram(reliability([], [])))


def test_a_curve_of_risk_ends_where_all_predictions_are_kept() -> None:
    inside = coverage_risk([0.9, 0.8, 0.7, 0.6], [True, True, True, False])
    (axes,) = coverage_risk_curves({"inside": inside, "outside": coverage_risk([0.9], [False])}).axes
    first, second = axes.get_lines()
    np.testing.assert_allclose(np.stack([first.get_xdata(), first.get_ydata()], 1), inside)
    assert (second.get_xdata()[-1], second.get_ydata()[-1]) == (1.0, 1.0)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["inside", "outside"]


def test_a_curve_without_predictions_can_be_drawn() -> None:
    assert figure_png(coverage_risk_curves({"none": coverage_risk([], [])}))


def test_lines_of_reliability_go_through_the_filled_bins() -> None:
    bins = reliability([0.9, 0.95, 0.3], [True, False, True], bins=5)
    (axes,) = reliability_lines({"inside": bins, "outside": reliability([0.5], [True])}).axes
    _, inside, outside = axes.get_lines()
    np.testing.assert_allclose(inside.get_xydata(), [[0.3, 1.0], [0.925, 0.5]])
    np.testing.assert_allclose(outside.get_xydata(), [[0.5, 1.0]])
    assert inside.get_color() != outside.get_color()


def test_sizes_of_references_stand_side_by_side_and_none_comes_first() -> None:
    (axes,) = reference_size_lines({"by setting": {0: 0.5, 100: 0.61}, "by speaker": {0: 0.5, 16: 0.57}}).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "16", "100"]
    setting, speaker = axes.get_lines()
    assert (setting.get_xdata().tolist(), speaker.get_xdata().tolist()) == ([0, 2], [0, 1])
    assert axes.get_ylim() == (0.5, 0.65)
