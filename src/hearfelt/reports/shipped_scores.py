"""What the shipped models were measured to be worth, small enough to come with the package.

``measured.json`` beside this module holds, for every shipped model, its figures, its confusion matrix and its
reliability on each protocol. The repository's ``tools/results.py`` writes it from ``results/``, which the package
does not bring.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from hearfelt.evaluation.metrics import Reliability

__all__ = ["FILE", "HONEST", "Ladder", "Measured", "Measurement", "read_measured"]

FILE: Final = "measured.json"
HONEST: Final = ("emobox-ravdess", "unheard-ravdess")
"""Protocols over speakers who were never heard; the first that is there is told about at length."""


@dataclass(frozen=True)
class Measurement:
    """One model on one protocol.

    Attributes:
        model: its name.
        protocol: the protocol's name.
        title: half a sentence that says over what it measures.
        leaky: whether speakers or sounds were on both sides, so that the figures hold for nobody new.
        very_file: whether the shipped file itself answered; else its recipe, trained anew in every fold.
        uar: mean of the emotions' recalls, 0 to 1.
        uar_ends: ends of its 95 % interval over speakers; None where there is none.
        accuracy: share of right answers, 0 to 1.
        calibration_error: how far confidence was from the share of right answers, 0 to 1.
        clips: how many were answered.
        speakers: how many people spoke them.
        seeds: how often everything was trained anew.
        emotions: names of the rows and columns of ``confusion``.
        confusion: answers of all seeds, a row for each true emotion.
        reliability: how often answers of each confidence were right.
    """

    model: str
    protocol: str
    title: str
    leaky: bool
    very_file: bool
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
        """Give the confusion matrix as shares of each row, 0 to 1."""
        return tuple(tuple(count / max(sum(row), 1) for count in row) for row in self.confusion)

    def most_confused(self, most: int) -> list[tuple[str, str, float]]:
        """Name what is most often taken for something else: truth, answer, and share of the truth's clips."""
        named = [
            (truth, answer, share)
            for truth, row in zip(self.emotions, self.shares(), strict=True)
            for answer, share in zip(self.emotions, row, strict=True)
            if truth != answer and share > 0
        ]
        return sorted(named, key=lambda one: -one[2])[:most]

    def right_between(self, low: float, high: float) -> tuple[int, float]:
        """Count the answers whose confidence lies between two tenths, and tell which share of them was right."""
        bins = [one for one in self.reliability if low < (one.low + one.high) / 2 < high]
        count = sum(one.count for one in bins)
        return count, sum(one.count * one.accuracy for one in bins) / max(count, 1)


@dataclass(frozen=True)
class Ladder:
    """What leaks are worth: accuracy with one leak after another.

    Attributes:
        steps: words for each step, the honest one first.
        models: for each model one accuracy a step, 0 to 1, None where it was not measured.
        guess: accuracy of always giving the commonest answer.
    """

    steps: tuple[str, ...]
    models: Mapping[str, tuple[float | None, ...]]
    guess: float


@dataclass(frozen=True)
class Measured:
    """Everything that is known of the shipped models.

    Attributes:
        measurements: of all models, those without a leak first.
        ladder: None where no model has climbed it.
    """

    measurements: tuple[Measurement, ...]
    ladder: Ladder | None = None

    def of(self, model: str) -> tuple[Measurement, ...]:
        """Give those of one model, the one that stands for it first: over most speakers, without a leak."""
        rank = {name: place for place, name in enumerate(HONEST)}
        own = [one for one in self.measurements if one.model == model]
        return tuple(sorted(own, key=lambda one: (one.leaky, rank.get(one.protocol, len(rank)))))

    def for_strangers(self, model: str) -> Measurement | None:
        """Give what an answer about a new voice is believed by: the very file's measurement, else its recipe's."""
        honest = [one for one in self.of(model) if not one.leaky]
        return next((one for one in honest if one.very_file), honest[0] if honest else None)


def read_measured(text: str | None = None) -> Measured:
    """Read what comes with the package, or another text in its form."""
    if text is None:
        text = files("hearfelt.reports").joinpath(FILE).read_text(encoding="utf-8")
    content = json.loads(text)
    ladder = content["ladder"]
    if ladder:
        models = {name: tuple(scores) for name, scores in ladder["models"].items()}
        ladder = Ladder(tuple(ladder["steps"]), models, ladder["guess"])
    return Measured(tuple(_read(one) for one in content["measurements"]), ladder or None)


def _read(values: Mapping[str, Any]) -> Measurement:
    kept = dict(values)
    kept |= {
        "uar_ends": tuple(values["uar_ends"]) if values["uar_ends"] else None,
        "emotions": tuple(values["emotions"]),
        "confusion": tuple(map(tuple, values["confusion"])),
        "reliability": tuple(Reliability(**one) for one in values["reliability"]),
    }
    return Measurement(**kept)
