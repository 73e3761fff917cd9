"""Training sets: the clips that one model is trained on, and the source of their features.

One source is the 162 features of clips and of their augmented copies, the other the statistics of an encoder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import audio_files
from hearfelt.augmentation.perturbations import draw_copies
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import CorpusError, require
from hearfelt.evaluation.plan import SameSound
from hearfelt.features.classic import FEATURE_NAMES
from hearfelt.features.table import features_of
from hearfelt.models.encoders.weights import fingerprint
from hearfelt.models.layers import Scaler
from hearfelt.runtime.cache import sound_digests
from hearfelt.training.augmented_copies import ORIGINAL, Variant
from hearfelt.training.clip_statistics import PUBLISHED, EncoderFiles
from hearfelt.training.data_selection import Division
from hearfelt.training.recipe import Recipe
from hearfelt.training.settings import Augment, Balance

__all__ = [
    "FEATURES",
    "ClipFeatures",
    "EncoderSource",
    "Rows",
    "TrainingSet",
    "compute_features",
    "one_hot",
    "sound_count",
    "training_rows",
    "validation_rows",
    "variants_of",
]


_FORMAT = 7  # of what is trained; raised when the same recipe would give another model


@dataclass(frozen=True, eq=False)
class EncoderSource:
    """A frozen encoder as the source of features, for ``hearfelt`` and ``tiny``; computed once and cached.

    Attributes:
        target: those of the training clips that are like the test clips; each group of them is held out of one head.
        by: what the groups are made of, speakers or clips.
        same_sound: groups of clips with the very same sound.
        files: the file of the encoder's weights.
        noise: folder of sounds in which nobody speaks, for the head that tells whether somebody does.
        stands_in: whether the target only gives groups, because the recipe's own is left out of training: it is drawn
            as often as every other corpus and has no discriminant.
    """

    target: Clips = field(repr=False)
    by: Division = "speaker"
    same_sound: SameSound = field(default=(), repr=False)
    files: EncoderFiles = PUBLISHED
    noise: Path | None = None
    stands_in: bool = False


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The clips that one model is trained on. Test clips are never among them, except in protocols that show a leak.

    Attributes:
        labels: the model's labels, in order.
        train: training clips.
        validation: clips on which the epoch is chosen, and with 162 features temperature and threshold too. With
            an encoder temperature and threshold come from groups of the target, so that this is empty, except
            in the protocol that chooses the epoch on test clips.
        features: their source, computed (162 numbers a clip) or computed and cached when needed (an encoder).
        leaked: test clips whose augmented copies are trained on; empty in every honest protocol.
        validates_on_test: whether the validation clips are test clips, so that none is ever trained on.
    """

    labels: tuple[str, ...]
    train: Clips = field(repr=False)
    validation: Clips = field(repr=False)
    features: ClipFeatures | EncoderSource
    leaked: Clips = field(default=Clips(), repr=False)
    validates_on_test: bool = False

    @property
    def clips(self) -> Clips:
        """All clips that influence the model."""
        return Clips(dict.fromkeys([*self.train, *self.validation, *self.leaked]))

    @property
    def clip_features(self) -> ClipFeatures:
        """The source, for a model of 162 features."""
        if isinstance(self.features, EncoderSource):
            raise TypeError("this training set has an encoder, not 162 features")
        return self.features

    @property
    def encoder_source(self) -> EncoderSource:
        """The source, for a model that takes sound."""
        if isinstance(self.features, ClipFeatures):
            raise TypeError("this training set has 162 features, not an encoder")
        return self.features

    def key(self, recipe: Recipe, seed: int) -> str:
        """Name a training by everything that its weights depend on: recipe, clips, labels, sound and seed.

        A recipe's description changes nothing, so it may be reworded between runs.

        Returns:
            16 hexadecimal digits.
        """
        values = {name: value for name, value in recipe.to_dict().items() if name != "description"}
        clips = self.clips
        facts: list[Any] = [_FORMAT, values, self.labels, seed]
        facts.append([[f"{one.corpus}/{one.name}", one.emotion, one.speaker, one.channel] for one in clips])
        facts.append([len(self.train), len(self.validation), len(self.leaked)])
        if isinstance(self.features, ClipFeatures):
            facts += [self.features.of(part).digest() for part in (self.train, self.leaked)]
            trained_on_too = recipe.fit.final_epochs > 0 and not self.validates_on_test
            facts.append(self.features.of(self.validation).digest(copies=trained_on_too))
        else:
            digests = sound_digests(clip.sound for clip in clips)
            facts.append([digests[clip.sound] for clip in clips])
            source = self.features
            facts += [source.target.fingerprint(), source.by, source.stands_in, fingerprint(source.files.read())]
            noise = sound_digests(audio_files(source.noise) if source.noise else ())
            facts.append([[path.name, digest] for path, digest in noise.items()])
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def variants_of(recipe: Recipe, training_set: TrainingSet) -> list[tuple[Clip, Variant]]:
    """List the variants of clips that a model with an encoder is trained on.

    Clips of the recipe's target corpus are also played slower and faster; every clip has a degraded copy.
    """
    change = recipe.copies.speed_change
    copies = [Variant(round(1.0 - change, 4)), Variant(round(1.0 + change, 4))] if change else []
    degraded = [Variant(degraded=True)] if recipe.copies.degraded else []
    wanted = [(clip, ORIGINAL) for clip in training_set.train]
    wanted += [(clip, one) for clip in training_set.train if clip.corpus == recipe.heads.target for one in copies]
    wanted += [(clip, one) for clip in training_set.train for one in degraded]
    wanted += [(clip, one) for clip in training_set.leaked for one in (*copies, *degraded)]
    listed = set(wanted)
    wanted += [(clip, ORIGINAL) for clip in training_set.validation if (clip, ORIGINAL) not in listed]
    return wanted


