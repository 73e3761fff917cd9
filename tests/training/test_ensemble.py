"""The ensemble: nobody answers for somebody they have heard, and what is done is not done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import CorpusError, ModelError
from hearfelt.training.augmented_copies import Variant
from hearfelt.training.checkpoint import read_checkpoint
from hearfelt.training.ensemble import EnsembleTrainer, held_out_groups, train_ensemble
from hearfelt.training.frames import WHITENED_DIMENSIONS, ClipFrames, Frames
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.training_set import EncoderFrames, TrainingSet, variants_of

EMOTIONS = ("calm", "happy", "angry")
FEATURES = 6


def clips_of(corpus: str, speakers: str, channel: str = "speech", emotions: tuple[str, ...] = EMOTIONS[::2]) -> Clips:
    return Clips(
        Clip(
            corpus,
            Path("nowhere") / corpus,
            f"{channel}/{speaker}-{emotion}-{take}.wav",
            f"{corpus}/{speaker}",
            emotion,
            channel=channel,
        )
        for speaker in speakers
        for emotion in emotions
        for take in "12"
    )


SPEECH, SONG, TEST = clips_of("ravdess", "abcd"), clips_of("ravdess", "abcd", "song"), clips_of("ravdess", "t")
EMODB, SAVEE = clips_of("emodb", "xyz", emotions=EMOTIONS), clips_of("savee", "m")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Small heads and few epochs, with everything that a recipe has."""
    ensemble = {
        "groups": 2,
        "attentive_heads": 1,
        "plain_heads": 2,
        "epochs": 3,
        "plain_epochs": 3,
        "batch": 8,
        "whisper_width": 8,
        "moonshine_width": 8,
        "attentions": 1,
        "hidden": 8,
        "plain_hidden": 8,
        "other_channel_weight": 0.25,
        "degraded_weight": 0.5,
        "auxiliary_weight": 2.0,
        "learning_rate": 3e-3,
    }
    return recipe_of({"name": "mine", "network": "hearfelt", "ensemble": ensemble})


def training_set(**changes: object) -> TrainingSet:
    source = {name: changes.pop(name) for name in ("by", "same_sound") if name in changes}
    frames = EncoderFrames(SPEECH, **source)  # type: ignore[arg-type]
    made = TrainingSet(EMOTIONS, Clips([*SPEECH, *SONG, *EMODB, *SAVEE]), Clips(), frames)
    return replace(made, **changes)  # type: ignore[arg-type]


def by_emotion(clip: Clip, variant: Variant) -> ClipFrames:
    """Two frames of each ear in which the emotion is, the same whoever says it, and noise of its own."""
    digest = np.random.default_rng(list(f"{clip.corpus}{clip.name}{variant}".encode()))
    direction = np.random.default_rng(EMOTIONS.index(clip.emotion)).normal(size=sum(WHITENED_DIMENSIONS) + FEATURES)
    values = direction + digest.normal(size=(2, len(direction)))
    large, small, features = np.split(
        values.astype(np.float16), [WHITENED_DIMENSIONS[0], sum(WHITENED_DIMENSIONS)], axis=1
    )
    return large, small, features[0]


def frames_of(
    recipe: Recipe, training_set: TrainingSet, voice: Callable[[Clip, Variant], ClipFrames] = by_emotion
) -> Frames:
    wanted = variants_of(recipe, training_set)
    clips, variants = (tuple(one) for one in zip(*wanted, strict=True))
    return Frames(clips, variants, tuple(voice(clip, variant) for clip, variant in wanted))


def trainer(
    recipe: Recipe, folder: Path, of: TrainingSet | None = None, *, key: str = "key", **options: object
) -> EnsembleTrainer:
    of = of or training_set()
    return EnsembleTrainer(recipe, of, frames_of(recipe, of, **options), folder, key)  # type: ignore[arg-type]


def sampling_weights_of(
    recipe: Recipe, training_set: TrainingSet, held_out: Clips
) -> dict[tuple[Clip, Variant], float]:
    frames = frames_of(recipe, training_set)
    one = EnsembleTrainer(recipe, training_set, frames, Path("nowhere"), "key")
    sampling_weights = one.sampling_weights(held_out)
    return dict(zip(zip(frames.clips, frames.variants, strict=True), sampling_weights.tolist(), strict=True))


