"""Groups of clips that are never split between training and test, by speaker where possible, and their folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hearfelt.corpora.clips import Clips

__all__ = ["Grouping", "group_clips", "grouped_folds", "subset"]

Indices = npt.NDArray[np.int64]


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