@dataclass(frozen=True, eq=False)
class Rows:
    """Features and labels as arrays.

    Attributes:
        features: ``(rows, 162)``, not scaled.
        targets: ``(rows, classes)``, one-hot.
        real: ``(rows, 162)``, the rows of recorded sound, without those of SMOTE; the scaler is fitted on them.
    """

    features: Features = field(repr=False)
    targets: Features = field(repr=False)
    real: Features = field(repr=False)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def classes(self) -> int:
        """Number of labels."""
        return int(self.targets.shape[1])

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """Index of each row's label, ``(rows,)``."""
        return np.asarray(self.targets.argmax(axis=1), np.int64)


def training_rows(
    training_set: TrainingSet, balance: Balance, generator: np.random.Generator, *, with_validation: bool = False
) -> Rows:
    """Make the rows to train on: clips, their augmented copies, and rows of SMOTE.

    Args:
        training_set: with 162 features.
        balance: whether and how rare emotions are oversampled.
        generator: draws the rows of SMOTE.
        with_validation: whether validation clips and their copies are among them.

    Raises:
        CorpusError: if an emotion has too few rows to have neighbours.
    """
    labels, source = training_set.labels, training_set.clip_features
    train = source.of((*training_set.train, *(training_set.validation if with_validation else ())))
    rows, indices = [train.features], [_indices(labels, train.clips)]
    for part in (train, source.of(training_set.leaked)):
        rows.append(part.copies.reshape(-1, FEATURES))  # (clips, copies, 162) -> (clips · copies, 162)
        indices.append(np.repeat(_indices(labels, part.clips), part.copies.shape[1]))
    real, real_indices = np.concatenate(rows), np.concatenate(indices)
    if not balance.smote:
        return Rows(real, one_hot(real_indices, len(labels)), real)
    features, all_indices = _oversampled(real, real_indices, balance, labels, generator)
    return Rows(features, one_hot(all_indices, len(labels)), real)


def validation_rows(training_set: TrainingSet) -> Rows:
    """Make the rows of the validation clips."""
    validation = training_set.clip_features.of(training_set.validation)
    targets = one_hot(_indices(training_set.labels, validation.clips), len(training_set.labels))
    return Rows(validation.features, targets, validation.features)


