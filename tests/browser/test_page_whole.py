"""The whole page in a real browser: every view, width and theme, two visitors, and nothing from elsewhere."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from tests.browser.listen_view import finished, within_one

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.inference.recognizer import Recognizer
from hearfelt.reports.theme import INK

PATIENCE_MS = 30_000
EXAMPLES = Path(__file__).parents[2] / "src" / "hearfelt" / "examples"
VIEWS: Final = {"listen": "/", "live": "/live", "model": "/model"}

BROKEN_WORDS: Final = """() => {
  const found = [];
  const walk = (node) => {
    if (node.shadowRoot) walk(node.shadowRoot);
    for (const child of node.childNodes) {
      if (child.nodeType === Node.ELEMENT_NODE) walk(child);
      if (child.nodeType !== Node.TEXT_NODE) continue;
      for (const { index, 0: word } of child.data.matchAll(/\\p{L}{2,}/gu)) {
        const range = document.createRange();
        range.setStart(child, index);
        range.setEnd(child, index + word.length);
        const seen = [...range.getClientRects()].filter((one) => one.width > 0);
        if (new Set(seen.map((one) => Math.round(one.top))).size > 1) found.push(word);
      }
    }
  };
  walk(document.body);
  return found;
}"""

# What axe finds inside Streamlit's own widgets, which is not ours to change.
OF_STREAMLIT: Final[dict[str, str]] = {}


@pytest.fixture(scope="module")
def browser(start_browser: Any, microphone: Any, spoken: Path) -> Iterator[Browser]:
    with start_browser(*microphone(spoken)) as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1_280, "height": 900}, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def opened(page: Page, address: str, view: str) -> Page:
    """Open a view, and wait until all of it is there."""
    page.goto(address + VIEWS[view])
    settled(page, view)
    return page


def settled(page: Page, view: str) -> None:
    if view == "model":
        expect(page.get_by_role("heading", name="Model card")).to_be_visible(timeout=PATIENCE_MS)
    elif view == "live":
        expect(page.frame_locator(".hf-live").locator("#start")).to_be_enabled(timeout=PATIENCE_MS)
    else:
        expect(page.locator("input[type=file]").first).to_be_attached(timeout=PATIENCE_MS)
    page.wait_for_function("!document.querySelector('[data-testid=stApp][data-test-script-state=running]')")


def send(page: Page, sound: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(sound)


def answered(page: Page, emotion: str) -> None:
    expect(page.locator(".hf-answer").first).to_contain_text(re.compile(emotion, re.IGNORECASE), timeout=PATIENCE_MS)


def test_the_views_are_reached_by_their_links(page: Page, page_address: str) -> None:
    opened(page, page_address, "listen")
    for view in ("model", "live", "listen"):
        page.get_by_role("link", name=view.capitalize(), exact=True).click()
        settled(page, view)
    assert urlsplit(page.url).path == "/"


def test_the_views_are_reached_by_the_keyboard_alone(page: Page, page_address: str) -> None:
    opened(page, page_address, "listen")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Model":
            break
    page.keyboard.press("Enter")
    settled(page, "model")
    assert urlsplit(page.url).path == "/model"


def test_every_style_sheet_arrives(page: Page, page_address: str) -> None:
    opened(page, page_address, "model")
    for value, style in (
        (INK.light, "getComputedStyle(document.documentElement).getPropertyValue('--ink')"),
        ("18px", "getComputedStyle(document.querySelector('.hf-scale-dot')).width"),
    ):
        # Streamlit may add a sheet after all else.
        page.wait_for_function(f"{style} === '{value}'", timeout=PATIENCE_MS)
        assert page.evaluate(style) == value


@pytest.fixture
def asked(context: BrowserContext, page: Page) -> list[str]:
    """Whom the page asked, by WebSocket too; only this computer answers."""
    urls: list[str] = []

    def only_here(route: Route) -> None:
        urls.append(route.request.url)
        if is_elsewhere(route.request.url):
            route.abort()
        else:
            route.continue_()

    context.route("**/*", only_here)
    page.on("websocket", lambda socket: urls.append(socket.url))
    return urls


def is_elsewhere(url: str) -> bool:
    return urlsplit(url).hostname not in ("localhost", "127.0.0.1", None)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_asks_nothing_of_anybody_else(page: Page, page_address: str, asked: list[str], view: str) -> None:
    opened(page, page_address, view)
    assert {"http", "ws"} <= {urlsplit(url).scheme for url in asked}
    assert [url for url in asked if is_elsewhere(url)] == []


def test_a_sound_that_is_sent_explained_recorded_and_heard_live_goes_to_nobody_else(
    page: Page, page_address: str, asked: list[str]
) -> None:
    opened(page, page_address, "listen")
    send(page, audio_files(EXAMPLES)[0])
    expect(page.locator(".hf-said")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("^Record")).click()
    page.wait_for_timeout(2_500)
    page.get_by_role("button", name=re.compile("^Stop")).click()
    expect(page.locator(".hf-title h1")).to_have_text("recording", timeout=PATIENCE_MS)
    settled(page, "listen")
    opened(page, page_address, "live")
    page.frame_locator(".hf-live").locator("#start").click()
    expect(page.frame_locator(".hf-live").locator("#segments li").first).to_be_visible(timeout=PATIENCE_MS)
    assert any(urlsplit(url).path == "/v1/stream" for url in asked)
    assert [url for url in asked if is_elsewhere(url)] == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_one_title(page: Page, page_address: str, view: str) -> None:
    opened(page, page_address, view)
    expect(page.locator("h1")).to_have_count(1)


REFUSED: Final = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
SILENT: Final = (
    "navigator.mediaDevices.getUserMedia = async () => new AudioContext().createMediaStreamDestination().stream"
)


def one_sound(page: Page, address: str, name: str = "angry") -> None:
    opened(page, address, "listen")
    page.get_by_text(name, exact=True).click()
    expect(page.locator(".hf-answer").first).to_be_visible(timeout=PATIENCE_MS)


def recording(page: Page, address: str) -> None:
    opened(page, address, "listen")
    page.get_by_role("button", name=re.compile("^Record")).click()
    expect(page.get_by_role("button", name=re.compile("^Stop"))).to_be_visible()
    page.wait_for_timeout(1_000)


def refused(page: Page, address: str) -> None:
    page.add_init_script(REFUSED)
    opened(page, address, "listen")
    page.get_by_role("button", name=re.compile("^Record")).click()
    expect(page.get_by_text("The microphone was refused")).to_be_visible()


def silent(page: Page, address: str) -> None:
    page.add_init_script(SILENT)
    recording(page, address)
    page.get_by_role("button", name=re.compile("^Stop")).click()
    expect(page.locator(".hf-record-words")).not_to_be_empty()


def two_models(page: Page, address: str) -> None:
    one_sound(page, address)
    finished(page)
    pick(page, "Compare with", "classic")
    expect(page.locator(".hf-said")).to_have_count(2, timeout=PATIENCE_MS)


def several_sounds(page: Page, address: str) -> None:
    """Two sounds side by side that are each other's reference, a correction, and an error."""
    one_sound(page, address)
    page.get_by_role("button", name="Select a stretch").click(timeout=PATIENCE_MS)
    page.get_by_label("What the stretch is").select_option("happy")
    broken: Any = {"name": "broken.wav", "mimeType": "audio/wav", "buffer": b"this is no sound"}
    sound: Any = {"name": "sad.flac", "mimeType": "audio/flac", "buffer": audio_files(EXAMPLES)[-1].read_bytes()}
    page.locator("input[type=file]").first.set_input_files([sound, broken])
    expect(page.locator(".hf-notice")).to_be_visible(timeout=PATIENCE_MS)
    finished(page)
    page.get_by_text("These recordings belong together").click()
    finished(page)
    pick(page, "Put beside", None)
    expect(page.locator(".hf-pairs")).to_be_visible(timeout=PATIENCE_MS)


