"""Measure how long a 3 s clip takes in the browser, against Python on the same machine.

    PYTHONPATH=tools python benchmarks/try_page.py --json benchmarks/try_page.json

Builds the page of ``try-page/``, opens it in Chromium, and sends clips one after another, all different, the first ones
as a warm-up; Python recognizes each of them in turn, on one thread. Times are from the file to the result, decoding
included. Processor time is what the page's process takes, drawing included: on one idle core the result would take that
long, whatever else the machine does now. Fails if it exceeds the limit for one core of a laptop. Needs Linux,
``playwright``, Debian's ``chromium``, and ``make try-page`` once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, expect, sync_playwright
from reporting import Limit, keep, machine, report

from hearfelt.inference.recognizer import Recognizer
from make_try_page import MODELS, build
from page import QUIET, WARM, clips

PATIENCE_MS: Final = 300_000
LAST_MS: Final = "performance.getEntriesByName('hearfelt').at(-1).duration"
LIMITS_S: Final = {"tiny": 0.2, "hearfelt": 1.0}


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="timed clips for each model (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    limits: list[Limit] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "page") as address,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        page = browser.new_page(viewport={"width": 1_280, "height": 900}, reduced_motion="reduce")
        page.goto(address)
        paths = clips(Path(folder), WARM + options.clips)
        for model in MODELS:
            figures |= measured(page, model, paths)
            limits += limits_of(model)
        browser.close()
    if options.json:
        keep(options.json, "clip_of_3_s", figures, machine(python=sys.version.split()[0]))
    return report(limits, figures)


def limits_of(model: str) -> list[Limit]:
    """What is printed about a model; only the processor time in the browser is limited."""
    anything = float("inf")
    return [
        (f"{model}_browser_cpu_s", f"{model}, in the browser, processor time", "s", LIMITS_S[model], False),
        (f"{model}_python_cpu_s", f"{model}, in Python, processor time", "s", anything, False),
        (f"{model}_ratio", f"{model}, browser against Python", "times as long", anything, False),
        (f"{model}_browser_s", f"{model}, in the browser, elapsed", "s", anything, False),
        (f"{model}_python_s", f"{model}, in Python, elapsed", "s", anything, False),
    ]


def measured(page: Page, model: str, paths: list[Path]) -> dict[str, float]:
    """Time each clip in the browser and in Python, in turn, so that both have the same machine; medians and means."""
    page.locator(f"input[value={model}]").check()
    expect(page.locator(f"#note-{model}")).to_contain_text("ready", timeout=PATIENCE_MS)
    recognizer = Recognizer.load(model, threads=1)
    elapsed: list[tuple[float, float]] = []  # in the browser and in Python
    used: list[tuple[float, float]] = []
    for path in paths:
        before = renderers_cpu_s()
        page.locator("#file").set_input_files(path)
        expect(page.locator("main[data-state=result] #name")).to_have_text(path.name, timeout=PATIENCE_MS)
        in_browser, cpu_in_browser = page.evaluate(LAST_MS) / 1_000, renderers_cpu_s() - before
        start, cpu_start = time.perf_counter(), time.process_time()
        recognizer.recognize(path)
        elapsed.append((in_browser, time.perf_counter() - start))
        used.append((cpu_in_browser, time.process_time() - cpu_start))
    browser_s, python_s = (statistics.median(times) for times in zip(*elapsed[WARM:], strict=True))
    browser_cpu_s, python_cpu_s = (statistics.mean(times) for times in zip(*used[WARM:], strict=True))
    figures = {
        "browser_cpu_s": browser_cpu_s,
        "python_cpu_s": python_cpu_s,
        "ratio": browser_cpu_s / python_cpu_s,
        "browser_s": browser_s,
        "python_s": python_s,
    }
    return {f"{model}_{name}": round(value, 3) for name, value in figures.items()}


def renderers_cpu_s() -> float:
    """Processor time that the browser's processes for pages have taken so far, all threads, in seconds."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            after = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
            is_renderer = b"--type=renderer" in (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        parents[int(folder.name)] = int(after[1])
        if is_renderer:
            ticks[int(folder.name)] = int(after[11]) + int(after[12])  # proc_pid_stat(5): utime, stime
    ours = (number for process, number in ticks.items() if _is_below(process, parents))
    return sum(ours) / os.sysconf("SC_CLK_TCK")


def _is_below(process: int, parents: dict[int, int]) -> bool:
    while process in parents and process != os.getpid():
        process = parents[process]
    return process == os.getpid()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Build the page in a folder and serve it; yields its address."""
    build(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


if __name__ == "__main__":
    raise SystemExit(main())
