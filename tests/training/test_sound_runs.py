"""Runs of the network that takes sound: who stands on which side where a protocol tests somebody."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.splits import Fold, Leaks
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import RecipeError
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.protocols import Protocol, protocol_called
from hearfelt.evaluation.split_functions import by_clip
from hearfelt.training.augmented_copies import View
from hearfelt.training.ensemble import _groups
from hearfelt.training.frames import Encoders
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.runs import Run
from hearfelt.training.sound_runs import lesson_of, plan_sound_runs
from hearfelt.training.sound_training_set import PUBLISHED, EarFiles, SoundLesson, views_of


class HeldEars(EarFiles):
    """Ears that are in no file."""

    def __init__(self, held: Encoders) -> None:
        super().__init__()
        self.__dict__["held"] = held

    def read(self) -> Encoders:
        held: Encoders = self.__dict__["held"]
        return held


@pytest.fixture(scope="module")
def ears(encoders: Encoders) -> HeldEars:
    return HeldEars(encoders)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    ensemble = {
        "groups": 2,
        "attentive": 1,
        "plain": 1,
        "epochs": 1,
        "plain_epochs": 1,
        "batch": 4,
        "large_width": 8,
        "small_width": 8,
        "attentions": 1,
        "hidden": 8,
        "plain_hidden": 8,
    }
    views = {"spread": 0.0, "worn": False}
    return recipe_of({"name": "mine", "network": "hearfelt", "ensemble": ensemble, "views": views})


@pytest.fixture(scope="module")
def few(toy_clips: Clips) -> Clips:
    """Six speakers, two emotions, one take: twelve clips."""
    return toy_clips.where(emotion=("calm", "angry"), repetition="1")


@pytest.fixture(scope="module")
def songs(few: Clips, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """What the same people sing."""
    root = write_toy(tmp_path_factory.mktemp("songs"), clips_each=1, seed=5)
    sung = read_corpus(root, "toy").where(emotion=few.emotions)
    return Clips(replace(clip, channel="song") for clip in sung)


@pytest.fixture(scope="module")
def others(few: Clips, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Two people of another corpus."""
    root = write_toy(tmp_path_factory.mktemp("others"), speakers=2, clips_each=1, seed=8)
    said = read_corpus(root, "toy").where(emotion=few.emotions)
    return Clips(replace(clip, corpus="folder", speaker=clip.speaker.replace("toy", "folder")) for clip in said)


def of(run: Run) -> SoundLesson:
    assert isinstance(run.lesson, SoundLesson)
    return run.lesson


