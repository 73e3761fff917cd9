from __future__ import annotations

from html import escape

import pytest
from streamlit.testing.v1 import AppTest

from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, shipped_models
from hearfelt.reports.measured import read_measured


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
