from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError
from hearfelt.features.table import features_of
from hearfelt.training.data_selection import generator_for
from hearfelt.training.dataset import Heard, Lesson, hear, sounds_to_hear, training_rows, validation_rows
from hearfelt.training.recipe import Recipe
from hearfelt.training.settings import Augment, Balance

PLAIN, SMOTE = Balance(), Balance(smote=True)


def test_changed_copies_are_learned_from(lesson: Lesson) -> None:
    rows = training_rows(lesson, PLAIN, np.random.default_rng(0))
    clips = len(lesson.learn.clips)
    assert len(rows) == 2 * clips  # each clip and its one copy
    np.testing.assert_array_equal(rows.features[:clips], lesson.learn.features)
    np.testing.assert_array_equal(rows.features[clips:], lesson.learn.copies[:, 0])
    np.testing.assert_array_equal(rows.places[clips:], rows.places[:clips])


def test_of_clips_that_leak_in_only_the_changed_copies_are_learned_from(lesson: Lesson, heard: Heard) -> None:
    tested = heard.of(lesson.validation.clips)
    honest, leaky = (
        training_rows(one, PLAIN, np.random.default_rng(0)) for one in (lesson, replace(lesson, copied=tested))
    )
    assert len(leaky) == len(honest) + len(tested.clips)
    np.testing.assert_array_equal(leaky.features[: len(honest)], honest.features)
    np.testing.assert_array_equal(leaky.features[len(honest) :], tested.copies[:, 0])
    assert [lesson.labels[place] for place in leaky.places[len(honest) :]] == [clip.emotion for clip in tested.clips]
    assert leaky.heard.shape == leaky.features.shape


def test_whoever_leaks_in_was_heard_and_is_named_once(lesson: Lesson, heard: Heard) -> None:
    assert replace(lesson, copied=heard.of(lesson.validation.clips)).clips == lesson.clips
    less = replace(lesson, validation=lesson.validation.of(lesson.validation.clips[:1]))
    assert len(replace(less, copied=heard.of(lesson.validation.clips)).clips) == len(lesson.clips)


def test_a_copy_differs_from_its_clip_and_still_resembles_it(heard: Heard) -> None:
    scaled = (heard.copies[:, 0] - heard.features) / heard.features.std(axis=0)
    change = np.abs(scaled).mean(axis=1)
    assert (change > 1e-3).all()
    between_clips = np.abs((heard.features - np.roll(heard.features, 3, axis=0)) / heard.features.std(axis=0)).mean()
    assert np.median(change) < between_clips


def test_copies_are_as_many_as_the_recipe_says(toy_clips: Clips) -> None:
    some = toy_clips[:6]
    heard = hear(some, Augment(copies=3), np.random.default_rng(0))
    assert heard.copies.shape == (6, 3, 162)
    assert len(np.unique(heard.copies.reshape(18, 162), axis=0)) == 18
    assert hear(some, Augment(copies=0), np.random.default_rng(0)).copies.shape == (6, 0, 162)


def test_a_clip_has_the_same_copies_whoever_else_is_learned_from(toy_clips: Clips) -> None:
    augment = Augment(copies=2)
    whole = hear(toy_clips, augment, generator_for(3, "copies"))
    learn, validation = toy_clips[10:16], toy_clips[40:42]
    part = hear(toy_clips, augment, generator_for(3, "copies"), learn=learn, validation=validation)
    assert len(part.clips) == 8
    np.testing.assert_array_equal(part.of(learn).copies, whole.of(learn).copies)
    np.testing.assert_array_equal(part.of(validation).features, whole.of(validation).features)


def test_another_seed_gives_other_copies(toy_clips: Clips) -> None:
    some = toy_clips[:4]
    first, second = (hear(some, Augment(copies=1), generator_for(seed, "copies")) for seed in (0, 1))
    np.testing.assert_array_equal(first.features, second.features)
    assert (np.abs(first.copies - second.copies).max(axis=(1, 2)) > 0).all()


def test_validation_clips_are_heard_as_they_are(lesson: Lesson) -> None:
    rows = validation_rows(lesson)
    assert len(rows) == len(rows.targets) == len(lesson.validation.clips)
    np.testing.assert_array_equal(rows.features, features_of(lesson.validation.clips))


def test_smote_fills_rare_emotions_of_the_training_part_alone(lesson: Lesson) -> None:
    rare = Clips(
        [*lesson.learn.clips.without(emotion="calm"), *lesson.learn.clips.where(emotion="calm")[:3]],
    )
    fewer = replace(lesson, learn=lesson.learn.of(rare))
    rows = training_rows(fewer, SMOTE, np.random.default_rng(0))
    assert set(np.bincount(rows.places).tolist()) == {2 * rare.count("emotion")["angry"]}
    assert len(rows.heard) == 2 * len(rare)
    np.testing.assert_array_equal(rows.features[: len(rows.heard)], rows.heard)
    invented = rows.features[len(rows.heard) :]
    calm = rows.heard[rows.places[: len(rows.heard)] == lesson.labels.index("calm")]
    assert len(invented) > 0
    room = 1e-3 * np.abs(calm).max(axis=0) + 1e-6  # between two rows no feature leaves their range
    assert (invented >= calm.min(axis=0) - room).all()
    assert (invented <= calm.max(axis=0) + room).all()
    assert len(validation_rows(fewer)) == len(lesson.validation.clips)


def test_smote_needs_two_clips_of_each_emotion(lesson: Lesson) -> None:
    one = Clips([*lesson.learn.clips.without(emotion="calm"), lesson.learn.clips.where(emotion="calm")[0]])
    lonely = replace(lesson, learn=lesson.learn.of(one, copies=False))
    with pytest.raises(CorpusError, match="one clip of calm to learn from; SMOTE needs 2"):
        training_rows(lonely, SMOTE, np.random.default_rng(0))


def test_targets_are_one_hot_in_the_order_of_the_labels(lesson: Lesson) -> None:
    rows = validation_rows(lesson)
    assert set(np.unique(rows.targets).tolist()) == {0.0, 1.0}
    assert (rows.targets.sum(axis=1) == 1).all()
    assert [lesson.labels[place] for place in rows.places] == [clip.emotion for clip in lesson.validation.clips]


def test_progress_counts_every_sound(toy_clips: Clips, quick: Recipe) -> None:
    told: list[int] = []
    hear(
        toy_clips,
        quick.augment,
        np.random.default_rng(0),
        learn=toy_clips[:10],
        validation=toy_clips[10:13],
        progress=told.append,
    )
    assert sum(told) == sounds_to_hear(quick.augment, 10, 3) == 23