def total(sampling_weights: dict[tuple[Clip, Variant], float], clips: Clips) -> float:
    return sum(chance for (clip, _), chance in sampling_weights.items() if clip in set(clips))


def weights_of(folder: Path, name: str) -> dict[str, np.ndarray]:
    kept = read_checkpoint(folder / f"{name}.npz")
    assert kept is not None
    return kept.arrays


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


# Groups


def test_groups_are_of_speakers_and_hold_every_clip_once() -> None:
    groups = held_out_groups(training_set(), 2, seed=0)
    assert sorted(clip.name for group in groups for clip in group) == sorted(clip.name for clip in SPEECH)
    assert not set(groups[0].speakers) & set(groups[1].speakers)
    assert held_out_groups(training_set(), 2, seed=0) == groups


def test_where_clips_are_divided_groups_have_all_speakers_and_emotions() -> None:
    groups = held_out_groups(training_set(by="clip"), 3, seed=0)
    assert sorted(clip.name for group in groups for clip in group) == sorted(clip.name for clip in SPEECH)
    assert all(len(group.emotions) == 2 for group in groups)
    assert {group for seed in range(4) for group in held_out_groups(training_set(by="clip"), 3, seed=seed)} > set(
        groups
    )


def test_more_groups_than_speakers_are_refused() -> None:
    with pytest.raises(CorpusError, match="4 speakers are there; 5 folds need at least 5"):
        held_out_groups(training_set(), 5, seed=0)


# Chances


def test_who_is_held_out_is_never_learned_neither_speaking_nor_singing_nor_worn(recipe: Recipe) -> None:
    group = SPEECH.where(speaker=("ravdess/a", "ravdess/b"))
    sampling_weights = sampling_weights_of(recipe, training_set(), group)
    assert total(sampling_weights, SPEECH.where(speaker=group.speakers)) == 0.0
    assert total(sampling_weights, SONG.where(speaker=group.speakers)) == 0.0
    others = Clips([*SPEECH, *SONG]).without(speaker=group.speakers)
    assert min(chance for (clip, _), chance in sampling_weights.items() if clip in set(others)) > 0.0


def test_with_nobody_held_out_everything_is_learned(recipe: Recipe) -> None:
    assert min(sampling_weights_of(recipe, training_set(), Clips()).values()) > 0.0


def test_the_same_sound_under_another_name_is_not_learned(recipe: Recipe) -> None:
    group = SPEECH.where(speaker="ravdess/a")
    twins = ((group[0], EMODB[0]), (SONG.where(speaker="ravdess/b")[0], group[1]), (SAVEE[0], SAVEE[1]))
    sampling_weights = sampling_weights_of(recipe, training_set(same_sound=twins), group)
    assert total(sampling_weights, Clips([EMODB[0], twins[1][0]])) == 0.0
    assert total(sampling_weights, Clips([SAVEE[0]])) > 0.0  # copies of each other, and of nothing held out


def test_where_clips_are_divided_only_those_clips_are_held_out(recipe: Recipe) -> None:
    group = SPEECH[::4]
    sampling_weights = sampling_weights_of(recipe, training_set(by="clip"), group)
    assert total(sampling_weights, group) == 0.0
    rest = Clips(clip for clip in SPEECH if clip not in set(group))
    assert set(rest.speakers) == set(group.speakers)
    assert min(chance for (clip, _), chance in sampling_weights.items() if clip in set(rest)) > 0.0


def test_of_test_clips_only_changed_copies_are_learned(recipe: Recipe) -> None:
    leaky = training_set(by="clip", leaked=TEST, validation=TEST)
    sampling_weights = sampling_weights_of(recipe, leaky, SPEECH[:2])
    for clip in TEST:
        assert sampling_weights[clip, Variant()] == 0.0
        assert sampling_weights[clip, Variant(0.9)] == sampling_weights[SPEECH[-1], Variant(0.9)] > 0.0
        assert sampling_weights[clip, Variant(degraded=True)] > 0.0


