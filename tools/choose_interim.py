"""Choose from when on a live stream shows an emotion, on speakers held out from training; write docs/live.md's figures.

    python tools/choose_interim.py --corpus ravdess=~/ravdess --corpus emodb=~/emodb [--model FILE ...]

Each clip is streamed with silence before it, and its interim results are kept with how much speech they rest on. A
model hears only speakers that are not among its training speakers; with models that were trained without a corpus, give
each of them, and the figures are for sound from elsewhere.

For each length of speech the temperature is the one with the least -log(probability of the true emotion). Then the
limits are those with the most correct first emotions among all for which the median first emotion comes within 1.5 s of
speech, at most 1 in 20 is wrong with 70 % or more, and at least 80 % of the clips get one within 3 s; without any such
limits, the ones that come closest. ``src/hearfelt/inference/timeline/interim.json`` gets limits and figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from hearfelt.audio.reader import read_audio, resample
from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segmenter import InterimLimits, Segmenter
from hearfelt.inference.timeline.segments import InterimResult
from hearfelt.inference.windowing import RATE_HZ
from result_pages.markdown import replace_between

ROOT: Final = Path(__file__).parents[1]
LIMITS: Final = ROOT / "src" / "hearfelt" / "inference" / "timeline" / "interim.json"
PAGE: Final = ROOT / "docs" / "live.md"
BEGIN, END = "<!-- interim:begin -->", "<!-- interim:end -->"
RAW: Final = InterimLimits(((0.0, 1.0),), 0.0, 0.0)
STEPS_S: Final = (0.0, 1.0, 1.5, 2.0)
TEMPERATURES: Final = np.geomspace(0.7, 5.0, 60)
SURE, MOST_WRONG, LEAST_NAMED, WITHIN_S, MEDIAN_S = 0.7, 0.05, 0.8, 3.0, 1.5
SEED: Final = 5


@dataclass(frozen=True, eq=False)
class Streamed:
    """The interim results of one clip: seconds of speech since its start and in the window, log-probabilities."""

    truth: int
    results: tuple[tuple[float, float, np.ndarray], ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--model", action="append", metavar="FILE", help="once for each (the shipped one)")
    parser.add_argument("--clips", type=int, default=400, help="per model (%(default)s)")
    options = parser.parse_args()
    corpora = dict(one.split("=", 1) for one in options.corpus)
    clips = read_corpora({name: Path(path).expanduser() for name, path in corpora.items()})
    streamed = [one for model in options.model or ["hearfelt"] for one in stream(model, clips, options.clips)]
    limits = choose(streamed)
    figures = measure(streamed, limits)
    write(limits, figures)
    print(json.dumps(figures, indent=1))
    return 0


def stream(model: str, clips: Clips, most: int) -> Iterator[Streamed]:
    """Stream clips of unseen speakers."""
    recognizer = Recognizer.load(model, threads=1)
    seen, labels = set(recognizer.card.training_speakers), recognizer.labels
    own = [clip for clip in clips if clip.speaker not in seen and clip.emotion in labels]
    chosen = np.random.default_rng(SEED).permutation(len(own))[:most]
    for place in chosen:
        clip = own[int(place)]
        audio = read_audio(clip.sound)
        samples = resample(audio.samples, audio.rate_hz, RATE_HZ)
        noise = np.random.default_rng(int(place)).normal(0, 1e-4, RATE_HZ + len(samples)).astype(np.float32)
        noise[RATE_HZ:] += samples
        segmenter = Segmenter(recognizer.window_classifier(), with_interim=True, limits=RAW)
        found = [one for one in segmenter.feed(noise) if isinstance(one, InterimResult)]
        start_s = found[0].start_s if found else 0.0
        results = tuple((one.end_s - start_s, one.duration_s, logarithms(one)) for one in found)
        yield Streamed(EMOTIONS.index(clip.emotion), results)


def logarithms(result: InterimResult) -> np.ndarray:
    """Log-probabilities of all emotions, ``(8,)``; those that a model does not know are next to impossible."""
    return np.log(np.maximum(1e-9, [result.probabilities.get(emotion, 0.0) for emotion in EMOTIONS]))


def choose(streamed: list[Streamed]) -> InterimLimits:
    """Choose temperatures, and then the limits."""
    pairs: list[tuple[float, float]] = []
    for least_s, below_s in itertools.pairwise((*STEPS_S, np.inf)):
        rows = [
            (one.truth, logits)
            for one in streamed
            for _, window_s, logits in one.results
            if least_s <= window_s < below_s
        ]
        if rows:
            best = float(TEMPERATURES[np.argmin([loss(rows, float(one)) for one in TEMPERATURES])])
            pairs.append((least_s if pairs else 0.0, round(best, 2)))
    temperatures = tuple(pairs)
    candidates = [
        InterimLimits(temperatures, float(least_s), float(confidence))
        for least_s in np.arange(0.7, 2.01, 0.1).round(2)
        for confidence in np.arange(0.3, 0.91, 0.05).round(2)
    ]
    return min(candidates, key=lambda one: badness(measure(streamed, one)))


def loss(rows: list[tuple[int, np.ndarray]], temperature: float) -> float:
    scaled = np.stack([logits for _, logits in rows]) / temperature
    truths = [truth for truth, _ in rows]
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(rows)), truths]))


def measure(streamed: list[Streamed], limits: InterimLimits) -> dict[str, Any]:
    """Measure when the first emotion is shown, and how often it is right."""
    firsts = [first for one in streamed if (first := first_of(one, limits)) is not None]
    within = [first for first in firsts if first[0] <= WITHIN_S]
    return {
        "clips": len(streamed),
        "median_s": round(float(np.median([at_s for at_s, _, _ in firsts])), 2) if firsts else None,
        "named_within_3_s": round(len(within) / len(streamed), 3),
        "right": round(float(np.mean([is_right for _, is_right, _ in firsts])), 3) if firsts else None,
        "wrong_and_sure": round(
            float(np.mean([not is_right and sure >= SURE for _, is_right, sure in firsts])) if firsts else 0.0, 3
        ),
    }


def first_of(one: Streamed, limits: InterimLimits) -> tuple[float, bool, float] | None:
    for at_s, window_s, logits in one.results:
        weights = np.exp(logits / limits.temperature(window_s))
        shares = weights / weights.sum()
        if window_s >= limits.least_s and shares.max() >= limits.least_confidence:
            return at_s, int(shares.argmax()) == one.truth, float(shares.max())
    return None


def badness(figures: dict[str, Any]) -> tuple[float, float, float]:
    """By how much the conditions are missed, then the share of wrong first emotions, then the median."""
    if figures["median_s"] is None:
        return np.inf, 1.0, np.inf
    missed = max(0.0, figures["wrong_and_sure"] - MOST_WRONG) + max(0.0, LEAST_NAMED - figures["named_within_3_s"])
    missed += max(0.0, figures["median_s"] - MEDIAN_S)
    return missed, -figures["right"], figures["median_s"]


def write(limits: InterimLimits, figures: dict[str, Any]) -> None:
    values = {
        "temperatures": limits.temperatures,
        "least_s": limits.least_s,
        "least_confidence": limits.least_confidence,
        "measured": figures,
    }
    LIMITS.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(replace_between(PAGE.read_text(encoding="utf-8"), BEGIN, END, words(values)), encoding="utf-8")


def words(values: dict[str, Any]) -> str:
    """Put limits and figures into sentences."""
    found = values["measured"]
    said = (
        f"An emotion is shown from {values['least_s']:g} s of speech on, if its confidence is"
        f" {100 * values['least_confidence']:.0f} % or more."
    )
    if not found:
        return f"{said} These numbers were not chosen on recordings yet."
    return (
        f"{said} Confidence is calibrated by how much speech a result rests on. On {found['clips']:,} clips of speakers"
        f" held out from training, the median first emotion came after {found['median_s']:g} s of speech,"
        f" {100 * found['named_within_3_s']:.0f} % of the clips had one within 3 s, {100 * found['right']:.0f} % of"
        f" these were correct, and {100 * found['wrong_and_sure']:.0f} % were wrong with 70 % confidence or more."
    )


if __name__ == "__main__":
    raise SystemExit(main())
