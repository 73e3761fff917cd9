"""The page that recognizes in the browser answers as Python does, and asks nobody else."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from hearfelt.audio.reader import audio_files, read_audio, resample
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.recognizer import Recognizer
from make_try_page import MODELS, RUNTIME, build

EXAMPLES = audio_files(Path(__file__).parents[2] / "src" / "hearfelt" / "examples")
CLIP = EXAMPLES[0]
PATIENCE_MS = 180_000  # compiling WebAssembly takes half a second, and on a busy machine a minute and more
CLOSE = 1e-3
SHARES = """rows => Object.fromEntries(rows.map(
    (row) => [row.querySelector(".label").textContent, Number(row.style.getPropertyValue("--share"))]))"""
COUNTED = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}"""
REFUSED = """() => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"));
}"""


class Requests(SimpleHTTPRequestHandler):
    """Serves the folder without a word."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is, built from what is in the checkout now."""
    if not RUNTIME.is_dir():
        pytest.skip("the packages of try-page/ are not installed; run `make try-page`")
    folder = tmp_path_factory.mktemp("try") / "page"
    build(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Requests, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(start_browser: Any, microphone: Any, spoken: Path) -> Iterator[Browser]:
    with start_browser(*microphone(spoken)) as browser:
        yield browser


@pytest.fixture(scope="module")
def whole(browser: Browser, address: str) -> Iterator[Page]:
    """The page, loaded once for many tests: compiling WebAssembly takes the most time."""
    with browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        yield opened(context.new_page(), address)


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the page or the browser complains of: nothing."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def page(whole: Page, complaints: list[str]) -> Page:
    """The page as the test before left it; a test says which model it wants."""
    watch(whole, complaints)
    return whole


@pytest.fixture(scope="module")
def recognizers() -> Mapping[str, Recognizer]:
    return {name: Recognizer.load(name, threads=1) for name in MODELS}


def watch(page: Page, complaints: list[str]) -> None:
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator("main[data-ready]")).to_be_attached(timeout=PATIENCE_MS)
    return page


def choose(page: Page, model: str) -> None:
    page.locator(f"input[value={model}]").check()
    expect(page.locator(f"#note-{model}")).to_contain_text("ready", timeout=PATIENCE_MS)


def answer(page: Page, path: Path, model: str = "tiny") -> dict[str, float]:
    """Choose a model and send a file; gives the probabilities that are shown."""
    choose(page, model)
    page.locator("#file").set_input_files(path)
    return shown(page, path.name, model)


def shown(page: Page, name: str, model: str) -> dict[str, float]:
    expect(page.locator("main[data-state=result] #name")).to_have_text(name, timeout=PATIENCE_MS)
    expect(page.locator(f"#result[data-model={model}]:not(.waiting)")).to_be_visible(timeout=PATIENCE_MS)
    shares: dict[str, float] = page.locator("#bars li").evaluate_all(SHARES)
    return shares


def assert_same(shares: Mapping[str, float], prediction: Prediction) -> None:
    assert set(shares) == set(prediction.probabilities)
    assert max(abs(shares[label] - share) for label, share in prediction.probabilities.items()) < CLOSE


def voices(rate_hz: int) -> np.ndarray:
    """All bundled voices, one after another."""
    return np.concatenate([resample(one.samples, one.rate_hz, rate_hz) for one in map(read_audio, EXAMPLES)])


def write_wav(folder: Path, name: str, samples: np.ndarray, rate_hz: int, subtype: str = "PCM_16") -> Path:
    path = folder / f"{name}.wav"
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


@pytest.mark.parametrize("model", MODELS)
def test_bundled_voices_get_the_probabilities_that_python_gives_them(
    page: Page, model: str, recognizers: Mapping[str, Recognizer]
) -> None:
    for clip in EXAMPLES:
        assert_same(answer(page, clip, model), recognizers[model].recognize(clip))


