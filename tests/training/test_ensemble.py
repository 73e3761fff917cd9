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
from hearfelt.training.augmented_copies import View
from hearfelt.training.checkpoint import read_checkpoint
from hearfelt.training.ensemble import Teacher, _chances, _groups, teach_ensemble
from hearfelt.training.frames import KEPT, Frames, Heard
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.sound_training_set import SoundLesson, views_of

EMOTIONS = ("calm", "happy", "angry")
DESCRIBED = 6


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
        "attentive": 1,
        "plain": 2,
        "epochs": 3,
        "plain_epochs": 3,
        "batch": 8,
        "large_width": 8,
        "small_width": 8,
        "attentions": 1,
        "hidden": 8,
        "plain_hidden": 8,
        "song": 0.25,
        "worn": 0.5,
        "beside": 2.0,
        "learning_rate": 3e-3,
    }
    return recipe_of({"name": "mine", "network": "hearfelt", "ensemble": ensemble})


def lesson(**changes: object) -> SoundLesson:
    made = SoundLesson(EMOTIONS, Clips([*SPEECH, *SONG, *EMODB, *SAVEE]), SPEECH)
    return replace(made, **changes)  # type: ignore[arg-type]


def by_emotion(clip: Clip, view: View) -> Heard:
    """Two frames of each ear in which the emotion is, the same whoever says it, and noise of its own."""
    digest = np.random.default_rng(list(f"{clip.corpus}{clip.name}{view}".encode()))
    direction = np.random.default_rng(EMOTIONS.index(clip.emotion)).normal(size=sum(KEPT) + DESCRIBED)
    values = direction + digest.normal(size=(2, len(direction)))
    large, small, described = np.split(values.astype(np.float16), [KEPT[0], sum(KEPT)], axis=1)
    return large, small, described[0]


def heard(recipe: Recipe, lesson: SoundLesson, voice: Callable[[Clip, View], Heard] = by_emotion) -> Frames:
    wanted = views_of(recipe, lesson)
    clips, views = (tuple(one) for one in zip(*wanted, strict=True))
    return Frames(clips, views, tuple(voice(clip, view) for clip, view in wanted))


def teacher(
    recipe: Recipe, folder: Path, of: SoundLesson | None = None, *, key: str = "key", **options: object
) -> Teacher:
    of = of or lesson()
    return Teacher(recipe, of, heard(recipe, of, **options), folder, key)  # type: ignore[arg-type]


def chances_of(recipe: Recipe, lesson: SoundLesson, held_out: Clips) -> dict[tuple[Clip, View], float]:
    frames = heard(recipe, lesson)
    chances = _chances(recipe, lesson, frames, held_out)
    return dict(zip(zip(frames.clips, frames.views, strict=True), chances.tolist(), strict=True))


def total(chances: dict[tuple[Clip, View], float], clips: Clips) -> float:
    return sum(chance for (clip, _), chance in chances.items() if clip in set(clips))


def arrays(folder: Path, name: str) -> dict[str, np.ndarray]:
    kept = read_checkpoint(folder / f"{name}.npz")
    assert kept is not None
    return kept.arrays


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


# Groups


def test_groups_are_of_speakers_and_hold_every_clip_once() -> None:
    groups = _groups(lesson(), 2, seed=0)
    assert sorted(clip.name for group in groups for clip in group) == sorted(clip.name for clip in SPEECH)
    assert not set(groups[0].speakers) & set(groups[1].speakers)
    assert _groups(lesson(), 2, seed=0) == groups


def test_where_clips_are_divided_groups_have_all_speakers_and_emotions() -> None:
    groups = _groups(lesson(by="clip"), 3, seed=0)
    assert sorted(clip.name for group in groups for clip in group) == sorted(clip.name for clip in SPEECH)
    assert all(len(group.emotions) == 2 for group in groups)
    assert {group for seed in range(4) for group in _groups(lesson(by="clip"), 3, seed=seed)} > set(groups)


def test_more_groups_than_speakers_are_refused() -> None:
    with pytest.raises(CorpusError, match="4 speakers are there; 5 folds need at least 5"):
        _groups(lesson(), 5, seed=0)


# Chances


def test_who_is_held_out_is_never_learned_neither_speaking_nor_singing_nor_worn(recipe: Recipe) -> None:
    group = SPEECH.where(speaker=("ravdess/a", "ravdess/b"))
    chances = chances_of(recipe, lesson(), group)
    assert total(chances, SPEECH.where(speaker=group.speakers)) == 0.0
    assert total(chances, SONG.where(speaker=group.speakers)) == 0.0
    others = Clips([*SPEECH, *SONG]).without(speaker=group.speakers)
    assert min(chance for (clip, _), chance in chances.items() if clip in set(others)) > 0.0


