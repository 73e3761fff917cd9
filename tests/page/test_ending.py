"""The real page ends quickly and cleanly, whatever it computes for a visitor."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import soundfile
from tests.free_port import free_port

from hearfelt.audio.reader import audio_files, read_audio

PATIENCE_S: Final = 120
ENDS_WITHIN_S: Final = 30  # three seconds on an idle machine; a page that waits for its work takes minutes
CLIP: Final = audio_files(Path(__file__).parents[2] / "src" / "hearfelt" / "examples")[0]
CHROMIUM: Final = os.environ.get("HEARFELT_CHROMIUM") or shutil.which("chromium") or ""
QUIET: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``hearfelt app``; gives its process and address."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "hearfelt", "app", "--no-browser", "--no-live", "--port", str(free_port())]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://localhost:\d+", process.stdout.readline())
        assert found is not None
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                urllib.request.urlopen(f"{found[0]}/_stcore/health", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.1)
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    """Four minutes of a voice: processed for far longer than the page may take to end."""
    audio = read_audio(CLIP)
    path = tmp_path / "minutes.wav"
    soundfile.write(path, np.resize(audio.samples, 240 * audio.rate_hz), audio.rate_hz)
    return path


@pytest.fixture
def seconds(tmp_path: Path) -> Path:
    """Fifteen seconds: the longest sound that is explained."""
    audio = read_audio(CLIP)
    path = tmp_path / "seconds.wav"
    soundfile.write(path, np.resize(audio.samples, 149 * audio.rate_hz // 10), audio.rate_hz)
    return path


@pytest.mark.parametrize(("number", "work"), [(signal.SIGINT, "hearing"), (signal.SIGTERM, "explaining")])
def test_the_page_ends_at_once_while_it_works_and_says_in_the_browser_that_it_is_gone(
    number: signal.Signals, work: str, minutes: Path, seconds: Path
) -> None:
    if not CHROMIUM:
        pytest.skip("chromium is not installed; install it, or name it in HEARFELT_CHROMIUM")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    with running() as (process, address), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page()
        page.set_default_timeout(1_000 * PATIENCE_S)
        page.goto(address)
        page.locator("input[type=file]").first.wait_for(state="attached")
        page.locator("input[type=file]").first.set_input_files(minutes if work == "hearing" else seconds)
        if work == "explaining":
            page.get_by_role("button", name="Explain").click()
        page.get_by_role("progressbar").last.wait_for()
        page.wait_for_timeout(500)
        process.send_signal(number)
        said, errors = process.communicate(timeout=ENDS_WITHIN_S)
        page.get_by_text("The connection to hearfelt is lost.").wait_for()
        assert not any(one.is_visible() for one in page.get_by_role("dialog").all())
        browser.close()
    assert process.returncode in (0, 130)
    assert (said, errors) == ("", "")