def many_sounds(page: Page, address: str) -> None:
    opened(page, address, "listen")
    data = audio_files(EXAMPLES)[0].read_bytes()
    files: Any = [{"name": f"{number}.flac", "mimeType": "audio/flac", "buffer": data} for number in range(20)]
    page.locator("input[type=file]").first.set_input_files(files)
    expect(page.get_by_label("Search")).to_be_visible(timeout=PATIENCE_MS)


def long_sound(page: Page, address: str) -> None:
    opened(page, address, "listen")
    voice, file = read_audio(audio_files(EXAMPLES)[0]), io.BytesIO()
    soundfile.write(file, np.resize(voice.samples, 300 * voice.rate_hz), voice.rate_hz, format="WAV")
    sound: Any = {"name": "long.wav", "mimeType": "audio/wav", "buffer": file.getvalue()}
    page.locator("input[type=file]").first.set_input_files(sound)
    expect(page.locator(".segment").first).to_be_visible(timeout=PATIENCE_MS)


def live_at_work(page: Page, address: str) -> None:
    opened(page, address, "live")
    page.frame_locator(".hf-live").locator("#start").click()
    expect(page.frame_locator(".hf-live").locator("#segments li").first).to_be_visible(timeout=PATIENCE_MS)


def live_at_its_end(page: Page, address: str) -> None:
    live_at_work(page, address)
    page.frame_locator(".hf-live").locator("#start").click()
    page.wait_for_timeout(1_000)