@pytest.mark.parametrize(
    ("rate_hz", "subtype"),
    [(8_000, "PCM_16"), (44_100, "PCM_24"), (22_050, "FLOAT"), (48_000, "PCM_32"), (11_127, "DOUBLE"), (8_000, "ALAW"),
     (16_000, "ULAW"), (32_000, "PCM_U8")],
)  # fmt: skip
def test_a_wav_of_any_rate_and_format_gets_the_probabilities_that_python_gives_it(
    page: Page, recognizers: Mapping[str, Recognizer], tmp_path: Path, rate_hz: int, subtype: str
) -> None:
    sound = read_audio(CLIP)
    path = write_wav(tmp_path, subtype, resample(sound.samples, sound.rate_hz, rate_hz), rate_hz, subtype)
    assert_same(answer(page, path), recognizers["tiny"].recognize(path))


@pytest.mark.parametrize("model", MODELS)
def test_a_long_stereo_recording_is_divided_and_averaged_as_in_python(
    page: Page, recognizers: Mapping[str, Recognizer], tmp_path: Path, model: str
) -> None:
    both = voices(44_100)
    long = np.concatenate([both, np.zeros(44_100 * 13, np.float32), both[::-1]]) + 0.05  # with a pause and an offset
    path = write_wav(tmp_path, "long", np.stack([long, 0.3 * long], axis=1), 44_100)
    assert_same(answer(page, path, model), recognizers[model].recognize(path))


def _quiet(samples: np.ndarray) -> np.ndarray:
    return samples * (10 ** (-60 / 20) / np.abs(samples).max())


def _clipped(samples: np.ndarray) -> np.ndarray:
    return np.clip(samples * (4 / np.abs(samples).max()), -1, 1)


def _cancelling(samples: np.ndarray) -> np.ndarray:
    return np.stack([samples, -0.9 * samples], axis=1)


@pytest.mark.parametrize("change", [_quiet, _clipped, _cancelling])
def test_what_is_odd_about_a_recording_is_said_as_in_python(
    page: Page,
    recognizers: Mapping[str, Recognizer],
    tmp_path: Path,
    change: Callable[[np.ndarray], np.ndarray],
) -> None:
    path = write_wav(tmp_path, change.__name__, change(voices(16_000)), 16_000)
    prediction = recognizers["hearfelt"].recognize(path)
    assert_same(answer(page, path, "hearfelt"), prediction)
    said = "; ".join(warning.text for warning in prediction.other_warnings)
    assert said
    assert page.locator("#warnings").inner_text().lower() == f"{said}.".lower()


def test_a_file_that_is_cut_is_answered_with_a_warning(
    page: Page, recognizers: Mapping[str, Recognizer], tmp_path: Path
) -> None:
    whole = write_wav(tmp_path, "whole", read_audio(CLIP).samples, 16_000)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole.read_bytes()[:40_044])
    prediction = recognizers["tiny"].recognize(cut)
    assert_same(answer(page, cut), prediction)
    expect(page.locator("#warnings")).to_contain_text(prediction.warnings[0].text, ignore_case=True)


@pytest.mark.parametrize("kind", ["tone", "voice"])
def test_emotion_confidence_and_no_speech_are_worded_as_in_python(
    page: Page, recognizers: Mapping[str, Recognizer], tmp_path: Path, kind: str
) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1_000 * np.arange(48_000) / 16_000)
    path = write_wav(tmp_path, kind, tone if kind == "tone" else read_audio(CLIP).samples, 16_000)
    prediction = recognizers["hearfelt"].recognize(path)
    answer(page, path, "hearfelt")
    if prediction.has_no_speech:
        expect(page.locator("#emotion")).to_have_text("no speech found")
        for part in ("#badge", "#bars", "#sure"):  # no emotion is named
            expect(page.locator(part)).to_be_hidden()
    else:
        emotion = f"{'perhaps ' if prediction.unsure else ''}{prediction.emotion}"
        expect(page.locator("#emotion")).to_have_text(emotion)
        expect(page.locator("#sure")).to_contain_text(prediction.in_words)


