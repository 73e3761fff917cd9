from __future__ import annotations

from html import escape

import pytest
from streamlit.testing.v1 import AppTest

from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, shipped_models
from hearfelt.reports.shipped_scores import read_measured


def view() -> None:
    from hearfelt.page.model_view import show
    from hearfelt.page.settings import PageSettings

    show(PageSettings())


@pytest.fixture(scope="module")
def shown() -> AppTest:
    return AppTest.from_function(view, default_timeout=60).run()


def markup(app: AppTest) -> str:
    return "\n".join(str(one.proto.body) for one in app.get("html"))


def test_the_view_runs_without_a_fault(shown: AppTest) -> None:
    assert not shown.exception


def test_the_headline_is_the_honest_figure_of_the_default_model(shown: AppTest) -> None:
    one = read_measured().of(DEFAULT_MODEL)[0]
    assert not one.leaky
    assert f'hf-score-figure">{round(100 * one.uar)}<' in markup(shown)


def test_why_there_are_more_answers_than_clips_is_said(shown: AppTest) -> None:
    one = read_measured().of(DEFAULT_MODEL)[0]
    assert one.seeds > 1
    assert f"each clip has {one.seeds} answers" in markup(shown)


def test_every_limit_of_the_card_is_said(shown: AppTest) -> None:
    assert all(escape(limit) in markup(shown) for limit in Recognizer.load().card.limits)


def test_the_whole_card_can_be_downloaded(shown: AppTest) -> None:
    [button] = shown.get("download_button")
    assert button.proto.label == "Download the whole card"


@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_can_be_looked_at(shown: AppTest, name: str) -> None:
    shown.session_state["model-shown"] = name
    shown.run()
    assert not shown.exception
    assert f"**{name}**" in shown.markdown[0].value


def looked_at(shown: AppTest, name: str) -> str:
    shown.session_state["model-shown"] = name
    shown.run()
    return markup(shown) + "\n".join(one.value for one in shown.header)


@pytest.mark.parametrize("name", shipped_models())
def test_leaky_figures_are_explained_where_there_are_any(shown: AppTest, name: str) -> None:
    has_leaks = any(one.leaky for one in read_measured().of(name))
    said = looked_at(shown, name)
    assert ("marked <em>leaky</em>" in said) == ("Why other figures are higher" in said) == has_leaks
    assert ("Every measurement" in [one.value for one in shown.header]) != has_leaks
    assert "UAR is the share of right answers" in said
    assert "each emotion counting as much (UAR) %" in said


@pytest.mark.parametrize("name", shipped_models())
def test_the_words_tell_whose_figures_they_are_and_what_the_shipped_file_reaches(shown: AppTest, name: str) -> None:
    said, known = looked_at(shown, name), read_measured()
    very_file = known.for_strangers(name)
    assert very_file is not None
    assert f"on the {very_file.speakers} people that it has not heard" in said
    assert said.count(f"{100 * very_file.calibration_error:.1f} %") == 2
    assert " 0 answers" not in said
    most = max(known.of(name)[0].right_between(*ends)[0] for ends in ((0.9, 1), (0.7, 0.9), (0.5, 0.7), (0, 0.5)))
    assert f"Of the {most:,} answers called" in said


@pytest.mark.parametrize("name", shipped_models())
def test_a_model_that_hears_a_part_says_which(shown: AppTest, name: str) -> None:
    hears_part = Recognizer.load(name, threads=1).card.input != "sound"
    assert ("from 0.6 to 3.1 s of it" in looked_at(shown, name)) == hears_part