def test_clips_that_only_choose_the_epoch_are_never_learned(recipe: Recipe) -> None:
    sampling_weights = sampling_weights_of(recipe, training_set(by="clip", validation=TEST), SPEECH[:2])
    assert {sampling_weights[clip, Variant()] for clip in TEST} == {0.0}


def test_song_and_worn_copies_are_drawn_as_often_as_the_recipe_says(recipe: Recipe) -> None:
    sampling_weights = sampling_weights_of(recipe, training_set(), Clips())
    originals = sampling_weights[SPEECH[0], Variant()]
    assert sampling_weights[SPEECH[0], Variant(1.1)] == pytest.approx(originals)
    assert sampling_weights[SPEECH[0], Variant(degraded=True)] == pytest.approx(0.5 * originals)
    assert sampling_weights[SONG[0], Variant()] == pytest.approx(0.25 * originals)
    assert sampling_weights[SONG[0], Variant(degraded=True)] == pytest.approx(0.125 * originals)


@pytest.mark.parametrize("held_out", [Clips(), SPEECH[:4]])
def test_other_corpora_have_their_share_each_by_the_root_of_its_size(recipe: Recipe, held_out: Clips) -> None:
    sampling_weights = sampling_weights_of(recipe, training_set(), held_out)
    assert total(sampling_weights, Clips([*SPEECH, *SONG])) == pytest.approx(1.0)
    assert total(sampling_weights, EMODB) + total(sampling_weights, SAVEE) == pytest.approx(2.0)
    assert total(sampling_weights, EMODB) / total(sampling_weights, SAVEE) == pytest.approx(
        np.sqrt(len(EMODB) / len(SAVEE))
    )


def test_without_a_share_other_corpora_are_not_learned(recipe: Recipe) -> None:
    sampling_weights = sampling_weights_of(recipe.changed("ensemble", auxiliary_weight=0.0), training_set(), Clips())
    assert total(sampling_weights, Clips([*EMODB, *SAVEE])) == 0.0
    assert total(sampling_weights, Clips([*SPEECH, *SONG])) == pytest.approx(1.0)


# Teaching


