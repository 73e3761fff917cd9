"""Scores of the shipped models.

``measured.json`` next to this module has, for every shipped model, its scores, confusion matrix and reliability on
each protocol. The repository's ``tools/results.py`` writes it from ``results/``, which is not part of the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from hearfelt.evaluation.metrics import Reliability

__all__ = ["FILE", "HONEST", "Ladder", "Measurement", "ShippedScores", "read_scores"]

FILE: Final = "measured.json"
HONEST: Final = ("emobox-ravdess", "unheard-ravdess")
"""Protocols with unseen speakers; the first that a model has is shown in detail."""


@dataclass(frozen=True)
class Measurement:
    """One model on one protocol.

    Attributes:
        model: its name.
        protocol: the protocol's name.
        title: what the protocol measures.
        leaky: whether training and test share speakers or sounds, so that the scores say nothing about new speakers.
        is_shipped_file: whether the shipped file itself was tested; else its recipe, trained again in every fold.
        uar: mean of the emotions' recalls, 0 to 1.
        uar_ends: ends of its 95 % interval over speakers; None where there is none.
        accuracy: share of correct predictions, 0 to 1.
        calibration_error: mean difference of confidence and share of correct predictions, 0 to 1.
        clips: number of test clips.
        speakers: number of test speakers.
        seeds: number of trainings with different seeds.
        emotions: names of the rows and columns of ``confusion``.
        confusion: predictions of all seeds, a row for each true emotion.
        reliability: share of correct predictions by confidence.
    """

    model: str
    protocol: str
    title: str
    leaky: bool
    is_shipped_file: bool
    uar: float
    uar_ends: tuple[float, float] | None
    accuracy: float
    calibration_error: float
    clips: int
    speakers: int
    seeds: int
    emotions: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[Reliability, ...]

    def shares(self) -> tuple[tuple[float, ...], ...]:
        """Return the confusion matrix as shares of each row, 0 to 1."""
        return tuple(tuple(count / max(sum(row), 1) for count in row) for row in self.confusion)

    def rows(self) -> list[tuple[str, list[tuple[str, float]]]]:
        """Return each true label with the share of each predicted label, 0 to 1."""
        pairs = zip(self.emotions, self.shares(), strict=True)
        return [(truth, list(zip(self.emotions, row, strict=True))) for truth, row in pairs]

    def most_confused(self, most: int) -> list[tuple[str, str, float]]:
        """List the most frequent mistakes: true label, predicted label, and share of the true label's clips."""
        named = [
            (truth, answer, share)
            for truth, row in zip(self.emotions, self.shares(), strict=True)
            for answer, share in zip(self.emotions, row, strict=True)
            if truth != answer and share > 0
        ]
        return sorted(named, key=lambda one: -one[2])[:most]

    def right_between(self, low: float, high: float) -> tuple[int, float]:
        """Return the number of predictions with a confidence between two tenths, and the share that was correct."""
        bins = [one for one in self.reliability if low < (one.low + one.high) / 2 < high]
        count = sum(one.count for one in bins)
        return count, sum(one.count * one.accuracy for one in bins) / max(count, 1)


@dataclass(frozen=True)
class Ladder:
    """What leaks are worth: accuracy with one leak after another.

    Attributes:
        steps: words for each step, the honest one first.
        models: for each model one accuracy a step, 0 to 1, None where it was not measured.
        guess: accuracy of always predicting the most frequent label.
    """

    steps: tuple[str, ...]
    models: Mapping[str, tuple[float | None, ...]]
    guess: float


@dataclass(frozen=True)
class ShippedScores:
    """All measurements of the shipped models.

    Attributes:
        measurements: of all models, those without a leak first.
        ladder: None if it was not measured.
    """

    measurements: tuple[Measurement, ...]
    ladder: Ladder | None = None

    def of(self, model: str) -> tuple[Measurement, ...]:
        """Return those of one model, first the one that represents it: over most speakers, without a leak."""
        rank = {name: place for place, name in enumerate(HONEST)}
        own = [one for one in self.measurements if one.model == model]
        return tuple(sorted(own, key=lambda one: (one.leaky, rank.get(one.protocol, len(rank)))))

    def for_unseen_speakers(self, model: str) -> Measurement | None:
        """Return the measurement on unseen speakers: that of the shipped file itself, else that of its recipe."""
        honest = [one for one in self.of(model) if not one.leaky]
        return next((one for one in honest if one.is_shipped_file), honest[0] if honest else None)


def read_scores(text: str | None = None) -> ShippedScores:
    """Read the package's scores, or a text in the same form."""
    if text is None:
        text = files("hearfelt.reports").joinpath(FILE).read_text(encoding="utf-8")
    content = json.loads(text)
    ladder = content["ladder"]
    if ladder:
        models = {name: tuple(scores) for name, scores in ladder["models"].items()}
        ladder = Ladder(tuple(ladder["steps"]), models, ladder["guess"])
    return ShippedScores(tuple(_read(one) for one in content["measurements"]), ladder or None)


def _read(values: Mapping[str, Any]) -> Measurement:
    kept = dict(values)
    kept |= {
        "uar_ends": tuple(values["uar_ends"]) if values["uar_ends"] else None,
        "emotions": tuple(values["emotions"]),
        "confusion": tuple(map(tuple, values["confusion"])),
        "reliability": tuple(Reliability(**one) for one in values["reliability"]),
    }
    return Measurement(**kept)
