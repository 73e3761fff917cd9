"""Test the robustness of a model to small perturbations, on RAVDESS speech of unseen actors.

    python benchmarks/small_changes.py --model hearfelt --corpus ravdess=~/ravdess

The rows are audEERING's correctness and small-change tests (https://audeering.github.io/ser-tests/) with their limits
and parameters, one random parameter per clip, and changes of level, offset and sampling rate. Predictions are compared
with those for the same clips at 16 kHz. The exit code is 0 whether rows pass or not; --out saves the values.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import Audio, Samples, read_audio, resample
from hearfelt.augmentation.perturbations import SMALL_CHANGES, Gain, Offset, Perturbation, TelephoneBand
from hearfelt.cli.options import parse_corpora
from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.evaluation.metrics import confusion_matrix, per_class, uar
from hearfelt.evaluation.protocols import protocol_called
from hearfelt.inference.recognizer import Recognizer, model_path
from hearfelt.runtime.files import atomic_write

PROTOCOL: Final = "unheard-ravdess"
CORRECT: Final = 0.5  # UAR, and recall and precision of each class, at least
UNCHANGED: Final = 0.95  # share of answers under a small change, at least
STEADY: Final = 0.02  # largest change of any probability for inaudible changes, at most
TELEPHONE: Final = 0.8  # share of answers unchanged at 8 kHz, at least
RATE_HZ: Final = 16_000
HIGH_HZ: Final = 48_000

Probabilities = npt.NDArray[np.float64]
# From the clip at 16 kHz and as it was recorded, to samples and their rate.
Changed = Callable[[Samples, Audio, np.random.Generator], tuple[Samples, int]]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        group: kind of test.
        name: the metric, or the change of the sound.
        bar: the limit, a minimum or maximum.
        value: the measured value.
        passed: whether it is within the limit.
        unchanged: share of clips with the same predicted emotion, for changes.
        largest_change: of any probability in any clip, for changes.
    """

    group: str
    name: str
    bar: float
    value: float
    passed: bool
    unchanged: float | None = None
    largest_change: float | None = None


def _drawn(draw: Callable[[np.random.Generator], Perturbation]) -> Changed:
    return lambda samples, _, generator: (draw(generator).apply(samples, RATE_HZ), RATE_HZ)


def _fixed(change: Perturbation) -> Changed:
    return lambda samples, *_: (change.apply(samples, RATE_HZ), RATE_HZ)


