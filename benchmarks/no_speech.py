"""Measure the speech check: its error rates on speech and other sounds, and its cost.

    python benchmarks/no_speech.py --corpus ravdess=~/ravdess --corpus tess=~/tess --other ~/other --json FILE

``--other`` is a folder with ``noise``, ``nonverbal`` and ``read``. Of a corpus of more than 600 clips a random sample
of 600 is used, with ``--all`` every clip. Words of 0.3 to 0.8 s are cut from TESS (the last word of a sentence: from
the quietest point 0.3 to 0.8 s before its end) and from CREMA-D (around the loudest point, until it is 15 dB quieter).
The cost is the CPU time of the check over that of the prediction, each the fastest of five, one thread, 3 s clips with
speech. Fails if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from no_speech_sounds import LENGTHS_S, is_for_choosing, kind_of, last_word, loudest_word, made_sounds, speech_codes

from hearfelt.audio.reader import Samples, Sound, audio_files, read_audio, resample
from hearfelt.cli.options import parse_corpora
from hearfelt.corpora.catalog import read_corpora
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.voice_activity import SpeechCheck
from hearfelt.inference.windowing import RATE_HZ
from hearfelt.runtime.files import atomic_write

SEED: Final = 13
SAMPLE: Final = 600
NOISE_BAR, SPEECH_BAR, WORD_BAR, COST_BAR = 0.9, 0.02, 0.05, 0.05
CLIP: Final = 3 * RATE_HZ
CUTS: Final = {"tess": last_word, "cremad": loudest_word}
MUSIC: Final = "street-music"  # some of it has singing


@dataclass(frozen=True)
class Row:
    """The results of one group: shares of its clips, and the limits for ``no_speech``, if any."""

    group: str
    clips: int
    no_speech: float
    little_speech: float
    least: float | None = None
    most: float | None = None

    @property
    def passed(self) -> bool:
        return (self.least is None or self.no_speech >= self.least) and (
            self.most is None or self.no_speech <= self.most
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", default=[], metavar="NAME=PATH", help="once for each corpus")
    parser.add_argument("--other", type=Path, metavar="PATH", help="the folder with noise, nonverbal and read")
    parser.add_argument("--all", action="store_true", help="use every clip")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="clips per large corpus (%(default)s)")
    parser.add_argument(
        "--lengths",
        nargs="+",
        type=float,
        default=LENGTHS_S,
        metavar="S",
        help="lengths of synthetic sounds (%(default)s)",
    )
    parser.add_argument("--timed", type=int, default=40, help="clips for the cost (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="threads (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
    options = parser.parse_args()
    try:
        return report(options)
    except HearfeltError as error:
        print(error, file=sys.stderr)
        return 1


def report(options: argparse.Namespace) -> int:
    most = sys.maxsize if options.all else options.sample
    speech = corpus_clips(options.corpus, most)
    cost = cost_of_check(speech, options.timed)
    rows = [*speech_rows(speech, options.jobs), *made_rows(options.lengths)]
    if options.other:
        rows += other_rows(options.other, options.jobs)
    print(f"{'':32}{'clips':>7}{'no_speech':>11}{'little':>8}  limit for no_speech")
    for row in rows:
        bar = f">= {row.least:.0%}" if row.least is not None else f"<= {row.most:.0%}" if row.most is not None else ""
        print(
            f"{row.group:32}{row.clips:>7}{row.no_speech:>11.1%}{row.little_speech:>8.1%}  {bar:<8}"
            f"{'' if row.passed else 'MISSED'}"
        )
    missed = sum(not row.passed for row in rows)
    if cost is not None:
        missed += cost > COST_BAR
        print(f"the check takes {cost:.1%} of the time of a prediction, 3 s clips (<= {COST_BAR:.0%})")
    print("all limits are met" if not missed else f"{missed} limits are exceeded")
    if options.json:
        kept = [{key: value for key, value in asdict(row).items() if value is not None} for row in rows]
        rounded = [{key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()} for row in kept]
        figures = {"all": options.all, "seed": SEED, "cost": cost and round(cost, 4), "rows": rounded}
        with atomic_write(options.json) as file:
            file.write(json.dumps(figures, indent=1) + "\n")
    return 1 if missed else 0


def corpus_clips(given: Sequence[str], most: int) -> dict[str, list[Path]]:
    """Select the clips of each corpus; RAVDESS speech and song count as two."""
    found: dict[str, list[Path]] = {}
    for name, folder in parse_corpora(given).items():
        clips = read_corpora({name: folder})
        parts = (
            {"": clips} if name != "ravdess" else {f" {one}": clips.where(channel=one) for one in ("speech", "song")}
        )
        for part, own in parts.items():
            paths = sorted(clip.path for clip in own)
            if paths:
                found[name + part] = paths if len(paths) <= most else random.Random(SEED).sample(paths, most)
    return found


def speech_rows(speech: dict[str, list[Path]], jobs: int) -> Iterator[Row]:
    for name, paths in speech.items():
        yield row_of(name, ask(((path, None) for path in paths), jobs), most=SPEECH_BAR)
    for name, cut in CUTS.items():
        if name in speech:
            words = (word_of(path, cut) for path in speech[name])
            yield row_of(f"{name}, one word", ask((word for word in words if word is not None), jobs), most=WORD_BAR)


def word_of(path: Path, cut: Callable[[Samples, int], Samples]) -> tuple[Samples, int] | None:
    try:
        audio = read_audio(path)
    except AudioError:
        return None
    return cut(audio.samples, audio.rate_hz), audio.rate_hz


def made_rows(lengths_s: Sequence[float]) -> Iterator[Row]:
    by_kind: dict[str, list[set[str]]] = defaultdict(list)
    for kind, samples, rate_hz in made_sounds(lengths_s):
        by_kind[kind] += ask([(samples, rate_hz)], 1)
    for kind, codes in sorted(by_kind.items()):
        yield row_of(f"synthetic: {kind}", codes, least=1.0)


def other_rows(folder: Path, jobs: int) -> Iterator[Row]:
    noise = [path for path in audio_files(folder / "noise") if kind_of(path) != MUSIC]
    yield row_of("noise", ask(((path, None) for path in noise), jobs), least=NOISE_BAR)
    for is_chosen, words in ((True, "half used for tuning"), (False, "other half")):
        half = [path for path in noise if is_for_choosing(path) == is_chosen]
        yield row_of(f"noise, {words}", ask(((path, None) for path in half), jobs))
    for name in ("noise", "nonverbal"):
        paths = audio_files(folder / name)
        for kind in sorted({kind_of(path) for path in paths}):
            own = [path for path in paths if kind_of(path) == kind]
            yield row_of(f"{name}: {kind}", ask(((path, None) for path in own), jobs))
    read = audio_files(folder / "read")
    yield row_of("read", ask(((path, None) for path in read), jobs), most=SPEECH_BAR)


def ask(sounds: Iterable[tuple[Sound, int | None]], jobs: int) -> list[set[str]]:
    """The warning codes of each sound that can be read."""

    def codes(one: tuple[Sound, int | None]) -> set[str] | None:
        try:
            return speech_codes(*one)
        except AudioError:  # silent or too short
            return None

    with ThreadPoolExecutor(jobs) as pool:
        return [one for one in pool.map(codes, sounds) if one is not None]


def row_of(group: str, codes: Sequence[set[str]], *, least: float | None = None, most: float | None = None) -> Row:
    none, little = (sum(code in one for one in codes) / max(1, len(codes)) for code in ("no_speech", "little_speech"))
    return Row(group, len(codes), none, little, least, most)


def cost_of_check(speech: dict[str, list[Path]], count: int) -> float | None:
    """CPU time of the check over that of the prediction."""
    recognizer = Recognizer.load(threads=1)
    predicting = checking = 0.0
    paths = [path for group in speech.values() for path in group]
    timed = 0
    for path in random.Random(SEED).sample(paths, len(paths)):
        if timed == count:
            break
        audio = read_audio(path)
        samples = resample(audio.samples, audio.rate_hz, RATE_HZ)
        if len(samples) < CLIP or speech_codes(samples[:CLIP], RATE_HZ):
            continue
        predicting += fastest(recognizer.logits, samples[:CLIP], RATE_HZ)
        checking += fastest(lambda clip: SpeechCheck().add(clip), samples[:CLIP])
        timed += 1
    return checking / predicting if timed else None


def fastest(work: Callable[..., object], *given: object) -> float:
    seconds = []
    for _ in range(5):
        before = time.process_time()
        work(*given)
        seconds.append(time.process_time() - before)
    return min(seconds)


if __name__ == "__main__":
    sys.exit(main())
