"""Take screenshots of the page that recognizes in the browser, in all states.

    python tools/screenshots_try.py [--out docs/screenshots] [--chromium chromium] [NAME ...]

Builds the page into a temporary folder and serves it on this computer; needs ``make try-page`` once.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import Browser, Page, expect, sync_playwright

from hearfelt.audio.reader import audio_files, read_audio, resample
from make_try_page import build
from screenshots_live import DESKTOP, FAILS, PHONE, WIDE, reduce_colours

HERE = Path(__file__).parents[1]
EXAMPLES = audio_files(HERE / "src" / "hearfelt" / "examples")
PATIENCE_MS = 300_000
STATES = ("rest", "answer", "unsure", "other-sound", "recording", "broken", "refused")
SHOWN = {
    "desktop": (DESKTOP, "light", STATES),
    "phone-dark": (PHONE, "dark", ("rest", "answer", "recording", "broken")),
    "wide-dark": (WIDE, "dark", ("rest", "answer")),
}


class Silent(SimpleHTTPRequestHandler):
    """Serves the folder without a word."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="screenshots to take, such as try-answer (default: all)")
    parser.add_argument("--out", type=Path, default=HERE / "docs" / "screenshots")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder) / "page"
        build(site)
        spoken = Path(folder) / "spoken.wav"
        voices = [resample(one.samples, one.rate_hz, 48_000) for one in map(read_audio, EXAMPLES)]
        soundfile.write(spoken, np.concatenate(voices), 48_000)
        microphone = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        browser = playwright.chromium.launch(
            executable_path=options.chromium,
            args=["--no-sandbox", "--disable-gpu", *microphone, f"--use-file-for-fake-audio-capture={spoken}"],
        )
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=site)) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/"
            for kind, (size, theme, states) in SHOWN.items():
                ending = "" if kind == "desktop" else f"-{kind}"
                wanted = {one: f"try-{one}{ending}" for one in states}
                if options.names:
                    wanted = {one: name for one, name in wanted.items() if name in options.names}
                if wanted:
                    paths = {one: options.out / f"{name}.png" for one, name in wanted.items()}
                    photograph(browser, address, size, theme, paths)
            server.shutdown()
        browser.close()


def photograph(browser: Browser, address: str, size: tuple[int, int], theme: str, wanted: dict[str, Path]) -> None:
    """Take the wanted screenshots, one state after the other on one page."""
    width, height = size
    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(address)
        expect(page.locator("main[data-offline]")).to_be_attached(timeout=PATIENCE_MS)
        for state in STATES:
            if state in wanted:
                REACHED[state](page)
                page.wait_for_timeout(500)
                page.screenshot(path=wanted[state], full_page=True)
                reduce_colours(wanted[state])
                if state == "recording":
                    page.locator("#record").click()
                    expect(page.locator("main")).to_have_attribute("data-state", "result", timeout=PATIENCE_MS)


def _send(page: Page, path: Path, model: str) -> None:
    page.locator(f"input[value={model}]").check()
    expect(page.locator(f"#note-{model}")).to_contain_text("ready", timeout=PATIENCE_MS)
    page.locator("#file").set_input_files(path)
    expect(page.locator("main[data-state=result] #name")).to_have_text(path.name, timeout=PATIENCE_MS)


def _other_sound(page: Page) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 700 * np.arange(48_000) / 16_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dial tone.wav"
        soundfile.write(path, tone, 16_000)
        _send(page, path, "hearfelt")


def _recording(page: Page) -> None:
    page.locator("#record").click()
    expect(page.locator("#clock")).to_have_text(re.compile("0:0[5-9]|0:[1-5]"), timeout=PATIENCE_MS)


def _broken(page: Page) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "letter.mp3"
        path.write_text("This is no sound. " * 100)
        page.locator("#file").set_input_files(path)
        expect(page.locator("#problem")).to_be_visible(timeout=PATIENCE_MS)


def _refused(page: Page) -> None:
    page.evaluate(FAILS.format(name="NotAllowedError"))
    page.locator("#record").click()
    expect(page.locator("#problem-title")).to_contain_text("not allowed")


REACHED: dict[str, Callable[[Page], None]] = {
    "rest": lambda page: None,
    "answer": lambda page: _send(page, EXAMPLES[1], "hearfelt"),
    "unsure": lambda page: _send(page, EXAMPLES[2], "hearfelt"),
    "other-sound": _other_sound,
    "recording": _recording,
    "broken": _broken,
    "refused": _refused,
}

if __name__ == "__main__":
    main()
