"""Measure the page in a browser: short clips, a long recording, and memory after many sounds.

    python benchmarks/page.py --json benchmarks/page.json

Starts ``hearfelt app`` and Chromium and uploads clips one after another, all different, the first ones as a warm-up:
from the upload to the result. Then 60 clips at once, and the resident memory before them and after *Start over*. Then a
recording of 20 minutes, from the upload to its first segment and to its result, in turns with ``hearfelt timeline`` on
the same file, so that both meet the same load: the medians of some turns, as elapsed time and as processor time of the
page's server. Then the page is ended while it reads that recording once more. Fails if a limit is exceeded. Needs
Linux, ``playwright`` and Debian's ``chromium``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
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
from playwright.sync_api import Page, sync_playwright
from reporting import EXAMPLES

from hearfelt.audio.reader import read_audio, resample

CLIP_S: Final = 3.0
LONG_S: Final = 1_200
MOST_TIMES_TIMELINE: Final = 1.15
FIRST_SEGMENT_S: Final = 5.0
MANY: Final = 60
MOST_MEMORY: Final = 1.1  # of that before
SETTLED_S: Final = 8  # after which memory is measured
RATE_HZ: Final = 22_050
WARM: Final = 3
BAR_S: Final = 1.0
END_S: Final = 3.0
WITHOUT_VOICE: Final = ("synthetic-rain",)  # all such clips look alike: a new result could not be told from the last
QUIET: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

# The previous result may still be shown, so it is marked first.
MARK: Final = "document.querySelectorAll('.hf-answer').forEach(one => { one.dataset.before = 'yes' })"
ANSWERED: Final = """name => document.querySelector('.hf-title h1')?.textContent === name
    && document.querySelector('.hf-answer:not([data-before])')?.offsetHeight > 0"""
LONG_MS: Final = 3_600_000
FILLED: Final = """count => {
  const rows = [...document.querySelectorAll('.hf-overview tbody tr')];
  return rows.length >= count && rows.every(row => !row.textContent.includes('waiting'));
}"""
IDLE: Final = "!document.querySelector('[data-testid=stApp][data-test-script-state=running]')"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="timed clips (%(default)s)")
    parser.add_argument("--long-s", type=int, default=LONG_S, help="seconds of the long recording (%(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="readings of it by each (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, page() as (address, process), browsing(address) as visit:
        folder = Path(name)
        figures = _shown(short_clips(visit, clips(folder, WARM + options.clips)))
        figures |= _shown(many_sounds(visit, clips(folder, MANY), process.pid))
        figures |= _shown(long_recording(visit, folder, process.pid, options.long_s, options.turns))
        figures |= _shown(ending(visit, folder, process))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if all([*bars(figures)]) else 1  # each is printed


def _shown(figures: dict[str, float]) -> dict[str, float]:
    """Print figures at once: what follows takes minutes."""
    print(", ".join(f"{title} {value:.2f}" for title, value in figures.items()), flush=True)
    return figures


def bars(figures: dict[str, float]) -> Iterator[bool]:
    """Print each figure with its limit; yields whether it is met."""
    for title, name, limit in (
        (f"a clip of {CLIP_S:.0f} s: median seconds to its result", "median_s", BAR_S),
        (f"{figures['long_s'] / 60:g} minutes: seconds to the first segment", "first_segment_s", FIRST_SEGMENT_S),
        (
            f"{figures['long_s'] / 60:g} minutes: time of the page / time of hearfelt timeline",
            "times_timeline",
            MOST_TIMES_TIMELINE,
        ),
        (
            f"{figures['long_s'] / 60:g} minutes: processor time of the page / of hearfelt timeline",
            "times_timeline_cpu",
            MOST_TIMES_TIMELINE,
        ),
        (f"{MANY} clips: memory after Start over / before", "memory_ratio", MOST_MEMORY),
        ("SIGTERM while a recording is read: seconds to the end", "end_s", END_S),
    ):
        print(f"{title}: {figures[name]:.2f}; limit {limit:g}")
        yield figures[name] <= limit


def short_clips(visit: Page, paths: list[Path]) -> dict[str, float]:
    times = answer_times(visit, paths)[WARM:]
    return {"median_s": statistics.median(times), "slowest_s": max(times), "clips": len(times)}


def many_sounds(visit: Page, paths: list[Path], process: int) -> dict[str, float]:
    """Upload many clips at once, wait for all, and start over."""
    start_over(visit)
    before = memory_of(process)
    visit.locator("input[type=file]").first.set_input_files(paths)
    visit.wait_for_function(FILLED, arg=len(paths), timeout=LONG_MS)
    visit.wait_for_function(IDLE)
    full = memory_of(process)
    start_over(visit)
    after = memory_of(process)
    return {"memory_mb": before / 1e6, "memory_full_mb": full / 1e6, "memory_ratio": after / before}


def memory_of(process: int) -> int:
    """Read the resident memory of a process, in bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return 1_024 * int(found[1]) if found else 0


