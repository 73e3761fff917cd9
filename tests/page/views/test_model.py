from __future__ import annotations

import re
import sys
from dataclasses import replace
from html import escape
from xml.etree import ElementTree

import pytest
from streamlit.testing.v1 import AppTest

from hearfelt.evaluation.metrics import Reliability
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import SURE_WORDS
from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, shipped_models
from hearfelt.page.style import fragment
from hearfelt.page.texts import confidence_range
from hearfelt.page.views.model import outside_words
from hearfelt.reports.shipped_scores import Measurement, read_scores


def view() -> None:
    from hearfelt.page.settings import PageSettings
    from hearfelt.page.views.model import show

    show(PageSettings())


@pytest.fixture(scope="module")
def shown() -> AppTest:
    return AppTest.from_function(view, default_timeout=60).run()


def markup(app: AppTest) -> str:
    return "\n".join(str(one.proto.body) for one in app.get("html")).replace("\u00a0", " ")


def test_without_matplotlib_the_view_has_no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearfelt.page.views.model.HAS_PLOTS", False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    bare = AppTest.from_function(view, default_timeout=60).run()
    assert not bare.exception
    assert not [one.label for one in bare.expander if one.label == "Reliability diagram"]


def test_the_view_runs_without_a_fault(shown: AppTest) -> None:
    assert not shown.exception


def test_the_headline_is_the_honest_figure_of_the_default_model(shown: AppTest) -> None:
    one = read_scores().of(DEFAULT_MODEL)[0]
    assert not one.leaky
    assert f'hf-score-figure">{round(100 * one.uar)}<' in markup(shown)


def test_why_there_are_more_answers_than_clips_is_said(shown: AppTest) -> None:
    name = "svm"
    seeds = read_scores().of(name)[0].seeds
    assert seeds > 1
    assert f"each clip has {seeds} predictions" in looked_at(shown, name)


def test_every_limit_of_the_card_is_said(shown: AppTest) -> None:
    said = looked_at(shown, DEFAULT_MODEL)
    assert all(escape(limit) in said for limit in Recognizer.load().card.limits)


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
    has_leaks = any(one.leaky for one in read_scores().of(name))
    said = looked_at(shown, name)
    assert ("marked <em>leaky</em>" in said) == ("Leaky scores" in said) == has_leaks
    assert ("All measurements" in [one.value for one in shown.header]) != has_leaks
    assert "UAR (unweighted average recall)" in said
    assert "UAR % (each emotion weighted equally)" in said


@pytest.mark.parametrize("name", shipped_models())
def test_the_words_tell_whose_figures_they_are_and_what_the_shipped_file_reaches(shown: AppTest, name: str) -> None:
    said, known = looked_at(shown, name), read_scores()
    shipped = known.for_unseen_speakers(name)
    assert shipped is not None
    assert f"on the {shipped.speakers} speakers held out from its training" in said
    assert len(re.findall(rf"(?<!\d){100 * shipped.calibration_error:.1f} %", said)) == 2
    assert " 0 predictions" not in said
    most = max(known.of(name)[0].right_between(*ends)[0] for ends in ((0.9, 1), (0.7, 0.9), (0.5, 0.7), (0, 0.5)))
    has_bands = bool(Recognizer.load(name, threads=1).card.bands)  # then the words are about other corpora
    assert re.search(rf"Of the {most:,} predictions {'with' if has_bands else 'called'}", said)


@pytest.mark.parametrize("name", shipped_models())
def test_a_model_that_uses_a_part_of_a_sound_says_which(shown: AppTest, name: str) -> None:
    uses_part = Recognizer.load(name, threads=1).card.input != "sound"
    assert ("seconds 0.6 to 3.1" in looked_at(shown, name)) == uses_part


BINS = tuple(Reliability(k / 10, (k + 1) / 10, 10, (k + 0.5) / 10, (k + 0.5) / 10) for k in range(10))
ONE = Measurement(
    "mine", "by-speaker", "a <corpus>", False, False, 0.6, (0.5, 0.7), 0.55, 0.03, 100, 8, 1, ("calm", "sad"),
    ((40, 10), (20, 30)), BINS,
)  # fmt: skip
WORDS = [(word, *confidence_range(least), *ONE.right_between(*confidence_range(least))) for least, word in SURE_WORDS]


def read(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{str(markup).replace('<br>', '<br/>')}</div>")


def text_of(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


@pytest.mark.parametrize(("macro", "more"), [("score", (None,)), ("confusion", ()), ("calibration", (None, WORDS))])
def test_all_markup_is_well_formed(macro: str, more: tuple[object, ...]) -> None:
    assert len(read(fragment("model", macro, ONE, *more))) > 0


def test_a_row_of_the_confusion_adds_up_to_a_hundred() -> None:
    rows = read(fragment("model", "confusion", ONE)).findall(".//tbody/tr")
    assert [[text_of(cell) for cell in row.findall("td")] for row in rows] == [["80", "20"], ["40", "60"]]
    assert [text_of(row.find("th")) for row in rows] == ["😌 calm", "😢 sad"]  # type: ignore[arg-type]


def test_what_never_happened_is_read_aloud_and_not_shown() -> None:
    cell = read(fragment("model", "confusion", replace(ONE, confusion=((50, 0), (20, 30))))).findall(".//tbody/tr/td")[
        1
    ]
    assert [one.get("class") for one in cell] == ["hf-unseen"]


def test_each_word_of_confidence_has_its_row_and_its_share() -> None:
    rows = [text_of(row) for row in read(fragment("model", "calibration", ONE, None, WORDS)).findall(".//tbody/tr")]
    assert rows == [
        "very sure 90–100 % 95 % 10", "fairly sure 70–90 % 80 % 20", "not very sure 50–70 % 60 % 20",
        "a guess under 50 % 25 % 50",
    ]  # fmt: skip


def test_words_outside_have_the_counts_of_their_bands() -> None:
    outside = {"bands": [[0, 0.5, 50, 20], [0.5, 0.8, 100, 55], [0.8, 0.9, 100, 72], [0.9, 1, 100, 88]]}
    words = outside_words(ModelCard("mine", "1.0", ("calm", "sad"), "sound", outside=outside))
    rows = [text_of(row) for row in read(fragment("model", "calibration_outside", words)).findall(".//tbody/tr")]
    assert rows == ["fairly sure 80–100 % 80 % 200", "not very sure 50–80 % 55 % 100", "a guess under 50 % 40 % 50"]
    assert "called" not in text_of(read(fragment("model", "calibration", ONE, None, WORDS, True)))


def test_the_scale_says_in_words_what_it_shows() -> None:
    said = read(fragment("model", "score", ONE, None)).find(".//*[@role='img']").get("aria-label")  # type: ignore[union-attr]
    assert said.replace("\u00a0", " ") == (
        "60.0 % on a scale from 0 to 100 %; guessing gives 50.0 %; with other speakers, expect 50.0 to 70.0 %"
    )


def test_a_leaky_measurement_is_marked_and_an_honest_one_is_not() -> None:
    honest, leaky = read(fragment("model", "measurements", [ONE, replace(ONE, leaky=True)])).findall(".//tbody/tr")
    assert "unseen" in text_of(honest)
    assert "leaky" in text_of(leaky)


def test_names_are_escaped() -> None:
    assert "<corpus>" not in fragment("model", "measurements", [ONE])
    assert "&lt;b&gt;" in fragment("model", "limits", ["<b>"])
    assert "&lt;i&gt;" in fragment("model", "facts", [("a", "<i>")])
