"""The 162 features of clips and copies: reproducible, whatever else is computed."""

from __future__ import annotations

import numpy as np

from hearfelt.corpora.clips import Clips
from hearfelt.training.clip_features import ClipFeatures, compute_features, sound_count
from hearfelt.training.data_selection import generator_for
from hearfelt.training.recipe import Recipe
from hearfelt.training.settings import Augment


def test_a_copy_differs_from_its_clip_and_still_resembles_it(features: ClipFeatures) -> None:
    scaled = (features.copies[:, 0] - features.features) / features.features.std(axis=0)
    change = np.abs(scaled).mean(axis=1)
    assert (change > 1e-3).all()
    between_clips = np.abs(
        (features.features - np.roll(features.features, 3, axis=0)) / features.features.std(axis=0)
    ).mean()
    assert np.median(change) < between_clips


def test_copies_are_as_many_as_the_recipe_says(toy_clips: Clips) -> None:
    some = toy_clips[:6]
    features = compute_features(some, Augment(copies=3), np.random.default_rng(0))
    assert features.copies.shape == (6, 3, 162)
    assert len(np.unique(features.copies.reshape(18, 162), axis=0)) == 18
    assert compute_features(some, Augment(copies=0), np.random.default_rng(0)).copies.shape == (6, 0, 162)


def test_a_clip_has_the_same_copies_whoever_else_is_learned_from(toy_clips: Clips) -> None:
    augment = Augment(copies=2)
    whole = compute_features(toy_clips, augment, generator_for(3, "copies"))
    train, validation = toy_clips[10:16], toy_clips[40:42]
    part = compute_features(toy_clips, augment, generator_for(3, "copies"), train=train, validation=validation)
    assert len(part.clips) == 8
    np.testing.assert_array_equal(part.of(train).copies, whole.of(train).copies)
    np.testing.assert_array_equal(part.of(validation).features, whole.of(validation).features)


def test_another_seed_gives_other_copies(toy_clips: Clips) -> None:
    some = toy_clips[:4]
    first, second = (compute_features(some, Augment(copies=1), generator_for(seed, "copies")) for seed in (0, 1))
    np.testing.assert_array_equal(first.features, second.features)
    assert (np.abs(first.copies - second.copies).max(axis=(1, 2)) > 0).all()


def test_progress_counts_every_sound(toy_clips: Clips, quick: Recipe) -> None:
    report: list[int] = []
    compute_features(
        toy_clips,
        quick.augment,
        np.random.default_rng(0),
        train=toy_clips[:10],
        validation=toy_clips[10:13],
        progress=report.append,
    )
    assert sum(report) == sound_count(quick.augment, 10, 3) == 23