def start_over(visit: Page) -> None:
    visit.get_by_role("button", name="Start over").click()
    visit.locator(".hf-greeting").wait_for()
    time.sleep(SETTLED_S)


def long_recording(visit: Page, folder: Path, process: int, seconds: int, turns: int) -> dict[str, float]:
    """Upload a long recording and run ``hearfelt timeline`` on it, in turns."""
    path = folder / "long.flac"  # a WAV file would be larger than the page takes
    joined = np.concatenate([soundfile.read(one)[0] for one in sorted(folder.glob("clip-*.wav"))])
    soundfile.write(path, np.resize(joined, seconds * RATE_HZ), RATE_HZ)
    command = [sys.executable, "-m", "hearfelt", "timeline", str(path), "--format", "csv"]
    rows = []
    for _ in range(turns):
        started, used_s = time.monotonic(), _children_cpu_s()
        subprocess.run(command, check=True, capture_output=True)
        row = {"timeline_s": time.monotonic() - started, "timeline_cpu_s": _children_cpu_s() - used_s}
        start_over(visit)
        started, used_s = time.monotonic(), _cpu_s(process)
        visit.locator("input[type=file]").first.set_input_files(path)
        visit.locator(".hf-title h1", has_text=path.name).wait_for()
        visit.locator(".segment").first.wait_for(timeout=LONG_MS)
        row["first_segment_s"] = time.monotonic() - started
        visit.get_by_role("button", name="Segments as CSV").wait_for(timeout=LONG_MS)
        row |= {"page_s": time.monotonic() - started, "page_cpu_s": _cpu_s(process) - used_s}
        rows.append(row)
        print(", ".join(f"{name} {value:.1f}" for name, value in row.items()), flush=True)
        visit.wait_for_function(IDLE)
    figures = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {
        "long_s": seconds,
        **figures,
        "times_timeline": statistics.median(row["page_s"] / row["timeline_s"] for row in rows),
        "times_timeline_cpu": figures["page_cpu_s"] / figures["timeline_cpu_s"],
    }


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ending(visit: Page, folder: Path, process: subprocess.Popen[str]) -> dict[str, float]:
    """End the page while it reads a long recording."""
    path = (folder / "long.flac").rename(folder / "again.flac")
    visit.locator("input[type=file]").first.set_input_files(path)
    visit.locator(".hf-title h1", has_text=path.name).wait_for()
    visit.locator(".segment").first.wait_for(timeout=LONG_MS)
    started = time.monotonic()
    process.terminate()
    if process.wait(timeout=60) != 0:
        raise SystemExit(f"the page ended with {process.returncode}")
    return {"end_s": time.monotonic() - started}


def clips(folder: Path, count: int) -> list[Path]:
    """Write different clips of 3 s, from the joined bundled voices."""
    voices = [read_audio(path) for path in sorted(EXAMPLES.glob("*.flac")) if path.stem not in WITHOUT_VOICE]
    joined = np.concatenate([resample(one.samples, one.rate_hz, RATE_HZ) for one in voices])
    paths = []
    for number in range(count):
        start = (number * 7_919) % (len(joined) - int(CLIP_S * RATE_HZ))
        paths.append(folder / f"clip-{number:03}.wav")
        soundfile.write(paths[-1], joined[start : start + int(CLIP_S * RATE_HZ)], RATE_HZ)
    return paths


@contextmanager
def page() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``hearfelt app``; yields its address and its process."""
    command = [sys.executable, "-m", "hearfelt", "app", "--no-browser", "--no-live"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://localhost:\d+", said)
        if found is None:
            raise SystemExit(f"the page did not start: {said}")
        _wait_for(f"{found[0]}/_stcore/health")
        yield found[0], process
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def browsing(address: str) -> Iterator[Page]:
    """Open the page in Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        visit = browser.new_page(viewport={"width": 1_280, "height": 900})
        visit.set_default_timeout(LONG_MS)
        visit.goto(address)
        yield visit
        browser.close()


def answer_times(visit: Page, paths: list[Path]) -> list[float]:
    """Upload the clips one after another; returns the seconds until each result is shown."""
    times = []
    for path in paths:
        visit.locator("input[type=file]").first.wait_for(state="attached")
        visit.evaluate(MARK)
        started = time.monotonic()
        visit.locator("input[type=file]").first.set_input_files(path)
        visit.wait_for_function(ANSWERED, arg=path.name)
        times.append(time.monotonic() - started)
        visit.wait_for_function(IDLE)
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