SMALL: Final[Mapping[str, Changed]] = MappingProxyType({name: _drawn(draw) for name, draw in SMALL_CHANGES.items()})
SAME: Final[Mapping[str, Changed]] = MappingProxyType(
    {
        "20 dB louder": _fixed(Gain(20.0)),
        "20 dB quieter": _fixed(Gain(-20.0)),
        "DC offset of 0.1": _drawn(Offset.draw),
        "48 kHz instead of 16": lambda _, audio, __: (resample(audio.samples, audio.rate_hz, HIGH_HZ), HIGH_HZ),
    }
)
BAND: Final[Mapping[str, Changed]] = MappingProxyType({"8 kHz instead of 16": _fixed(TelephoneBand())})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearfelt", help="name or file (%(default)s)")
    parser.add_argument("--corpus", metavar="NAME=PATH", required=True, help="ravdess=… and nothing else")
    parser.add_argument("--seed", type=int, default=0, help="of the random parameters (%(default)s)")
    parser.add_argument("--limit", type=int, help="use only the first clips of each emotion")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="threads (%(default)s)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="output format (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file for the values")
    options = parser.parse_args()
    try:
        report = measure(options)
    except HearfeltError as error:
        print(error, file=sys.stderr)
        return 1
    if options.out:
        with atomic_write(options.out) as file:
            file.write(as_json(report))
    print(as_json(report) if options.format == "json" else as_table(report), end="")
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Predict every clip unchanged and after each change.

    Returns:
        The content of the table, with ``rows`` as :class:`Row`.
    """
    recognizer = Recognizer.load(options.model, threads=1)  # clips are processed in parallel instead
    plan = protocol_called(PROTOCOL).plan(read_corpora(parse_corpora([options.corpus])), card=recognizer.card)
    clips = [clip for fold in plan.folds for clip in fold.test]
    if options.limit:
        clips = _first_of_each(clips, options.limit)
    changes = {**SMALL, **SAME, **BAND}

    def ask(clip: Clip) -> Probabilities:
        return _asked(recognizer, clip, changes.items(), options.seed)

    with ThreadPoolExecutor(options.jobs) as pool:
        answers = np.stack(list(pool.map(ask, clips)))  # (clips, 1 + changes, classes)
    return {
        "model": recognizer.card.name,
        "model_sha256": hashlib.sha256(model_path(options.model).read_bytes()).hexdigest(),
        "protocol": PROTOCOL,
        "speakers": sorted({clip.speaker for clip in clips}),
        "clips": len(clips),
        "rate_hz": RATE_HZ,
        "seed": options.seed,
        "rows": [*_correctness(recognizer.labels, clips, answers[:, 0]), *_robustness(changes, answers)],
    }


def _first_of_each(clips: Sequence[Clip], limit: int) -> list[Clip]:
    kept: dict[str, list[Clip]] = {}
    for clip in clips:
        kept.setdefault(clip.emotion, []).append(clip)
    return [clip for some in kept.values() for clip in some[:limit]]


def _asked(recognizer: Recognizer, clip: Clip, changes: Iterable[tuple[str, Changed]], seed: int) -> Probabilities:
    """Probabilities of one clip: ``(1 + changes, classes)``; NaN if a changed clip is refused."""
    audio = read_audio(clip.path)
    samples = resample(audio.samples, audio.rate_hz, RATE_HZ)
    answers = [recognizer.recognize(samples, RATE_HZ).probabilities]
    for name, change in changes:
        # Parameters depend on seed, clip and change only, not on the number or order of clips.
        generator = np.random.default_rng([seed, zlib.crc32(Path(clip.name).stem.encode()), zlib.crc32(name.encode())])
        try:
            answers.append(recognizer.recognize(*change(samples, audio, generator)).probabilities)
        except AudioError:  # counts as a changed prediction
            answers.append(dict.fromkeys(recognizer.labels, np.nan))
    return np.array([[one[label] for label in recognizer.labels] for one in answers])


def _correctness(labels: Sequence[str], clips: Sequence[Clip], answers: Probabilities) -> list[Row]:
    truth = np.array([labels.index(clip.emotion) for clip in clips])
    confusion = confusion_matrix(truth, answers.argmax(axis=1), len(labels))
    values = {"UAR": uar(confusion)}
    figures = per_class(confusion, labels)
    values |= {f"recall, {one.emotion}": one.recall for one in figures if one.support}
    values |= {f"precision, {one.emotion}": one.precision for one in figures if one.support}
    return [Row("correctness", name, CORRECT, value, value >= CORRECT) for name, value in values.items()]


def _robustness(changes: Mapping[str, Changed], answers: Probabilities) -> list[Row]:
    rows = []
    before = answers[:, 0]  # (clips, classes)
    for place, name in enumerate(changes, start=1):
        after = answers[:, place]
        refused = np.asarray(np.isnan(after).any(axis=1))
        kept = ~refused & (np.nan_to_num(after).argmax(axis=1) == before.argmax(axis=1))
        unchanged = float(kept.mean())
        largest = float(np.where(refused[:, None], 1.0, np.abs(after - before)).max())
        if name in SAME:
            rows.append(Row("inaudible changes", name, STEADY, largest, largest <= STEADY, unchanged, largest))
        else:
            group, bar = ("small changes", UNCHANGED) if name in SMALL else ("half the band", TELEPHONE)
            rows.append(Row(group, name, bar, unchanged, unchanged >= bar, unchanged, largest))
    return rows


def as_json(report: Mapping[str, Any]) -> str:
    rows = [{key: value for key, value in asdict(row).items() if value is not None} for row in report["rows"]]
    rounded = [{key: round(v, 6) if isinstance(v, float) else v for key, v in row.items()} for row in rows]
    return json.dumps({**report, "rows": rounded}, indent=1) + "\n"


def as_table(report: Mapping[str, Any]) -> str:
    who = ", ".join(speaker.partition("/")[2] for speaker in report["speakers"])
    lines = [f"{report['model']}: {report['clips']} clips of RAVDESS speech by unseen actors ({who}), 16 kHz"]
    said = {
        "correctness": "",
        "small changes": "share of unchanged predictions, one random parameter per clip",
        "inaudible changes": "largest change of a probability",
        "half the band": "share of unchanged predictions",
    }
    group = ""
    for row in report["rows"]:
        if row.group != group:
            group = row.group
            lines += ["", f"{group}: {said[group]}" if said[group] else group]
        sign = "≤" if row.group == "inaudible changes" else "≥"
        lines.append(f"  {row.name:24}{sign} {row.bar:<6g}{row.value:8.3f}   {'pass' if row.passed else 'FAIL'}")
    passed = sum(row.passed for row in report["rows"])
    return "\n".join([*lines, "", f"{passed} of {len(report['rows'])} rows pass"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