def live_refused(page: Page, address: str) -> None:
    page.add_init_script(REFUSED)
    opened(page, address, "live").frame_locator(".hf-live").locator("#start").click()
    expect(page.frame_locator(".hf-live").locator("#record")).to_be_visible()


def report(page: Page, address: str) -> None:
    one_sound(page, address)
    finished(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report", exact=True).click()
    page.set_content(download.value.path().read_text(encoding="utf-8"))


def pick(page: Page, label: str, option: str | None) -> None:
    """Choose an option of a select box, or the last."""
    box = page.get_by_role("combobox", name=re.compile(label))
    box.scroll_into_view_if_needed(timeout=PATIENCE_MS)  # a list that has to scroll for its opening closes again
    page.wait_for_timeout(300)
    box.click()
    options = page.get_by_role("listbox").get_by_role("option")
    (options.last if option is None else options.filter(has_text=option)).click()


STATES: Final[dict[str, Any]] = {
    **{view: partial(opened, view=view) for view in VIEWS},
    "no speech": partial(one_sound, name="rain"),
    **{
        state.__name__.replace("_", " "): state
        for state in (recording, refused, silent, one_sound, two_models, several_sounds, many_sounds, long_sound)
    },
    **{state.__name__.replace("_", " "): state for state in (live_at_work, live_at_its_end, live_refused, report)},
}


@pytest.mark.parametrize("state", STATES)
def test_in_every_state_axe_finds_nothing_serious_and_no_word_breaks(page: Page, page_address: str, state: str) -> None:
    STATES[state](page, page_address)
    for theme, width in (("light", 360), ("dark", 1_280)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(500)
        for frame in page.frames:
            assert serious(frame) == [], (theme, width)
            assert frame.evaluate(BROKEN_WORDS) == [], (theme, width)


def serious(page: Any) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in ("moderate", "serious", "critical") and one["id"] not in OF_STREAMLIT
        for node in one["nodes"]
    ]


def test_the_focus_of_a_select_box_is_around_all_of_it(page: Page, page_address: str) -> None:
    opened(page, page_address, "listen")
    send(page, audio_files(EXAMPLES)[0])
    box = page.get_by_role("combobox", name=re.compile("^Model"))
    box.focus(timeout=PATIENCE_MS)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(box).to_have_css("outline-style", "none")
    expect(box.locator("..")).to_have_css("outline-width", "3px")


@pytest.mark.parametrize("width", [360, 768, 1_920])
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_fits_every_width(page: Page, page_address: str, view: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, page_address, view)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= width


@pytest.mark.parametrize("width", [360, 1_280])
def test_no_table_of_the_model_view_scrolls_sideways_and_each_number_has_its_name(
    page: Page, page_address: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, page_address, "model")
    tables = page.locator(".hf-scroll")
    expect(tables).to_have_count(4)
    fits = "[...document.querySelectorAll('.hf-scroll')].every((it) => it.scrollWidth <= it.clientWidth)"
    page.wait_for_function(fits)  # Streamlit may add a sheet after all else
    assert page.evaluate(fits)
    figures = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name="measured on"))
    row = figures.get_by_role("row").nth(1)
    if width == 360:
        tops = row.get_by_role("cell").evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")
        assert tops == sorted(set(tops))
        expect(row).to_contain_text("calibration error %", use_inner_text=True)
    else:
        expect(row).not_to_contain_text("calibration error", use_inner_text=True)


def test_two_visitors_each_see_their_own_sound(browser: Browser, page_address: str) -> None:
    recognizer = Recognizer.load()
    said = {clip: recognizer.recognize(clip).emotion for clip in audio_files(EXAMPLES)}
    first = next(iter(said))
    second = next(clip for clip in said if said[clip] != said[first])
    with browser.new_context() as one, browser.new_context() as other:
        pages = [opened(context.new_page(), page_address, "listen") for context in (one, other)]
        for page, clip in zip(pages, (first, second), strict=True):
            send(page, clip)
        for page, clip in zip(pages, (first, second), strict=True):
            answered(page, said[clip])
        assert second.name not in pages[0].content()
        assert first.name not in pages[1].content()


def test_nothing_of_a_sound_is_written_anywhere(page: Page, page_address: str, page_home: Path, tmp_path: Path) -> None:
    def written() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in page_home.rglob("*") if path.is_file()}

    sound = tmp_path / "told-to-nobody.flac"
    sound.write_bytes(audio_files(EXAMPLES)[0].read_bytes())
    opened(page, page_address, "listen")
    before = written()
    send(page, sound)
    expect(page.locator(".hf-answer").first).to_be_visible(timeout=PATIENCE_MS)
    settled(page, "listen")
    assert page.get_by_text(sound.name).first.is_visible()
    assert {path: content for path, content in written().items() if before.get(path) != content} == {}


