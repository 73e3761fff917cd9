"""Measure live streams: CPU share of one stream, ten streams on two cores, and latency of the first result.

    python benchmarks/streams.py --model hearfelt

Streams get blocks of 100 ms of the joined bundled clips at 48 kHz. The share of one stream is its CPU time over the
length of the sound. Ten streams are two processes with five streams each, in real time; the lag of a block is the time
from its end until it is processed. The first interim result is counted from the first 20 ms within 40 dB of a clip's
peak. Fails if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from reporting import EXAMPLES, ONE_THREAD

RATE_HZ: Final = 48_000
BLOCK: Final = RATE_HZ // 10  # 100 ms
PROCESSES, STREAMS_EACH = 2, 5
BARS: Final = {
    "share_of_a_core": ("one stream's share of a core", 0.15),
    "ten_on_two_cores": ("ten streams' share of two cores", 1.0),
    "slowest_first_result_s": ("first interim result after speech begins, s", 1.5),
    "lag_at_the_end_s": ("ten at once: lag of the last blocks, s", 1.0),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearfelt", help="name or file (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each stream (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(options.model, options.seconds, options.work)))
        return 0
    alone = run_workers(options, 1, 1)[0]
    together = run_workers(options, PROCESSES, STREAMS_EACH)
    cpu_s = sum(one["cpu_s"] for one in together)
    figures = {
        "share_of_a_core": alone["cpu_s"] / options.seconds,
        "ten_on_two_cores": cpu_s / options.seconds / PROCESSES,
        "slowest_first_result_s": first_result(options.model),
        "lag_at_the_end_s": max(one["lag_s"] for one in together),
    }
    for name, (words, bar) in BARS.items():
        missed = "" if figures[name] <= bar else "MISSED"
        print(f"{words:42}{figures[name]:>8.3f}  <= {bar:<6g}{missed}")
    if options.json:
        options.json.write_text(json.dumps({name: round(one, 3) for name, one in figures.items()}, indent=2) + "\n")
    return 1 if any(figures[name] > bar for name, (_, bar) in BARS.items()) else 0


def run_workers(options: argparse.Namespace, processes: int, streams: int) -> list[dict[str, float]]:
    command = [sys.executable, __file__, "--model", options.model, "--seconds", str(options.seconds)]
    environment = {**os.environ, **ONE_THREAD}
    started = [
        subprocess.Popen([*command, "--work", str(streams)], env=environment, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    answers = [one.communicate()[0] for one in started]
    if any(one.returncode for one in started):
        raise SystemExit("a worker failed")
    return [json.loads(one) for one in answers]


def work(model: str, seconds: float, streams: int) -> dict[str, float]:
    """Run streams in real time, each at another position of the same sound."""
    import numpy as np

    from hearfelt.inference.recognizer import Recognizer

    recognizer = Recognizer.load(model, threads=1)
    sound = np.concatenate([one for one, _ in clips()])
    blocks = round(seconds * RATE_HZ / BLOCK)
    sounds = [np.resize(np.roll(sound, -number * RATE_HZ), blocks * BLOCK) for number in range(streams)]
    live = [recognizer.stream(RATE_HZ) for _ in sounds]
    began, cpu = time.perf_counter(), time.process_time()
    lag_s = 0.0
    for number in range(blocks):
        due = began + (number + 1) * BLOCK / RATE_HZ
        time.sleep(max(0.0, due - time.perf_counter()))
        for stream, own in zip(live, sounds, strict=True):
            stream.feed(own[number * BLOCK : (number + 1) * BLOCK])
        lag_s = time.perf_counter() - due
    return {"cpu_s": time.process_time() - cpu, "lag_s": lag_s}


def first_result(model: str) -> float:
    """The longest delay of a first interim result, in seconds of sound."""
    import numpy as np

    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.inference.timeline.segments import InterimResult

    recognizer = Recognizer.load(model, threads=1)
    waits: list[float] = []
    for samples, begins_s in clips():
        for silence in range(0, RATE_HZ // 2, RATE_HZ // 10):  # all offsets from the 0.5 s grid
            stream = recognizer.stream(RATE_HZ)
            sound = np.concatenate([np.zeros(RATE_HZ + silence, np.float32), samples])
            for start in range(0, len(sound), BLOCK // 10):
                if any(isinstance(one, InterimResult) for one in stream.feed(sound[start : start + BLOCK // 10])):
                    break
            waits.append(stream.duration_s - 1 - silence / RATE_HZ - begins_s)
    return max(waits)


def clips() -> list[tuple[Any, float]]:
    """The bundled clips at 48 kHz, and the start of speech in each."""
    from hearfelt.audio.reader import read_audio, resample
    from hearfelt.evaluation.synthetic_recordings import speech_within

    given = []
    for path in sorted(EXAMPLES.glob("*.flac")):
        audio = read_audio(path)
        begins_s = speech_within(resample(audio.samples, audio.rate_hz, 16_000))[0] / 16_000
        given.append((resample(audio.samples, audio.rate_hz, RATE_HZ), begins_s))
    return given


if __name__ == "__main__":
    raise SystemExit(main())