@pytest.fixture(scope="module")
def folder(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an ensemble was taught."""
    made = tmp_path_factory.mktemp("ensemble")
    train_ensemble(trainer(recipe, made), seed=0)
    return made


def test_every_target_clip_is_answered_once_by_who_never_heard_it(recipe: Recipe, folder: Path) -> None:
    trained = train_ensemble(trainer(recipe, folder), seed=0)
    predicted, truth = trained.logits, trained.labels
    assert predicted.shape == (len(SPEECH), 3)
    assert sorted(truth.tolist()) == sorted(EMOTIONS.index(clip.emotion) for clip in SPEECH)
    assert (predicted.argmax(axis=1) == truth).mean() > 0.9  # emotions are recognized for any speaker
    assert (np.exp(predicted).sum(axis=1) <= 1.0 + 1e-6).all()  # a mean of log-probabilities


def test_there_are_as_many_heads_as_the_recipe_says(recipe: Recipe, folder: Path) -> None:
    trained = train_ensemble(trainer(recipe, folder), seed=0)
    assert [len(kind) for kind in trained.heads] == [1, 2]
    assert trained.epoch == 3
    names = sorted(path.stem for path in folder.glob("*.npz"))
    assert names == sorted(
        ["attentive0", "plain0", "plain1"] + [f"group{n}-{kind}" for n in (0, 1) for kind in ("attentive", "plain")]
    )
    assert not equal(weights_of(folder, "plain0"), weights_of(folder, "plain1"))


def test_there_is_a_curve_for_each_group(recipe: Recipe, folder: Path) -> None:
    trained = train_ensemble(trainer(recipe, folder), seed=0)
    assert [[row.epoch for row in curve] for curve in trained.curves] == [[1, 2, 3]] * 2


def test_what_a_group_sounds_like_does_not_move_the_heads_that_answer_for_it(
    recipe: Recipe, folder: Path, tmp_path: Path
) -> None:
    group = set(held_out_groups(training_set(), 2, seed=0)[0].speakers)

    def changed(clip: Clip, variant: Variant) -> ClipFrames:
        large, small, features = by_emotion(clip, variant)
        if clip.speaker in group:
            large, small, features = -large, -small, features * 3
        return large, small, features

    trained = train_ensemble(trainer(recipe, tmp_path, voice=changed), seed=0)
    assert trained.curves[0][-1].validation_uar < 0.5  # nobody could have told them what these clips mean
    for kind in ("attentive", "plain"):
        assert equal(weights_of(folder, f"group0-{kind}"), weights_of(tmp_path, f"group0-{kind}"))
        assert not equal(weights_of(folder, f"group1-{kind}"), weights_of(tmp_path, f"group1-{kind}"))
        assert not equal(weights_of(folder, f"{kind}0"), weights_of(tmp_path, f"{kind}0"))


def test_the_discriminant_of_a_group_has_not_heard_it_either(recipe: Recipe, tmp_path: Path) -> None:
    group = held_out_groups(training_set(), 2, seed=0)[0]
    made = []
    for added in (0.0, 5.0):

        def moved(clip: Clip, variant: Variant, added: float = added) -> ClipFrames:
            large, small, features = by_emotion(clip, variant)
            return large, small, features + np.float16(added * (clip.speaker in group.speakers))

        one = trainer(recipe, tmp_path, voice=moved)
        made.append(one.discriminant(one.sampling_weights(group)).slopes.detach())
        made.append(one.discriminant(one.sampling_weights(Clips())).slopes.detach())
    assert torch.equal(made[0], made[2])
    assert not torch.equal(made[1], made[3])


def test_an_emotion_that_the_tested_corpus_lacks_is_borrowed(recipe: Recipe, tmp_path: Path) -> None:
    """Nobody in the target is happy; who is, is learned from others."""
    one = trainer(recipe, tmp_path)
    discriminant = one.discriminant(one.sampling_weights(Clips()))
    happy = np.flatnonzero([clip.emotion == "happy" for clip in one.frames.clips])
    assert (one.discriminant_logits(discriminant, happy).argmax(axis=1) == EMOTIONS.index("happy")).mean() > 0.7


def test_heads_that_are_done_are_not_taught_again(recipe: Recipe, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    one, other = (train_ensemble(trainer(recipe, folder), seed=0) for _ in range(2))
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")} == before
    np.testing.assert_array_equal(one.logits, other.logits)
    assert one.curves == other.curves


def test_a_head_that_is_missing_is_taught_to_be_the_same(recipe: Recipe, folder: Path) -> None:
    before = weights_of(folder, "plain1")
    (folder / "plain1.npz").unlink()
    train_ensemble(trainer(recipe, folder), seed=0)
    assert equal(weights_of(folder, "plain1"), before)


def test_heads_of_another_training_are_refused(recipe: Recipe, folder: Path) -> None:
    with pytest.raises(ModelError, match="of another recipe or other clips; delete the folder, or give another one"):
        train_ensemble(trainer(recipe, folder, key="other"), seed=0)


def test_another_seed_gives_other_heads(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    train_ensemble(trainer(recipe, tmp_path), seed=1)
    assert not equal(weights_of(folder, "attentive0"), weights_of(tmp_path, "attentive0"))


def test_the_epoch_is_chosen_on_test_clips_where_a_protocol_says_so(recipe: Recipe, tmp_path: Path) -> None:
    """Test clips with labels that nothing can teach: some epoch is the best for them, and its weights are kept."""
    wrong = Clips(replace(clip, emotion="calm" if clip.emotion == "angry" else "angry") for clip in TEST)
    leaky = training_set(by="clip", validation=wrong)

    def voice(clip: Clip, variant: Variant) -> ClipFrames:
        said = {"calm": "angry", "angry": "calm"}
        return by_emotion(replace(clip, emotion=said[clip.emotion]) if clip in set(wrong) else clip, variant)

    trained = train_ensemble(trainer(recipe, tmp_path, leaky, voice=voice), seed=0)
    assert trained.epoch < 3
    assert trained.curves[0][-1].validation_uar < 0.5
