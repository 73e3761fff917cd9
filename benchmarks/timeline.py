"""Measure timelines: speed on one core, and memory for three hours compared with three minutes.

    python benchmarks/timeline.py --model hearfelt --corpus ravdess=~/ravdess --json benchmarks/timeline.json

Recordings are joined clips of the corpus, or the bundled ones, as 16-bit WAV at 16 kHz. Each is processed in its own
process with one thread, with ``Recognizer.segments``, as in ``hearfelt timeline``. Speed is the length of the sound
over the CPU time after the model is loaded, including decoding and voice activity detection; wall time is printed too.
Fails if a limit is exceeded.
"""

from __future__ import annotations

# Standard library only: the peak memory of a child process starts with that of its parent.
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any, Final

from reporting import EXAMPLES, ONE_THREAD, Limit, report

RATE_HZ: Final = 16_000
SHORT_S: Final = 180.0

LIMITS: Final[tuple[Limit, ...]] = (
    ("seconds_per_second", "speed on one core", "s of sound per second", 20.0, True),
    ("peak_rss_mb", "peak memory of the long one", "MB", 300.0, False),
    ("more_than_short_mb", "growth from the short one", "MB", 30.0, False),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearfelt", help="name or file (%(default)s)")
    parser.add_argument("--corpus", metavar="NAME=PATH", help="such as ravdess=~/ravdess (the bundled clips)")
    parser.add_argument("--hours", type=float, default=3.0, help="length of the long recording (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
    parser.add_argument("--measure", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--stitch", nargs=2, metavar=("FILE", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(follow(options.measure, options.model)))
        return 0
    if options.stitch:
        stitch(Path(options.stitch[0]), float(options.stitch[1]), options.corpus)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = {}
        for name, seconds in (("short", SHORT_S), ("long", options.hours * 3600)):
            path = Path(folder) / f"{name}.wav"
            corpus = ["--corpus", options.corpus] if options.corpus else []
            _child(["--stitch", str(path), str(seconds), *corpus])
            rows[name] = json.loads(_child(["--measure", str(path), "--model", options.model]))
            print(name, rows[name], flush=True)
            path.unlink()
    return summarize(rows, options)


def stitch(path: Path, seconds: float, corpus: str | None) -> None:
    """Write joined clips of a total length."""
    import numpy as np

    from hearfelt.audio.reader import read_audio, resample

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        missing = round(seconds * RATE_HZ)
        paths = _paths(corpus)
        while missing:
            for one in paths:
                audio = read_audio(one)
                samples = resample(audio.samples, audio.rate_hz, RATE_HZ)[:missing]
                file.writeframes(np.round(np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
                missing -= len(samples)
                if not missing:
                    break


def _paths(corpus: str | None) -> list[Path]:
    if corpus is None:
        return sorted(EXAMPLES.glob("*.flac"))
    from hearfelt.cli.options import parse_corpora
    from hearfelt.corpora.catalog import read_corpora

    clips = read_corpora(parse_corpora([corpus]))
    return [clip.path for clip in clips][::7]  # to alternate speakers and emotions


def follow(path: str, model: str) -> dict[str, float]:
    """Process one recording."""
    from hearfelt.inference.recognizer import Recognizer

    recognizer = Recognizer.load(model, threads=1)
    processed_s = [0.0]
    wall, cpu = time.perf_counter(), time.process_time()
    segments, speech_s = 0, 0.0
    for segment in recognizer.segments(path, progress=processed_s.append):
        segments += 1
        speech_s += segment.duration_s
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "sound_s": processed_s[-1],
        "speech_s": round(speech_s, 1),
        "segments": segments,
        "cpu_s": round(cpu, 2),
        "wall_s": round(wall, 2),
        "peak_rss_mb": round(_peak_mb(), 1),
    }


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def summarize(rows: dict[str, dict[str, Any]], options: argparse.Namespace) -> int:
    long, short = rows["long"], rows["short"]
    figures = {
        "hours": round(long["sound_s"] / 3600, 2),
        "seconds_per_second": round(long["sound_s"] / long["cpu_s"], 1),
        "peak_rss_mb": long["peak_rss_mb"],
        "more_than_short_mb": round(long["peak_rss_mb"] - short["peak_rss_mb"], 1),
    }
    code = report(LIMITS, figures)
    share = long["speech_s"] / long["sound_s"]
    print(f"{long['segments']} segments, {share:.0%} speech; {long['sound_s'] / long['wall_s']:.0f} times real time")
    print(
        f"by the clock; three minutes take {short['peak_rss_mb']} MB; {options.model} on"
        f" {platform.processor() or 'this cpu'}"
    )
    if options.json:
        options.json.write_text(json.dumps({**figures, "speech_share": round(share, 3)}, indent=2) + "\n")
    return code


def _child(arguments: list[str]) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, env={**os.environ, **ONE_THREAD}, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
