"""Measure ``hearfelt recognize clip.wav`` as a whole process against the student project's script.

    python benchmarks/start.py

The script imports librosa and torch, loads its network, and computes the 162 features and a prediction. Both process
the same 48 kHz WAV file, alternating, after a warm-up run each, from bytecode, as installed packages are. Also measures
``hearfelt --help``. Fails below a ratio of 8.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from reporting import EXAMPLES

BAR: Final = 8.0
HELP_S: Final = 0.5
SEED, OURS, HELP = "student project", "hearfelt recognize", "hearfelt --help"
CLIP, WEIGHTS = "clip.wav", "weights.pt"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearfelt", help="name or file (%(default)s)")
    parser.add_argument("--runs", type=int, default=7, help="runs of each (%(default)s)")
    parser.add_argument("--prepare", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--seed-predicts", nargs=2, metavar=("WEIGHTS", "CLIP"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        write_clip(options.prepare / CLIP)
        write_weights(options.prepare / WEIGHTS)
        return 0
    if options.seed_predicts:
        weights, clip = options.seed_predicts
        return predict_like_the_seed(Path(weights), Path(clip))
    with tempfile.TemporaryDirectory() as folder:
        return compare(options.model, options.runs, Path(folder))


def compare(model: str, runs: int, folder: Path) -> int:
    """Run both, alternating, and print the medians."""
    prepare(folder)
    commands = ways(model, folder)
    measured: dict[str, list[Run]] = {way: [] for way in commands}
    for number in range(runs + 1):
        for way, command in commands.items():
            measured[way] += [run(command)][number == 0 :]  # the first run fills the disk cache and compiles bytecode
    wall, cpu = (
        {way: statistics.median(one[kind] for one in some) for way, some in measured.items()} for kind in (0, 1)
    )
    for way, some in measured.items():
        spread = f"{min(some).wall_s:.2f} to {max(some).wall_s:.2f} in {runs} runs"
        print(f"{way:20}{wall[way]:8.2f} s   ({spread}; {cpu[way]:.2f} s of processor time)")
    ratio = wall[SEED] / wall[OURS]
    print(f"\none prediction: {ratio:.1f} times as fast (limit: at least {BAR:.0f}); in processor time", end=" ")
    print(f"{cpu[SEED] / cpu[OURS]:.1f} times")
    print(f"help: {wall[HELP]:.2f} s (limit: less than {HELP_S})")
    return int(ratio < BAR or wall[HELP] >= HELP_S)


class Run(NamedTuple):
    """A process: seconds that it took, seconds of processor time, and its peak memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: list[str]) -> Run:
    """Run a command, which may keep bytecode even where the environment forbids it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB elsewhere
    return Run(took_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def prepare(folder: Path) -> None:
    """Write the clip and the weights, in another process: the peak memory of child processes starts with that of this
    one, which must stay small."""
    subprocess.run([sys.executable, __file__, "--prepare", str(folder)], check=True)


def ways(model: str, folder: Path) -> dict[str, list[str]]:
    """The compared commands, by name, for a prepared folder."""
    clip, weights = str(folder / CLIP), str(folder / WEIGHTS)
    hearfelt = [sys.executable, "-m", "hearfelt"]
    return {
        SEED: [sys.executable, __file__, "--seed-predicts", weights, clip],
        OURS: [*hearfelt, "recognize", clip, "--model", model],
        HELP: [*hearfelt, "--help"],
    }


def write_clip(path: Path) -> None:
    """Write a bundled clip in the format of RAVDESS: 48 kHz, 16 bit."""
    import soundfile

    from hearfelt.audio.reader import audio_files, read_audio, resample

    audio = read_audio(audio_files(EXAMPLES)[-1])
    soundfile.write(path, resample(audio.samples, audio.rate_hz, 48_000), 48_000, subtype="PCM_16")


def write_weights(path: Path) -> None:
    """Write a state dict of the student's network, with random weights."""
    import torch

    from hearfelt.models.classic import ClassicNetwork

    torch.save(ClassicNetwork(8).state_dict(), path)


def predict_like_the_seed(weights: Path, clip: Path) -> int:
    """Predict one clip as the student's script did."""
    import torch
    from seed_features import seed_features

    from hearfelt.models.classic import ClassicNetwork

    network = ClassicNetwork(8)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network.eval()
    features = torch.from_numpy(seed_features(clip).astype("float32"))[None]  # (1, 162)
    with torch.inference_mode():
        print(int(network(features).argmax(dim=1)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
