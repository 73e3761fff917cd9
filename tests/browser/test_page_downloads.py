"""What the page hands out, downloaded in a real browser and read back: with one model, and with two compared."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect
from tests.browser.listen_view import CLIPS, PATIENCE_MS, calm

from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer

CLIP: Final = CLIPS[0]
BOTH: Final = (DEFAULT_MODEL, "classic")
TALL: Final = {"width": 1_280, "height": 1_600}  # so that nothing scrolls, which would close a list of options


@pytest.fixture
def page(start_browser: Any, page_address: str) -> Iterator[Page]:
    """The page with an answer to one clip."""
    with start_browser() as browser, browser.new_context(viewport=TALL) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(page_address)
        page.locator("input[type=file]").first.set_input_files(CLIP)
        expect(page.locator(".hf-said")).to_be_visible(timeout=PATIENCE_MS)  # the last thing that is found out
        calm(page)
        yield page


def taken(page: Page, label: str, name: str) -> bytes:
    with page.expect_download() as coming:
        page.get_by_role("button", name=label, exact=True).click()
    assert coming.value.suggested_filename == name
    return Path(coming.value.path()).read_bytes()


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(data.decode().splitlines()))


def check_pictures_and_segments(page: Page, models: Sequence[str]) -> None:
    for model in models:
        whose, name = (f" of {model}", f"{CLIP.stem}-{model}") if len(models) > 1 else ("", CLIP.stem)
        picture = taken(page, f"Picture{whose}", f"{name}.png")
        assert picture.startswith(b"\x89PNG")
        assert int.from_bytes(picture[16:20]) > 1_000  # how wide it is
        segments = rows(taken(page, f"Segments{whose} as CSV", f"{name}-segments.csv"))
        own = Recognizer.load(model).timeline(CLIP).segments
        assert [(row["model"], row["emotion"]) for row in segments] == [(model, one.emotion) for one in own]


def test_each_thing_to_take_away_can_be_read_back(page: Page) -> None:
    own = Recognizer.load().recognize(CLIP)
    answer = json.loads(taken(page, "JSON", f"{CLIP.stem}.json"))
    assert (answer["source"], answer["emotion"], answer["model"]) == (CLIP.name, own.emotion, DEFAULT_MODEL)
    [row] = rows(taken(page, "CSV", f"{CLIP.stem}.csv"))
    assert (row["source"], row["emotion"], row["model"]) == (CLIP.name, own.emotion, DEFAULT_MODEL)
    check_pictures_and_segments(page, [DEFAULT_MODEL])
    report = taken(page, "Report", f"{CLIP.stem}.html").decode()
    assert own.emotion in report
    assert f"<h2>Model {DEFAULT_MODEL}</h2>" in report


def test_of_two_models_each_file_holds_both_or_says_whose_it_is(page: Page) -> None:
    page.get_by_role("combobox", name=re.compile("Compare with")).click()
    page.get_by_role("option", name=BOTH[1], exact=True).click()
    expect(page.locator(".hf-answer")).to_have_count(2)
    expect(page.locator(".hf-said")).to_have_count(2, timeout=PATIENCE_MS)
    calm(page)
    own = [(model, Recognizer.load(model).recognize(CLIP).emotion) for model in BOTH]
    answers = json.loads(taken(page, "JSON", f"{CLIP.stem}.json"))
    assert [(one["model"], one["emotion"]) for one in answers] == own
    assert [(row["model"], row["emotion"]) for row in rows(taken(page, "CSV", f"{CLIP.stem}.csv"))] == own
    check_pictures_and_segments(page, BOTH)
