"""Take screenshots of the live page in all states.

    python tools/screenshots_live.py [--out docs/screenshots] [--chromium chromium]

A service runs on this computer; Chromium's fake microphone plays the bundled synthetic voices.
"""

from __future__ import annotations

import argparse
import runpy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from hearfelt.audio.reader import audio_files, read_audio, resample
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.settings import ServiceSettings, StreamSettings

HERE = Path(__file__).parents[1]
server = runpy.run_path(str(HERE / "tests" / "service" / "live_server.py"))
RATE = 48_000
VOICES = {"voices": ("angry", "calm", "happy", "sad"), "silence": ()}
NEVER = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {})"
FAILS = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{name}'))"
DESKTOP, PHONE, WIDE = (1_280, 860), (360, 740), (1_920, 1_000)


@dataclass(frozen=True)
class Look:
    """A screenshot: size, theme, query of the address, whole page or not, and a script that runs first."""

    size: tuple[int, int] = DESKTOP
    theme: str = "light"
    query: str = ""
    whole: bool = False
    script: str = ""


def reduce_colours(path: Path) -> None:
    """Save a screenshot with 256 colours, a third of the size; this method keeps rare colours."""
    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, 1, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)
    print(path)


class Photographer:
    """Opens pages in a browser and takes their screenshots."""

    def __init__(self, browser: Browser, address: str, out: Path) -> None:
        self._browser, self._address, self._out = browser, address, out

    @contextmanager
    def page(self, name: str, look: Look) -> Iterator[Page]:
        width, height = look.size
        with self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if look.theme == "dark" else "light"
        ) as context:
            context.set_default_timeout(30_000)
            page = context.new_page()
            if look.script:
                page.add_init_script(look.script)
            page.goto(f"{self._address}?theme={look.theme}{look.query}")
            page.wait_for_selector("#start:enabled")
            yield page
            page.wait_for_timeout(400)  # the bars of the legend are animated
            path = self._out / f"live-{name}.png"
            page.screenshot(path=path, full_page=look.whole)
            reduce_colours(path)


def start(page: Page) -> None:
    page.click("#start")


def until(page: Page, state: str) -> None:
    page.wait_for_selector(f'main[data-state="{state}"]')


def heard(page: Page, segments: int) -> None:
    start(page)
    page.wait_for_selector(f"#segments li:nth-child({segments})")
    until(page, "speech")
    page.wait_for_timeout(900)


def stopped(page: Page, segments: int) -> None:
    heard(page, segments)
    page.click("#start")
    page.wait_for_selector("#start:enabled")


def problem(page: Page) -> None:
    start(page)
    until(page, "problem")


def quiet(page: Page) -> None:
    start(page)
    until(page, "silence")
    page.wait_for_timeout(2_500)


def asking(page: Page) -> None:
    start(page)
    until(page, "asking")


def unsure(page: Page) -> None:
    start(page)
    page.wait_for_selector("#segments li:nth-child(2)")
    page.wait_for_selector('main[data-state="speech"] #headline:text("?")')


States = list[tuple[str, Look, Callable[[Page], None]]]

USUAL: States = [
    ("rest", Look(), lambda page: None),
    ("rest-phone", Look(PHONE), lambda page: None),
    ("asking", Look(script=NEVER), asking),
    ("heard", Look(), lambda page: heard(page, 3)),
    ("heard-dark", Look(theme="dark"), lambda page: heard(page, 2)),
    ("heard-phone", Look(PHONE), lambda page: heard(page, 1)),
    ("heard-wide", Look(WIDE), lambda page: heard(page, 3)),
    ("embedded", Look((760, 700), query="&embed=1"), lambda page: heard(page, 1)),
    ("stopped", Look(whole=True), lambda page: stopped(page, 3)),
    ("stopped-phone-dark", Look(PHONE, "dark", whole=True), lambda page: stopped(page, 2)),
    ("refused", Look(script=FAILS.format(name="NotAllowedError")), problem),
    ("missing", Look(theme="dark", script=FAILS.format(name="NotFoundError")), problem),
    ("embedded-refused", Look((760, 600), "dark", "&embed=1", False, FAILS.format(name="NotAllowedError")), problem),
]