@pytest.fixture(scope="module")
def runs(recipe: Recipe, few: Clips, ears: EarFiles, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    plan = protocol_called("by-speaker").plan(few, folds=3)
    return plan_sound_runs(recipe, plan, seeds=2, out=tmp_path_factory.mktemp("out"), jobs=1, ears=ears)


def test_each_fold_is_run_with_each_seed(runs: list[Run]) -> None:
    assert [(run.fold, run.seed) for run in runs] == [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (3, 1)]
    assert len({run.folder for run in runs}) == 6


def test_nobody_tested_is_learned_from_or_asked(runs: list[Run]) -> None:
    for run in runs:
        lesson = of(run)
        assert not set(run.test.speakers) & set(lesson.clips.speakers)
        assert set(lesson.target) == set(lesson.learn)
        assert (len(lesson.copied), len(lesson.chooser), lesson.by) == (0, 0, "speaker")


def test_of_a_tested_speaker_no_song_is_learned_and_other_corpora_are(
    recipe: Recipe, few: Clips, songs: Clips, others: Clips, ears: EarFiles, tmp_path: Path
) -> None:
    protocol = protocol_called("by-speaker")
    tested = ("toy/01", "toy/02")
    fold = Fold(1, few.without(speaker=tested), few.where(speaker=tested))
    beside = Clips([*songs, *others])
    plan = Plan(protocol, few, (fold,), (), {}, Leaks((), ()), beside)
    (run,) = plan_sound_runs(recipe, plan, seeds=1, out=tmp_path, jobs=1, ears=ears)
    lesson = of(run)
    assert not {clip.speaker for clip, _ in views_of(recipe, lesson)} & set(tested)
    assert set(lesson.learn) == {*fold.train, *songs.without(speaker=tested), *others}
    assert set(lesson.target) == set(fold.train)  # song and others are learned from, and nobody is checked on them
    assert {clip.channel for group in _groups(lesson, 2, seed=0) for clip in group} == {"speech"}


def test_a_copy_of_a_tested_sound_is_not_learned(
    recipe: Recipe, few: Clips, others: Clips, ears: EarFiles, tmp_path: Path
) -> None:
    fold = Fold(1, few.without(speaker="toy/01"), few.where(speaker="toy/01"))
    twins = ((fold.test[0], others[0]),)
    plan = Plan(protocol_called("by-speaker"), few, (fold,), (), {}, Leaks((), ()), others, twins)
    (run,) = plan_sound_runs(recipe, plan, seeds=1, out=tmp_path, jobs=1, ears=ears)
    assert others[0] not in set(of(run).learn)
    assert others[1] in set(of(run).learn)


def step(**leaks: bool) -> Protocol:
    return Protocol("step", "", "", by_clip, by="clip", leaky=True, **leaks)


@pytest.mark.parametrize("chooses", [False, True])
def test_leaks_come_in_only_where_a_protocol_lets_them(
    recipe: Recipe, few: Clips, ears: EarFiles, tmp_path: Path, chooses: bool
) -> None:
    worn = recipe.changed("views", worn=True)
    plan = step(copies_of_test=True, chooses_on_test=chooses).plan(few, folds=2)
    run = plan_sound_runs(worn, plan, seeds=1, out=tmp_path, jobs=1, ears=ears)[0]
    lesson = of(run)
    assert lesson.by == "clip"
    assert lesson.copied == run.test
    assert lesson.chooser == (run.test if chooses else Clips())
    assert not set(lesson.learn) & set(run.test)
    ways = {view for clip, view in views_of(worn, lesson) if clip in set(run.test)}
    assert ways == ({View(), View(is_worn=True)} if chooses else {View(is_worn=True)})


def test_copies_of_test_clips_need_a_recipe_that_makes_some(
    recipe: Recipe, few: Clips, ears: EarFiles, tmp_path: Path
) -> None:
    with pytest.raises(
        RecipeError, match=r"mine makes no copies; it needs spread = 0\.1 or worn = true under \[views\]"
    ):
        plan_sound_runs(recipe, step(copies_of_test=True).plan(few, folds=2), seeds=1, out=tmp_path, ears=ears)


def test_progress_counts_every_view_once(recipe: Recipe, few: Clips, ears: EarFiles, tmp_path: Path) -> None:
    said: list[tuple[str, int]] = []
    counts: list[int] = []

    def bars(label: str, total: int) -> nullcontext[object]:
        said.append((label, total))
        return nullcontext(counts.append)

    plan = protocol_called("by-speaker").plan(few, folds=2)
    plan_sound_runs(recipe, plan, seeds=1, out=tmp_path, jobs=1, ears=ears, bars=bars)  # type: ignore[arg-type]
    assert said == [("hearing sounds", sum(counts))]


# A single model


def test_a_single_models_groups_are_of_the_recipes_own_corpus(
    recipe: Recipe, few: Clips, songs: Clips, others: Clips
) -> None:
    own = recipe.changed("ensemble", target="toy")
    everything = Clips([*others, *songs, *few])
    lesson = lesson_of(own, everything, PUBLISHED)
    assert set(lesson.target) == set(few)
    assert (lesson.learn, lesson.by, lesson.labels) == (everything, "speaker", few.emotions)


def test_without_the_recipes_own_corpus_all_clips_are_divided(recipe: Recipe, others: Clips) -> None:
    assert recipe.ensemble.target == "ravdess"
    assert lesson_of(recipe, others, PUBLISHED).target == others


def test_copies_within_the_clips_are_known(recipe: Recipe, others: Clips, tmp_path: Path) -> None:
    twin = replace(others[0], root=tmp_path, name="twin.wav", speaker="folder/other")
    twin.path.write_bytes(others[0].path.read_bytes())
    lesson = lesson_of(recipe, Clips([*others, twin]), PUBLISHED)
    assert lesson.same_sound == ((others[0], twin),)
