"""Measure a model: speed, memory, file size, and differences between predictions that should be equal.

    python benchmarks/model.py --model hearfelt --json benchmarks/model.json

In one run, alternating, on the same clips and core, by CPU time: ``Recognizer.load(threads=1).recognize(samples,
22050)`` with resampling and front end, and the forward pass of a network of wav2vec 2.0 base's shape in torch, with one
thread, random weights and 16 kHz sound. Then whole processes: ``hearfelt recognize clip.wav`` against the student
project's script, and the peak memory of the former. Last, the largest differences between probabilities that should be
equal, on the bundled clips. Fails if a limit is exceeded.
"""

from __future__ import annotations

# Standard library only: the peak memory of a child process starts with that of its parent.
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import start
from reporting import EXAMPLES, ONE_THREAD, Limit, keep, machine, report

if TYPE_CHECKING:
    from hearfelt.inference.recognizer import Recognizer

RATE_HZ: Final = 22_050  # of the clips for hearfelt, so that it has to resample
THEIR_HZ: Final = 16_000
WAYS: Final = ("hearfelt", "wav2vec2-base-shape")
DIFFERENCES: Final = "differences"
EXPECTED: Final = Path(__file__).parents[1] / "tests" / "data" / "expected_answers.json"
THREADS: Final = (2, 4, None)  # compared with one; None: ONNX Runtime decides
BUSY: Final = 1.15  # wall time over CPU time; above, the core was busy

Seconds = dict[str, list[float]]  # of each turn, by method

