from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from hearfelt.reports.figures.corpora import count_plot
from hearfelt.reports.pages import (
    Block,
    beside,
    bullets,
    card,
    facts,
    folded,
    notice,
    page,
    picture,
    player,
    prose,
    section,
    table,
    warning,
    write_page,
)
from hearfelt.reports.theme import TONES

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


def everything(text: str) -> str:
    """A page with every kind of block, all holding the same text."""
    figure = count_plot({text: 3, "sad": 2}, title=text)
    blocks = (
        prose(text),
        picture(figure, alt=text, caption=text),
        picture(figure, alt=text, raster=True),
        table((text, "n"), [(text, 1)], caption=text),
        bullets([text]),
        facts({text: text}),
        player(b"RIFF", label=text),
        notice(text, title=text),
        warning(text, title=text),
        folded(text, prose(text)),
        beside(card(text, prose(text), emotion=text), card(text)),
    )
    return page(text, section(text, *blocks), section(text, prose(text)), lead=text)


def test_a_hostile_name_stays_text_in_every_block() -> None:
    read = Reader(everything(HOSTILE))
    assert "script" not in read.tags
    assert read.tags.count("img") == 1  # the plot set as PNG
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert read.words.count("<script>alert('x')</script>") >= 12
    assert not read.open


@pytest.mark.parametrize("text", ["plain", "日本語", "a & b < c", "`code", "``", "$x_{", "\u202eright to left"])
def test_every_page_is_well_formed_and_its_ids_are_used_once(text: str) -> None:
    read = Reader(everything(text))
    assert not read.open
    ids = [value for value in read.values("id") if not value.startswith("plot")]
    assert len(ids) == len(set(ids))
    targets = [value[1:] for value in read.values("href") if value.startswith("#")]
    assert set(targets) <= set(read.values("id"))


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


def test_every_plot_and_player_has_words_for_those_who_do_not_see_it() -> None:
    read = Reader(page("A", picture(count_plot({"sad": 1}), alt="one sad clip"), player(b"x", label="a sad clip")))
    assert {"one sad clip", "a sad clip"} <= set(read.values("aria-label"))
    assert read.tags.count("h1") == 1
    assert "en" in read.values("lang")


def test_headings_go_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag in Reader(everything("plain")).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_sections_are_listed_and_equal_titles_get_different_anchors() -> None:
    read = Reader(page("A", section("One & two", prose("x")), section("One & two", prose("y"))))
    assert [value for value in read.values("href") if value.startswith("#one")] == ["#one-two", "#one-two-2"]
    assert "nav" not in Reader(page("A", section("One", prose("x")))).tags


def test_a_sound_comes_back_out_of_the_page_as_it_went_in() -> None:
    sound = bytes(range(256))
    source = next(v for v in Reader(page("A", player(sound, label="x"))).values("src") if v.startswith("data:audio"))
    assert source.startswith("data:audio/flac;base64,")
    assert base64.b64decode(source.partition(",")[2]) == sound


def test_a_media_type_that_is_none_of_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="text/html"):
        player(b"", label="x", kind="text/html")


def test_numbers_stand_at_the_right_and_words_at_the_left() -> None:
    text = table(("name", "clips", "share"), [("calm", 1440, "12 %"), ("sad", 7, "88 %")]).markup
    assert '<td class="number">1,440</td>' in text
    assert '<td class="number">88 %</td>' in text
    assert '<th scope="row">calm</th>' in text


def test_a_row_that_does_not_fit_its_header_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        table(("a", "b"), [("x",)])


def test_every_tone_has_a_light_and_a_dark_value() -> None:
    text = page("A")
    dark = text[text.index("prefers-color-scheme: dark") :]
    for tone in TONES:
        assert f"--{tone.name}: {tone.light};" in text
        assert f"--{tone.name}: {tone.dark};" in dark


def test_every_variable_that_is_used_is_defined() -> None:
    text = everything("angry")
    used = set(re.findall(r"var\((--[a-z-]+)", text))
    defined = set(re.findall(r"(--[a-z-]+):", text))
    assert used <= defined


def test_plain_text_cannot_be_taken_for_a_block() -> None:
    with pytest.raises(AttributeError):
        beside("<b>text</b>")  # type: ignore[arg-type]
    assert beside(Block("<b>markup</b>")).markup.count("<b>") == 1


def test_a_page_is_written_whole_with_its_folder(tmp_path: Path) -> None:
    path = write_page(tmp_path / "new" / "page.html", "Ä 😐", prose("x"))
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Ä 😐" in path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]
