from __future__ import annotations

import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from hearfelt.reports.figures.canvas import figure_png, figure_svg, new_figure, plain, quiet, save_figure
from hearfelt.reports.figures.corpora import count_plot
from hearfelt.reports.theme import TONES


def test_a_figure_is_written_as_png_svg_and_pdf(tmp_path: Path) -> None:
    figure = count_plot({"calm": 3, "sad": 5})
    begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    for suffix, begin in begins.items():
        path = save_figure(figure, tmp_path / "new" / f"plot{suffix}")
        assert path.read_bytes().startswith(begin)
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_an_unknown_ending_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png, \.svg, \.pdf, not \.gif"):
        save_figure(count_plot({"calm": 1}), tmp_path / "plot.gif")
    assert not list(tmp_path.iterdir())


def test_the_same_plot_gives_the_same_bytes() -> None:
    first, second = count_plot({"calm": 3, "sad": 5}), count_plot({"calm": 3, "sad": 5})
    assert figure_png(first) == figure_png(second)
    assert figure_svg(first) == figure_svg(second)


def test_matplotlibs_settings_are_as_before_and_pyplot_was_never_needed() -> None:
    before = dict(mpl.rcParams)
    figure_svg(count_plot({"calm": 1}))
    figure_png(count_plot({"calm": 1}))
    assert dict(mpl.rcParams) == before


def test_threads_may_draw_at_once_and_leave_the_settings_alone() -> None:
    before = dict(mpl.rcParams)
    drawn: list[str] = []
    threads = [
        threading.Thread(target=lambda: drawn.append(figure_svg(count_plot({"calm": 1, "sad": 2})))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 4
    assert len(set(drawn)) == 1
    assert dict(mpl.rcParams) == before


def test_an_svg_is_well_formed_and_takes_its_colours_from_the_page() -> None:
    text = figure_svg(count_plot({"angry": 3, "sad": 5}, title="Clips"))
    ElementTree.fromstring(text)
    assert "var(--emotion-angry)" in text
    assert "var(--ink)" in text
    for tone in TONES:
        assert f": {tone.light}" not in text


def test_ids_of_two_drawings_never_meet() -> None:
    def ids(text: str) -> set[str]:
        root = ElementTree.fromstring(text)
        return {element.attrib["id"] for element in root.iter() if "id" in element.attrib}

    one, other = ids(figure_svg(count_plot({"calm": 1}))), ids(figure_svg(count_plot({"calm": 2})))
    assert one
    assert other
    assert not one & other


def test_words_of_an_svg_stay_words() -> None:
    assert ">surprised</text>" in figure_svg(count_plot({"surprised": 3, "sad": 5}))


@pytest.mark.parametrize("label", ["$x_{", "a$b$", r"\frac", "恐れ", "😀", "line\nbreak", "<b>&", "", "x" * 300])
def test_any_label_can_be_drawn(label: str) -> None:
    figure = count_plot({label: 3, "sad": 1}, title=label)
    ElementTree.fromstring(figure_svg(figure))
    assert figure_png(figure).startswith(b"\x89PNG")


def test_a_label_is_shown_as_it_is_and_not_as_a_formula() -> None:
    assert ">a$b$</text>" in figure_svg(count_plot({"a$b$": 3, "sad": 1}))
    assert plain("x\ny\x00z") == "x y z"


def test_quiet_axes_have_no_box_and_a_grid_only_where_asked() -> None:
    figure: Figure = new_figure(3, 2)
    axes = quiet(figure.add_subplot(), grid="y")
    assert not any(side.get_visible() for side in axes.spines.values())
    assert any(line.get_visible() for line in axes.get_ygridlines())
    assert not any(line.get_visible() for line in axes.get_xgridlines())
