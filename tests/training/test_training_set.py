"""Training sets: rows of 162 features, variants of clips, and the key that names a training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from torch import Tensor

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import CorpusError
from hearfelt.features.table import features_of
from hearfelt.training.augmented_copies import Variant
from hearfelt.training.clip_statistics import PUBLISHED, EncoderFiles
from hearfelt.training.data_selection import generator_for
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.settings import Augment, Balance
from hearfelt.training.training_set import (
    ClipFeatures,
    EncoderSource,
    TrainingSet,
    compute_features,
    sound_count,
    training_rows,
    validation_rows,
    variants_of,
)

PLAIN, SMOTE = Balance(), Balance(smote=True)


def test_augmented_copies_are_trained_on(training_set: TrainingSet, features: ClipFeatures) -> None:
    rows = training_rows(training_set, PLAIN, np.random.default_rng(0))
    train = features.of(training_set.train)
    clips = len(train.clips)
    assert len(rows) == 2 * clips  # each clip and its one copy
    np.testing.assert_array_equal(rows.features[:clips], train.features)
    np.testing.assert_array_equal(rows.features[clips:], train.copies[:, 0])
    np.testing.assert_array_equal(rows.indices[clips:], rows.indices[:clips])


def test_of_leaked_clips_only_augmented_copies_are_trained_on(
    training_set: TrainingSet, features: ClipFeatures
) -> None:
    leaked = training_set.validation
    honest, leaky = (
        training_rows(one, PLAIN, np.random.default_rng(0))
        for one in (training_set, replace(training_set, leaked=leaked))
    )
    assert len(leaky) == len(honest) + len(leaked)
    np.testing.assert_array_equal(leaky.features[: len(honest)], honest.features)
    np.testing.assert_array_equal(leaky.features[len(honest) :], features.of(leaked).copies[:, 0])
    labels = [training_set.labels[index] for index in leaky.indices[len(honest) :]]
    assert labels == [clip.emotion for clip in leaked]
    assert leaky.real.shape == leaky.features.shape


def test_leaked_clips_are_named_once(training_set: TrainingSet) -> None:
    assert replace(training_set, leaked=training_set.validation).clips == training_set.clips
    fewer = replace(training_set, validation=training_set.validation[:1])
    assert len(replace(fewer, leaked=training_set.validation).clips) == len(training_set.clips)


def test_validation_clips_have_no_copies(training_set: TrainingSet) -> None:
    rows = validation_rows(training_set)
    assert len(rows) == len(rows.targets) == len(training_set.validation)
    np.testing.assert_array_equal(rows.features, features_of(training_set.validation))


def test_smote_fills_rare_emotions_of_the_training_part_alone(training_set: TrainingSet) -> None:
    train = training_set.train
    rare = Clips([*train.without(emotion="calm"), *train.where(emotion="calm")[:3]])
    fewer = replace(training_set, train=rare)
    rows = training_rows(fewer, SMOTE, np.random.default_rng(0))
    assert set(np.bincount(rows.indices).tolist()) == {2 * rare.count("emotion")["angry"]}
    count = len(rows.real)
    assert count == 2 * len(rare)
    np.testing.assert_array_equal(rows.features[:count], rows.real)
    added = rows.features[count:]
    calm = rows.real[rows.indices[:count] == training_set.labels.index("calm")]
    assert len(added) > 0
    room = 1e-3 * np.abs(calm).max(axis=0) + 1e-6  # between two rows no feature leaves their range
    assert (added >= calm.min(axis=0) - room).all()
    assert (added <= calm.max(axis=0) + room).all()
    assert len(validation_rows(fewer)) == len(training_set.validation)


def test_smote_needs_two_rows_of_each_emotion(training_set: TrainingSet, features: ClipFeatures) -> None:
    train = training_set.train
    one = Clips([*train.without(emotion="calm"), train.where(emotion="calm")[0]])
    without_copies = replace(features, copies=features.copies[:, :0])
    lonely = replace(training_set, train=one, features=without_copies)
    with pytest.raises(CorpusError, match="one clip of calm to train on; SMOTE needs 2"):
        training_rows(lonely, SMOTE, np.random.default_rng(0))


def test_targets_are_one_hot_in_the_order_of_the_labels(training_set: TrainingSet) -> None:
    rows = validation_rows(training_set)
    assert set(np.unique(rows.targets).tolist()) == {0.0, 1.0}
    assert (rows.targets.sum(axis=1) == 1).all()
    assert [training_set.labels[index] for index in rows.indices] == [clip.emotion for clip in training_set.validation]


def test_the_wrong_source_of_features_is_a_mistake_of_the_program(training_set: TrainingSet) -> None:
    with pytest.raises(TypeError, match="162 features, not an encoder"):
        _ = training_set.encoder_source
    with pytest.raises(TypeError, match="an encoder, not 162 features"):
        _ = sound_set_of().clip_features


# Variants


def clips_of(corpus: str, speakers: str, channel: str = "speech") -> Clips:
    return Clips(
        Clip(
            corpus, Path(corpus), f"{channel}/{speaker}-{emotion}.wav", f"{corpus}/{speaker}", emotion, channel=channel
        )
        for speaker in speakers
        for emotion in ("calm", "angry")
    )


NEAR, SONG, FAR, TEST = (
    clips_of("ravdess", "ab"),
    clips_of("ravdess", "ab", "song"),
    clips_of("emodb", "xyz"),
    clips_of("ravdess", "c"),
)


def recipe_with(**copies: object) -> Recipe:
    return recipe_of({"name": "mine", "network": "hearfelt", "copies": copies})


def variants(recipe: Recipe, training_set: TrainingSet, clips: Clips) -> Counter[Variant]:
    return Counter(variant for clip, variant in variants_of(recipe, training_set) if clip in set(clips))


NO_CLIPS = Clips()


def sound_set_of(*, leaked: Clips = NO_CLIPS, validation: Clips = NO_CLIPS) -> TrainingSet:
    train = Clips([*NEAR, *SONG, *FAR])
    return TrainingSet(("calm", "angry"), train, validation, EncoderSource(NEAR), leaked)


def test_clips_of_the_target_corpus_have_other_speeds_and_all_clips_a_degraded_copy() -> None:
    recipe = recipe_with(speed_change=0.1, degraded=True)
    many = {Variant(): 4, Variant(0.9): 4, Variant(1.1): 4, Variant(degraded=True): 4}
    assert variants(recipe, sound_set_of(), NEAR) == many
    assert variants(recipe, sound_set_of(), SONG) == many
    assert variants(recipe, sound_set_of(), FAR) == {Variant(): 6, Variant(degraded=True): 6}


def test_the_recipe_says_which_corpus_has_other_speeds_whatever_is_held_out_in_groups() -> None:
    far = _with_source(sound_set_of(), target=FAR)
    assert variants(recipe_with(), far, NEAR) == variants(recipe_with(), sound_set_of(), NEAR)
    assert variants(recipe_with(), far, FAR) == {Variant(): 6, Variant(degraded=True): 6}
    emodb = recipe_with().changed("heads", target="emodb")
    assert variants(emodb, sound_set_of(), FAR) == {
        Variant(): 6,
        Variant(0.9): 6,
        Variant(1.1): 6,
        Variant(degraded=True): 6,
    }


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ({"speed_change": 0.0, "degraded": False}, {Variant()}),
        ({"speed_change": 0.0, "degraded": True}, {Variant(), Variant(degraded=True)}),
        ({"speed_change": 0.2, "degraded": False}, {Variant(), Variant(0.8), Variant(1.2)}),
    ],
)
def test_a_recipe_says_which_copies(copies: dict[str, object], expected: set[Variant]) -> None:
    assert set(variants(recipe_with(**copies), sound_set_of(), NEAR)) == expected


def test_of_copied_clips_only_changed_copies_are_variants() -> None:
    expected = variants(recipe_with(), sound_set_of(leaked=TEST), TEST)
    assert expected == {Variant(0.9): 2, Variant(1.1): 2, Variant(degraded=True): 2}


def test_clips_that_an_epoch_is_chosen_on_have_no_copies() -> None:
    assert variants(recipe_with(), sound_set_of(validation=TEST), TEST) == {Variant(): 2}
    both = variants(recipe_with(), sound_set_of(leaked=TEST, validation=TEST), TEST)
    assert both == {Variant(): 2, Variant(0.9): 2, Variant(1.1): 2, Variant(degraded=True): 2}


def test_no_variant_is_listed_twice() -> None:
    for made in (
        sound_set_of(),
        sound_set_of(leaked=TEST, validation=TEST),
        sound_set_of(validation=NEAR),
    ):
        assert max(Counter(variants_of(recipe_with(), made)).values()) == 1


def test_all_clips_that_influence_a_model_are_listed() -> None:
    assert set(sound_set_of(leaked=TEST, validation=TEST).clips) == {*NEAR, *SONG, *FAR, *TEST}
    assert len(sound_set_of(leaked=TEST, validation=TEST).clips) == len({*NEAR, *SONG, *FAR, *TEST})
    assert "ravdess/c" in sound_set_of(validation=TEST).clips.speakers
    assert "ravdess/c" not in sound_set_of().clips.speakers


# The key


def test_the_key_depends_on_what_the_weights_depend_on(
    quick: Recipe, training_set: TrainingSet, features: ClipFeatures
) -> None:
    key = training_set.key(quick, 0)
    louder = replace(features, features=features.features * 2)
    others = [
        training_set.key(quick.changed("fit", epochs=4), 0),
        training_set.key(quick, 1),
        replace(training_set, features=louder).key(quick, 0),
        replace(training_set, validation=training_set.train).key(quick, 0),
        replace(training_set, leaked=training_set.validation).key(quick, 0),
        replace(training_set, labels=training_set.labels[::-1]).key(quick, 0),
    ]
    assert key not in others
    assert len(set(others)) == len(others)
    assert training_set.key(replace(quick, description="In other words."), 0) == key


@pytest.fixture(scope="module")
def with_encoder(encoder_files: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    root = write_toy(tmp_path_factory.mktemp("with_encoder"), speakers=2, clips_each=1, seed=3)
    clips = read_corpus(root, "toy").where(emotion=("calm", "happy", "angry"))
    target = clips.where(speaker="toy/01")
    return TrainingSet(clips.emotions, clips, Clips(), EncoderSource(target, files=encoder_files))


def _relabelled(one: TrainingSet) -> TrainingSet:
    first, *others = one.train
    return replace(one, train=Clips([replace(first, emotion="happy" if first.emotion != "happy" else "calm"), *others]))


def _with_source(one: TrainingSet, **changes: object) -> TrainingSet:
    return replace(one, features=replace(one.encoder_source, **changes))  # type: ignore[arg-type]


CHANGES: dict[str, Callable[[TrainingSet], TrainingSet]] = {
    "fewer clips": lambda one: replace(one, train=one.train[1:]),
    "another order": lambda one: replace(one, train=one.train[::-1]),
    "another label": _relabelled,
    "another target": lambda one: _with_source(one, target=one.encoder_source.target[1:]),
    "split by clip": lambda one: _with_source(one, by="clip"),
    "other labels": lambda one: replace(one, labels=one.labels[::-1]),
    "leaked clips": lambda one: replace(one, leaked=one.train[-2:]),
    "an epoch chosen": lambda one: replace(one, validation=one.train[-2:]),
}


@pytest.fixture(scope="module")
def sound_recipe() -> Recipe:
    return recipe_of({"name": "mine", "network": "hearfelt"})


@pytest.mark.parametrize("change", CHANGES)
def test_with_an_encoder_the_key_depends_on_the_clips_too(
    sound_recipe: Recipe, with_encoder: TrainingSet, change: str
) -> None:
    assert CHANGES[change](with_encoder).key(sound_recipe, 0) != with_encoder.key(sound_recipe, 0)


def test_with_an_encoder_the_key_depends_on_recipe_seed_and_weights(
    sound_recipe: Recipe, with_encoder: TrainingSet, whisper: dict[str, Tensor]
) -> None:
    key = with_encoder.key(sound_recipe, 0)
    assert with_encoder.key(sound_recipe, 1) != key
    assert with_encoder.key(sound_recipe.changed("heads", count=2), 0) != key
    assert with_encoder.key(sound_recipe.changed("copies", degraded=False), 0) != key
    assert with_encoder.key(replace(sound_recipe, description="Other words."), 0) == key
    changed = {**whisper, "conv2.bias": whisper["conv2.bias"] + 1.0}
    files = replace(with_encoder.encoder_source.files, held=changed)  # type: ignore[call-arg]
    assert _with_source(with_encoder, files=files).key(sound_recipe, 0) != key


def test_the_key_depends_on_the_noise(sound_recipe: Recipe, with_encoder: TrainingSet, tmp_path: Path) -> None:
    keys = [with_encoder.key(sound_recipe, 0)]
    for name, level in (("rain1.wav", 0.1), ("rain2.wav", 0.1), ("rain1.wav", 0.2)):
        soundfile.write(tmp_path / name, np.full(1_600, level), 16_000)
        keys.append(_with_source(with_encoder, noise=tmp_path).key(sound_recipe, 0))
    assert len(set(keys)) == 4


def test_the_key_depends_on_the_sound_and_not_on_the_folder(
    sound_recipe: Recipe, with_encoder: TrainingSet, tmp_path: Path
) -> None:
    moved = Clips(replace(clip, root=tmp_path) for clip in with_encoder.train)
    for clip, copy in zip(with_encoder.train, moved, strict=True):
        copy.path.parent.mkdir(parents=True, exist_ok=True)
        copy.path.write_bytes(clip.path.read_bytes())
    there = _with_source(replace(with_encoder, train=moved), target=moved.where(speaker="toy/01"))
    assert there.key(sound_recipe, 0) == with_encoder.key(sound_recipe, 0)
    soundfile.write(moved[3].path, 0.5 * soundfile.read(moved[3].path)[0], 16_000)
    assert there.key(sound_recipe, 0) != with_encoder.key(sound_recipe, 0)


def test_the_encoder_is_the_published_one_by_default() -> None:
    assert sound_set_of().encoder_source.files is PUBLISHED
    assert PUBLISHED.whisper is None


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
