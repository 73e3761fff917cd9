"""Measure the latency of the page: from uploading a 3 s clip to the result, in a browser.

    python benchmarks/page.py --json benchmarks/page.json

Starts ``hearfelt app`` and Chromium and uploads clips one after another, all different, the first ones as a warm-up.
Fails if the median exceeds the limit. Needs ``playwright`` and Debian's ``chromium``.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from playwright.sync_api import sync_playwright
from reporting import EXAMPLES

from hearfelt.audio.reader import read_audio, resample

CLIP_S: Final = 3.0
RATE_HZ: Final = 22_050
WARM: Final = 3
BAR_S: Final = 1.0
QUIET: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

# The previous result may still be shown, so it is marked first.
MARK: Final = "document.querySelectorAll('.hf-answer').forEach(one => { one.dataset.before = 'yes' })"
ANSWERED: Final = """name => document.querySelector('.hf-title h1')?.textContent === name
    && document.querySelector('.hf-answer:not([data-before])')?.offsetHeight > 0"""
IDLE: Final = "!document.querySelector('[data-testid=stApp][data-test-script-state=running]')"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="timed clips (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, page() as address:
        paths = clips(Path(folder), WARM + options.clips)
        times = answer_times(address, paths)[WARM:]
    median, slowest = statistics.median(times), max(times)
    print(f"a clip of {CLIP_S:.0f} s on the page: result after {median:.2f} s (median of {len(times)}),")
    print(f"{slowest:.2f} s at most; limit for the median {BAR_S:.0f} s")
    if options.json:
        figures = {"median_s": round(median, 3), "slowest_s": round(slowest, 3), "clips": len(times)}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if median <= BAR_S else 1


def clips(folder: Path, count: int) -> list[Path]:
    """Write different clips of 3 s, from the joined bundled voices."""
    voices = [read_audio(path) for path in sorted(EXAMPLES.glob("*.flac"))]
    joined = np.concatenate([resample(one.samples, one.rate_hz, RATE_HZ) for one in voices])
    paths = []
    for number in range(count):
        start = (number * 7_919) % (len(joined) - int(CLIP_S * RATE_HZ))
        paths.append(folder / f"clip-{number:03}.wav")
        soundfile.write(paths[-1], joined[start : start + int(CLIP_S * RATE_HZ)], RATE_HZ)
    return paths


@contextmanager
def page() -> Iterator[str]:
    """Run ``hearfelt app``; yields its address."""
    command = [sys.executable, "-m", "hearfelt", "app", "--no-browser", "--no-live"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://localhost:\d+", said)
        if found is None:
            raise SystemExit(f"the page did not start: {said}")
        _wait_for(f"{found[0]}/_stcore/health")
        yield found[0]
    finally:
        process.terminate()
        process.wait(timeout=20)


def answer_times(address: str, paths: list[Path]) -> list[float]:
    """Upload the clips one after another; returns the seconds until each result is shown."""
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        visit = browser.new_page(viewport={"width": 1_280, "height": 900})
        visit.goto(address)
        for path in paths:
            visit.locator("input[type=file]").first.wait_for(state="attached")
            visit.evaluate(MARK)
            started = time.monotonic()
            visit.locator("input[type=file]").first.set_input_files(path)
            visit.wait_for_function(ANSWERED, arg=path.name)
            times.append(time.monotonic() - started)
            visit.wait_for_function(IDLE)
        browser.close()
    return times


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


if __name__ == "__main__":
    raise SystemExit(main())
