"""Teaching the network that takes sound, from clips to a file: small heads and random ears, but everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import soundfile
from torch import Tensor

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import ModelError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.hearfelt import LIMITS, WINDOW_S
from hearfelt.training.frames import Encoders, keep_frames
from hearfelt.training.loop import EpochRow, read_curves
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.sound import FLOAT_MODEL, _whitenings, prepare, sound_key, teach_sound
from hearfelt.training.sound_training_set import EarFiles, SoundLesson, views_of
from hearfelt.training.trainer import MODEL, RUN

LABELS = ("calm", "happy", "angry")


@dataclass(frozen=True)
class HeldEars(EarFiles):
    """Ears that are in no file."""

    held: Encoders | None = None

    def read(self) -> Encoders:
        assert self.held is not None
        return self.held


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """A few epochs of small heads, every clip heard as it is and worn."""
    ensemble = {
        "groups": 2,
        "attentive": 1,
        "plain": 1,
        "epochs": 2,
        "plain_epochs": 2,
        "batch": 4,
        "large_width": 8,
        "small_width": 8,
        "attentions": 1,
        "hidden": 8,
        "plain_hidden": 8,
    }
    views = {"spread": 0.0, "worn": True}
    return recipe_of({"name": "mine", "network": "hearfelt", "ensemble": ensemble, "views": views})


@pytest.fixture(scope="module")
def lesson(toy_clips: Clips, encoders: Encoders, tmp_path_factory: pytest.TempPathFactory) -> SoundLesson:
    """Four speakers who are calm or angry, and two of another corpus who are happy as well."""
    target = toy_clips.where(
        speaker=("toy/01", "toy/02", "toy/03", "toy/04"), emotion=("calm", "angry"), repetition="1"
    )
    root = write_toy(tmp_path_factory.mktemp("other"), speakers=2, clips_each=1, seed=3)
    other = Clips(
        replace(clip, corpus="folder", speaker=clip.speaker.replace("toy", "folder"))
        for clip in read_corpus(root, "toy").where(emotion=LABELS)
    )
    return SoundLesson(LABELS, Clips([*target, *other]), target, ears=HeldEars(held=encoders))


@pytest.fixture(scope="module")
def folder(recipe: Recipe, lesson: SoundLesson, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model was taught without any interruption."""
    made = tmp_path_factory.mktemp("taught") / "run"
    teach_sound(recipe, lesson, made, seed=0)
    return made


# What comes of it


def test_a_model_comes_out_that_answers(folder: Path, lesson: SoundLesson) -> None:
    recognizer = Recognizer.load(folder / MODEL, threads=1)
    for clip in lesson.learn[::5]:
        answer = recognizer.recognize(clip.path)
        assert set(answer.probabilities) == set(LABELS)
        assert sum(answer.probabilities.values()) == pytest.approx(1.0)
    assert recognizer.embed(lesson.learn[0].path).shape == (768,)


def test_its_card_says_whom_it_has_heard_and_what_it_can(folder: Path, lesson: SoundLesson, recipe: Recipe) -> None:
    card = Recognizer.load(folder / MODEL, threads=1).card
    assert (card.name, card.labels, card.input, card.window_s) == ("mine", LABELS, "sound", WINDOW_S)
    assert card.training_speakers == lesson.clips.speakers
    assert {corpus: facts["clips"] for corpus, facts in card.corpora.items()} == {"toy": 8, "folder": 6}
    assert card.recipe == recipe.to_dict()
    assert set(LIMITS) <= set(card.limits)
    assert card.parameters > 15_000_000
    assert card.temperature > 0


def test_the_file_in_float32_says_the_same_and_is_larger(folder: Path, lesson: SoundLesson) -> None:
    small, large = (Recognizer.load(folder / name, threads=1) for name in (MODEL, FLOAT_MODEL))
    assert replace(small.card, known_answer={}) == replace(large.card, known_answer={})
    for clip in lesson.learn[::7]:
        one, other = (each.recognize(clip.path).probabilities for each in (small, large))
        assert dict(one) == pytest.approx(dict(other), abs=0.05)
    assert (folder / MODEL).stat().st_size < 0.4 * (folder / FLOAT_MODEL).stat().st_size


