from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from hearfelt.reports import pages
from hearfelt.reports.figures.corpora import count_plot
from hearfelt.reports.pages import picture, player, table, write_page
from hearfelt.reports.templating import render, render_macro
from hearfelt.reports.theme import style_variables

HOSTILE = "\"><script>alert('x')</script><img src=x onerror=alert(1)>&amp;'"
VOID = {"meta", "link", "img", "br", "hr", "input", "use"}


class Reader(HTMLParser):
    """Reads a page as a browser does, and keeps what matters here."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data

    def values(self, attribute: str) -> list[str]:
        return [value for name, value in self.attributes if name == attribute]


def block(name: str, *arguments: object) -> str:
    return render_macro("hearfelt.reports", "blocks.html", name, *arguments)


def everything(text: str) -> str:
    """Every kind of block with the same text, in the frame of a page."""
    figure = count_plot({text: 3, "sad": 2}, title=text)
    blocks = (
        picture(figure, alt=text, caption=text),
        table((text, "n"), [(text, 1)], caption=text),
        block("bullets", [text]),
        block("facts", {text: text}),
        player(b"RIFF", label=text),
        block("notice", text, text),
        block("warning", text, text),
    )
    page = render("hearfelt.reports", "page.html", title=text, lead=text, style="", version="1", contents=[("a", text)])
    return page.replace('<main id="main">', f'<main id="main">{"".join(blocks)}')


def test_a_hostile_name_stays_text_in_every_block() -> None:
    read = Reader(everything(HOSTILE))
    assert not {"script", "img"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert read.words.count("<script>alert('x')</script>") >= 11
    assert not read.open


@pytest.mark.parametrize("text", ["plain", "日本語", "a & b < c", "`code", "$x_{", "\u202eright to left"])
def test_every_page_is_well_formed_and_its_ids_are_used_once(text: str) -> None:
    read = Reader(everything(text))
    assert not read.open
    ids = read.values("id")
    assert len(ids) == len(set(ids))


def test_nothing_is_fetched_from_elsewhere_and_scripts_are_forbidden() -> None:
    text = everything("plain")
    read = Reader(text)
    for attribute in ("src", "href", "xlink:href", "poster", "data"):
        for value in read.values(attribute):
            assert value.startswith(("#", "data:")), value
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    policy = next(value for value in read.values("content") if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_every_plot_and_player_has_a_description_for_screen_readers() -> None:
    read = Reader(picture(count_plot({"sad": 1}), alt="one sad clip") + player(b"x", label="a sad clip"))
    assert {"one sad clip", "a sad clip"} <= set(read.values("aria-label"))


def test_sections_are_listed_with_headings_one_level_at_a_time(tmp_path: Path) -> None:
    values = {"warnings": [], "headline": {}, "limits": ["none"]} | dict.fromkeys(
        ("confusion", "recalls", "labels", "growth", "reliability"), ""
    )
    page = write_page(tmp_path / "new" / "page.html", "teaching.html", "Ä 😐", lead="x", **values)
    assert [file.name for file in page.parent.iterdir()] == ["page.html"]
    read = Reader(page.read_text(encoding="utf-8"))
    assert "Ä 😐" in read.words
    names = [value[1:] for value in read.values("href") if value.startswith("#") and value != "#main"]
    assert names == ["labels", "would-more-clips-help", "calibration", "limits"]
    assert set(names) <= set(read.values("id"))
    levels = [int(tag[1]) for tag in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert "en" in read.values("lang")


def test_a_sound_comes_back_out_of_the_page_as_it_went_in() -> None:
    sound = bytes(range(256))
    (source,) = Reader(player(sound, label="x")).values("src")
    assert source.startswith("data:audio/flac;base64,")
    assert base64.b64decode(source.partition(",")[2]) == sound


def test_a_media_type_that_is_not_audio_is_refused() -> None:
    with pytest.raises(ValueError, match="text/html"):
        player(b"", label="x", kind="text/html")


def test_numbers_are_right_aligned_and_words_are_not() -> None:
    text = table(("name", "clips", "share"), [("calm", 1440, "12 %"), ("sad", 7, "88 %")])
    assert '<td class="number">1,440</td>' in text
    assert '<td class="number">88 %</td>' in text
    assert '<th scope="row">calm</th>' in text


def test_a_row_that_does_not_fit_its_header_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        table(("a", "b"), [("x",)])


def test_a_long_list_ends_with_the_number_of_the_rest() -> None:
    assert Reader(block("bullets", ["a", "b", "c"], 2)).words.split() == ["aband", "1", "more"]


def test_every_variable_that_is_used_is_defined() -> None:
    css = (Path(pages.__file__).parent / "static" / "page.css").read_text(encoding="utf-8")
    used = set(re.findall(r"var\((--[a-z-]+)", everything("angry") + css))
    assert used - {"--mark"} <= set(re.findall(r"(--[a-z-]+):", style_variables() + css))
