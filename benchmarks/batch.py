"""Measure ``hearfelt batch``: scaling to two processes, overhead, Ray, memory, and the throughput of one core.

    python benchmarks/batch.py --json benchmarks/batch.json
    python benchmarks/batch.py --only processes overhead      # some parts

Ratios are measured in one run, alternating, on the same files: the bundled synthetic clips, linked under many names.

* processes: speed-up with two workers, relative to that of two plain numpy processes on this machine;
* overhead: one worker, relative to ``Recognizer.recognize`` in a loop;
* ray: a Ray cluster on two cores, relative to two local processes;
* memory: peak memory of planner and worker with 100,000 files and with 1,000;
* core: seconds of sound per second on one core, for the model and for decoding, and rows per second into a table; the
  input of ``docs/scale.md``.

Start-up time is excluded and printed separately. Fails if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from reporting import EXAMPLES, ONE_THREAD, Limit, keep, machine, report

RATE_HZ: Final = 16_000
PARTS: Final = ("processes", "overhead", "ray", "memory", "core")

LIMITS: Final[tuple[Limit, ...]] = (
    ("processes_against_numpy", "speed-up of two processes, of numpy's", "", 0.9, True),
    ("overhead", "overhead over recognize in a loop", "", 0.15, False),
    ("ray_against_processes", "Ray against local processes", "", 0.75, True),
    ("worker_growth_mb", "growth of worker memory, 1,000 to 100,000", "MB", 30.0, False),
)

NUMPY: Final = """
import sys, time
import numpy as np
a = np.random.default_rng(0).normal(size=(192, 192)).astype(np.float32)
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        a = np.tanh(a @ a * 0.01)
    print("done", flush=True)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearfelt", help="name or file (%(default)s)")
    parser.add_argument("--files", type=int, default=400, help="files per job (%(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="repetitions (%(default)s)")
    parser.add_argument("--many", type=int, default=100_000, help="files for the memory test (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these parts only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures; those of other parts are kept")
    parser.add_argument("--peaks-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.update(ONE_THREAD)
    if options.peaks_of:
        peaks(options.peaks_of, options.model)
        return 0
    figures: dict[str, float] = {}
    ways: dict[str, Callable[[argparse.Namespace, Path], dict[str, float]]] = {
        "processes": processes,
        "overhead": overhead,
        "ray": on_ray,
        "memory": memory,
        "core": core,
    }
    for part in options.only:
        with tempfile.TemporaryDirectory() as folder:
            found = ways[part](options, Path(folder))
        print("\n".join(f"{name:36}{value:>14,.4g}" for name, value in found.items()), flush=True)
        figures |= found
    if options.json:
        keep(options.json, "figures", figures, machine())
    print()
    return report(LIMITS, figures)


def linked(folder: Path, count: int, *, seconds: float | None = None) -> list[Path]:
    """Link the bundled clips under many names; with ``seconds``, only a part of each."""
    import soundfile

    from hearfelt.audio.reader import audio_files, read_audio, resample

    originals = []
    folder.mkdir(parents=True)
    for number, path in enumerate(audio_files(EXAMPLES)):
        audio = read_audio(path)
        samples = resample(audio.samples, audio.rate_hz, RATE_HZ)
        loudest = int(abs(samples).argmax())  # the beginning may be silence
        begin = 0 if seconds is None else max(0, min(loudest, len(samples) - int(seconds * RATE_HZ)))
        end = None if seconds is None else begin + int(seconds * RATE_HZ)
        originals.append(folder / f"original-{number}.wav")
        soundfile.write(originals[-1], samples[begin:end], RATE_HZ)
    links = []
    for number in range(count):
        if number % 1_000 == 0:
            (folder / f"{number // 1_000:04d}").mkdir()
        links.append(folder / f"{number // 1_000:04d}" / f"{number:07d}.wav")
        os.link(originals[number % len(originals)], links[-1])
    for original in originals:
        original.unlink()
    return links


class Clock:
    """Measures the throughput of a job after all workers have started."""

    def __init__(self, settle: int = 0) -> None:
        self.settle, self.seen = settle, 0
        self.first_s = self.last_s = 0.0
        self.count = 0

    def __call__(self, sources: int) -> None:
        self.seen += sources
        self.last_s = time.perf_counter()
        if self.seen <= self.settle or not self.first_s:
            self.first_s = self.last_s
            return
        self.count += sources

    def rate(self) -> float:
        return self.count / max(1e-9, self.last_s - self.first_s)


def task_of(model: str) -> Any:
    from hearfelt.batch.recognition import Task
    from hearfelt.inference.recognizer import model_path

    return Task(str(model_path(model)))


def planned(files: list[Path], folder: Path) -> tuple[str, list[Any]]:
    from hearfelt.batch.plan import read_parts, write_parts
    from hearfelt.batch.sources import find_sources

    folder.mkdir(parents=True)
    write_parts(str(folder), find_sources([str(path) for path in files]))
    return str(folder), list(read_parts(str(folder)))


def answered_s(model: str, parts: list[Any], folder: str, count: int) -> float:
    """Seconds for predicting all parts with running processes."""
    from hearfelt.batch.job import recognize_parts

    with workers_of(model, count) as workers:
        began = time.perf_counter()
        recognize_parts(iter(parts), workers, folder, lambda count: None)
        return time.perf_counter() - began


def workers_of(model: str, count: int) -> Any:
    from hearfelt.batch.recognition import SoundWorkers

    workers = SoundWorkers(task_of(model), count)
    workers.start()
    return workers


def numpy_s(count: int, work: int) -> float:
    """Seconds for plain numpy processes with the same work each."""
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen([sys.executable, "-c", NUMPY], stdin=pipe, stdout=pipe, text=True) for _ in range(count)
    ]
    for process in running:
        read_line(process)
    began = time.perf_counter()
    for process in running:
        write_line(process, str(work))
    for process in running:
        read_line(process)
    took = time.perf_counter() - began
    for process in running:
        process.communicate()
    return took


def write_line(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is not None:
        print(line, file=process.stdin, flush=True)


def read_line(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline() if process.stdout is not None else ""


def processes(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    files = linked(folder / "clips", options.files)
    place, parts = planned(files, folder / "parts")
    work = 200
    work = max(200, round(work * answered_s(options.model, parts[:4], place, 1) * len(parts) / 8 / numpy_s(1, work)))
    times: dict[str, list[float]] = {"one": [], "two": [], "numpy one": [], "numpy two": []}
    for _ in range(options.turns):
        times["one"].append(answered_s(options.model, parts, place, 1))
        times["numpy one"].append(numpy_s(1, work))
        times["two"].append(answered_s(options.model, parts, place, 2))
        times["numpy two"].append(numpy_s(2, work))
    best = {way: statistics.median(seconds) for way, seconds in times.items()}
    ours, plain = best["one"] / best["two"], 2 * best["numpy one"] / best["numpy two"]
    return {
        "gain_of_two_processes": round(ours, 3),
        "gain_of_two_numpy_processes": round(plain, 3),
        "processes_against_numpy": round(ours / plain, 3),
    }


def overhead(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    from hearfelt.inference.recognizer import Recognizer

    files = linked(folder / "clips", options.files)
    place, parts = planned(files, folder / "parts")
    recognizer = Recognizer.load(options.model, threads=1)
    recognizer.recognize(files[0])
    bare, batch = [], []
    for _ in range(options.turns):
        began = time.perf_counter()
        for path in files:
            recognizer.recognize(path)
        bare.append(time.perf_counter() - began)
        batch.append(answered_s(options.model, parts, place, 1))
    return {"overhead": round(statistics.median(batch) / statistics.median(bare) - 1, 4)}


def on_ray(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    from hearfelt.batch.job import recognize_parts
    from hearfelt.batch.ray_cluster import recognize_on_ray

    files = linked(folder / "clips", options.files * 4)
    place, parts = planned(files, folder / "parts")
    settle = len(files) // 8
    rates: dict[str, list[float]] = {"ours": [], "ray": []}
    began = time.perf_counter()
    for _ in range(options.turns):
        clock = Clock(settle)
        with workers_of(options.model, 2) as workers:
            recognize_parts(iter(parts), workers, place, clock)
        rates["ours"].append(clock.rate())
        clock, began = Clock(settle), time.perf_counter()
        recognize_on_ray(iter(parts), place, task_of(options.model), clock, address="local", workers=2)
        rates["ray"].append(clock.rate())
    ours, ray = (statistics.median(rates[way]) for way in ("ours", "ray"))
    return {
        "ray_against_processes": round(ray / ours, 3),
        "seconds_of_ray_with_start_and_end": round(time.perf_counter() - began, 1),
    }


def memory(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    found = {}
    for count in (1_000, options.many):
        linked(folder / str(count), count, seconds=0.15)
        command = [sys.executable, __file__, "--peaks-of", str(folder / str(count)), "--model", options.model]
        began = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[count] = {**json.loads(done.stdout), "seconds": time.perf_counter() - began}
        shutil.rmtree(folder / str(count))
    few, many = found[1_000], found[options.many]
    return {
        "files": options.many,
        "files_a_second": round(options.many / many["seconds"], 1),
        "planner_mb": many["planner_mb"],
        "planner_growth_mb": round(many["planner_mb"] - few["planner_mb"], 1),
        "worker_mb": many["worker_mb"],
        "worker_growth_mb": round(many["worker_mb"] - few["worker_mb"], 1),
    }


def peaks(folder: Path, model: str) -> None:
    """Run a job on a folder and print the peak memory of this process and its worker."""
    from hearfelt.batch.job import Job, run_job
    from hearfelt.runtime.execution import Progress

    class Peaks(Progress):
        worker_mb, seen = 0.0, 0

        @contextmanager
        def __call__(self, label: str, total: int | None = None, **more: Any) -> Iterator[Callable[[int], None]]:
            yield self.advance if label == "answering" else lambda count: None

        def advance(self, count: int) -> None:
            self.seen += count
            if self.seen % 500 == 0:
                tasks = Path("/proc/self/task").glob("*/children")
                children = [child for one in tasks for child in one.read_text().split()]
                self.worker_mb = max([self.worker_mb, *(peak_mb(child) for child in children)])

    progress = Peaks()
    run_job(Job((str(folder),), f"{folder}.parquet", model), workers=1, progress=progress)
    print(json.dumps({"planner_mb": peak_mb("self"), "worker_mb": progress.worker_mb}))


def peak_mb(process: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def core(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Throughput of one core: model with decoding, decoding only by format, rows into a table."""
    import soundfile

    from hearfelt.audio.reader import open_audio, read_audio
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.results.tables import prediction_row, write_rows
    from hearfelt.rows import PREDICTION_ROW

    files = linked(folder / "clips", options.files)
    recognizer = Recognizer.load(options.model, threads=1)
    recognizer.recognize(files[0])
    took, sound_s = timed(lambda: [recognizer.recognize(path).duration_s for path in files])
    found = {"model_s_a_second": round(sum(sound_s) / took, 1)}
    voice = [read_audio(path).samples for path in files[: 6 * 7]]
    for ending in ("wav", "flac", "mp3"):
        path = folder / f"long.{ending}"
        import numpy as np

        samples = np.concatenate(voice)
        soundfile.write(path, samples, RATE_HZ)

        def decode(path: Path = path) -> int:
            with open_audio(path) as reader:
                return sum(len(part) for part in reader.parts())

        took, _ = timed(lambda: [decode() for _ in range(5)])
        found[f"decode_{ending}_s_a_second"] = round(5 * len(samples) / RATE_HZ / took, 1)
        found[f"{ending}_bytes_a_second"] = round(path.stat().st_size / (len(samples) / RATE_HZ), 1)
    line = json.dumps(prediction_row("clips/clip.wav", recognizer.recognize(files[0])))
    rows: Iterator[dict[str, Any]] = (json.loads(line) for _ in range(100_000))
    took, _ = timed(lambda: write_rows(rows, recognizer.labels, PREDICTION_ROW, io.BytesIO(), "parquet"))
    return {**found, "rows_a_second": round(100_000 / took)}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Run a function; returns the CPU seconds and its result."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


if __name__ == "__main__":
    sys.exit(main())