def test_with_nobody_held_out_everything_is_learned(recipe: Recipe) -> None:
    assert min(chances_of(recipe, lesson(), Clips()).values()) > 0.0


def test_the_same_sound_under_another_name_is_not_learned(recipe: Recipe) -> None:
    group = SPEECH.where(speaker="ravdess/a")
    twins = ((group[0], EMODB[0]), (SONG.where(speaker="ravdess/b")[0], group[1]), (SAVEE[0], SAVEE[1]))
    chances = chances_of(recipe, lesson(same_sound=twins), group)
    assert total(chances, Clips([EMODB[0], twins[1][0]])) == 0.0
    assert total(chances, Clips([SAVEE[0]])) > 0.0  # copies of each other, and of nothing held out


def test_where_clips_are_divided_only_those_clips_are_held_out(recipe: Recipe) -> None:
    group = SPEECH[::4]
    chances = chances_of(recipe, lesson(by="clip"), group)
    assert total(chances, group) == 0.0
    rest = Clips(clip for clip in SPEECH if clip not in set(group))
    assert set(rest.speakers) == set(group.speakers)
    assert min(chance for (clip, _), chance in chances.items() if clip in set(rest)) > 0.0


def test_of_test_clips_only_changed_copies_are_learned(recipe: Recipe) -> None:
    leaky = lesson(by="clip", copied=TEST, chooser=TEST)
    chances = chances_of(recipe, leaky, SPEECH[:2])
    for clip in TEST:
        assert chances[clip, View()] == 0.0
        assert chances[clip, View(0.9)] == chances[SPEECH[-1], View(0.9)] > 0.0
        assert chances[clip, View(is_worn=True)] > 0.0


def test_clips_that_only_choose_the_epoch_are_never_learned(recipe: Recipe) -> None:
    chances = chances_of(recipe, lesson(by="clip", chooser=TEST), SPEECH[:2])
    assert {chances[clip, View()] for clip in TEST} == {0.0}


def test_song_and_worn_copies_are_drawn_as_often_as_the_recipe_says(recipe: Recipe) -> None:
    chances = chances_of(recipe, lesson(), Clips())
    plain = chances[SPEECH[0], View()]
    assert chances[SPEECH[0], View(1.1)] == pytest.approx(plain)
    assert chances[SPEECH[0], View(is_worn=True)] == pytest.approx(0.5 * plain)
    assert chances[SONG[0], View()] == pytest.approx(0.25 * plain)
    assert chances[SONG[0], View(is_worn=True)] == pytest.approx(0.125 * plain)


@pytest.mark.parametrize("held_out", [Clips(), SPEECH[:4]])
def test_other_corpora_have_their_share_each_by_the_root_of_its_size(recipe: Recipe, held_out: Clips) -> None:
    chances = chances_of(recipe, lesson(), held_out)
    assert total(chances, Clips([*SPEECH, *SONG])) == pytest.approx(1.0)
    assert total(chances, EMODB) + total(chances, SAVEE) == pytest.approx(2.0)
    assert total(chances, EMODB) / total(chances, SAVEE) == pytest.approx(np.sqrt(len(EMODB) / len(SAVEE)))


def test_without_a_share_other_corpora_are_not_learned(recipe: Recipe) -> None:
    chances = chances_of(recipe.changed("ensemble", beside=0.0), lesson(), Clips())
    assert total(chances, Clips([*EMODB, *SAVEE])) == 0.0
    assert total(chances, Clips([*SPEECH, *SONG])) == pytest.approx(1.0)


# Teaching


