"""The page's player by itself in a real browser, given sounds of any length that nobody has to hear first."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from hearfelt.features.display import Outline
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.player import player_assets, player_data
from hearfelt.page.preview import Playable
from hearfelt.page.session import LoadedSound, ReceivedFile
from hearfelt.reports.formatting import time_words

HOUR_S: Final = 3_600.0
LABELS: Final = ("calm", "sad", "angry")
FLAT: Final = Outline(np.full(900, -0.1, np.float32), np.full(900, 0.1, np.float32), 4.0, HOUR_S)
SHOW: Final = """async ([script, style, data]) => {
  const { default: show } = await import(`data:text/javascript;base64,${script}`);
  document.body.innerHTML = `<style>${style}</style><div class="wave"></div>`;
  window.hearfeltSounds = new Map([[data.key, "data:audio/wav;base64,"]]);
  window.sent = [];
  window.data = data;
  const setTriggerValue = (...one) => window.sent.push(one);
  window.show = (data) => show({ data, parentElement: document.body, setTriggerValue });
  window.show(data);
}"""
STILL: Final = """() => {
  const audio = document.querySelector("audio"); // plays nothing here, and so would go nowhere
  Object.defineProperty(audio, "currentTime", { writable: true, value: 0 });
}"""


@pytest.fixture(scope="module")
def browser(start_browser: Any) -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 800, "height": 900}) as context:
        yield context.new_page()


def heard(label: str, *, unsure: bool = False) -> Prediction:
    return Prediction(label, 0.75, {label: 0.75}, unsure, 2.0, "toy")


def shown(page: Page, segments: list[Segment]) -> None:
    timeline = Timeline("hour.wav", None, HOUR_S, tuple(segments), LABELS, "toy")
    sound = LoadedSound(ReceivedFile("hour.wav", b""), Playable(FLAT, b"", "audio/flac", None))
    data = player_data(sound, {"toy": timeline})
    css, js = player_assets()
    page.evaluate(SHOW, [base64.b64encode(js.encode()).decode(), css, data])


def test_a_long_sound_is_drawn_in_the_player_of_a_short_one(page: Page) -> None:
    shown(page, [Segment(0.0, 1_800.0, heard("calm"))])
    levels = {"bands": 2, "frames": 3, "values": base64.b64encode(bytes(6)).decode()}
    page.evaluate("levels => { window.data.levels = levels; window.show(window.data); }", levels)
    expect(page.locator(".levels")).to_be_visible()
    page.evaluate("() => window.show({ ...window.data, key: 'other', levels: null, label: 'Other' })")
    expect(page.locator(".levels")).to_be_hidden()
    expect(page.get_by_role("img", name="Other")).to_be_visible()
    expect(page.locator(".segment")).to_have_count(1)


def hour() -> list[Segment]:
    """Sad for the first half and angry for the rest, each broken off every three seconds by one of calm; a pause."""
    found = [Segment(at, at + 3.0, heard("sad" if at < HOUR_S / 2 else "angry")) for at in np.arange(0, 3_000, 4.0)]
    found += [Segment(at + 3.0, at + 4.0, heard("calm", unsure=True)) for at in np.arange(0, 3_000, 4.0)]
    return sorted(found, key=lambda one: one.start_s)


def test_an_hour_of_short_segments_is_a_ribbon_of_what_is_heard_longest_in_each_piece(page: Page) -> None:
    shown(page, hour())
    parts = page.locator(".segment")
    expect(parts).to_have_count(2)
    marks = parts.evaluate_all("all => all.map((one) => one.style.getPropertyValue('--mark'))")
    assert marks == ["var(--emotion-sad)", "var(--emotion-angry)"]
    first, second = parts.evaluate_all("all => all.map((one) => one.getBoundingClientRect().right)")
    lanes = page.locator(".lanes").evaluate("it => [it.getBoundingClientRect().left, it.getBoundingClientRect().width]")
    assert first == pytest.approx(lanes[0] + lanes[1] / 2, abs=5)
    assert second == pytest.approx(lanes[0] + lanes[1] * 3_000 / HOUR_S, abs=5)


def test_an_hour_of_short_segments_is_summed_up_in_words_and_no_list_without_end(page: Page) -> None:
    shown(page, hour())
    sums = page.get_by_role("list", name="Time of each emotion")
    expect(sums.get_by_role("listitem")).to_have_text(["sad 22:30", "angry 15:00", "unsure 12:30"])
    expect(page.get_by_role("img", name="Segments")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(3)


def test_sums_are_rounded_as_the_list_of_durations_rounds_them(page: Page) -> None:
    segments = [Segment(at, at + 2.799, heard("sad")) for at in np.arange(0, 1_497, 3.0)]  # 1,396.7 s
    shown(page, segments)
    length_s = sum(one.duration_s for one in segments)
    expect(page.locator(".sums li")).to_have_text([f"sad {time_words(length_s)}"])
    assert time_words(length_s) == "23:17"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["ArrowRight"], "0:00:04 to 0:00:07: sad, fairly sure, 75 %"),
        (["PageUp"] * 6, "0:36:00 to 0:36:03: angry, fairly sure, 75 %"),
        (["End"], "no speech here"),
    ],
)
def test_where_the_cursor_is_in_an_hour_it_is_said_what_is_heard(page: Page, keys: list[str], said: str) -> None:
    shown(page, hour())
    page.evaluate(STILL)
    place = page.get_by_label("Position in seconds")
    for key in keys:
        place.press(key)
    if keys == ["End"]:
        place.evaluate("it => { it.value = it.max; it.dispatchEvent(new Event('input')); }")
    expect(page.locator(".sums p")).to_have_text(said)
    assert (place.get_attribute("aria-valuetext") or "").endswith(f"seconds; {said}")


def test_few_segments_of_an_hour_are_a_list_with_their_names(page: Page) -> None:
    shown(page, [Segment(0.0, 1_800.0, heard("sad")), Segment(2_000.0, 2_100.0, heard("calm"))])
    expect(page.get_by_role("list", name="Segments").get_by_role("listitem")).to_have_count(2)
    expect(page.locator(".segment").first).to_contain_text("sad")
    expect(page.locator(".sums")).to_be_empty()


def dragged(page: Page, start: float, end: float) -> None:
    """Drag from one share of the waveform's width to another."""
    box = page.locator(".shape").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], y)
    page.mouse.move(box["x"] + end * box["width"], y)
    page.mouse.up()