def test_it_leaves_curves_and_figures_and_no_head(folder: Path) -> None:
    assert [row["epoch"] for row in read_curves(folder)] == [1, 2]
    run = json.loads((folder / RUN).read_text())
    assert run["epoch"] == 2
    assert 0 <= run["validation"]["uar"] <= 1
    assert sorted(path.name for path in folder.iterdir()) == sorted([MODEL, FLOAT_MODEL, RUN, "curves.jsonl"])


# Going on


def test_a_training_that_was_stopped_goes_on_without_teaching_a_head_twice(
    recipe: Recipe, lesson: SoundLesson, folder: Path, tmp_path: Path
) -> None:
    def stop(row: EpochRow) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teach_sound(recipe, lesson, tmp_path, seed=0, on_epoch=stop)
    heads = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert len(heads) == 6  # two for each group, two that stay
    (tmp_path / MODEL).unlink()
    later: list[dict[Path, int]] = []
    taught = teach_sound(
        recipe,
        lesson,
        tmp_path,
        seed=0,
        on_epoch=lambda row: later.append({path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}),
    )
    assert later == [heads, heads]  # as they were, still there when the model is done
    assert (tmp_path / MODEL).read_bytes() == (folder / MODEL).read_bytes()
    assert taught.validation == json.loads((folder / RUN).read_text())["validation"]