@pytest.fixture(scope="module")
def folder(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an ensemble was taught."""
    made = tmp_path_factory.mktemp("ensemble")
    teach_ensemble(teacher(recipe, made), seed=0)
    return made


def test_every_target_clip_is_answered_once_by_who_never_heard_it(recipe: Recipe, folder: Path) -> None:
    taught = teach_ensemble(teacher(recipe, folder), seed=0)
    answers, truth = taught.held_out
    assert answers.shape == (len(SPEECH), 3)
    assert sorted(truth.tolist()) == sorted(EMOTIONS.index(clip.emotion) for clip in SPEECH)
    assert (answers.argmax(axis=1) == truth).mean() > 0.9  # the emotions are told apart, by whoever says them
    assert (np.exp(answers).sum(axis=1) <= 1.0 + 1e-6).all()  # a mean of log-probabilities


def test_there_are_as_many_heads_as_the_recipe_says(recipe: Recipe, folder: Path) -> None:
    taught = teach_ensemble(teacher(recipe, folder), seed=0)
    assert [len(kind) for kind in taught.heads] == [1, 2]
    assert taught.epoch == 3
    names = sorted(path.stem for path in folder.glob("*.npz"))
    assert names == sorted(
        ["attentive0", "plain0", "plain1"] + [f"group{n}-{kind}" for n in (0, 1) for kind in ("attentive", "plain")]
    )
    assert not equal(arrays(folder, "plain0"), arrays(folder, "plain1"))


def test_there_is_a_curve_for_each_group(recipe: Recipe, folder: Path) -> None:
    taught = teach_ensemble(teacher(recipe, folder), seed=0)
    assert [[row.epoch for row in curve] for curve in taught.curves] == [[1, 2, 3]] * 2


def test_what_a_group_sounds_like_does_not_move_the_heads_that_answer_for_it(
    recipe: Recipe, folder: Path, tmp_path: Path
) -> None:
    group = set(_groups(lesson(), 2, seed=0)[0].speakers)

    def changed(clip: Clip, view: View) -> Heard:
        large, small, described = by_emotion(clip, view)
        if clip.speaker in group:
            large, small, described = -large, -small, described * 3
        return large, small, described

    taught = teach_ensemble(teacher(recipe, tmp_path, voice=changed), seed=0)
    assert taught.curves[0][-1].validation_uar < 0.5  # nobody could have told them what these clips mean
    for kind in ("attentive", "plain"):
        assert equal(arrays(folder, f"group0-{kind}"), arrays(tmp_path, f"group0-{kind}"))
        assert not equal(arrays(folder, f"group1-{kind}"), arrays(tmp_path, f"group1-{kind}"))
        assert not equal(arrays(folder, f"{kind}0"), arrays(tmp_path, f"{kind}0"))


def test_the_discriminant_of_a_group_has_not_heard_it_either(recipe: Recipe, tmp_path: Path) -> None:
    group = _groups(lesson(), 2, seed=0)[0]
    made = []
    for added in (0.0, 5.0):

        def moved(clip: Clip, view: View, added: float = added) -> Heard:
            large, small, described = by_emotion(clip, view)
            return large, small, described + np.float16(added * (clip.speaker in group.speakers))

        one = teacher(recipe, tmp_path, voice=moved)
        made.append(one.discriminant(_chances(recipe, one.lesson, one.frames, group)).slopes.detach())
        made.append(one.discriminant(_chances(recipe, one.lesson, one.frames, Clips())).slopes.detach())
    assert torch.equal(made[0], made[2])
    assert not torch.equal(made[1], made[3])


def test_an_emotion_that_the_tested_corpus_lacks_is_borrowed(recipe: Recipe, tmp_path: Path) -> None:
    """Nobody in the target is happy; who is, is learned from others."""
    one = teacher(recipe, tmp_path)
    discriminant = one.discriminant(_chances(recipe, one.lesson, one.frames, Clips()))
    happy = np.flatnonzero([clip.emotion == "happy" for clip in one.frames.clips])
    assert (one.answers(discriminant, happy).argmax(axis=1) == EMOTIONS.index("happy")).mean() > 0.7


def test_heads_that_are_done_are_not_taught_again(recipe: Recipe, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    one, other = (teach_ensemble(teacher(recipe, folder), seed=0) for _ in range(2))
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")} == before
    np.testing.assert_array_equal(one.held_out[0], other.held_out[0])
    assert one.curves == other.curves


def test_a_head_that_is_missing_is_taught_to_be_the_same(recipe: Recipe, folder: Path) -> None:
    before = arrays(folder, "plain1")
    (folder / "plain1.npz").unlink()
    teach_ensemble(teacher(recipe, folder), seed=0)
    assert equal(arrays(folder, "plain1"), before)


def test_heads_of_another_training_are_refused(recipe: Recipe, folder: Path) -> None:
    with pytest.raises(ModelError, match="of another recipe or other clips; delete the folder, or give another one"):
        teach_ensemble(teacher(recipe, folder, key="other"), seed=0)


def test_another_seed_gives_other_heads(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    teach_ensemble(teacher(recipe, tmp_path), seed=1)
    assert not equal(arrays(folder, "attentive0"), arrays(tmp_path, "attentive0"))


def test_the_epoch_is_chosen_on_test_clips_where_a_protocol_says_so(recipe: Recipe, tmp_path: Path) -> None:
    """Test clips with labels that nothing can teach: some epoch is the best for them, and its weights are kept."""
    wrong = Clips(replace(clip, emotion="calm" if clip.emotion == "angry" else "angry") for clip in TEST)
    leaky = lesson(by="clip", chooser=wrong)

    def voice(clip: Clip, view: View) -> Heard:
        said = {"calm": "angry", "angry": "calm"}
        return by_emotion(replace(clip, emotion=said[clip.emotion]) if clip in set(wrong) else clip, view)

    taught = teach_ensemble(teacher(recipe, tmp_path, leaky, voice=voice), seed=0)
    assert taught.epoch < 3
    assert taught.curves[0][-1].validation_uar < 0.5
