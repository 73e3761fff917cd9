"""An answer on the page in a real browser: told, fitted to every width, followed by keys, explained, compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.listen_view import CLIPS, PATIENCE_MS, calm, finished, within_one

from hearfelt.audio.reader import read_audio
from hearfelt.inference.recognizer import Recognizer
from hearfelt.page.texts import prediction_text

BESIDE: Final = "classic"
FOCUSED: Final = "document.activeElement.textContent"


@pytest.fixture(scope="module")
def browser(start_browser: Any) -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


def send(page: Page, *files: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(files)
    expect(page.locator(".hf-title h1, .hf-notice").filter(has_text=files[0].name).first).to_be_visible(
        timeout=PATIENCE_MS
    )
    calm(page)


def choose(page: Page, label: str, option: str) -> None:
    finished(page)
    box = page.get_by_role("combobox", name=re.compile(label))
    box.scroll_into_view_if_needed()  # a list that has to scroll for its opening closes again
    page.wait_for_timeout(300)
    box.click()
    page.get_by_role("option", name=option, exact=True).click()
    calm(page)


def told(page: Page) -> Locator:
    return page.locator(".st-key-hf-status").get_by_role("status")


def sentence(clip: Path, model: str | None = None) -> re.Pattern[str]:
    prediction = Recognizer.load(model).recognize(clip)
    return within_one(f"{clip.name}, {prediction.model}: {prediction_text(prediction)}.")


def scrolled_down(page: Page) -> None:
    page.get_by_test_id("stMain").evaluate("it => it.scrollTo(0, it.scrollHeight)")
    expect(page.locator(".hf-title h1")).not_to_be_in_viewport()


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of a voice: explained only when somebody asks, and not before a list can be opened."""
    audio = read_audio(CLIPS[0])
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.resize(audio.samples, 12 * audio.rate_hz), audio.rate_hz)
    return path


def test_an_answer_is_told_in_a_region_that_was_there_before(page: Page) -> None:
    region = told(page)
    expect(region).to_have_text("")
    region.evaluate("it => { it.wasThere = true }")
    send(page, CLIPS[0])
    expect(region).to_have_text(sentence(CLIPS[0]))
    assert region.evaluate("it => it.wasThere")


def test_a_second_sound_comes_into_view_and_has_the_focus_that_its_input_lost(page: Page) -> None:
    send(page, CLIPS[0])
    scrolled_down(page)
    send(page, CLIPS[1])
    expect(page.locator(".hf-title h1")).to_be_in_viewport()
    expect(page.locator(".hf-answer")).to_be_in_viewport()
    expect(told(page)).to_have_text(sentence(CLIPS[1]))
    assert page.evaluate(FOCUSED) == CLIPS[1].name


