from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.service.live_server import live_settings, running, until

from hearfelt.corpora.catalog import read_corpora
from hearfelt.emotions import look_of
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segments import Segment
from hearfelt.service.auth import Access
from hearfelt.service.settings import StreamSettings

PATIENCE_MS = 20_000
NO_MICROPHONE = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{name}'))"
COUNTED = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.opened = {tracks: [], contexts: [], sockets: []};
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  window.opened.tracks.push(...stream.getTracks());
  return stream;
};
for (const [name, list] of [["AudioContext", "contexts"], ["WebSocket", "sockets"]]) {
  window[name] = class extends window[name] {
    constructor(...given) { super(...given); window.opened[list].push(this); }
  };
}
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Any]:
    with running() as service:
        yield service


@pytest.fixture(scope="module")
def browser(start_browser: Any, microphone: Any, spoken: Path) -> Iterator[Browser]:
    with start_browser(*microphone(spoken)) as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on which no script may fail and no policy be broken."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    assert complaints == []


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator("#start")).to_be_enabled(timeout=PATIENCE_MS)
    return page


def heard_in(path: Path) -> set[str]:
    """Which emotions a stream hears in what the microphone plays, twice over."""
    sound, rate_hz = soundfile.read(path, dtype="float32")
    stream = Recognizer.load("tiny", threads=1).stream(rate_hz)
    events = stream.feed(np.tile(sound, 2)) + stream.finish()
    return {event.emotion for event in events if isinstance(event, Segment)}


def test_the_emotion_that_is_heard_appears_and_everything_is_let_go(service: Any, page: Page, spoken: Path) -> None:
    page.add_init_script(COUNTED)
    opened(page, service.page)
    page.keyboard.press("Tab")
    expect(page.locator("#start")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-state", "speech", timeout=PATIENCE_MS)
    expect(page.locator("#detail")).to_contain_text("%")
    row = page.locator("#segments li").first
    expect(row).to_be_visible(timeout=PATIENCE_MS)
    assert row.locator(".what").inner_text().split()[-1] in heard_in(spoken)
    assert row.locator(".what").inner_text().split()[0] == look_of(row.locator(".what").inner_text().split()[-1]).emoji
    expect(page.locator("#announced")).to_contain_text("%")  # what a screen reader says
    page.keyboard.press("Enter")
    expect(page.locator("#start")).to_have_text("Start again", timeout=PATIENCE_MS)
    expect(page.locator("#start")).to_be_enabled(timeout=PATIENCE_MS)
    assert page.evaluate("window.opened.tracks.map((track) => track.readyState)") == ["ended"]
    assert page.evaluate("window.opened.contexts.map((context) => context.state)") == ["closed"]
    assert page.evaluate("window.opened.sockets.map((socket) => socket.readyState)") == [3]
    until(lambda: not service.server.server_state.tasks)


def test_the_last_words_are_heard_after_stop(service: Any, page: Page) -> None:
    sent: list[Any] = []
    came: list[dict[str, Any]] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: came.append(json.loads(frame))))
    opened(page, service.page).click("#start")
    # counted and stopped in one step of the page: between two, a segment may end
    stopped = """() => {
        if (document.querySelector("main").dataset.state !== "speech") return null;
        const before = document.querySelectorAll("#segments li").length;
        document.querySelector("#start").click();
        return { before };
    }"""
    before = page.wait_for_function(stopped, timeout=PATIENCE_MS).json_value()["before"]
    expect(page.locator("#start")).to_be_enabled(timeout=PATIENCE_MS)
    assert page.locator("#segments li").count() == before + 1
    first, *blocks, last = sent
    rate_hz = json.loads(first)["rate_hz"]
    assert json.loads(first) == {"rate_hz": rate_hz, "encoding": "pcm16"}
    assert json.loads(last) == {"type": "end"}
    assert {len(block) for block in blocks[:-1]} == {2 * round(rate_hz / 20) * 2}
    assert came[-1]["type"] == "segment"


def recorded(page: Page, address: str, segments: int = 2) -> Page:
    """Speak until there are some segments, and stop."""
    opened(page, address).click("#start")
    expect(page.locator("#segments li").nth(segments - 1)).to_be_visible(timeout=3 * PATIENCE_MS)
    page.click("#start")
    expect(page.locator("#start")).to_be_enabled(timeout=PATIENCE_MS)
    return page


def downloaded(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_session_ends_with_a_sum_of_times(service: Any, page: Page) -> None:
    recorded(page, service.page)
    expect(page.locator("#headline")).to_have_text(re.compile("^(mostly .+|mixed)$"))
    expect(page.locator("#detail")).to_have_text(re.compile(r"\d+\s% of \d:\d\d of speech$"))
    expect(page.get_by_role("heading", name="Time of each emotion")).to_be_visible()
    shares = [int(text.split("\u00a0%")[0]) for text in page.locator("#legend .time").all_text_contents()]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=3)
    page.click("#start")
    expect(page.get_by_role("heading", name="Emotions")).to_be_visible()


