"""Take screenshots of the page in all relevant states.

    python tools/screenshots.py [--out docs/screenshots] [--chromium chromium] [--only NAME]

``hearfelt app`` runs on this computer; Chromium's fake microphone plays the bundled synthetic voices.
Emojis need a colour font, such as Debian's fonts-noto-color-emoji.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from playwright.sync_api import Page, expect, sync_playwright

from hearfelt.audio.reader import read_audio, resample
from screenshots_live import VOICES, browsing, part_called, reduce_colours, write_voices

HERE = Path(__file__).parents[1]
EXAMPLES = HERE / "src" / "hearfelt" / "examples"
DESKTOP, PHONE, WIDE = (1_280, 900), (360, 780), (1_920, 1_080)
TIMEOUT_MS = 60_000
COMPLETE = (
    ".hf-said, .hf-notice, .hf-no-speech, .stFileChip [role=alert], .st-key-hf-reasons :is(.stButton, .hf-small-print)"
)
REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"


@dataclass(frozen=True)
class Look:
    """A screenshot: view, size, theme, height of the page, and a script that runs first."""

    view: str = ""
    size: tuple[int, int] = DESKTOP
    theme: str = "light"
    height: int = 0
    script: str = ""


def wait_until_idle(page: Page) -> None:
    """Wait until the app is idle, nothing more is computed, and animations have ended."""
    page.wait_for_timeout(400)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=10 * TIMEOUT_MS)
    page.wait_for_function("!document.querySelector('[data-testid=stApp][data-test-script-state=running]')")
    page.wait_for_timeout(900)


def send(page: Page, *sounds: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(sounds)
    page.locator(".hf-title, .hf-notice, .stFileChip [role=alert]").first.wait_for()
    page.locator(COMPLETE).first.wait_for(timeout=10 * TIMEOUT_MS)
    wait_until_idle(page)


def example(*names: str) -> Callable[[Page], None]:
    return lambda page: send(page, *(next(EXAMPLES.glob(f"*{name}*")) for name in names))


def doubtful(word: str) -> Callable[[Page], None]:
    """Send a part of the bundled voices whose result is called so."""

    def do(page: Page) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording.wav"
            soundfile.write(path, part_called(word, "hearfelt"), 16_000)
            send(page, path)

    return do


def broken(page: Page) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "holiday.wav"
        file.write_bytes(b"this is no sound")
        send(page, file)


def too_large(page: Page) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "concert.wav"
        with file.open("wb") as empty:
            empty.truncate(51 * 2**20)
        send(page, file)


def conversation(folder: Path) -> Path:
    """Write six minutes of the bundled voices, alternating, with pauses."""
    voices = [read_audio(path) for path in sorted(EXAMPLES.glob("*.flac"))]
    spoken = [resample(one.samples, one.rate_hz, 16_000) for one in voices]
    turns = np.random.default_rng(4)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < 360 * 16_000:
        voice = spoken[turns.integers(len(spoken))]
        parts += [voice] * int(turns.integers(1, 5)) + [np.zeros(int(turns.uniform(8_000, 48_000)), np.float32)]
    path = folder / "conversation.mp3"
    soundfile.write(path, np.concatenate(parts), 16_000)
    return path


def long_recording(page: Page) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page.locator("input[type=file]").first.set_input_files(conversation(Path(folder)))
        page.get_by_role("button", name="Segments as CSV").wait_for(timeout=10 * TIMEOUT_MS)
        wait_until_idle(page)
    for key in ("PageUp", "PageUp", "PageUp", "ArrowRight"):
        page.get_by_label("Position in seconds").press(key)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")


def long_reading(page: Page) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page.locator("input[type=file]").first.set_input_files(conversation(Path(folder)))
        page.get_by_text(re.compile("hearfelt: [1-9]")).wait_for(timeout=10 * TIMEOUT_MS)


def stretch(page: Page) -> None:
    """Select a stretch, zoom in, and say what it is."""
    example("happy")(page)
    box = page.locator(".lanes .shape").bounding_box()
    if box is None:
        raise SystemExit("the player has no waveform")
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40)
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 40)
    page.mouse.up()
    page.get_by_label("What the stretch is").select_option("happy")
    page.get_by_role("button", name="Corrections as CSV").wait_for()
    wait_until_idle(page)


def recording(page: Page) -> None:
    page.get_by_role("button", name="Record your voice").click()
    page.get_by_role("button", name=re.compile("Stop · 0:0[2-9]")).wait_for()


def server_gone(page: Page) -> None:
    page.route("**/_stcore/**", lambda route: route.abort())
    page.evaluate("document.querySelector('[data-testid=stApp]').dataset.testConnectionState = 'PINGING_SERVER'")
    page.get_by_text("The connection to hearfelt is lost.").wait_for()


def not_recorded(page: Page) -> None:
    page.get_by_role("button", name="Record your voice").click()
    page.wait_for_timeout(1_500)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()
    wait_until_idle(page)


def compared(page: Page) -> None:
    example("neutral")(page)
    choose(page, "Compare with", "tiny")


def pair(page: Page) -> None:
    example("calm", "angry", "sad")(page)
    page.locator(".hf-said").first.wait_for()  # what is computed later would close an open list
    choose(page, "Put beside", "synthetic-angry.flac")
    page.locator(".hf-pairs").wait_for()
    wait_until_idle(page)


def by_classic(page: Page) -> None:
    example("fearful")(page)
    choose(page, "^Model", "classic")


def heard(page: Page) -> None:
    frame = page.frame_locator(".hf-live")
    frame.locator("#start").click()
    frame.locator("#segments li:nth-child(2)").wait_for()
    frame.locator('main[data-state="speech"]').wait_for()
    page.wait_for_timeout(600)


def refused(page: Page) -> None:
    frame = page.frame_locator(".hf-live")
    frame.locator("#start").click()
    expect(frame.locator("#record")).to_be_visible()


def away(page: Page) -> None:
    page.route("**/live/live.css", lambda route: route.abort())
    page.reload()
    expect(page.get_by_text("can't be reached")).to_be_visible()
    wait_until_idle(page)


def diagram(page: Page) -> None:
    page.get_by_text("Reliability diagram").click()
    wait_until_idle(page)
    page.locator(".hf-drawn").first.evaluate("element => element.scrollIntoView({block: 'center'})")


States = dict[str, tuple[Look, Callable[[Page], None]]]

STATES: States = {
    "listen": (Look(), wait_until_idle),
    "listen-phone": (Look(size=PHONE), wait_until_idle),
    "listen-answer": (Look(height=1_500), example("fearful")),
    "listen-answer-dark": (Look(theme="dark", height=1_500), example("happy")),
    "listen-answer-phone": (Look(size=PHONE, height=1_900), example("neutral")),
    "listen-answer-wide": (Look(size=WIDE), example("fearful")),
    "listen-guess": (Look(), doubtful("a guess")),
    "listen-unsure": (Look(), doubtful("unsure")),
    "listen-no-speech": (Look(), example("rain")),
    "listen-several": (Look(height=2_100), example("happy", "neutral", "fearful", "sad")),
    "listen-pair": (Look(height=1_500), pair),
    "listen-pair-phone-dark": (Look(size=PHONE, theme="dark", height=1_500), pair),
    "listen-compared": (Look(height=1_900), compared),
    "listen-classic": (Look(height=1_500), by_classic),
    "listen-long-heard": (Look(), long_reading),
    "listen-long": (Look(height=1_250), long_recording),
    "listen-long-phone-dark": (Look(size=PHONE, theme="dark", height=1_700), long_recording),
    "listen-stretch": (Look(height=1_250), stretch),
    "listen-stretch-phone-dark": (Look(size=PHONE, theme="dark", height=1_900), stretch),
    "listen-recording": (Look(), recording),
    "listen-gone": (Look(), server_gone),
    "listen-broken": (Look(), broken),
    "listen-too-large": (Look(), too_large),
    "listen-microphone-refused": (Look(script=REFUSED), not_recorded),
    "live": (Look("live", height=1_050), heard),
    "live-phone-dark": (Look("live", size=PHONE, theme="dark"), heard),
    "live-refused": (Look("live", script=REFUSED), refused),
    "live-away": (Look("live"), away),
    "model": (Look("model", height=3_900), wait_until_idle),
    "model-phone-dark": (Look("model", size=PHONE, theme="dark", height=2_000), wait_until_idle),
    "model-diagram": (Look("model"), diagram),
}


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """Run ``hearfelt app``; yields its address."""
    command = [sys.executable, "-m", "hearfelt", "app", "--no-browser", *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"http://localhost:\d+", process.stdout.readline() if process.stdout else "")
        if found is None:
            raise SystemExit("the page did not start")
        wait_for(f"{found[0]}/_stcore/health")
        yield found[0]
    finally:
        process.terminate()
        process.communicate()


def wait_for(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers at {address}")


def take(browser: Any, address: str, state: tuple[Look, Callable[[Page], None]], path: Path) -> None:
    look, do = state
    width, height = look.size
    options = {"viewport": {"width": width, "height": look.height or height}, "color_scheme": look.theme}
    with browser.new_context(**options, reduced_motion="reduce") as context:
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        if look.script:
            page.add_init_script(look.script)
        page.goto(f"{address}/{look.view}")
        ready = {"live": ".hf-live", "model": ".hf-score"}.get(look.view, "input[type=file]")
        page.locator(ready).first.wait_for(state="attached")
        wait_until_idle(page)
        do(page)
        page.screenshot(path=path)
    reduce_colours(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=HERE / "docs" / "screenshots")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    parser.add_argument("--only", nargs="*", help="names of states (all of them)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, serving() as address:
        voice = Path(folder) / "voices.wav"
        write_voices(VOICES["voices"], voice)
        with browsing(playwright, options.chromium, voice) as browser:
            for name in options.only or STATES:
                take(browser, address, STATES[name], options.out / f"page-{name}.png")


if __name__ == "__main__":
    main()
