"""Nested cross-validation of a head: its score on held-out clips, and the setting of the head that stays.

For the score, the setting of each fold is chosen by a further cross-validation within its training part, so that test
clips do not influence it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.evaluation.calibration import fit_temperature, log_softmax, threshold_for
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.finetuning.grouping import grouped_folds, subset
from hearfelt.finetuning.head import SETTINGS, Setting, fit_heads

__all__ = ["FOLDS", "SHARES", "CrossValidation", "CurvePoint", "LabelledFeatures", "cross_validate", "fold_count"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

FOLDS: Final = 10  # at most; with ten speakers or fewer there is one fold a speaker
INNER_FOLDS: Final = 4
SHARES: Final = (0.25, 0.5, 0.75, 1.0)
_DRAWS: Final = 3  # of a share of the clips or speakers, averaged


@dataclass(frozen=True, eq=False)
class LabelledFeatures:
    """Features and labels of clips.

    Attributes:
        rows: ``(clips, dimensions)``, the embedding and then the base's logits.
        labels: ``(clips,)``, indices of the true labels.
        groups: ``(clips,)``, what is never split: a speaker, or each clip alone.
        classes: number of labels.
        embedding_size: number of dimensions of the embedding.
    """

    rows: npt.NDArray[np.float32]
    labels: Indices
    groups: Indices
    classes: int
    embedding_size: int

    def of(self, indices: npt.NDArray[np.bool_] | Indices) -> LabelledFeatures:
        """Select some of the clips."""
        return LabelledFeatures(
            self.rows[indices], self.labels[indices], self.groups[indices], self.classes, self.embedding_size
        )

    def held_out_logits(self, folds: Indices, settings: tuple[Setting, ...]) -> Floats:
        """Compute the logits of each fold by heads trained on the others: ``(settings, clips, classes)``."""
        logits = np.zeros((len(settings), len(self.labels), self.classes))
        for fold in np.unique(folds):
            logits[:, folds == fold] = self.logits_for(folds != fold, folds == fold, settings)
        return logits

    def logits_for(
        self,
        train: npt.NDArray[np.bool_] | Indices,
        test: npt.NDArray[np.bool_],
        settings: tuple[Setting, ...],
    ) -> Floats:
        """Train on some clips and compute the logits of others: ``(settings, test clips, classes)``."""
        heads = fit_heads(
            self.rows[train], self.labels[train], self.classes, embedding_size=self.embedding_size, settings=settings
        )
        return np.stack([head.logits(self.rows[test]) for head in heads])


@dataclass(frozen=True)
class CurvePoint:
    """One point of the learning curve.

    Attributes:
        share: of the training clips or speakers, to 1.
        clips: number of clips that is on average.
        uar: on the same test clips.
    """

    share: float
    clips: int
    uar: float


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Result of a cross-validation.

    Attributes:
        folds: ``(clips,)``, in which each was tested, from 0.
        probabilities: ``(clips, classes)``, by heads, settings and temperatures that the clip did not influence.
        curve: the score by the share of training clips; shares that are the same few speakers are listed once.
        setting: for the head that stays.
        temperature: for the head that stays.
        unsure_below: for the head that stays.
    """

    folds: Indices
    probabilities: Floats
    curve: tuple[CurvePoint, ...]
    setting: Setting
    temperature: float
    unsure_below: float