def test_what_was_recorded_is_replayed_and_saved_and_corrected(service: Any, page: Page, tmp_path: Path) -> None:
    recorded(page, service.page)
    row = page.locator("#segments li").nth(1)
    row.get_by_role("button", name="Play").click()
    page.wait_for_function("document.getElementById('replay').currentTime > 0.2")
    segments = list(csv.DictReader(downloaded(page, "Segments as CSV", tmp_path).read_text().splitlines()))
    assert len(segments) == page.locator("#segments li").count()
    sound = soundfile.info(downloaded(page, "Download the sound", tmp_path))
    assert float(segments[-1]["end_s"]) <= sound.duration + 0.1
    assert sound.duration == pytest.approx(page.evaluate("document.getElementById('replay').duration"), abs=0.01)
    expect(page.get_by_role("button", name="Corrections as CSV")).to_be_hidden()
    row.get_by_label("It is").select_option("calm")
    downloaded(page, "Corrections as CSV", tmp_path)
    (tmp_path / "live-segments.csv").unlink()
    [clip] = read_corpora({"folder": tmp_path})
    assert (clip.emotion, clip.sound.start_s) == ("calm", pytest.approx(float(segments[1]["start_s"]), abs=0.006))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("NotAllowedError", "The microphone is not allowed"),
        ("NotFoundError", "No microphone found"),
        ("NotReadableError", "The microphone can't be used"),
    ],
)
def test_a_missing_microphone_is_said_and_can_be_tried_again(service: Any, page: Page, name: str, title: str) -> None:
    page.add_init_script(NO_MICROPHONE.format(name=name))
    opened(page, service.page).click("#start")
    expect(page.locator("#headline")).to_have_text(title)
    expect(page.locator("#start")).to_have_text("Try again")
    expect(page.locator("#record")).to_be_hidden()


def test_whoever_stops_before_it_began_is_where_they_were(service: Any, page: Page) -> None:
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => (window.allow = resolve))"
    )
    opened(page, service.page).click("#start")
    expect(page.locator("main")).to_have_attribute("data-state", "asking")
    page.click("#start")
    expect(page.locator("#headline")).to_have_text("Say something")
    expect(page.locator("#start")).to_have_text("Start listening")
    stopped = page.evaluate(  # a permission that comes late is given back at once
        "new Promise((resolve) => window.allow({getTracks: () => [{stop: () => resolve('stopped')}]}))"
    )
    assert stopped == "stopped"


def test_a_microphone_that_the_browser_refuses_is_said(service: Any, start_browser: Any) -> None:
    refusing = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    with start_browser(*refusing) as browser, browser.new_context() as context:
        page = opened(context.new_page(), service.page)
        page.click("#start")
        expect(page.locator("#headline")).to_have_text("The microphone is not allowed", timeout=PATIENCE_MS)
        assert service.server.server_state.tasks == set()


def test_a_service_that_is_gone_is_said_and_found_again_when_embedded_too(page: Page) -> None:
    with running() as service:
        opened(page, f"{service.page}?embed=1&theme=dark")
        expect(page.locator("header")).to_be_hidden()
    page.click("#start")
    expect(page.locator("#headline")).to_have_text("The service can't be reached", timeout=PATIENCE_MS)
    page.evaluate("() => { window.asked = new Promise(tell => addEventListener('message', ({data}) => tell(data))) }")
    page.click("#record")
    assert page.evaluate("window.asked") == {"type": "hearfelt:record"}


