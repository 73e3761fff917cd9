"""Folds for teaching: groups of clips that are never learned from and tested on at once, labels spread evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["grouped_folds", "subset"]

Places = npt.NDArray[np.int64]


def grouped_folds(labels: Places, groups: Places, folds: int, *, seed: int = 0) -> Places:
    """Deal groups to folds, so that every fold has about the same share of every label.

    The largest group goes first, each to the fold that has least of its labels so far.

    Args:
        labels: ``(clips,)``, places of the labels.
        groups: ``(clips,)``, numbers of the groups, such as speakers.
        folds: how many, at most as many as there are groups.
        seed: decides among groups of one size.

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
        # An empty fold would test nobody, so those are filled first.
        place = int(np.lexsort((held.sum(axis=1), held @ shares[group], ~empty))[0])
        fold_of[group] = place
        held[place] += shares[group]
    return fold_of[group_of]


def subset(labels: Places, groups: Places, share: float, generator: np.random.Generator) -> Places:
    """Draw a share of the groups; where every clip is a group of its own, that share of each label's clips.

    Args:
        labels: ``(clips,)``.
        groups: ``(clips,)``.
        share: above 0, to 1; something is always drawn.
        generator: draws.

    Returns:
        Places of the clips drawn, sorted.

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
