"""What a model learns from: features of clips and of their changed copies, then rows with targets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.augmentation.transforms import draw_copies
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import CorpusError, require
from hearfelt.features.classic import FEATURE_NAMES
from hearfelt.features.table import features_of
from hearfelt.models.scaler import Scaler
from hearfelt.training.settings import Augment, Balance

__all__ = ["Heard", "Lesson", "Rows", "hear", "one_hot", "sounds_to_hear", "training_rows", "validation_rows"]

FEATURES: Final = len(FEATURE_NAMES)

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Heard:
    """Clips and what was measured in them.

    Attributes:
        clips: in their order.
        features: ``(clips, 162)``, not scaled.
        copies: ``(clips, copies, 162)``, of each clip's changed copies.
    """

    clips: Clips
    features: Features = field(repr=False)
    copies: Features = field(repr=False)

    def of(self, clips: Sequence[Clip], *, copies: bool = True) -> Heard:
        """Keep some of the clips, in the order given; with or without their copies."""
        place_of = {(clip.root, clip.name): place for place, clip in enumerate(self.clips)}
        places = [place_of[clip.root, clip.name] for clip in clips]
        kept = self.copies[places] if copies else np.zeros((len(places), 0, FEATURES), np.float32)
        return Heard(Clips(clips), self.features[places], kept)


@dataclass(frozen=True, eq=False)
class Lesson:
    """Everything one model is taught with. There is no room in it for a test clip, but in a leak shown on purpose.

    Attributes:
        labels: what it shall tell apart, in order.
        learn: what it learns from.
        validation: what the epoch, the temperature and the threshold are chosen on.
        copied: clips of which only the changed copies are learned from: test clips, where a protocol shows what
            this is worth; None in every honest training.
    """

    labels: tuple[str, ...]
    learn: Heard
    validation: Heard
    copied: Heard | None = None

    @property
    def clips(self) -> Clips:
        """All clips that have a say in the model, and so everybody whom it has heard."""
        copied = self.copied.clips if self.copied else ()
        return Clips(dict.fromkeys([*self.learn.clips, *self.validation.clips, *copied]))


@dataclass(frozen=True, eq=False)
class Rows:
    """Numbers as the networks take them.

    Attributes:
        features: ``(rows, 162)``, not scaled.
        targets: ``(rows, classes)``, one-hot.
        heard: ``(rows, 162)``, those rows that were heard and not invented; the scaler is fitted on them.
    """

    features: Features = field(repr=False)
    targets: Features = field(repr=False)
    heard: Features = field(repr=False)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def classes(self) -> int:
        """How many emotions there are."""
        return int(self.targets.shape[1])

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """The emotions as places among the labels, ``(rows,)``."""
        return np.asarray(self.targets.argmax(axis=1), np.int64)


def hear(
    clips: Clips,
    augment: Augment,
    generator: np.random.Generator,
    *,
    learn: Collection[Clip] | None = None,
    validation: Collection[Clip] = (),
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Heard:
    """Measure clips, and copies of those that are learned from, each changed in a way drawn at random.

    The changes are drawn for all clips at once, so that one generator gives a clip the same copies whatever
    fold it is in.

    Args:
        clips: all there are, for the drawing.
        augment: which changes, how many.
        generator: draws them.
        learn: clips to measure together with their copies; by default all.
        validation: clips to measure as they are.
        processes: how many measure at once.
        progress: called with the number of sounds just measured; :func:`sounds_to_hear` says how many there are.
    """
    drawn = dict(zip(clips, draw_copies(len(clips), augment.kinds, augment.copies, generator), strict=True))
    learn = set(clips if learn is None else learn)
    checked_on = set(validation) - learn
    learn_from = [clip for clip in clips if clip in learn]
    measured = Clips([*learn_from, *(clip for clip in clips if clip in checked_on)])
    features = features_of(measured, processes=processes, progress=progress)
    copies = np.zeros((len(measured), augment.copies, FEATURES), np.float32)
    if augment.copies:
        changed = features_of(
            Clips(clip for clip in learn_from for _ in range(augment.copies)),
            augmentations=[one for clip in learn_from for one in drawn[clip]],
            processes=processes,
            progress=progress,
        )
        copies[: len(learn_from)] = changed.reshape(len(learn_from), augment.copies, FEATURES)
    return Heard(measured, features, copies)


def sounds_to_hear(augment: Augment, learn: int, validation: int) -> int:
    """Count what :func:`hear` measures.

    Example:
        >>> sounds_to_hear(Augment(copies=2), learn=10, validation=3)
        33
    """
    return learn * (1 + augment.copies) + validation


def training_rows(lesson: Lesson, balance: Balance, generator: np.random.Generator) -> Rows:
    """Make the rows that are learned from: clips, their changed copies, and invented neighbours.

    Args:
        lesson: its training part alone is used.
        balance: whether and how rare emotions are filled up.
        generator: draws the invented rows.

    Raises:
        CorpusError: if an emotion has too few rows to have neighbours.
    """
    heard, places = lesson.learn.features, _places(lesson.labels, lesson.learn.clips)
    for part in (lesson.learn, lesson.copied):
        if part is not None:
            copies = part.copies.reshape(-1, FEATURES)  # (clips, copies, 162) -> (clips · copies, 162)
            copied = np.repeat(_places(lesson.labels, part.clips), part.copies.shape[1])
            heard, places = np.concatenate([heard, copies]), np.concatenate([places, copied])
    features = heard
    if balance.smote:
        features, places = _balanced(heard, places, balance, lesson.labels, generator)
    return Rows(features, one_hot(places, len(lesson.labels)), heard)


def validation_rows(lesson: Lesson) -> Rows:
    """Make the rows that choices are made on: validation clips as they are."""
    held_out = lesson.validation
    targets = one_hot(_places(lesson.labels, held_out.clips), len(lesson.labels))
    return Rows(held_out.features, targets, held_out.features)


def one_hot(places: npt.NDArray[np.int64], classes: int) -> Features:
    """Write places among the labels as rows with a single 1.

    Example:
        >>> one_hot(np.array([1, 0]), 3).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    return np.eye(classes, dtype=np.float32)[places]


def _places(labels: tuple[str, ...], clips: Clips) -> npt.NDArray[np.int64]:
    place_of = {label: place for place, label in enumerate(labels)}
    return np.array([place_of[clip.emotion] for clip in clips], np.int64)


def _balanced(
    features: Features,
    places: npt.NDArray[np.int64],
    balance: Balance,
    labels: tuple[str, ...],
    generator: np.random.Generator,
) -> tuple[Features, npt.NDArray[np.int64]]:
    """Add rows between neighbours of the same emotion (SMOTE, Chawla et al. 2002) until all have equally many."""
    counts = np.bincount(places, minlength=len(labels))
    rarest = int(counts[counts > 0].min())
    if rarest < 2:
        lonely = labels[int(np.flatnonzero(counts == 1)[0])]
        raise CorpusError(f"one clip of {lonely} to learn from; SMOTE needs 2, so add clips or set smote = false")
    scaler = Scaler(FEATURES)  # neighbours by scaled features: else the loudest feature decides alone
    scaler.fit(features)
    mean, scale = scaler.mean.numpy(), scaler.scale.numpy()
    smote: Any = require("imblearn.over_sampling", "train").SMOTE(
        k_neighbors=min(balance.neighbours, rarest - 1), random_state=int(generator.integers(2**31))
    )
    scaled, filled = smote.fit_resample((features - mean) / scale, places)
    invented = scaled[len(features) :] * scale + mean
    return np.concatenate([features, invented.astype(np.float32)]), np.asarray(filled, np.int64)