def test_the_answer_is_the_recognizers_own(page: Page, page_address: str) -> None:
    clip = audio_files(EXAMPLES)[0]
    prediction = Recognizer.load().recognize(clip)
    opened(page, page_address, "listen")
    send(page, clip)
    answered(page, prediction.emotion)
    answer = page.locator(".hf-answer").first
    expect(answer).to_contain_text(prediction.in_words, ignore_case=True)
    expect(answer).to_contain_text(within_one(f"{prediction.confidence * 100:.0f} %"))
    shown = [text.lower() for text in page.locator(".hf-bars").first.locator(".hf-label").all_text_contents()]
    assert shown == [emotion for emotion, _ in prediction.ranked()]


def test_the_live_view_hears_the_microphone(page: Page, page_address: str) -> None:
    opened(page, page_address, "live")
    live = page.frame_locator(".hf-live")
    live.locator("#start").click()
    expect(live.locator("#segments li").first).to_be_visible(timeout=PATIENCE_MS)


def test_a_live_session_stops_when_another_view_is_shown_and_is_still_there_later(
    page: Page, page_address: str
) -> None:
    opened(page, page_address, "live")
    live = page.frame_locator(".hf-live")
    live.locator("#start").click()
    expect(live.locator("#segments li").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Model", exact=True).click()
    settled(page, "model")
    expect(page.locator(".hf-live")).to_be_hidden()
    page.get_by_role("link", name="Live", exact=True).click()
    settled(page, "live")
    expect(live.locator("#start")).to_have_text("Start again")
    expect(live.locator("#segments li").first).to_be_visible()
    live.get_by_role("button", name="Play").first.click()
    assert page.locator(".hf-live").evaluate("it => it.getBoundingClientRect().width > 800")


def test_the_live_view_stays_when_it_is_chosen_while_sounds_are_processed(page: Page, page_address: str) -> None:
    opened(page, page_address, "listen")
    page.locator("input[type=file]").first.set_input_files(audio_files(EXAMPLES))
    expect(page.locator(".hf-title h1")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Live", exact=True).click()
    settled(page, "live")
    page.wait_for_timeout(2_000)  # longer than the pause between two looks at the processing
    expect(page.locator(".hf-live")).to_be_visible()


def test_the_live_view_offers_a_recording_where_the_microphone_is_refused(browser: Browser, page_address: str) -> None:
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.add_init_script(REFUSED)
        opened(page, page_address, "live")
        live = page.frame_locator(".hf-live")
        live.locator("#start").click()
        expect(live.locator("#headline")).to_have_text("The microphone is not allowed")
        live.locator("#record").click()
        settled(page, "listen")
        assert urlsplit(page.url).path == "/"


def test_the_live_view_says_that_its_service_is_away_and_finds_it_again(page: Page, page_address: str) -> None:
    page.route("**/live/live.css", lambda route: route.abort())
    page.goto(page_address + VIEWS["live"])
    expect(page.get_by_text("The live service can't be reached")).to_be_visible(timeout=PATIENCE_MS)
    page.unroute("**/live/live.css")
    page.get_by_role("button", name="Try again").click()
    settled(page, "live")


@pytest.mark.parametrize("width", [360, 1_280])
def test_the_live_frame_needs_no_scrolling_of_its_own(page: Page, page_address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, page_address, "live")
    heights = "[document.documentElement.scrollHeight, innerHeight, document.body.getBoundingClientRect().height]"
    end = time.monotonic() + PATIENCE_MS / 1_000
    while True:  # not wait_for_function: it asks a second time by eval, which the live page forbids
        within, frame, body = page.frames[1].evaluate(heights)
        if (within <= frame and body >= frame - 2) or time.monotonic() > end:
            break
        page.wait_for_timeout(50)
    assert within <= frame
    assert body >= frame - 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_live_frame_has_the_theme_of_the_page(browser: Browser, page_address: str, theme: Any) -> None:
    with browser.new_context(color_scheme=theme) as context:
        page = opened(context.new_page(), page_address, "live")
        ink = "getComputedStyle(document.body).color"
        assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).color") == page.frames[1].evaluate(ink)


def test_streamlits_own_menu_is_not_shown(page: Page, page_address: str) -> None:
    opened(page, page_address, "listen")
    for name in ("stMainMenu", "stAppDeployButton", "stStatusWidget"):
        expect(page.get_by_test_id(name)).to_be_hidden()


def test_another_model_can_be_looked_at(page: Page, page_address: str) -> None:
    opened(page, page_address, "model")
    page.get_by_role("radio", name="classic").click()
    expect(page.locator(".hf-score-figure")).to_contain_text("37")
