"""The page in the visitor's language: as the browser says, or as chosen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.listen_view import CLIPS, PATIENCE_MS, calm

from hearfelt.emotions import EMOTIONS


@pytest.fixture(scope="module")
def browser(start_browser: Any, microphone: Any, spoken: Path) -> Iterator[Browser]:
    with start_browser(*microphone(spoken)) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(
        viewport={"width": 360, "height": 800}, reduced_motion="reduce", locale="de-DE"
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


def ready(page: Page, address: str) -> Page:
    page.goto(address)
    page.locator("input[type=file]").first.wait_for(state="attached")
    calm(page)
    return page


def choose(page: Page, language: str) -> None:
    box = page.locator(".st-key-hf-language").get_by_role("combobox")
    box.scroll_into_view_if_needed()  # a list that has to scroll for its opening closes again
    page.wait_for_timeout(300)
    box.click()
    page.get_by_role("option", name=language).click()
    calm(page)


def test_a_german_browser_gets_german_and_a_switch_to_french_holds(page: Page, page_address: str) -> None:
    ready(page, page_address)
    heading = page.locator(".hf-greeting h1")
    expect(heading).to_have_text("Emotionen in der Stimme erkennen")
    expect(page.get_by_role("button", name="Stimme aufnehmen")).to_be_visible()
    expect(page.get_by_role("button", name="Hochladen")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert "language" not in page.url
    choose(page, "Français")
    expect(heading).to_have_text("Reconnaissance des émotions dans la parole", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Enregistrez-vous")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page).to_have_url(re.compile(r"\?language=fr$"))
    page.locator(".st-key-hf-nav").get_by_role("link", name="Modèle").click()
    expect(page.get_by_role("heading", name="Matrice de confusion")).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"/model\?language=fr$"))
    page.reload()
    expect(page.get_by_role("heading", name="Matrice de confusion")).to_be_visible(timeout=PATIENCE_MS)


def test_a_result_is_translated_while_the_data_stay_english(page: Page, page_address: str) -> None:
    ready(page, f"{page_address}/?language=es")
    page.locator("input[type=file]").first.set_input_files(CLIPS[0])
    finished_in(page, "Explicación")
    expect(page.locator(".hf-answer .hf-emotion")).to_have_text("ira")
    expect(page.get_by_role("button", name="Seleccionar un fragmento")).to_be_visible()
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 360
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON", exact=True).click()
    row = json.loads(download.value.path().read_text("utf-8"))
    assert row["emotion"] == "angry"
    assert set(row["probabilities"]) <= set(EMOTIONS)
    with page.expect_download() as download:
        page.get_by_role("button", name="Informe").click()
    report = download.value.path().read_text("utf-8")
    assert '<html lang="es">' in report
    assert "Ficha" in report or "Modelo" in report
    choose(page, "Deutsch")
    expect(page.locator(".hf-answer .hf-emotion")).to_have_text("Wut", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Ausschnitt wählen")).to_be_visible()


def finished_in(page: Page, explanation: str) -> None:
    expect(page.locator(".st-key-hf-reasons h2")).to_have_text(explanation, timeout=PATIENCE_MS)
    expect(page.locator(".hf-said")).to_be_visible(timeout=PATIENCE_MS)
    calm(page)


def test_the_live_view_is_in_the_language_of_the_page_and_a_session_outlives_a_change(
    page: Page, page_address: str
) -> None:
    ready(page, page_address)
    page.locator(".st-key-hf-nav").get_by_role("link", name="Live").click()
    frame = page.frame_locator("iframe.hf-live")
    expect(frame.locator("#headline")).to_have_text("Sagen Sie etwas", timeout=PATIENCE_MS)
    expect(frame.locator("html")).to_have_attribute("lang", "de")
    expect(frame.locator("#legend")).to_contain_text("Freude")
    frame.locator("#start").click()
    expect(frame.locator("#segments li").first).to_be_visible(timeout=PATIENCE_MS)
    frame.locator("#start").click()
    expect(frame.locator("#replay")).to_be_visible(timeout=PATIENCE_MS)
    choose(page, "Español")
    expect(page.locator(".st-key-hf-nav").get_by_role("link", name="En vivo")).to_be_visible(timeout=PATIENCE_MS)
    expect(frame.locator("#segments li").first).to_be_visible()  # what was recorded is not lost


def test_a_language_without_a_catalogue_gets_english(browser: Browser, page_address: str) -> None:
    with browser.new_context(locale="nl-NL") as context:
        page = ready(context.new_page(), f"{page_address}/?language=xx")
        expect(page.locator(".hf-greeting h1")).to_have_text("Speech emotion recognition")
