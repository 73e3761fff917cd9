"""How well a taught head does on clips that it did not learn from, and which setting it should have.

Everything is decided on clips that the head in question has not heard. For the score, the setting of each fold is
chosen by a cross-validation of its own inside that fold's training part, so that tested clips have no say in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.evaluation.calibration import fit_temperature, log_softmax, threshold_for
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.finetuning.folds import grouped_folds, subset
from hearfelt.finetuning.head import SETTINGS, Setting, fit_heads

__all__ = ["FOLDS", "SHARES", "CurvePoint", "Material", "Scored", "fold_count", "score"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

FOLDS: Final = 10  # at most; with ten speakers or fewer each is tested alone
INNER_FOLDS: Final = 4
SHARES: Final = (0.25, 0.5, 0.75, 1.0)
_DRAWS: Final = 3  # of a share of the clips or speakers, averaged


@dataclass(frozen=True, eq=False)
class Material:
    """What is learned from.

    Attributes:
        rows: ``(clips, numbers)``, the embedding and then the base's logits.
        labels: ``(clips,)``, places of the true labels.
        groups: ``(clips,)``, what is never divided: a speaker, or each clip alone.
        classes: how many labels there are.
        embedded: how many of the numbers are the embedding.
    """

    rows: npt.NDArray[np.float32]
    labels: Places
    groups: Places
    classes: int
    embedded: int

    def of(self, places: npt.NDArray[np.bool_] | Places) -> Material:
        """Keep some of the clips."""
        return Material(self.rows[places], self.labels[places], self.groups[places], self.classes, self.embedded)

    def held_out(self, folds: Places, settings: tuple[Setting, ...]) -> Floats:
        """Answer each fold by heads that learned from the others: ``(settings, clips, classes)`` logits."""
        logits = np.zeros((len(settings), len(self.labels), self.classes))
        for fold in np.unique(folds):
            logits[:, folds == fold] = self.answered(folds != fold, folds == fold, settings)
        return logits

    def answered(
        self,
        learned: npt.NDArray[np.bool_] | Places,
        tested: npt.NDArray[np.bool_],
        settings: tuple[Setting, ...],
    ) -> Floats:
        """Learn from some clips and answer others: ``(settings, clips tested, classes)`` logits."""
        heads = fit_heads(
            self.rows[learned], self.labels[learned], self.classes, embedded=self.embedded, settings=settings
        )
        return np.stack([head.answer(self.rows[tested]) for head in heads])


@dataclass(frozen=True)
class CurvePoint:
    """One point of the learning curve.

    Attributes:
        share: of the clips or speakers that were learned from, to 1.
        clips: how many clips that is on average.
        uar: on the same tested clips.
    """

    share: float
    clips: int
    uar: float


@dataclass(frozen=True, eq=False)
class Scored:
    """What came of the cross-validation.

    Attributes:
        folds: ``(clips,)``, in which each was tested, from 0.
        probabilities: ``(clips, classes)``, by heads, settings and temperatures that the clip had no say in.
        curve: how the score grows with what is learned from; shares that are the same few speakers stand in it once.
        setting: for the head that stays.
        temperature: for the head that stays.
        unsure_below: for the head that stays.
    """

    folds: Places
    probabilities: Floats
    curve: tuple[CurvePoint, ...]
    setting: Setting
    temperature: float
    unsure_below: float


def score(
    material: Material,
    *,
    settings: tuple[Setting, ...] = SETTINGS,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Scored:
    """Measure by cross-validation, and choose setting, temperature and threshold of the head that stays.

    Args:
        material: at least two groups, and two clips of each label.
        settings: which may be chosen.
        seed: decides the folds, and the draws of the learning curve.
        progress: called with 1 after each fold.
    """
    folds = _divided(material, FOLDS, seed)
    count, labels = len(material.labels), material.labels
    all_logits = np.zeros((len(settings), count, material.classes))
    probabilities, chosen = np.zeros((count, material.classes)), {}
    for fold in np.unique(folds).tolist():
        learned, tested = folds != fold, folds == fold
        inside = material.of(learned)
        inner = _divided(inside, INNER_FOLDS, seed)
        place, temperature = _best(inside.held_out(inner, settings), inside.labels, _answerable(inside, inner))
        chosen[fold] = settings[place]
        all_logits[:, tested] = material.answered(learned, tested, settings)
        probabilities[tested] = np.exp(log_softmax(all_logits[place, tested] / temperature))
        if progress:
            progress(1)
    place, temperature = _best(all_logits, labels, _answerable(material, folds))
    confident = np.exp(log_softmax(all_logits[place] / temperature))
    return Scored(
        folds=folds,
        probabilities=probabilities,
        curve=_curve(material, folds, probabilities, chosen, seed),
        setting=settings[place],
        temperature=temperature,
        unsure_below=threshold_for(confident.max(axis=1), confident.argmax(axis=1) == labels),
    )


def fold_count(groups: Places) -> int:
    """Tell in how many folds so many groups are tested.

    Example:
        >>> fold_count(np.array([0, 0, 1, 2])), fold_count(np.arange(200))
        (3, 10)
    """
    return min(FOLDS, len(np.unique(groups)))


def _divided(material: Material, folds: int, seed: int) -> Places:
    groups = material.groups
    if len(np.unique(groups)) < 2:  # one speaker is left to choose with, so clips are divided
        groups = np.arange(len(groups))
    return grouped_folds(material.labels, groups, min(folds, len(np.unique(groups))), seed=seed)


def _answerable(material: Material, folds: Places) -> npt.NDArray[np.bool_]:
    """Tell which clips have a label that the other folds have, too: ``(clips,)``."""
    answerable = np.zeros(len(folds), bool)
    for fold in np.unique(folds):
        answerable[folds == fold] = np.isin(material.labels[folds == fold], material.labels[folds != fold])
    return answerable


def _best(logits: Floats, labels: Places, answerable: npt.NDArray[np.bool_]) -> tuple[int, float]:
    """Choose the setting under which the truth is most likely, every label counting alike, and its temperature.

    Args:
        logits: ``(settings, clips, classes)``, of clips that were not learned from.
        labels: ``(clips,)``.
        answerable: ``(clips,)``; of a label that no other fold has nothing could be known.

    Returns:
        The setting's place, and the temperature.
    """
    if not answerable.any():
        return 0, 1.0
    logits, labels = logits[:, answerable], labels[answerable]
    weights = 1.0 / np.bincount(labels)[labels]
    temperatures = [fit_temperature(some, labels) for some in logits]
    losses = [
        -float(np.average(log_softmax(some / temperature)[np.arange(len(labels)), labels], weights=weights))
        for some, temperature in zip(logits, temperatures, strict=True)
    ]
    place = int(np.argmin(losses))
    return place, temperatures[place]


def _curve(
    material: Material, folds: Places, probabilities: Floats, chosen: dict[int, Setting], seed: int
) -> tuple[CurvePoint, ...]:
    labels, classes = material.labels, material.classes
    before: list[list[int]] = [[int(np.count_nonzero(folds != fold)) for fold in chosen] for _ in range(_DRAWS)]
    whole = round(float(np.mean(before)))
    points = [CurvePoint(1.0, whole, uar(confusion_matrix(labels, probabilities.argmax(axis=1), classes)))]
    for share in reversed(SHARES[:-1]):
        reached: list[float] = []
        sizes: list[list[int]] = []
        for draw in range(_DRAWS):
            answers = np.zeros(len(labels), np.int64)
            sizes.append([])
            for fold, setting in chosen.items():
                generator = np.random.default_rng([seed, draw, fold])
                there = np.flatnonzero(folds != fold)
                some = there[subset(labels[there], material.groups[there], share, generator)]
                (logits,) = material.answered(some, folds == fold, (setting,))
                answers[folds == fold] = logits.argmax(axis=1)
                sizes[-1].append(len(some))
            reached.append(uar(confusion_matrix(labels, answers, classes)))
        if sizes != before:  # two shares of few speakers may be the same speakers
            points.append(CurvePoint(share, round(float(np.mean(sizes))), float(np.mean(reached))))
        before = sizes
    return tuple(reversed(points))
