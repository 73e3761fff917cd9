from __future__ import annotations

from matplotlib.colors import to_hex

from hearfelt.emotions import look_of
from hearfelt.evaluation.diarization import LabelSpan
from hearfelt.reports.figures.canvas import figure_png
from hearfelt.reports.figures.ribbons import emotion_ribbons

ROWS = {
    "truth": [LabelSpan(1.0, 2.5, "sad"), LabelSpan(3.0, 4.0, "happy")],
    "said": [LabelSpan(0.5, 4.5, "sad")],
    "nothing": [],
}


def test_every_segment_lies_in_its_row_from_its_start_to_its_end_in_its_colour() -> None:
    axes = emotion_ribbons(ROWS, 5.0).axes[0]
    truth, said, nothing = axes.collections
    ends = [(path.get_extents().x0, path.get_extents().x1) for path in truth.get_paths()]
    assert ends == [(1.0, 2.5), (3.0, 4.0)]
    assert [to_hex(colour) for colour in truth.get_facecolors()] == [look_of(name).colour for name in ("sad", "happy")]
    assert [path.get_extents().y1 > path.get_extents().y0 > 0 for path in said.get_paths()] == [True]
    assert len(nothing.get_paths()) == 0
    assert axes.get_xlim() == (0.0, 5.0)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row on top


def test_the_legend_holds_what_occurs_and_the_title_any_name() -> None:
    figure = emotion_ribbons(ROWS, 5.0, title="mine: recording 003")
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["happy", "sad"]
    assert figure_png(figure).startswith(b"\x89PNG")


def test_rows_without_any_segment_can_be_drawn() -> None:
    assert figure_png(emotion_ribbons({"truth": [], "said": []}, 1.0)).startswith(b"\x89PNG")
