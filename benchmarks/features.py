"""Measure the 162 features against the student project's librosa code, in clips per second, on 48 kHz WAV files.

    python benchmarks/features.py --corpus ravdess=~/ravdess

One process each, one thread, alternating, in seconds of processor time, so that other work on the machine counts less;
reading the file is included. Fails below a ratio of 5.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

BAR: Final = 5.0
WAYS: Final = ("librosa", "hearfelt")
WAV_HZ: Final = 48_000
PASSES: Final = 3  # over all clips; the fastest of each turn counts
TURN: Final = 20  # clips; the first turn is a warm-up (compilation, filters)
ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--corpus", metavar="NAME=PATH", required="--measure" not in sys.argv, help="such as ravdess=~/ravdess"
    )
    parser.add_argument("--clips", type=int, default=300, help="clips, spread over the corpus (%(default)s)")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        way, folder = options.measure
        work(way, Path(folder))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        count = write_waves(options.corpus, options.clips, Path(folder))
        return compare(Path(folder), count)


def write_waves(corpus: str, wanted: int, folder: Path) -> int:
    """Write clips of the corpus as 48 kHz 16-bit WAV, as RAVDESS is published."""
    from hearfelt.audio.reader import read_audio, resample
    from hearfelt.cli.options import parse_corpora
    from hearfelt.corpora.catalog import read_corpora

    clips = read_corpora(parse_corpora([corpus]))
    chosen = clips[:: max(1, len(clips) // wanted)][:wanted]
    chosen = chosen[: len(chosen) - len(chosen) % TURN]
    for clip in chosen:
        audio = read_audio(clip.path)
        samples = resample(audio.samples, audio.rate_hz, WAV_HZ)
        soundfile.write(folder / f"{Path(clip.name).stem}.wav", samples, WAV_HZ, subtype="PCM_16")
    return len(chosen)


def compare(folder: Path, count: int) -> int:
    """Run both on the folder, some clips at a time, and print the table."""
    workers = {way: _worker(way, folder) for way in WAYS}
    turns = count // TURN
    seconds = {way: np.empty((PASSES, turns)) for way in WAYS}
    for place in np.ndindex(PASSES, turns):
        for way, worker in workers.items():
            seconds[way][place] = _asked(worker, "next")
    for worker in workers.values():
        worker.communicate()
    theirs, ours = (np.load(folder / f"{way}.npy") for way in WAYS)
    deviation = np.abs(ours - theirs) / np.maximum(np.abs(theirs), theirs.std(axis=0))
    speeds = {way: count / seconds[way].min(axis=0).sum() for way in WAYS}
    ratio = speeds["hearfelt"] / speeds["librosa"]
    print(f"{count} clips of RAVDESS as 48 kHz WAV, one process each, one thread, best of {PASSES} passes\n")
    print(f"{'':10}{'clips/s':>10}{'ms per clip':>12}")
    for way in WAYS:
        print(f"{way:10}{speeds[way]:10.0f}{1000 / speeds[way]:12.2f}")
    print(f"\n{ratio:.1f} times as fast (limit: at least {BAR:.0f}); largest deviation {deviation.max():.1e}")
    return int(ratio < BAR)


def _worker(way: str, folder: Path) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [sys.executable, __file__, "--measure", way, str(folder)],
        env=os.environ | ONE_THREAD,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _asked(worker, "warm up")
    return worker


def _asked(worker: subprocess.Popen[str], task: str) -> float:
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("the worker was started without pipes")
    print(task, file=worker.stdin, flush=True)
    return float(worker.stdout.readline())


def work(way: str, folder: Path) -> None:
    """For each input line, compute the features of some clips and print the seconds of processor time; save them."""
    measure = measurer(way)
    paths = sorted(folder.glob("*.wav"))
    features: list[npt.NDArray[np.float32]] = []
    for line in sys.stdin:
        warming = line == "warm up\n"
        first = 0 if warming else len(features) % len(paths)
        start = time.process_time()
        measured = [measure(path) for path in paths[first : first + TURN]]
        print(time.process_time() - start, flush=True)
        if not warming:
            features.extend(measured)
    np.save(folder / f"{way}.npy", np.array(features[: len(paths)]))


def measurer(way: str) -> Callable[[Path], npt.NDArray[np.float32]]:
    if way == "librosa":
        from seed_features import seed_features

        return seed_features
    from hearfelt.audio.reader import read_audio
    from hearfelt.features.classic import classic_features

    def measure(path: Path) -> npt.NDArray[np.float32]:
        audio = read_audio(path)
        return classic_features(audio.samples, audio.rate_hz)

    return measure


if __name__ == "__main__":
    raise SystemExit(main())