def one_hot(indices: npt.NDArray[np.int64], classes: int) -> Features:
    """Write label indices as rows with a single 1.

    Example:
        >>> one_hot(np.array([1, 0]), 3).tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    return np.eye(classes, dtype=np.float32)[indices]


def _indices(labels: Sequence[str], clips: Clips) -> npt.NDArray[np.int64]:
    index_of = {label: index for index, label in enumerate(labels)}
    return np.array([index_of[clip.emotion] for clip in clips], np.int64)


def _oversampled(
    features: Features,
    indices: npt.NDArray[np.int64],
    balance: Balance,
    labels: tuple[str, ...],
    generator: np.random.Generator,
) -> tuple[Features, npt.NDArray[np.int64]]:
    """Add rows between neighbours of the same emotion (SMOTE, Chawla et al. 2002) until all have equally many."""
    counts = np.bincount(indices, minlength=len(labels))
    rarest = int(counts[counts > 0].min())
    if rarest < 2:
        lonely = labels[int(np.flatnonzero(counts == 1)[0])]
        raise CorpusError(f"one clip of {lonely} to train on; SMOTE needs 2, so add clips or set smote = false")
    scaler = Scaler(FEATURES)  # neighbours by scaled features: else the loudest feature decides alone
    scaler.fit(features)
    mean, scale = scaler.mean.numpy(), scaler.scale.numpy()
    smote: Any = require("imblearn.over_sampling", "train").SMOTE(
        k_neighbors=min(balance.neighbours, rarest - 1), random_state=int(generator.integers(2**31))
    )
    scaled, all_indices = smote.fit_resample((features - mean) / scale, indices)
    added = scaled[len(features) :] * scale + mean
    return np.concatenate([features, added.astype(np.float32)]), np.asarray(all_indices, np.int64)


FEATURES: Final = len(FEATURE_NAMES)  # 162

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """Clips with their features: the source of features for ``classic`` and ``svm``.

    Attributes:
        clips: in their order.
        features: ``(clips, 162)``, not scaled.
        copies: ``(clips, copies, 162)``, of the augmented copies of each clip.
    """

    clips: Clips
    features: Features = field(repr=False)
    copies: Features = field(repr=False)

    def of(self, clips: Sequence[Clip]) -> ClipFeatures:
        """Select some of the clips, in the order given."""
        index_of = {(clip.root, clip.name): index for index, clip in enumerate(self.clips)}
        indices = [index_of[clip.root, clip.name] for clip in clips]
        return ClipFeatures(Clips(clips), self.features[indices], self.copies[indices])

    def digest(self, *, copies: bool = True) -> str:
        """Name the features by their content, with or without those of the copies, in 64 hexadecimal digits."""
        return hashlib.sha256(self.features.tobytes() + (self.copies.tobytes() if copies else b"")).hexdigest()


def compute_features(
    clips: Clips,
    augment: Augment,
    generator: np.random.Generator,
    *,
    train: Collection[Clip] | None = None,
    validation: Collection[Clip] = (),
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> ClipFeatures:
    """Compute the features of clips, and of augmented copies of the training clips.

    Augmentations are drawn for all clips at once, so that with one generator a clip has the same copies in every fold.

    Args:
        clips: all clips that augmentations are drawn for.
        augment: kinds and number of copies.
        generator: draws the augmentations.
        train: clips to compute together with their copies; all by default.
        validation: clips to compute without copies.
        processes: number of worker processes.
        progress: called with the number of sounds just done, :func:`sound_count` in all.
    """
    drawn = dict(zip(clips, draw_copies(len(clips), augment.kinds, augment.copies, generator), strict=True))
    train = set(clips if train is None else train)
    validation_only = set(validation) - train
    train_clips = [clip for clip in clips if clip in train]
    all_clips = Clips([*train_clips, *(clip for clip in clips if clip in validation_only)])
    features = features_of(all_clips, processes=processes, progress=progress)
    copies = np.zeros((len(all_clips), augment.copies, FEATURES), np.float32)
    if augment.copies:
        rows = features_of(
            Clips(clip for clip in train_clips for _ in range(augment.copies)),
            augmentations=[augmentation for clip in train_clips for augmentation in drawn[clip]],
            processes=processes,
            progress=progress,
        )
        copies[: len(train_clips)] = rows.reshape(len(train_clips), augment.copies, FEATURES)
    return ClipFeatures(all_clips, features, copies)


def sound_count(augment: Augment, train: int, validation: int) -> int:
    """Count the sounds that :func:`compute_features` processes.

    Example:
        >>> sound_count(Augment(copies=2), train=10, validation=3)
        33
    """
    return train * (1 + augment.copies) + validation
