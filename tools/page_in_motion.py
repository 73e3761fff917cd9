"""Make the animated picture of the README: a synthetic voice is selected on the page, predicted and played.

    python tools/page_in_motion.py [--out docs/pictures/page.webp] [--chromium chromium]

``hearfelt app`` runs on this computer; every frame is a screenshot of the page.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from screenshots import browsing, serving, wait_until_idle
from screenshots_live import VOICES, write_voices

HERE = Path(__file__).parents[1]
SIZE = (1_120, 760)
OUTPUT_SIZE = (840, 570)
FRAME_MS = 120


class Film:
    """Frames and their durations."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.frames: list[Image.Image] = []
        self.durations_ms: list[int] = []

    def take(self, duration_ms: int = FRAME_MS) -> None:
        """Take a frame; if nothing changed, extend the last one."""
        picture = (
            Image.open(io.BytesIO(self._page.screenshot())).convert("RGB").resize(OUTPUT_SIZE, Image.Resampling.LANCZOS)
        )
        if self.frames and picture.tobytes() == self.frames[-1].tobytes():
            self.durations_ms[-1] += duration_ms
            return
        self.frames.append(picture)
        self.durations_ms.append(duration_ms)

    def roll(self, seconds: float) -> None:
        """Take frames for some seconds."""
        end = time.monotonic() + seconds
        while (begun := time.monotonic()) < end:
            self.take()
            self._page.wait_for_timeout(max(0, FRAME_MS - 1_000 * (time.monotonic() - begun)))

    def save(self, path: Path) -> None:
        first, *others = self.frames
        options = {"duration": self.durations_ms, "loop": 0, "quality": 70, "method": 4, "minimize_size": True}
        first.save(path, save_all=True, append_images=others, **options)
        print(f"{path}: {len(self.frames)} frames, {path.stat().st_size / 1e3:.0f} kB")


def act(page: Page, film: Film) -> None:
    """Select a voice, play it, scroll to the explanation, and switch to the dark theme."""
    film.take(1_400)
    page.get_by_text("fearful", exact=True).click()
    page.locator(".hf-answer").first.wait_for()
    film.roll(1.5)
    wait_until_idle(page)
    film.take(1_200)
    page.get_by_role("button", name="Play").first.click()
    film.roll(2.2)
    film.take(900)
    main = page.locator("[data-testid=stMain]")
    for step in range(1, 9):
        main.evaluate("(element, at) => element.scrollTo(0, at)", 65 * step)
        film.take(70)
    film.take(2_200)
    main.evaluate("element => element.scrollTo(0, 0)")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(1_500)
    film.take(2_600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=HERE / "docs" / "pictures" / "page.webp")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, serving() as address:
        voice = Path(folder) / "voices.wav"
        write_voices(VOICES["voices"], voice)
        with browsing(playwright, chosen.chromium, voice) as browser:
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
            page.goto(address)
            page.locator("input[type=file]").first.wait_for(state="attached")
            wait_until_idle(page)
            film = Film(page)
            act(page, film)
    film.save(chosen.out)


if __name__ == "__main__":
    main()
