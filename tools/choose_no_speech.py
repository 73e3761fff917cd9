"""Choose the two limits of the speech check, on training speakers and half of the noises.

    python tools/choose_no_speech.py --corpus ravdess=~/ravdess --corpus tess=~/tess --other ~/other

The data are clips of the shipped models' training speakers (not RAVDESS actors 06, 13, 17 and 22), words cut from them,
half of the noises, and synthetic sounds. Each group is scored by its error rate, divided by the one that
benchmarks/no_speech.py allows. Missing speech is the worse error, so the lowest probability is chosen at which every
group is within its limit, and the middle one of the spectral changes that pass with it.

The numbers of chunks and the lower limit for short sounds were set by hand. All noises were used while the check was
designed, so the other half tests these two limits only, not the design.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hearfelt.audio.reader import Samples, audio_files, read_audio, resample
from hearfelt.cli.options import parse_corpora
from hearfelt.corpora.catalog import read_corpora
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.voice_activity import LIMITS, Limits
from hearfelt.inference.windowing import RATE_HZ, centred

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from no_speech import CUTS, MUSIC, NOISE_BAR, SPEECH_BAR, WORD_BAR
from no_speech_sounds import is_for_choosing, kind_of, made_sounds, speech_codes

VOICED_AT: Final = (0.7, 0.75, 0.8, 0.85)
STEADY: Final = (0.08, 0.1, 0.12)
SEED: Final = 17  # differs from the benchmark
MADE_BAR: Final = 0.001  # no errors allowed


@dataclass(frozen=True, eq=False)
class Group:
    """Sounds at 16 kHz, whether they contain speech, and the allowed error rate."""

    name: str
    sounds: list[Samples]
    is_speech: bool
    allowed: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH", help="once for each corpus")
    parser.add_argument("--other", type=Path, required=True, metavar="PATH", help="the folder that contains noise")
    parser.add_argument("--clips", type=int, default=80, help="per corpus (%(default)s)")
    options = parser.parse_args()
    groups = [*speech(options), *silence(options)]
    print(
        f"{'voiced at':>10}{'steady':>8}{'worst':>8}  " + "  ".join(f"{one.name} ({len(one.sounds)})" for one in groups)
    )
    tried: dict[Limits, float] = {}
    for voiced_at, steady in itertools.product(VOICED_AT, STEADY):
        limits = Limits(voiced_at, steady)
        wrong = [share_wrong(group, limits) for group in groups]
        relative = [share / group.allowed for share, group in zip(wrong, groups, strict=True)]
        print(
            f"{voiced_at:>10}{steady:>8}{max(relative):>8.2f}  " + "  ".join(f"{share:.3f}" for share in wrong),
            flush=True,
        )
        tried[limits] = max(relative)
    passing = [limits for limits, worst in tried.items() if worst <= 1]
    lowest = [limits for limits in passing if limits.voiced_at == passing[0].voiced_at]
    chosen = lowest[len(lowest) // 2] if lowest else "none, every pair exceeds a limit"
    print(f"chosen: {chosen}; in the package: {LIMITS}")
    return 0


def speech(options: argparse.Namespace) -> Iterator[Group]:
    training = set(Recognizer.load().card.training_speakers)
    for name, folder in parse_corpora(options.corpus).items():
        clips = [clip.path for clip in read_corpora({name: folder}) if clip.speaker in training]
        sounds = []
        for path in random.Random(SEED).sample(sorted(clips), min(len(clips), options.clips)):
            try:
                audio = read_audio(path)
            except AudioError:  # silent
                continue
            sounds.append(resample(centred(audio.samples), audio.rate_hz, RATE_HZ))
        yield Group(name, sounds, True, SPEECH_BAR)
        if name in CUTS:
            yield Group(f"{name}, one word", [CUTS[name](one, RATE_HZ) for one in sounds], True, WORD_BAR)


def silence(options: argparse.Namespace) -> Iterator[Group]:
    noises = []
    for path in audio_files(options.other / "noise"):
        if is_for_choosing(path) and kind_of(path) != MUSIC:
            audio = read_audio(path)
            noises.append(resample(centred(audio.samples), audio.rate_hz, RATE_HZ))
    yield Group("noise", noises, False, 1 - NOISE_BAR)
    made = [resample(samples, rate_hz, RATE_HZ) for _, samples, rate_hz in made_sounds((0.5, 2.0))]
    yield Group("made", random.Random(SEED).sample(made, 4 * options.clips), False, MADE_BAR)


def share_wrong(group: Group, limits: Limits) -> float:
    predicted = ["no_speech" in speech_codes(one, RATE_HZ, limits) for one in group.sounds]
    return sum(one == group.is_speech for one in predicted) / len(predicted)


if __name__ == "__main__":
    raise SystemExit(main())