def test_a_refusal_comes_into_view_and_has_the_focus_and_is_told_alone(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    send(page, broken)
    expect(page.locator(".hf-greeting")).to_be_visible()
    expect(page.get_by_text("Another sound")).to_have_count(0)
    send(page, CLIPS[0])
    scrolled_down(page)
    send(page, broken)
    expect(page.locator(".hf-notice")).to_be_in_viewport()
    expect(told(page)).to_have_text(re.compile(r"^broken\.wav: ((?!flac).)*$"))
    assert page.evaluate(FOCUSED).startswith("This file can't be used")


def test_another_model_is_told_and_moves_neither_the_view_nor_the_focus(page: Page) -> None:
    send(page, CLIPS[0])
    scrolled_down(page)
    choose(page, "^Model", BESIDE)
    expect(told(page)).to_have_text(sentence(CLIPS[0], BESIDE))
    assert page.evaluate("document.activeElement.getAttribute('role')") == "combobox"
    expect(page.locator(".hf-title h1")).not_to_be_in_viewport()


def test_one_of_several_sounds_is_told_when_it_is_chosen_and_keeps_the_focus_where_it_is(page: Page) -> None:
    send(page, CLIPS[0], CLIPS[1])
    page.get_by_role("button", name=CLIPS[1].name, exact=True).click()
    expect(told(page)).to_have_text(sentence(CLIPS[1]))
    calm(page)
    assert CLIPS[1].name in page.evaluate(FOCUSED)
    assert page.evaluate("document.activeElement.tagName") != "H1"


def test_the_view_is_named_by_its_link_and_by_the_title(page: Page) -> None:
    for view in ("Model", "Listen"):
        page.get_by_role("link", name=view, exact=True).click()
        expect(page).to_have_title(f"hearfelt · {view}")
        expect(page.locator(".st-key-hf-nav a[aria-current=page]")).to_have_text(view)


def test_the_link_of_the_view_stays_marked_when_it_is_drawn_anew(page: Page) -> None:
    current = page.locator(".st-key-hf-nav a[aria-current=page]")
    expect(current).to_have_text("Listen")
    current.evaluate("it => it.replaceWith(Object.assign(it.cloneNode(true), { ariaCurrent: null }))")
    expect(current).to_have_text("Listen")


def ends(one: Locator) -> tuple[float, float]:
    left, right = one.evaluate("it => [it.getBoundingClientRect().left, it.getBoundingClientRect().right]")
    return round(left), round(right)


def test_an_answer_and_its_sound_use_the_width_and_no_more(page: Page) -> None:
    send(page, CLIPS[0])
    stage, columns = page.locator(".st-key-hf-stage"), page.locator(".st-key-hf-hero").get_by_test_id("stColumn")
    expect(columns).to_have_count(2)
    for width in (360, 640, 700, 768, 1_280):
        page.set_viewport_size({"width": width, "height": 800})
        calm(page)
        first, second = (ends(one) for one in columns.all())
        assert (first, second) == (ends(stage),) * 2 if width <= 768 else (first[0], second[1]) == ends(stage), width
        for one in (*columns.all(), page.get_by_test_id("stMain")):
            assert one.evaluate("it => it.scrollWidth <= it.clientWidth"), width


@pytest.mark.parametrize(
    ("duration_s", "ways"),
    [
        (
            3,
            [
                (["ArrowRight"] * 3 + ["ArrowLeft"], 0.2),
                (["ArrowUp", "Shift+ArrowUp", "Shift+ArrowDown", "Shift+ArrowRight"], 0.11),
                (["End", "ArrowRight", "Home", "ArrowLeft"], 0.0),
            ],
        ),
        (
            20,
            [
                (["PageUp", "PageUp", "PageDown", "ArrowRight"], 3.0),
                (["End", "ArrowLeft", "Shift+ArrowLeft"], 18.9),
            ],
        ),
        (90, [(["ArrowRight", "ArrowRight", "Shift+ArrowLeft"], 9.5)]),
    ],
)
def test_keys_move_the_player_in_steps_that_suit_the_sound(
    page: Page, tmp_path: Path, duration_s: int, ways: list[tuple[list[str], float]]
) -> None:
    audio = read_audio(CLIPS[0])
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.resize(audio.samples, duration_s * audio.rate_hz), audio.rate_hz)
    send(page, path)
    place = page.get_by_label("Position in seconds")
    expect(place).to_be_enabled(timeout=PATIENCE_MS)  # a long sound is there when it was decoded
    finished(page)
    place.focus()
    for keys, place_s in ways:
        for key in ("Home", *keys):
            place.press(key)
        assert float(place.input_value()) == pytest.approx(place_s, abs=0.005)
        assert (place.get_attribute("aria-valuetext") or "").startswith(f"{place_s:g} of {duration_s} seconds")


def opened_list(page: Page) -> Locator:
    options = page.get_by_role("listbox")
    for _ in range(3):  # while the page is built, a list closes once
        page.get_by_role("combobox", name=re.compile("Compare with")).click()
        page.wait_for_timeout(700)
        if options.is_visible():
            break
    expect(options).to_be_visible()
    return options


def at(page: Page, place_s: float) -> Locator:
    place = page.get_by_label("Position in seconds")
    expect(place).to_be_enabled(timeout=PATIENCE_MS)
    place.evaluate("(it, at_s) => { it.value = at_s; it.dispatchEvent(new Event('input')); }", place_s)
    return place


def test_an_explanation_that_arrives_leaves_the_player_and_an_open_list_where_they_are(
    page: Page, long_clip: Path
) -> None:
    send(page, long_clip)
    place = at(page, 2.5)
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".why")).to_be_visible()
    options = opened_list(page)
    expect(page.locator(".hf-said")).to_have_count(0)
    before = options.bounding_box()
    expect(page.locator(".hf-said")).to_be_visible(timeout=4 * PATIENCE_MS)
    expect(page.locator(".why[aria-label^=Evidence]")).to_be_visible()
    calm(page)
    expect(options).to_be_visible()
    assert options.bounding_box() == before
    expect(place).to_have_value("2.5")


def test_a_long_recording_that_is_ready_leaves_the_rest_of_the_page_alone(page: Page, tmp_path: Path) -> None:
    audio = read_audio(CLIPS[0])
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.resize(audio.samples, 150 * audio.rate_hz), audio.rate_hz)
    send(page, path)
    options = opened_list(page)
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(page.locator(".st-key-hf-downloads")).to_be_visible(timeout=2 * PATIENCE_MS)
    calm(page)
    expect(options).to_be_visible()
    expect(page.get_by_label("Position in seconds")).to_be_enabled()