def usual(browser: Browser, out: Path) -> None:
    with server["running"](ServiceSettings(models=("hearfelt",))) as service:
        photographer = Photographer(browser, service.page, out)
        for name, look, do in USUAL:
            with photographer.page(name, look) as page:
                do(page)


def troubled(browser: Browser, out: Path) -> None:
    """Take screenshots of a service that is unreachable, lost, busy, or needs a key."""
    with server["running"](ServiceSettings(models=("hearfelt",))) as service:
        gone = Photographer(browser, service.page, out).page("unreachable", Look())
        lost = Photographer(browser, service.page, out).page("lost", Look())
        first, second = gone.__enter__(), lost.__enter__()
        heard(second, 1)
    until(second, "problem")
    problem(first)
    lost.__exit__(None, None, None)
    gone.__exit__(None, None, None)
    none = StreamSettings(most=0)
    with (
        server["running"](ServiceSettings(models=("hearfelt",), streams=none)) as service,
        Photographer(browser, service.page, out).page("busy", Look()) as page,
    ):
        problem(page)
    with (
        server["running"](ServiceSettings(models=("hearfelt",), keys=("unknown to the page",))) as service,
        Photographer(browser, service.page, out).page("key", Look()) as page,
    ):
        problem(page)


def unsettled(browser: Browser, out: Path) -> None:
    with (
        server["running"](ServiceSettings(models=("tiny",))) as service,
        Photographer(browser, service.page, out).page("unsure", Look()) as page,
    ):
        unsure(page)


def silent(browser: Browser, out: Path) -> None:
    with (
        server["running"](ServiceSettings(models=("hearfelt",))) as service,
        Photographer(browser, service.page, out).page("listening", Look()) as page,
    ):
        quiet(page)


def part_called(word: str, model: str) -> np.ndarray:
    """Find 3 s of the bundled voices, at 16 kHz, whose result is called so by a model."""
    recognizer = Recognizer.load(model)
    clips = audio_files(HERE / "src" / "hearfelt" / "examples")
    voices = [read_audio(clip) for clip in clips if "rain" not in clip.stem]
    joined = np.concatenate([resample(one.samples, one.rate_hz, 16_000) for one in voices])
    for start in range(0, len(joined) - 48_000, 4_000):
        part = joined[start : start + 48_000]
        if recognizer.recognize(part, 16_000).in_words == word:
            return part
    raise SystemExit(f"{model} calls no part of the bundled voices {word!r}")


def write_voices(names: tuple[str, ...], path: Path) -> None:
    """Write bundled voices one after another, with pauses and faint noise."""
    clips = audio_files(HERE / "src" / "hearfelt" / "examples")
    parts = [np.random.default_rng(0).normal(0, 0.0008, RATE).astype(np.float32)]
    for name in names:
        audio = read_audio(next(clip for clip in clips if name in clip.stem))
        parts += [resample(audio.samples, audio.rate_hz, RATE), parts[0][: RATE * 2 // 3]]
    soundfile.write(path, np.concatenate(parts), RATE, subtype="PCM_16")


@contextmanager
def browsing(playwright: Playwright, chromium: str, voice: Path) -> Iterator[Browser]:
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    offline = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
    offline += " --no-first-run --disable-quic"
    browser = playwright.chromium.launch(
        executable_path=chromium, args=[*offline.split(), *fake, f"--use-file-for-fake-audio-capture={voice}"]
    )
    try:
        yield browser
    finally:
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=HERE / "docs" / "screenshots")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, rounds in (("voices", (usual, troubled)), ("unsure", (unsettled,)), ("silence", (silent,))):
            voice = Path(folder) / f"{name}.wav"
            if name == "unsure":
                soundfile.write(voice, resample(part_called("unsure", "tiny"), 16_000, RATE), RATE)
            else:
                write_voices(VOICES[name], voice)
            with browsing(playwright, options.chromium, voice) as browser:
                for take in rounds:
                    take(browser, options.out)


if __name__ == "__main__":
    main()
