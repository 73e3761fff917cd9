from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt.finetuning.cross_validation import grouped_folds, subset


@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 99), st.data())
def test_no_group_is_in_two_folds_and_no_fold_is_empty(groups: int, folds: int, seed: int, data: st.DataObject) -> None:
    folds = min(folds, groups)
    extra = data.draw(st.lists(st.integers(0, groups - 1), max_size=40))
    group = np.array([*range(groups), *extra])
    labels = np.random.default_rng(seed).integers(0, 3, len(group))
    fold = grouped_folds(labels, group, folds, seed=seed)
    assert set(fold.tolist()) == set(range(folds))
    assert all(len(set(fold[group == one].tolist())) == 1 for one in range(groups))


def test_labels_are_spread_evenly_where_every_clip_is_a_group() -> None:
    labels = np.repeat([0, 1, 2], [10, 20, 40])
    fold = grouped_folds(labels, np.arange(70), 10)
    for label, each in ((0, 1), (1, 2), (2, 4)):
        assert np.bincount(fold[labels == label], minlength=10).tolist() == [each] * 10


def test_as_many_folds_as_speakers_test_each_alone() -> None:
    group = np.repeat(np.arange(4), 5)
    assert len({(int(g), int(f)) for g, f in zip(group, grouped_folds(group % 2, group, 4), strict=True)}) == 4


def test_more_folds_than_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="3 folds of 2 groups; 2 to 2 are possible"):
        grouped_folds(np.array([0, 1]), np.array([0, 1]), 3)


def test_a_share_of_the_groups_holds_them_whole() -> None:
    group = np.repeat(np.arange(4), 5)
    some = subset(np.arange(20) % 2, group, 0.5, np.random.default_rng(0))
    assert len(some) == 10
    assert len(set(group[some].tolist())) == 2


def test_a_share_of_single_clips_keeps_every_label() -> None:
    labels = np.repeat([0, 1], [4, 20])
    some = subset(labels, np.arange(24), 0.25, np.random.default_rng(0))
    assert np.bincount(labels[some]).tolist() == [1, 5]
