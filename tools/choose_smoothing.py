"""Choose the two parameters of the timeline's hidden Markov model, on speakers that are not tested.

    python tools/choose_smoothing.py --corpus ~/ravdess --model fold1.onnx --model fold2.onnx

Each model predicts recordings made of clips of unseen speakers, never of the test actors 06, 13, 17 and 22. Half of the
recordings are conversations as in the protocol: clips with pauses between them. There every speech region has one
emotion, so the other half are monologues: up to twelve clips without silence, joined with pauses too short to split
them, in which an emotion lasts for one to six clips. Each recording is predicted once and then smoothed with every pair
of parameters.

The loss is the mean -log(probability of the true emotion) over the frames of true speech that were found. Among the
pairs within 0.02 of the best loss, the one that stays longest with a label is chosen.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from hearfelt.audio.reader import Samples, read_audio, resample
from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clips
from hearfelt.evaluation.metrics import FRAMES_PER_S, LabelSpan, frame_confusion, frame_labels, segment_metrics
from hearfelt.evaluation.synthetic_recordings import room_noise, speech_within, write_scripts
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segmenter import SMOOTHING, Segmenter, Smoother, Smoothing
from hearfelt.inference.windowing import RATE_HZ

TEST_ACTORS: Final = frozenset(f"ravdess/{actor}" for actor in ("06", "13", "17", "22"))
STAYS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
WEIGHTS: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)
TOLERANCE: Final = 0.02
KINDS: Final = ("conversations", "monologues")
SEED: Final = 11  # differs from the test recordings


class Recorder:
    """Replaces the smoother and records its input; alternating outputs make every step a segment."""

    def __init__(self, labels: int, kept: list[list[tuple[np.ndarray, range] | None]]) -> None:
        self._labels, self._settled = labels, 0
        self._calls: list[tuple[np.ndarray, range] | None] = []
        kept.append(self._calls)

    def see(self, log_probabilities: np.ndarray, steps: range) -> None:
        self._calls.append((log_probabilities, steps))

    def settle(self) -> np.ndarray:
        self._calls.append(None)
        self._settled += 1
        return np.eye(self._labels)[self._settled % 2]


@dataclass(frozen=True, eq=False)
class Recorded:
    """Predictions for one recording before smoothing, and the truth."""

    kind: str
    labels: tuple[str, ...]
    truth: np.ndarray
    regions: list[list[tuple[np.ndarray, range] | None]]
    steps: list[tuple[float, float]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="PATH", help="the folder of RAVDESS")
    parser.add_argument("--model", action="append", required=True, metavar="FILE", help="once for each model")
    parser.add_argument("--speakers", nargs="*", metavar="NAME", help="such as ravdess/01 (all unseen speakers)")
    parser.add_argument("--recordings", type=int, default=20, help="per kind and model (%(default)s)")
    options = parser.parse_args()
    clips = read_corpora({"ravdess": options.corpus}).where(channel="speech")
    recorded: list[Recorded] = []
    for model in options.model:
        recognizer = Recognizer.load(Path(model), threads=1)
        refused = TEST_ACTORS | set(recognizer.card.training_speakers)
        speakers = [one for one in options.speakers or clips.speakers if one not in refused]
        print(f"{model}: {', '.join(speakers)}", flush=True)
        own = Clips(clip for clip in clips if clip.speaker in speakers and clip.emotion in recognizer.labels)
        for kind, samples, truth in recordings(own, options.recordings):
            recorded.append(predict(recognizer, kind, samples, truth))
    report(recorded)
    return 0


def recordings(clips: Clips, count: int) -> Iterator[tuple[str, Samples, list[LabelSpan]]]:
    for script in write_scripts(clips, count, seed=SEED):
        made = script.record()
        yield "conversations", made.samples, list(made.truth)
    for number in range(count):
        yield "monologues", *monologue(clips, number)


def monologue(clips: Clips, number: int) -> tuple[Samples, list[LabelSpan]]:
    """Join clips of one speaker into one long speech region with background noise."""
    generator = np.random.default_rng([SEED, number])
    own = clips.where(speaker=clips.speakers[number % len(clips.speakers)])
    parts: list[Samples] = [np.zeros(RATE_HZ, np.float32)]
    truth: list[LabelSpan] = []
    for _ in range(int(generator.integers(1, 4))):
        emotion = str(generator.choice(own.emotions))
        same = own.where(emotion=emotion)
        for place in generator.choice(len(same), min(len(same), int(generator.integers(1, 7))), replace=False):
            audio = read_audio(same[int(place)].path)
            samples = resample(audio.samples, audio.rate_hz, RATE_HZ)
            start, end = speech_within(samples)
            start_s = sum(map(len, parts)) / RATE_HZ
            truth.append(LabelSpan(start_s, start_s + (end - start) / RATE_HZ, emotion))
            parts += [samples[start:end], np.zeros(int(generator.integers(0, RATE_HZ // 10)), np.float32)]
    voice = np.concatenate([*parts, np.zeros(RATE_HZ, np.float32)])
    noise = room_noise(len(voice), generator) * float(np.std(voice)) * 10 ** (-generator.uniform(15, 30) / 20)
    return (voice + noise).astype(np.float32), truth


def predict(recognizer: Recognizer, kind: str, samples: Samples, truth: list[LabelSpan]) -> Recorded:
    regions: list[list[tuple[np.ndarray, range] | None]] = []
    segmenter = Segmenter(replace(recognizer.window_classifier(), smoother=lambda labels: Recorder(labels, regions)))
    steps = [(one.start_s, one.end_s) for one in [*segmenter.feed(samples), *segmenter.finish()]]
    frames = frame_labels(truth, len(samples) / RATE_HZ, recognizer.labels)
    return Recorded(kind, recognizer.labels, frames, regions, steps)


def smoothed(one: Recorded, smoothing: Smoothing) -> np.ndarray:
    """The probabilities of each step: ``(steps, labels)``."""
    steps = []
    for calls in one.regions:
        smoother = Smoother(len(one.labels), smoothing)
        for call in calls:
            if call is None:
                steps.append(smoother.settle())
            else:
                smoother.see(*call)
    return np.array(steps).reshape(-1, len(one.labels))


def scores(recorded: list[Recorded], smoothing: Smoothing) -> tuple[float, float]:
    """The mean -log(probability of the truth), and the diarization error rate."""
    losses: list[np.ndarray] = []
    confusion = 0
    for one in recorded:
        silent = len(one.labels)
        answers = np.full(len(one.truth), silent)
        for (start_s, end_s), share in zip(one.steps, smoothed(one, smoothing), strict=True):
            frames = slice(round(start_s * FRAMES_PER_S), round(end_s * FRAMES_PER_S))
            answers[frames] = int(share.argmax())
            truth = one.truth[frames]
            losses.append(-np.log(share[truth[truth < silent]]))
        confusion = confusion + frame_confusion(one.truth, answers, silent)
    return float(np.concatenate(losses).mean()), segment_metrics(confusion)["diarization_error_rate"]


def report(recorded: list[Recorded]) -> None:
    parts = [[one for one in recorded if one.kind == kind] for kind in KINDS]
    pairs = {
        Smoothing(stay, weight): [scores(part, Smoothing(stay, weight)) for part in parts]
        for stay, weight in itertools.product(STAYS, WEIGHTS)
    }
    losses = {pair: float(np.mean([loss for loss, _ in by_kind])) for pair, by_kind in pairs.items()}
    ranked = sorted(pairs, key=lambda pair: losses[pair])
    print(f"{'stay':>6}{'weight':>8}{'loss':>8}" + "".join(f"{kind:>16} loss, error" for kind in KINDS))
    for pair in ranked[:25]:
        row = f"{pair.stay:>6}{pair.weight:>8}{losses[pair]:>8.4f}"
        print(row + "".join(f"{loss:>20.4f}{error:>8.4f}" for loss, error in pairs[pair]))
    near = [pair for pair in ranked if losses[pair] <= losses[ranked[0]] + TOLERANCE]
    chosen = max(near, key=lambda pair: (pair.stay, -losses[pair]))
    print(f"best: {ranked[0]}; chosen: {chosen}; in the package: {SMOOTHING}")


if __name__ == "__main__":
    raise SystemExit(main())