LIMITS: Final[tuple[Limit, ...]] = (
    ("threads_differ_by", "1, 2, 4 or any threads", "largest difference", 1e-5, False),
    ("batch_differs_by", "batch against recognize", "largest difference", 1e-5, False),
    ("stream_differs_by", "stream against timeline", "largest difference", 1e-5, False),
    ("processors_differ_by", "against the stored predictions", "largest difference", 1e-3, False),
    ("cold_start_ratio", "recognize CLIP, against the student's", "times as fast", 8.0, True),
    ("peak_rss_mb", "peak memory of that process", "MB", 250.0, False),
    ("times_faster_than_wav2vec2_base_shape", "one core, against wav2vec 2.0 base", "times as fast", 9.0, True),
    ("file_bytes", "size of the file", "bytes", 30e6, False),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearfelt", help="name or file (%(default)s)")
    parser.add_argument("--clip-seconds", type=float, default=3.0, help="length of each clip (%(default)s)")
    parser.add_argument("--turns", type=int, default=7, help="repetitions over all clips (%(default)s)")
    parser.add_argument("--runs", type=int, default=7, help="whole processes of each method (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures; keeps those of other models")
    parser.add_argument("--measure", choices=(*WAYS, DIFFERENCES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure == DIFFERENCES:
        print(json.dumps(differences(options.model)))
        return 0
    if options.measure:
        work(options.measure, options.model, options.clip_seconds)
        return 0
    figures, said = measure(options)
    if options.json:
        keep(options.json, "models", {Path(options.model).stem: figures}, versions())
    print("\n".join(said), end="\n\n")
    return report(LIMITS, figures)


def versions() -> dict[str, Any]:
    """The machine of the figures, and the versions that matter."""
    return machine(
        system=platform.system(),
        python=platform.python_version(),
        onnxruntime=version("onnxruntime"),
        torch=version("torch"),
    )


def measure(options: argparse.Namespace) -> tuple[dict[str, float], list[str]]:
    """Measure everything.

    Returns:
        The figures, and sentences about the measurement.
    """
    size, clips, wall, cpu = compare_networks(options)
    busy = sum(map(sum, wall.values())) / sum(map(sum, cpu.values()))
    sound_s = clips * options.clip_seconds
    ours, theirs = (sound_s / statistics.median(cpu[way]) for way in WAYS)
    cold, peak_mb = compare_processes(options.model, options.runs)
    medians = {way: statistics.median(times) for way, times in cold.items()}
    figures = {
        "seconds_per_second": round(ours, 1),
        "times_faster_than_wav2vec2_base_shape": round(ours / theirs, 2),
        "cold_start_ratio": round(medians[start.SEED] / medians[start.OURS], 2),
        "peak_rss_mb": round(peak_mb, 1),
        "file_bytes": size,
        **_differences(options.model),
        "wall_over_cpu": round(busy, 2),  # far above 1: the machine was busy, the speeds are unreliable
    }
    said = [
        f"{clips} clips of {options.clip_seconds:g} s, {options.turns} turns: {options.model} {ours:.1f} s of sound per"
        f" second, wav2vec 2.0 base's shape {theirs:.2f}",
        f"whole process, {options.runs} runs: {start.OURS} {medians[start.OURS]:.2f} s,"
        f" {start.SEED} {medians[start.SEED]:.2f} s",
    ]
    if busy > BUSY:
        said.append(
            f"the core was busy: wall time is {busy:.1f} times CPU time; speeds use CPU time, but measure again on an"
            " idle machine"
        )
    return figures, said


def compare_networks(options: argparse.Namespace) -> tuple[int, int, Seconds, Seconds]:
    """Run both networks on all clips, alternating.

    Returns:
        Bytes of the model's file; number of clips; wall and CPU seconds of each turn.
    """
    workers = {way: _worker(way, options) for way in WAYS}
    about = {way: _asked(worker, "warm up") for way, worker in workers.items()}
    wall: Seconds = {way: [] for way in WAYS}
    cpu: Seconds = {way: [] for way in WAYS}
    for _ in range(options.turns):
        for way, worker in workers.items():
            answer = _asked(worker, "next")
            wall[way].append(answer["wall_s"])
            cpu[way].append(answer["cpu_s"])
    for worker in workers.values():
        worker.communicate()
    return int(about["hearfelt"]["bytes"]), int(about["hearfelt"]["clips"]), wall, cpu


def compare_processes(model: str, runs: int) -> tuple[Seconds, float]:
    """Start both programs, alternating.

    Returns:
        Seconds of each run by method, without a first run that fills the disk cache; median peak memory of ours in MB.
    """
    seconds: Seconds = {start.SEED: [], start.OURS: []}
    peaks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        start.prepare(Path(folder))
        commands = start.ways(model, Path(folder))
        for run in range(runs + 1):
            for way in seconds:
                took_s, _, peak_mb = start.run(commands[way])
                if run:
                    seconds[way].append(took_s)
                    peaks += [peak_mb] if way == start.OURS else []
    return seconds, statistics.median(peaks)


def _worker(way: str, options: argparse.Namespace) -> subprocess.Popen[str]:
    asked = ["--measure", way, "--model", options.model, "--clip-seconds", str(options.clip_seconds)]
    return subprocess.Popen(
        [sys.executable, __file__, *asked],
        env=os.environ | ONE_THREAD,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _asked(worker: subprocess.Popen[str], task: str) -> dict[str, float]:
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("the worker was started without pipes")
    print(task, file=worker.stdin, flush=True)
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(worker.wait() or 1)  # it has printed the error
    answer: dict[str, float] = json.loads(line)
    return answer


def work(way: str, model: str, seconds: float) -> None:
    """For each input line, predict all clips and print the time."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    clips = voices(seconds)
    answer, size = recognizer(model) if way == "hearfelt" else wav2vec2_base_shape()
    for line in sys.stdin:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for clip in clips[way]:
            answer(clip)
        took = {"wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}
        print(json.dumps({"bytes": size, "clips": len(clips[way])} if line == "warm up\n" else took), flush=True)


def _differences(model: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", DIFFERENCES, "--model", model]
    measured: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return measured


def differences(model: str) -> dict[str, float]:
    """Measure the largest differences between probabilities that should be equal, on the bundled clips.

    Args:
        model: name or file.

    Returns:
        The difference between numbers of threads, between batch and recognize, between stream and timeline; for a
        model in ``EXPECTED`` also that from the stored predictions.
    """
    from hearfelt.audio.reader import audio_files
    from hearfelt.inference.recognizer import Recognizer

    clips = audio_files(EXAMPLES)
    one = Recognizer.load(model, threads=1)
    alone = {clip.name: one.recognize(clip).probabilities for clip in clips}
    others = [Recognizer.load(model, threads=threads) for threads in THREADS]
    answers = [{clip.name: other.recognize(clip).probabilities for clip in clips} for other in others]
    found = {
        "threads_differ_by": max(_apart(alone[name], each[name]) for each in answers for name in alone),
        "batch_differs_by": _batch_apart(model, answers[-1]),
        "stream_differs_by": _stream_apart(one, others[1]),
    }
    expected = json.loads(EXPECTED.read_text(encoding="utf-8")).get(model)
    if expected:
        found["processors_differ_by"] = max(_apart(alone[name], expected[name]) for name in alone)
    return {name: float(f"{apart:.1e}") for name, apart in found.items()}


def _batch_apart(model: str, recognized: Mapping[str, Mapping[str, float]]) -> float:
    from hearfelt.batch.job import Job, run_job

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "answers.jsonl"
        run_job(Job((str(EXAMPLES),), str(table), model), workers=2)
        rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    return max(_apart(recognized[Path(row["source"]).name], row["probabilities"]) for row in rows)


def _stream_apart(streaming: Recognizer, listening: Recognizer) -> float:
    """Compare a stream, in blocks of 0.1 s, with the timeline of another recognizer, on all clips joined."""
    import numpy as np

    from hearfelt.audio.reader import audio_files, read_audio, resample
    from hearfelt.inference.timeline.segments import Segment

    sounds = [read_audio(path) for path in audio_files(EXAMPLES)]
    sound = np.concatenate([resample(one.samples, one.rate_hz, THEIR_HZ) for one in sounds])
    stream, step = streaming.stream(THEIR_HZ), THEIR_HZ // 10
    events = [event for place in range(0, len(sound), step) for event in stream.feed(sound[place : place + step])]
    segments = [event for event in events + stream.finish() if isinstance(event, Segment)]
    wanted = listening.timeline(sound, THEIR_HZ).segments
    if [(one.start_s, one.end_s) for one in segments] != [(one.start_s, one.end_s) for one in wanted]:
        return 1.0
    return max(_apart(one.probabilities, two.probabilities) for one, two in zip(segments, wanted, strict=True))


def _apart(wanted: Mapping[str, float], given: Mapping[str, float]) -> float:
    return max(abs(share - given[label]) for label, share in wanted.items())


def voices(seconds: float) -> dict[str, list[Any]]:
    """The bundled clips, repeated or cut to one length, for both methods at their rates."""
    import numpy as np

    from hearfelt.audio.reader import audio_files, read_audio, resample

    clips: dict[str, list[Any]] = {way: [] for way in WAYS}
    for path in audio_files(EXAMPLES):
        audio = read_audio(path)
        for way, rate_hz in zip(WAYS, (RATE_HZ, THEIR_HZ), strict=True):
            sound = resample(audio.samples, audio.rate_hz, rate_hz)
            clips[way].append(np.resize(sound, round(seconds * rate_hz)))
    return clips


def recognizer(model: str) -> tuple[Callable[[Any], object], int]:
    """The model as users run it, and the size of its file."""
    from hearfelt.inference.recognizer import Recognizer, model_path

    loaded = Recognizer.load(model, threads=1)
    return lambda samples: loaded.recognize(samples, RATE_HZ), model_path(model).stat().st_size


def wav2vec2_base_shape() -> tuple[Callable[[Any], object], int]:
    """A network of wav2vec 2.0 base's shape (Baevski et al. 2020) with random weights."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for channels, kernel, stride in zip((1, *[512] * 6), (10, 3, 3, 3, 3, 2, 2), (5, *[2] * 6), strict=True):
        layers += [nn.Conv1d(channels, 512, kernel, stride), nn.GELU()]
    convolutions = nn.Sequential(*layers).eval()
    projection = nn.Linear(512, 768).eval()
    # batch_first enables the fast path of torch for inference.
    blocks = nn.Sequential(*(nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True) for _ in range(12))).eval()

    @torch.inference_mode()
    def forward(samples: Any) -> object:
        frames = convolutions(torch.from_numpy(samples)[None, None])  # (1, 1, n) -> (1, 512, frames)
        return blocks(projection(frames.transpose(1, 2)))  # (1, 512, frames) -> (1, frames, 768)

    return forward, 0


if __name__ == "__main__":
    sys.exit(main())
