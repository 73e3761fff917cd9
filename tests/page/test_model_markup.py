from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from hearfelt.evaluation.metrics import Reliability
from hearfelt.page import model_markup
from hearfelt.reports.shipped_scores import Measurement

BINS = tuple(Reliability(k / 10, (k + 1) / 10, 10, (k + 0.5) / 10, (k + 0.5) / 10) for k in range(10))
ONE = Measurement(
    "mine", "by-speaker", "a <corpus>", False, False, 0.6, (0.5, 0.7), 0.55, 0.03, 100, 8, 1, ("calm", "sad"),
    ((40, 10), (20, 30)), BINS,
)  # fmt: skip


def read(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{markup.replace('<br>', '<br/>')}</div>")


def text_of(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


@pytest.mark.parametrize("make", [model_markup.scale, model_markup.confusion, model_markup.sureness])
def test_all_markup_is_well_formed(make: Callable[[Measurement], str]) -> None:
    assert len(read(make(ONE))) > 0


def test_a_row_of_the_confusion_adds_up_to_a_hundred() -> None:
    rows = read(model_markup.confusion(ONE)).findall(".//tbody/tr")
    assert [[text_of(cell) for cell in row.findall("td")] for row in rows] == [["80", "20"], ["40", "60"]]
    assert [text_of(row.find("th")) for row in rows] == ["😌 calm", "😢 sad"]  # type: ignore[arg-type]


def test_what_never_happened_is_read_aloud_and_not_shown() -> None:
    cell = read(model_markup.confusion(replace(ONE, confusion=((50, 0), (20, 30))))).findall(".//tbody/tr/td")[1]
    assert [one.get("class") for one in cell] == ["hf-unseen"]


def test_each_word_of_confidence_has_its_row_and_its_share() -> None:
    rows = [text_of(row) for row in read(model_markup.sureness(ONE)).findall(".//tbody/tr")]
    assert rows == [
        "very sure 90–100 % 95 % 10", "fairly sure 70–90 % 80 % 20", "not very sure 50–70 % 60 % 20",
        "a guess under 50 % 25 % 50",
    ]  # fmt: skip


def test_the_scale_says_in_words_what_it_shows() -> None:
    said = read(model_markup.scale(ONE)).find(".//*[@role='img']").get("aria-label")  # type: ignore[union-attr]
    assert said == (
        "60.0 % on a scale from 0 to 100 %; guessing gives 50.0 %; with other speakers, 50.0 to 70.0 % would be usual"
    )


def test_a_leaky_figure_is_marked_and_an_honest_one_is_not() -> None:
    honest, leaky = read(model_markup.figures([ONE, replace(ONE, leaky=True)])).findall(".//tbody/tr")
    assert "strangers" in text_of(honest)
    assert "leaky" in text_of(leaky)


def test_names_are_escaped() -> None:
    assert "<corpus>" not in model_markup.figures([ONE])
    assert "&lt;b&gt;" in model_markup.bullets(["<b>"])
    assert re.search("&lt;i&gt;", model_markup.facts([("a", "<i>")]))
