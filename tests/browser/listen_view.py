"""What tests of the Listen view share: how long they wait, and what for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

from hearfelt.audio.reader import audio_files

__all__ = ["CLIPS", "PATIENCE_MS", "calm", "finished", "within_one"]

PATIENCE_MS: Final = 60_000
CLIPS: Final = audio_files(Path(__file__).parents[2] / "src" / "hearfelt" / "examples")


def calm(page: Page) -> None:
    """Wait until the page has nothing more to do."""
    page.wait_for_timeout(300)
    page.wait_for_function("!document.querySelector('[data-testid=stApp][data-test-script-state=running]')")


def finished(page: Page) -> None:
    """Wait until nothing is computed outside of the page's runs any more: what follows is drawn anew once."""
    expect(page.locator(".st-key-hf-downloads")).to_be_visible(timeout=PATIENCE_MS)
    explained = page.locator(".hf-said").or_(page.get_by_role("button", name="Explain", exact=True))
    expect(explained.or_(page.get_by_text("can be explained")).first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=PATIENCE_MS)
    calm(page)


def within_one(text: str) -> re.Pattern[str]:
    """Give a pattern for a text whose percents, which another process counted and rounded, may differ by one."""
    parts = re.split(r"(?<!\d)(\d+)(?= %)", text)
    numbers = ["(" + "|".join(str(int(one) + more) for more in (-1, 0, 1)) + ")" for one in parts[1::2]]
    texts = (re.escape(one).replace("\\ ", r"\s") for one in parts[::2])  # a space before "%" does not break
    return re.compile("".join(one + number for one, number in zip(texts, [*numbers, ""], strict=True)))