def test_the_player_stays_where_it_is_when_another_model_or_another_view_was_shown(page: Page) -> None:
    send(page, CLIPS[0])
    at(page, 1.5)
    page.get_by_label("Speed").select_option("0.5")
    choose(page, "Compare with", BESIDE)
    expect(page.get_by_label("Position in seconds")).to_have_value("1.5")
    page.get_by_role("link", name="Model", exact=True).click()
    expect(page.locator(".hf-score-figure")).to_be_visible()
    page.get_by_role("link", name="Listen", exact=True).click()
    expect(page.get_by_label("Position in seconds")).to_have_value("1.5")
    expect(page.get_by_label("Speed")).to_have_value("0.5")


def test_a_long_sound_is_explained_when_somebody_asks(page: Page, long_clip: Path) -> None:
    send(page, long_clip)
    expect(page.locator(".hf-said")).to_have_count(0)
    page.get_by_role("button", name="Explain").press("Enter")
    emotion = Recognizer.load().recognize(long_clip).emotion
    expect(page.locator(".hf-said")).to_contain_text(emotion, timeout=PATIENCE_MS)
    expect(page.locator(".why")).to_be_visible()
    expect(page.get_by_role("button", name="Explain")).to_have_count(0)


def test_reasons_that_somebody_asked_for_are_told_once_and_have_the_focus_that_the_button_lost(
    page: Page, long_clip: Path
) -> None:
    send(page, long_clip)
    page.get_by_role("button", name="Explain").press("Enter")
    expect(page.locator(".hf-said")).to_be_visible(timeout=PATIENCE_MS)
    expect(told(page)).to_have_text(page.locator(".hf-said").inner_text())
    heading = page.get_by_role("heading", name="Explanation", exact=True)
    expect(heading).to_be_focused()
    expect(heading).to_be_in_viewport()
    choose(page, "Compare with", BESIDE)
    expect(told(page)).to_have_text(sentence(long_clip, BESIDE))


def test_starting_over_leaves_nothing_and_says_so(page: Page) -> None:
    send(page, CLIPS[0], CLIPS[1])
    page.get_by_role("button", name="Start over").click()
    expect(page.locator(".hf-greeting")).to_be_visible()
    calm(page)
    expect(told(page)).to_have_text("All sounds were removed.")
    assert page.evaluate(FOCUSED) == page.locator(".hf-greeting h1").text_content()
    for clip in CLIPS[:2]:
        expect(page.get_by_text(clip.name)).to_have_count(0)
    send(page, CLIPS[2])
    expect(page.locator(".hf-overview")).to_have_count(0)


def test_two_sounds_are_put_side_by_side_on_one_time_axis(page: Page) -> None:
    send(page, CLIPS[0], CLIPS[1])
    choose(page, "Put beside", CLIPS[1].name)
    waves = page.locator(".st-key-hf-pair-waves .wave")
    expect(waves).to_have_count(2)
    expect(page.locator(".st-key-hf-pair-waves .name")).to_have_text([CLIPS[0].name, CLIPS[1].name])
    lefts = [wave.locator(".ticks span").nth(1).evaluate("tick => tick.style.left") for wave in waves.all()]
    assert lefts[0] == lefts[1]
    expect(page.locator(".hf-pairs li").first).to_be_visible()
    expect(page.locator(".st-key-hf-others .hf-said")).to_contain_text(Recognizer.load().recognize(CLIPS[1]).emotion)


def test_two_models_answer_side_by_side_each_for_itself(page: Page) -> None:
    send(page, CLIPS[0])
    choose(page, "Compare with", BESIDE)
    answers = page.locator(".hf-answer")
    expect(answers).to_have_count(2)
    tops = answers.evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")
    assert tops[0] == tops[1]
    predictions = [Recognizer.load().recognize(CLIPS[0]), Recognizer.load(BESIDE).recognize(CLIPS[0])]
    for shown, prediction in zip(answers.all(), predictions, strict=True):
        expect(shown).to_contain_text(prediction.model)
        expect(shown).to_contain_text(prediction.emotion)
        expect(page.get_by_role("list", name=f"Segments found by {prediction.model}")).to_be_visible()
    expect(told(page)).to_contain_text(sentence(CLIPS[0], BESIDE))
    choose(page, "Compare with", "no other")
    expect(answers).to_have_count(1)