@pytest.mark.parametrize(
    ("name", "samples", "said"),
    [
        ("silence", np.zeros(16_000), "only silence"),
        ("blink", np.ones(800), "0.05 s of sound"),
        ("text", None, "no sound that this browser can read"),
    ],
)
def test_a_file_that_cannot_be_used_gets_a_sentence_and_the_next_one_an_answer(
    page: Page, recognizers: Mapping[str, Recognizer], tmp_path: Path, name: str, samples: Any, said: str
) -> None:
    path = tmp_path / "text.mp3"
    path.write_text("This is no sound. " * 100)
    if samples is not None:
        path = write_wav(tmp_path, name, samples, 16_000)
    page.locator("#file").set_input_files(path)
    expect(page.locator("#problem-text")).to_contain_text(said, timeout=PATIENCE_MS)
    expect(page.locator("#announced")).to_contain_text(said)
    expect(page.locator("#result")).to_be_hidden()
    assert_same(answer(page, CLIP), recognizers["tiny"].recognize(CLIP))
    expect(page.locator("#problem")).to_be_hidden()


def test_the_other_model_answers_for_the_sound_that_is_there(page: Page, recognizers: Mapping[str, Recognizer]) -> None:
    choose(page, "tiny")
    page.get_by_role("button", name="neutral").click()
    shown(page, "neutral", "tiny")
    choose(page, "hearfelt")
    [neutral] = [clip for clip in EXAMPLES if clip.stem.endswith("-neutral")]
    assert_same(shown(page, "neutral", "hearfelt"), recognizers["hearfelt"].recognize(neutral))
    page.locator("#about summary").click()
    expect(page.locator("#about-text")).to_contain_text(recognizers["hearfelt"].card.licence)


def test_a_recording_is_made_and_recognized_by_keyboard_and_the_microphone_is_released(page: Page) -> None:
    choose(page, "tiny")
    page.evaluate(COUNTED)
    page.locator("#record").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-state", "recording", timeout=PATIENCE_MS)
    expect(page.locator("#clock")).to_have_text(re.compile("0:0[2-9]|0:[1-5]"), timeout=PATIENCE_MS)
    page.keyboard.press("Enter")
    shares = shown(page, "recording", "tiny")
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
    assert page.evaluate("window.tracks.map((track) => track.readyState)") == ["ended"]
    expect(page.locator("#name")).to_be_focused()


def test_a_microphone_that_is_not_allowed_is_explained(page: Page) -> None:
    page.evaluate(REFUSED)
    page.locator("#record").click()
    expect(page.locator("#problem-title")).to_have_text("The microphone is not allowed")
    expect(page.locator("#choose")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1_920])
def test_nobody_is_kept_out_and_nothing_goes_beyond_the_screen(page: Page, width: int, theme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    answer(page, CLIP)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = Axe().run(page).response["violations"]
    assert [one["id"] for one in violations] == []


def test_the_page_works_offline_after_the_first_load_and_asks_nobody_else(
    browser: Browser, address: str, recognizers: Mapping[str, Recognizer], complaints: list[str]
) -> None:
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page = opened(context.new_page(), address)
        watch(page, complaints)
        choose(page, "hearfelt")
        expect(page.locator("main[data-offline]")).to_be_attached(timeout=PATIENCE_MS)
        answer(page, CLIP, "hearfelt")
        assert any(url.endswith(".wasm") for url in asked)
        assert {urlsplit(url).netloc for url in asked if not url.startswith("blob:")} == {urlsplit(address).netloc}
        context.set_offline(True)
        page.close()
        page = opened(context.new_page(), address)
        watch(page, complaints)
        page.get_by_role("button", name="neutral").click()
        shown(page, "neutral", "tiny")
        assert_same(answer(page, CLIP, "hearfelt"), recognizers["hearfelt"].recognize(CLIP))


def test_a_model_that_cannot_be_downloaded_is_explained_and_can_be_tried_again(browser: Browser, address: str) -> None:
    with browser.new_context(service_workers="block") as context:
        context.set_default_timeout(PATIENCE_MS)

        def broken(route: Route) -> None:
            route.abort()

        context.route("**/models/hearfelt.onnx*", broken)
        page = opened(context.new_page(), address)
        page.locator("input[value=hearfelt]").click()
        expect(page.locator("#note-hearfelt")).to_contain_text("could not be downloaded", timeout=PATIENCE_MS)
        expect(page.locator("input[value=tiny]")).to_be_checked()
        answer(page, CLIP)
        context.unroute("**/models/hearfelt.onnx*", broken)
        choose(page, "hearfelt")
