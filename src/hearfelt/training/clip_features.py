"""The 162 features of clips and of their augmented copies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.augmentation.perturbations import draw_copies
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.features.classic import FEATURE_NAMES
from hearfelt.features.table import features_of
from hearfelt.training.settings import Augment

__all__ = ["FEATURES", "ClipFeatures", "compute_features", "sound_count"]

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
