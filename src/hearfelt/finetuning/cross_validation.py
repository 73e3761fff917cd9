"""Nested cross-validation of a head: its score on held-out clips, and the setting of the head that stays.

For the score, the setting of each fold is chosen by a further cross-validation within its training part, so that test
clips do not influence it. Clips are grouped by speaker where possible, and groups are never split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from hearfelt.corpora.clips import Clips
from hearfelt.evaluation.calibration import fit_temperature, log_softmax, threshold_for
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.finetuning.base_model import SETTINGS, Setting, fit_heads

__all__ = [
    "FOLDS",
    "SHARES",
    "CrossValidation",
    "CurvePoint",
    "Grouping",
    "LabelledFeatures",
    "cross_validate",
    "fold_count",
    "group_clips",
    "grouped_folds",
    "subset",
]


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


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups that are never split between training and test.

    Attributes:
        groups: ``(clips,)``, a number for each.
        by: ``"speaker"``; or ``"clip"`` where unseen speakers cannot be tested, and then the scores are too good.
        warnings: what follows from that, a sentence each without its full stop.
    """

    groups: Indices
    by: Literal["speaker", "clip"]
    warnings: tuple[str, ...]


def group_clips(clips: Clips) -> Grouping:
    """Group clips by speaker, as far as speakers are known.

    A label of a single speaker cannot be tested on unseen speakers, as no clips would be left to train on. Its clips
    are split one by one, with a warning.

    Args:
        clips: training clips; either all speakers are known or none is.

    Example:
        >>> from pathlib import Path
        >>> from hearfelt.corpora.clips import Clip
        >>> made = [Clip("mine", Path(), f"{e}{s}.wav", f"mine/{s}", e) for e in ("calm", "sad") for s in "ab"]
        >>> group_clips(Clips(made)).groups.tolist(), group_clips(Clips(made)).by
        ([0, 1, 0, 1], 'speaker')
    """
    alone = np.arange(len(clips))
    if not all(clip.speaker_is_known for clip in clips):
        return Grouping(
            alone,
            "clip",
            (
                "speakers are unknown, so the same voices may be in training and test: the scores are by clip and too"
                " good; --speakers or --speaker-pattern gives the speakers",
            ),
        )
    if len(clips.speakers) == 1:
        return Grouping(
            alone,
            "clip",
            (
                f"all clips are of one speaker, {clips.speakers[0]}: the scores are by clip, and do not hold for"
                " other speakers",
            ),
        )
    single = [label for label in clips.emotions if len(clips.where(emotion=label).speakers) == 1]
    if len(single) == len(clips.emotions):
        return Grouping(
            alone,
            "clip",
            (
                "every label has a single speaker, so voices and labels cannot be separated: the scores are by clip and"
                " too good",
            ),
        )
    index = {speaker: number for number, speaker in enumerate(clips.speakers)}
    groups = np.array(
        [len(index) + number if clip.emotion in single else index[clip.speaker] for number, clip in enumerate(clips)],
        np.int64,
    )
    warnings = tuple(f"{label} has a single speaker: its recall is by clip and too good" for label in single)
    return Grouping(groups, "speaker", warnings)


def grouped_folds(labels: Indices, groups: Indices, folds: int, *, seed: int = 0) -> Indices:
    """Assign groups to folds, so that every fold has about the same share of every label.

    The largest group is assigned first, each to the fold that has least of its labels so far.

    Args:
        labels: ``(clips,)``, indices of the labels.
        groups: ``(clips,)``, numbers of the groups, such as speakers.
        folds: number of folds, at most that of groups.
        seed: orders groups of one size.

    Returns:
        ``(clips,)``, the fold of each, from 0.

    Example:
        >>> grouped_folds(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), 2).tolist() in ([0, 1, 0, 1], [1, 0, 1, 0])
        True
    """
    names, group_of = np.unique(groups, return_inverse=True)
    if not 2 <= folds <= len(names):
        raise ValueError(f"{folds} folds of {len(names)} groups; 2 to {len(names)} are possible")
    classes = int(labels.max()) + 1
    counts = np.zeros((len(names), classes))
    np.add.at(counts, (group_of, labels), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)  # (groups, classes)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    held, fold_of = np.zeros((folds, classes)), np.zeros(len(names), np.int64)
    for group in order:
        empty = held.sum(axis=1) == 0
        # An empty fold would test nothing, so those are filled first.
        index = int(np.lexsort((held.sum(axis=1), held @ shares[group], ~empty))[0])
        fold_of[group] = index
        held[index] += shares[group]
    return fold_of[group_of]


def subset(labels: Indices, groups: Indices, share: float, generator: np.random.Generator) -> Indices:
    """Draw a share of the groups; where every clip is a group of its own, that share of each label's clips.

    Args:
        labels: ``(clips,)``.
        groups: ``(clips,)``.
        share: above 0, to 1; something is always drawn.
        generator: draws.

    Returns:
        Indices of the clips drawn, sorted.

    Example:
        >>> len(subset(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]), 0.5, np.random.default_rng(0)))
        2
    """
    names = np.unique(groups)
    if len(names) == len(groups):
        drawn = [
            generator.permutation(own)[: max(1, round(share * len(own)))]
            for own in (np.flatnonzero(labels == label) for label in np.unique(labels))
        ]
        return np.sort(np.concatenate(drawn))
    some = generator.permutation(names)[: max(1, round(share * len(names)))]
    return np.flatnonzero(np.isin(groups, some))