def stretch(page: Page) -> tuple[float, float]:
    ends = [page.get_by_label(f"{end} of the stretch in seconds") for end in ("Start", "End")]
    return float(ends[0].input_value()), float(ends[1].input_value())


def test_a_stretch_is_selected_with_the_pointer_and_sent_to_be_recognized(page: Page) -> None:
    shown(page, hour())
    page.evaluate(STILL)
    dragged(page, 0.25, 0.5)
    assert stretch(page) == (pytest.approx(900, abs=6), pytest.approx(1_800, abs=6))
    page.get_by_role("button", name="Recognize this stretch").click()
    [[name, sent]] = page.evaluate("window.sent")
    assert name == "stretch"
    assert (sent["start_s"], sent["end_s"]) == stretch(page)


def test_a_stretch_is_selected_and_changed_with_keys_alone(page: Page) -> None:
    shown(page, hour())
    page.evaluate(STILL)
    place = page.get_by_label("Position in seconds")
    place.press("ArrowRight")
    place.press("[")
    for _ in range(3):
        place.press("ArrowRight")
    place.press("]")
    assert stretch(page) == (5, 20)
    page.get_by_label("Start of the stretch in seconds").fill("7.5")
    page.get_by_label("Start of the stretch in seconds").press("Enter")
    assert stretch(page) == (7.5, 20)
    place.press("Escape")
    expect(page.get_by_label("Start of the stretch in seconds")).to_be_hidden()


def test_a_segment_is_selected_by_a_click_and_corrected(page: Page) -> None:
    shown(page, [Segment(0.0, 1_800.0, heard("sad")), Segment(2_000.0, 2_600.0, heard("calm"))])
    page.evaluate(STILL)
    page.locator(".segment").nth(1).click()
    assert stretch(page) == (2_000, 2_600)
    page.get_by_label("What the stretch is").select_option("angry")
    assert page.evaluate("window.sent") == [["correction", {"start_s": 2_000, "end_s": 2_600, "emotion": "angry"}]]


def test_zooming_shows_the_stretch_and_a_little_around_it(page: Page) -> None:
    shown(page, hour())
    page.evaluate(STILL)
    dragged(page, 0.5, 0.51)
    page.get_by_role("button", name="Zoom in").click()
    start_s, end_s = stretch(page)
    widths = page.evaluate("""() => ["stretch", "lanes"].map((name) =>
      document.querySelector(`.${name}`).getBoundingClientRect().width)""")
    assert widths[0] / widths[1] == pytest.approx(1 / 1.2, abs=0.01)
    shown_s = page.locator(".segment").count() * 2  # one of three seconds and one of one, again and again
    assert shown_s == pytest.approx(1.2 * (end_s - start_s), abs=4)
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator(".segment")).to_have_count(2)


def test_space_plays_wherever_the_focus_is_but_on_another_control(page: Page) -> None:
    shown(page, hour())
    page.evaluate("""() => {
      window.calls = 0;
      document.querySelector("audio").play = () => { window.calls += 1; };
    }""")
    page.get_by_label("Position in seconds").press(" ")
    page.get_by_role("button", name="Play hour.wav").press(" ")
    assert page.evaluate("window.calls") == 2
    page.get_by_role("button", name="Select a stretch").press(" ")
    assert page.evaluate("window.calls") == 2
    expect(page.get_by_role("group", name="Stretch")).to_be_visible()