def test_a_connection_that_breaks_is_said_and_what_was_heard_stays(page: Page) -> None:
    with running() as service:
        opened(page, service.page).click("#start")
        expect(page.locator("#segments li").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#headline")).to_have_text("The connection was lost", timeout=PATIENCE_MS)
    expect(page.locator("#segments li").first).to_be_visible()
    expect(page.locator("#start")).to_have_text("Try again")


def test_a_busy_service_says_so_and_two_pages_hear_each_their_own(context: BrowserContext) -> None:
    with running(live_settings(streams=StreamSettings(most=1))) as service:
        first, second = (opened(context.new_page(), service.page) for _ in range(2))
        first.click("#start")
        expect(first.locator("main")).to_have_attribute("data-state", "speech", timeout=PATIENCE_MS)
        second.click("#start")
        expect(second.locator("#headline")).to_have_text("The service is busy", timeout=PATIENCE_MS)
        first.click("#start")
        expect(first.locator("#start")).to_be_enabled(timeout=PATIENCE_MS)
        second.click("#start")
        expect(second.locator("main")).to_have_attribute("data-state", "speech", timeout=PATIENCE_MS)


def test_a_key_is_asked_for(page: Page) -> None:
    with running(access=Access(["mine"])) as service:
        opened(page, service.page)
        page.fill("#key", "guess")
        page.press("#key", "Enter")
        expect(page.locator("#headline")).to_have_text("An API key is needed", timeout=PATIENCE_MS)
        expect(page.locator("#detail")).to_contain_text("The API key is unknown")
        page.fill("#key", "mine")
        page.press("#key", "Enter")
        expect(page.locator("main")).to_have_attribute("data-state", "speech", timeout=PATIENCE_MS)


@pytest.fixture
def around(service: Any, tmp_path: Path) -> Iterator[int]:
    """The port of another server of this computer, whose page has the live page in a frame."""
    frame = f'<iframe src="{service.page}?embed=1" allow="microphone" width="700" height="700"></iframe>'
    (tmp_path / "index.html").write_text(f"<!doctype html><title>around</title>{frame}", encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path))) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        yield host.server_port
        host.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


def test_it_hears_in_a_frame_of_a_page_of_this_computer(context: BrowserContext, around: int) -> None:
    page = context.new_page()
    page.goto(f"http://localhost:{around}/")
    inside = page.frame_locator("iframe")
    inside.locator("#start").click()
    expect(inside.locator("main")).to_have_attribute("data-state", "speech", timeout=PATIENCE_MS)
    inside.locator("#start").click()
    expect(inside.locator("#start")).to_have_text("Start again", timeout=PATIENCE_MS)


def test_a_page_from_elsewhere_cannot_embed_it(
    service: Any, start_browser: Any, microphone: Any, spoken: Path, around: int
) -> None:
    elsewhere = "--host-resolver-rules=MAP example.org 127.0.0.1"
    with start_browser(*microphone(spoken), elsewhere) as browser, browser.new_context() as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(f"http://example.org:{around}/")
        until(lambda: page.wait_for_timeout(50) or any("frame-ancestors" in text for text in complaints))
        assert page.frames[1].locator("#start").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_is_found_by_axe(service: Any, page: Page, theme: str) -> None:
    opened(page, f"{service.page}?theme={theme}")
    at_rest = serious(page)
    page.click("#start")
    expect(page.locator("#segments li").first).to_be_visible(timeout=PATIENCE_MS)
    page.click("#start")
    expect(page.locator("#start")).to_be_enabled(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Download the sound")).to_be_visible()
    assert at_rest == serious(page) == []


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] != "minor"]


@pytest.mark.parametrize("width", [360, 768, 1_920])
def test_the_page_fits_every_width(service: Any, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, service.page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#waveform").bounding_box()["width"] > 0.8 * min(width, 1_216) - 40  # type: ignore[index]


def test_the_page_asks_nothing_of_anybody_else(service: Any, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:")))
    opened(page, service.page).click("#start")
    expect(page.locator("main")).to_have_attribute("data-state", "speech", timeout=PATIENCE_MS)
    elsewhere = [url for url in asked if not url.startswith((service.page, "data:"))]
    assert elsewhere == []
    assert f"{service.page}v1/stream" in asked


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_the_wave_moves_only_where_motion_is_welcome(service: Any, browser: Browser, motion: Any, moves: bool) -> None:
    still: Callable[[Page], list[float]] = lambda page: page.evaluate(  # noqa: E731
        "import('./live/live_waveform.js').then(({LiveWaveform}) => {"
        "  const wave = new LiveWaveform(document.getElementById('waveform'), {});"
        "  wave.add([0.5, 0.5]); const before = wave.span()[0];"
        "  wave.add([0.5, 0.5]); return [before, wave.span()[0]]; })"
    )
    with browser.new_context(reduced_motion=motion) as context:
        before, after = still(opened(context.new_page(), service.page))
        assert (before != after) is moves


def test_the_javascript_of_the_docs_runs(service: Any, page: Page, spoken: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "live.md").read_text(encoding="utf-8")
    code = text.split("```js\n")[1].split("```")[0].replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
    sound, rate_hz = soundfile.read(spoken, dtype="float32")
    opened(page, service.page)
    events, closed = page.evaluate(
        f"async ([samples, rate]) => {{ {code} const events = [];"
        "  const closed = await listen(new Float32Array(samples), rate, (event) => events.push(event));"
        "  return [events, closed]; }",
        [sound.tolist(), rate_hz],
    )
    assert closed == 1000
    assert {event["emotion"] for event in events if event["type"] == "segment"} <= heard_in(spoken)
    assert {event["type"] for event in events} == {"segment", "now"}
