"""Make the moving picture of the README: a synthetic voice is picked on the page, answered, and played.

    python tools/page_in_motion.py [--out docs/pictures/page.webp] [--chromium chromium]

``hearfelt app`` runs on loopback; every frame is a picture of the real page.
"""

from __future__ import annotations

import argparse
import io
import runpy
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parents[1]
still = runpy.run_path(str(HERE / "scripts" / "screenshots.py"))
SIZE = (1_120, 760)
SHOWN = (840, 570)  # pixels of the moving picture
FRAME_MS = 120


class Film:
    """Frames and how long each is seen."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.frames: list[Image.Image] = []
        self.lasts_ms: list[int] = []

    def take(self, lasts_ms: int = FRAME_MS) -> None:
        """Take one frame; one that shows nothing new only lasts longer."""
        picture = Image.open(io.BytesIO(self._page.screenshot())).convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS)
        if self.frames and picture.tobytes() == self.frames[-1].tobytes():
            self.lasts_ms[-1] += lasts_ms
            return
        self.frames.append(picture)
        self.lasts_ms.append(lasts_ms)

    def roll(self, seconds: float) -> None:
        """Take frames for a while, each lasting as long as it took."""
        end = time.monotonic() + seconds
        while (begun := time.monotonic()) < end:
            self.take()
            self._page.wait_for_timeout(max(0, FRAME_MS - 1_000 * (time.monotonic() - begun)))

    def save(self, path: Path) -> None:
        first, *others = self.frames
        how = {"duration": self.lasts_ms, "loop": 0, "quality": 70, "method": 4, "minimize_size": True}
        first.save(path, save_all=True, append_images=others, **how)
        print(f"{path}: {len(self.frames)} frames, {path.stat().st_size / 1e3:.0f} kB")


def act(page: Page, film: Film) -> None:
    """Pick a voice, read the answer, play it, look at the reasons, and see it in the dark."""
    film.take(1_400)
    page.get_by_text("high and hurried", exact=True).click()
    page.locator(".hf-answer").first.wait_for()
    film.roll(1.5)
    still["calm"](page)
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
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, still["serving"]() as address:
        voice = Path(folder) / "voices.wav"
        still["live"]["write_voices"](still["live"]["VOICES"]["voices"], voice)
        with still["live"]["browsing"](playwright, chosen.chromium, voice) as browser:
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
            page.goto(address)
            page.locator("input[type=file]").first.wait_for(state="attached")
            still["calm"](page)
            film = Film(page)
            act(page, film)
    film.save(chosen.out)


if __name__ == "__main__":
    main()
