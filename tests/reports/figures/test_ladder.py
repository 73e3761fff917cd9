from __future__ import annotations

from itertools import combinations

import pytest
from matplotlib.figure import Figure

from hearfelt.reports.figures.ladder import leak_ladder

STEPS = ["by speaker", "by clip", "copies", "epoch"]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_score_and_every_gain_is_written_once() -> None:
    shown = words(leak_ladder(STEPS, {"classic": [0.3612, 0.6804, 0.72, 0.71]}))
    assert [text for text in shown if text.endswith("%")] == ["36.1 %", "68.0 %", "72.0 %", "71.0 %"]
    # differences of the figures as they stand there, so that a reader's sum comes out
    assert [text for text in shown if text.endswith("points")] == ["+31.9 points", "+4.0 points", "−1.0 points"]


def test_each_model_has_a_line_in_a_colour_of_its_own() -> None:
    figure = leak_ladder(
        STEPS, {"hearfelt": [0.84, 0.93, 0.96, 0.97], "classic": [0.36, 0.68, 0.72, 0.71]}, guess=0.133
    )
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 4]  # type: ignore[arg-type]
    assert len({line.get_color() for line in lines}) == 2
    assert {"hearfelt", "classic", "chance"} <= set(words(figure))


def test_a_step_that_was_not_measured_is_left_out_and_its_gain_spans_it() -> None:
    shown = words(leak_ladder(STEPS, {"classic": [0.4, None, 0.7, None]}))
    assert [text for text in shown if "points" in text] == ["+30.0 points"]
    assert [text for text in shown if text.endswith("%")] == ["40.0 %", "70.0 %"]
    assert "classic" not in words(leak_ladder(STEPS, {"classic": [None] * 4}))


def test_scores_that_do_not_fit_the_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="classic: 2 scores for 4 steps"):
        leak_ladder(STEPS, {"classic": [0.4, 0.5]})


@pytest.mark.parametrize("last", [0.988, None])
def test_no_words_cover_each_other_or_another_models_line(last: float | None) -> None:
    scores = {"hearfelt": [0.808, 0.898, 0.990, last], "classic": [0.376, 0.622, 0.924, last and 0.961]}
    figure = leak_ladder(STEPS, scores, guess=0.133, title="Ladder")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = {text.get_text(): text.get_window_extent().padded(-1) for text in axes.texts}
    for (one, box), (other, beside) in combinations(boxes.items(), 2):
        assert not box.overlaps(beside), (one, other)
    for line in axes.lines[:2]:
        path = line.get_path().transformed(axes.transData)
        for word, box in boxes.items():
            assert not path.intersects_bbox(box, filled=False), (word, line.get_color())
