"""Debian's Chromium for tests of pages, with a microphone that plays a file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from tests.browser.listen_view import PATIENCE_MS, calm
from tests.free_port import free_port

from hearfelt.audio.reader import audio_files, read_audio, resample

CHROMIUM = os.environ.get("HEARFELT_CHROMIUM") or shutil.which("chromium") or ""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
EXAMPLES = Path(__file__).parents[2] / "src" / "hearfelt" / "examples"

BrowserMaker = Callable[..., AbstractContextManager[Browser]]


@pytest.fixture(scope="module")
def _playwright() -> Iterator[Playwright]:
    """Playwright, for one module: while it runs, this thread has an event loop, and other tests want their own."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def start_browser(_playwright: Playwright) -> BrowserMaker:
    """Starts Chromium, with further arguments; a test skips where there is none."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed; install it, or name it in HEARFELT_CHROMIUM")

    @contextmanager
    def start(*arguments: str) -> Iterator[Browser]:
        browser = _playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])
        try:
            yield browser
        finally:
            browser.close()

    return start


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears again and again: bundled voices at 48 kHz, with pauses."""
    voices = [read_audio(path) for path in audio_files(EXAMPLES)[:2]]
    pause = np.zeros(48_000, np.float32)
    parts = [part for one in voices for part in (resample(one.samples, one.rate_hz, 48_000), pause)]
    path = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    soundfile.write(path, np.concatenate(parts), 48_000, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def microphone() -> Callable[[Path], tuple[str, ...]]:
    """Gives the arguments with which a browser has a microphone that plays a file, and allows its use."""

    def arguments(path: Path) -> tuple[str, ...]:
        return (
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={path}",
        )

    return arguments


@pytest.fixture(scope="module")
def page_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only folder that the page could write into; what it says is in ``said.txt``."""
    home = tmp_path_factory.mktemp("home")
    (home / "temporary").mkdir()
    return home


@pytest.fixture(scope="module")
def page_address(page_home: Path) -> Iterator[str]:
    """Where the page is, with the live service beside it, as ``hearfelt app`` serves both."""
    with _page(page_home) as address:
        yield address


@pytest.fixture(scope="module")
def page_for_small_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a page is that takes files of up to 1 MB."""
    home = tmp_path_factory.mktemp("small")
    (home / "temporary").mkdir()
    with _page(home, "--upload-mb", "1", "--no-live") as address:
        yield address


@pytest.fixture
def page(browser: Browser, page_address: str) -> Iterator[Page]:
    """The Listen view, ready, in the ``browser`` that a module starts."""
    with browser.new_context(viewport={"width": 1_280, "height": 800}, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(page_address)
        page.locator("input[type=file]").first.wait_for(state="attached")
        calm(page)
        yield page


@contextmanager
def _page(home: Path, *options: str) -> Iterator[str]:
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home / "temporary")}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "hearfelt", "app", "--no-browser", "--port", str(free_port()), *options]
    with (home / "said.txt").open("w+") as said:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=said, text=True)
        try:
            first = process.stdout.readline() if process.stdout else ""
            found = re.search(r"http://localhost:\d+", first)
            if found is None:
                raise OSError(f"the page did not start: {first}{(home / 'said.txt').read_text()}")
            _wait_for(f"{found[0]}/_stcore/health")
            yield found[0]
        finally:
            process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _wait_for(address: str, patience_s: float = 60) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