def cross_validate(
    data: LabelledFeatures,
    *,
    settings: tuple[Setting, ...] = SETTINGS,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> CrossValidation:
    """Cross-validate, and choose setting, temperature and threshold of the head that stays.

    Args:
        data: at least two groups, and two clips of each label.
        settings: to choose among.
        seed: of the folds and of the learning curve's samples.
        progress: called with 1 after each fold.
    """
    folds = _split(data, FOLDS, seed)
    count, labels = len(data.labels), data.labels
    all_logits = np.zeros((len(settings), count, data.classes))
    probabilities, chosen = np.zeros((count, data.classes)), {}
    for fold in np.unique(folds).tolist():
        train, test = folds != fold, folds == fold
        train_data = data.of(train)
        inner = _split(train_data, INNER_FOLDS, seed)
        index, temperature = _best(
            train_data.held_out_logits(inner, settings), train_data.labels, _has_label_elsewhere(train_data, inner)
        )
        chosen[fold] = settings[index]
        all_logits[:, test] = data.logits_for(train, test, settings)
        probabilities[test] = np.exp(log_softmax(all_logits[index, test] / temperature))
        if progress:
            progress(1)
    index, temperature = _best(all_logits, labels, _has_label_elsewhere(data, folds))
    confident = np.exp(log_softmax(all_logits[index] / temperature))
    return CrossValidation(
        folds=folds,
        probabilities=probabilities,
        curve=_curve(data, folds, probabilities, chosen, seed),
        setting=settings[index],
        temperature=temperature,
        unsure_below=threshold_for(confident.max(axis=1), confident.argmax(axis=1) == labels),
    )


def fold_count(groups: Indices) -> int:
    """Count the folds that so many groups are tested in.

    Example:
        >>> fold_count(np.array([0, 0, 1, 2])), fold_count(np.arange(200))
        (3, 10)
    """
    return min(FOLDS, len(np.unique(groups)))


def _split(data: LabelledFeatures, folds: int, seed: int) -> Indices:
    groups = data.groups
    if len(np.unique(groups)) < 2:  # one speaker is left, so clips are split
        groups = np.arange(len(groups))
    return grouped_folds(data.labels, groups, min(folds, len(np.unique(groups))), seed=seed)


def _has_label_elsewhere(data: LabelledFeatures, folds: Indices) -> npt.NDArray[np.bool_]:
    """Find the clips whose label is in other folds too: ``(clips,)``."""
    known = np.zeros(len(folds), bool)
    for fold in np.unique(folds):
        known[folds == fold] = np.isin(data.labels[folds == fold], data.labels[folds != fold])
    return known


def _best(logits: Floats, labels: Indices, known: npt.NDArray[np.bool_]) -> tuple[int, float]:
    """Choose the setting with the highest likelihood, every label with the same weight, and its temperature.

    Args:
        logits: ``(settings, clips, classes)``, of held-out clips.
        labels: ``(clips,)``.
        known: ``(clips,)``; false for a label that no other fold has, as nothing could be known of it.

    Returns:
        The setting's index, and the temperature.
    """
    if not known.any():
        return 0, 1.0
    logits, labels = logits[:, known], labels[known]
    weights = 1.0 / np.bincount(labels)[labels]
    temperatures = [fit_temperature(some, labels) for some in logits]
    losses = [
        -float(np.average(log_softmax(some / temperature)[np.arange(len(labels)), labels], weights=weights))
        for some, temperature in zip(logits, temperatures, strict=True)
    ]
    index = int(np.argmin(losses))
    return index, temperatures[index]


def _curve(
    data: LabelledFeatures, folds: Indices, probabilities: Floats, chosen: dict[int, Setting], seed: int
) -> tuple[CurvePoint, ...]:
    labels, classes = data.labels, data.classes
    before: list[list[int]] = [[int(np.count_nonzero(folds != fold)) for fold in chosen] for _ in range(_DRAWS)]
    whole = round(float(np.mean(before)))
    points = [CurvePoint(1.0, whole, uar(confusion_matrix(labels, probabilities.argmax(axis=1), classes)))]
    for share in reversed(SHARES[:-1]):
        uars: list[float] = []
        sizes: list[list[int]] = []
        for draw in range(_DRAWS):
            predicted = np.zeros(len(labels), np.int64)
            sizes.append([])
            for fold, setting in chosen.items():
                generator = np.random.default_rng([seed, draw, fold])
                there = np.flatnonzero(folds != fold)
                some = there[subset(labels[there], data.groups[there], share, generator)]
                (logits,) = data.logits_for(some, folds == fold, (setting,))
                predicted[folds == fold] = logits.argmax(axis=1)
                sizes[-1].append(len(some))
            uars.append(uar(confusion_matrix(labels, predicted, classes)))
        if sizes != before:  # two shares of few speakers may be the same speakers
            points.append(CurvePoint(share, round(float(np.mean(sizes))), float(np.mean(uars))))
        before = sizes
    return tuple(reversed(points))