def test_what_is_done_is_not_done_again(recipe: Recipe, lesson: SoundLesson, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    told: list[EpochRow] = []
    taught = teach_sound(recipe, lesson, folder, seed=0, on_epoch=told.append)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert (taught.model, taught.epoch, told) == (folder / MODEL, 2, [])


def test_another_training_in_the_folder_is_refused(recipe: Recipe, lesson: SoundLesson, folder: Path) -> None:
    with pytest.raises(ModelError, match="holds a model made with another recipe or from other clips"):
        teach_sound(recipe, lesson, folder, seed=1)


# The name of a training


def _relabelled(lesson: SoundLesson) -> SoundLesson:
    clips = [replace(clip, emotion="happy" if place == 9 else clip.emotion) for place, clip in enumerate(lesson.learn)]
    return replace(lesson, learn=Clips(clips))


CHANGES: dict[str, Callable[[SoundLesson], SoundLesson]] = {
    "fewer clips": lambda lesson: replace(lesson, learn=lesson.learn[1:]),
    "another order": lambda lesson: replace(lesson, learn=lesson.learn[::-1]),
    "another label": _relabelled,
    "another target": lambda lesson: replace(lesson, target=lesson.target[1:]),
    "divided by clip": lambda lesson: replace(lesson, by="clip"),
    "other labels": lambda lesson: replace(lesson, labels=LABELS[::-1]),
    "test clips copied": lambda lesson: replace(lesson, copied=lesson.learn[-2:]),
    "an epoch chosen": lambda lesson: replace(lesson, chooser=lesson.learn[-2:]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_the_weights_is_in_the_name(recipe: Recipe, lesson: SoundLesson, change: str) -> None:
    assert sound_key(recipe, CHANGES[change](lesson), 0) != sound_key(recipe, lesson, 0)


def test_recipe_seed_and_ears_are_in_the_name_and_words_are_not(recipe: Recipe, lesson: SoundLesson) -> None:
    key = sound_key(recipe, lesson, 0)
    assert sound_key(recipe, lesson, 1) != key
    assert sound_key(recipe.changed("ensemble", plain=2), lesson, 0) != key
    assert sound_key(recipe.changed("views", worn=False), lesson, 0) != key
    assert sound_key(replace(recipe, description="Other words."), lesson, 0) == key
    assert isinstance(lesson.ears, HeldEars)
    assert lesson.ears.held is not None
    weights: dict[str, Tensor] = {**lesson.ears.held.moonshine}
    weights["conv3.bias"] = weights["conv3.bias"] + 1.0
    other = replace(lesson, ears=HeldEars(held=replace(lesson.ears.held, moonshine=weights)))
    assert sound_key(recipe, other, 0) != key


def test_the_sound_is_in_the_name_and_the_folder_is_not(recipe: Recipe, lesson: SoundLesson, tmp_path: Path) -> None:
    moved = Clips(replace(clip, root=tmp_path / clip.corpus) for clip in lesson.learn)
    for clip, copy in zip(lesson.learn, moved, strict=True):
        copy.path.parent.mkdir(exist_ok=True)
        copy.path.write_bytes(clip.path.read_bytes())
    there = replace(lesson, learn=moved, target=moved.where(corpus="toy"))
    assert sound_key(recipe, there, 0) == sound_key(recipe, lesson, 0)
    soundfile.write(moved[3].path, 0.5 * soundfile.read(moved[3].path)[0], 16_000)
    assert sound_key(recipe, there, 0) != sound_key(recipe, lesson, 0)


# Hearing beforehand


def test_after_preparing_nothing_is_left_to_hear(recipe: Recipe, lesson: SoundLesson) -> None:
    """Without many clips beside them, two folds hear through two whitenings, and both have to be heard."""
    folds = [
        replace(lesson, learn=lesson.learn.without(speaker=speaker), target=lesson.target.without(speaker=speaker))
        for speaker in ("toy/01", "toy/02")
    ]
    counts: list[int] = []
    prepare(recipe, folds, processes=1, progress=counts.append)
    assert sum(counts) == sum(len(views_of(recipe, fold)) for fold in folds)
    for fold in folds:
        encoders, told = fold.ears.read(), []
        wanted = views_of(recipe, fold)
        keep_frames(encoders, _whitenings(encoders, fold), wanted, processes=1, progress=told.append)
        assert told == [len(wanted)]


def test_with_many_clips_beside_them_all_folds_hear_alike(
    recipe: Recipe, lesson: SoundLesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hearfelt.training.sound._ENOUGH", 6)  # 200 clips would take long
    folds = [
        replace(lesson, learn=lesson.learn.without(speaker=speaker), target=lesson.target.without(speaker=speaker))
        for speaker in ("toy/01", "toy/02")
    ]
    counts: list[int] = []
    prepare(recipe, folds, processes=1, progress=counts.append)
    assert sum(counts) == len({one for fold in folds for one in views_of(recipe, fold)})


# The small sibling


@pytest.fixture(scope="module")
def small_recipe() -> Recipe:
    """A narrow ear that learns for a moment, and one small head."""
    ear = {"width": 16, "fine": 1, "coarse": 2, "imitated": 8, "epochs": 1, "batch": 4, "frames": 8}
    ensemble = {"groups": 2, "plain": 1, "plain_epochs": 2, "plain_hidden": 8, "batch": 4}
    views = {"spread": 0.0, "worn": False}
    return recipe_of({"name": "little", "network": "tiny", "ear": ear, "ensemble": ensemble, "views": views})


@pytest.fixture(scope="module")
def small_folder(small_recipe: Recipe, lesson: SoundLesson, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("small") / "run"
    teach_sound(small_recipe, lesson, made, seed=0)
    return made


def test_a_small_model_comes_out_that_answers(small_folder: Path, lesson: SoundLesson) -> None:
    recognizer = Recognizer.load(small_folder / MODEL, threads=1)
    assert recognizer.card.parameters < 50_000
    assert (small_folder / MODEL).stat().st_size < 500_000
    answer = recognizer.recognize(lesson.learn[0].path)
    assert sum(answer.probabilities.values()) == pytest.approx(1.0)
    assert recognizer.embed(lesson.learn[0].path).shape == (8,)


def test_the_same_ear_is_taken_again_and_gives_the_same_model(
    small_recipe: Recipe, lesson: SoundLesson, small_folder: Path, tmp_path: Path
) -> None:
    prepare(small_recipe, [lesson])
    teach_sound(small_recipe, lesson, tmp_path / "run", seed=0)
    one, other = (Recognizer.load(folder / MODEL, threads=1) for folder in (small_folder, tmp_path / "run"))
    logits = [each.logits(lesson.learn[0].path) for each in (one, other)]
    assert logits[0] == pytest.approx(logits[1], abs=1e-6)
