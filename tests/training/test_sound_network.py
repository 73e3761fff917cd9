"""Training a network that takes sound, from clips to a file: small heads and random encoders, but everything else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import ModelError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.hearfelt import LIMITS, WINDOW_S
from hearfelt.training.frames import EncoderFiles, cache_frames
from hearfelt.training.loop import EpochRow, read_curves
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.sound_network import prepare_frames, whitenings_for
from hearfelt.training.trainer import FLOAT_MODEL, MODEL, RUN, train_model
from hearfelt.training.training_set import EncoderFrames, TrainingSet, variants_of

LABELS = ("calm", "happy", "angry")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """A few epochs of small heads, every clip heard as it is and worn."""
    ensemble = {
        "groups": 2,
        "attentive_heads": 1,
        "plain_heads": 1,
        "epochs": 2,
        "plain_epochs": 2,
        "batch": 4,
        "whisper_width": 8,
        "moonshine_width": 8,
        "attentions": 1,
        "hidden": 8,
        "plain_hidden": 8,
    }
    copies = {"speed_change": 0.0, "degraded": True}
    return recipe_of({"name": "mine", "network": "hearfelt", "ensemble": ensemble, "copies": copies})


@pytest.fixture(scope="module")
def training_set(
    toy_clips: Clips, encoder_files: EncoderFiles, tmp_path_factory: pytest.TempPathFactory
) -> TrainingSet:
    """Four speakers who are calm or angry, and two of another corpus who are happy as well."""
    target = toy_clips.where(
        speaker=("toy/01", "toy/02", "toy/03", "toy/04"), emotion=("calm", "angry"), repetition="1"
    )
    root = write_toy(tmp_path_factory.mktemp("other"), speakers=2, clips_each=1, seed=3)
    other = Clips(
        replace(clip, corpus="folder", speaker=clip.speaker.replace("toy", "folder"))
        for clip in read_corpus(root, "toy").where(emotion=LABELS)
    )
    return TrainingSet(LABELS, Clips([*target, *other]), Clips(), EncoderFrames(target, files=encoder_files))


@pytest.fixture(scope="module")
def folder(recipe: Recipe, training_set: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model was taught without any interruption."""
    made = tmp_path_factory.mktemp("taught") / "run"
    train_model(recipe, training_set, made, seed=0)
    return made


# What comes of it


def test_a_model_comes_out_that_answers(folder: Path, training_set: TrainingSet) -> None:
    recognizer = Recognizer.load(folder / MODEL, threads=1)
    for clip in training_set.train[::5]:
        prediction = recognizer.recognize(clip.path)
        assert set(prediction.probabilities) == set(LABELS)
        assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    assert recognizer.embed(training_set.train[0].path).shape == (768,)


def test_its_card_says_whom_it_has_heard_and_what_it_can(
    folder: Path, training_set: TrainingSet, recipe: Recipe
) -> None:
    card = Recognizer.load(folder / MODEL, threads=1).card
    assert (card.name, card.labels, card.input, card.window_s) == ("mine", LABELS, "sound", WINDOW_S)
    assert card.training_speakers == training_set.clips.speakers
    assert {corpus: facts["clips"] for corpus, facts in card.corpora.items()} == {"toy": 8, "folder": 6}
    assert card.recipe == recipe.to_dict()
    assert set(LIMITS) <= set(card.limits)
    assert card.parameters > 15_000_000
    assert card.temperature > 0


def test_the_file_in_float32_says_the_same_and_is_larger(folder: Path, training_set: TrainingSet) -> None:
    small, large = (Recognizer.load(folder / name, threads=1) for name in (MODEL, FLOAT_MODEL))
    assert replace(small.card, known_answer={}) == replace(large.card, known_answer={})
    for clip in training_set.train[::7]:
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
    recipe: Recipe, training_set: TrainingSet, folder: Path, tmp_path: Path
) -> None:
    def stop(row: EpochRow) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(recipe, training_set, tmp_path, seed=0, on_epoch=stop)
    heads = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert len(heads) == 6  # two for each group, two that stay
    assert not (tmp_path / MODEL).exists()
    later: list[dict[Path, int]] = []
    trained = train_model(
        recipe,
        training_set,
        tmp_path,
        seed=0,
        on_epoch=lambda row: later.append({path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}),
    )
    assert later == [heads, heads]  # as they were, still there when the model is done
    assert (tmp_path / MODEL).read_bytes() == (folder / MODEL).read_bytes()
    assert trained.validation == json.loads((folder / RUN).read_text())["validation"]


def test_what_is_done_is_not_done_again(recipe: Recipe, training_set: TrainingSet, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    report: list[EpochRow] = []
    trained = train_model(recipe, training_set, folder, seed=0, on_epoch=report.append)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert (trained.path, trained.epoch, report) == (folder / MODEL, 2, [])


def test_another_training_in_the_folder_is_refused(recipe: Recipe, training_set: TrainingSet, folder: Path) -> None:
    with pytest.raises(ModelError, match="holds a model made with another recipe or from other clips"):
        train_model(recipe, training_set, folder, seed=1)


# Hearing beforehand


def _without(training_set: TrainingSet, speaker: str) -> TrainingSet:
    source = training_set.encoder_frames
    less = replace(source, target=source.target.without(speaker=speaker))
    return replace(training_set, train=training_set.train.without(speaker=speaker), features=less)


def test_after_preparing_nothing_is_left_to_hear(recipe: Recipe, training_set: TrainingSet) -> None:
    """Without many clips beside them, two folds hear through two whitenings, and both have to be heard."""
    folds = [_without(training_set, speaker) for speaker in ("toy/01", "toy/02")]
    counts: list[int] = []
    prepare_frames(recipe, folds, processes=1, progress=counts.append)
    assert sum(counts) == sum(len(variants_of(recipe, fold)) for fold in folds)
    for fold in folds:
        encoders, report = fold.encoder_frames.files.read(), []
        wanted = variants_of(recipe, fold)
        cache_frames(encoders, whitenings_for(encoders, fold), wanted, processes=1, progress=report.append)
        assert report == [len(wanted)]


def test_with_many_clips_beside_them_all_folds_hear_alike(
    recipe: Recipe, training_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hearfelt.training.sound_network._MIN_AUXILIARY", 6)  # 200 clips would take long
    folds = [_without(training_set, speaker) for speaker in ("toy/01", "toy/02")]
    counts: list[int] = []
    prepare_frames(recipe, folds, processes=1, progress=counts.append)
    assert sum(counts) == len({one for fold in folds for one in variants_of(recipe, fold)})


# The small sibling


@pytest.fixture(scope="module")
def small_recipe() -> Recipe:
    """A narrow ear that learns for a moment, and one small head."""
    student = {"width": 16, "fine_blocks": 1, "coarse_blocks": 2, "dimensions": 8, "epochs": 1, "batch": 4, "frames": 8}
    ensemble = {"groups": 2, "plain_heads": 1, "plain_epochs": 2, "plain_hidden": 8, "batch": 4}
    copies = {"speed_change": 0.0, "degraded": False}
    return recipe_of(
        {"name": "little", "network": "tiny", "distillation": student, "ensemble": ensemble, "copies": copies}
    )


@pytest.fixture(scope="module")
def small_folder(small_recipe: Recipe, training_set: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("small") / "run"
    train_model(small_recipe, training_set, made, seed=0)
    return made


def test_a_small_model_comes_out_that_answers(small_folder: Path, training_set: TrainingSet) -> None:
    recognizer = Recognizer.load(small_folder / MODEL, threads=1)
    assert recognizer.card.parameters < 50_000
    assert (small_folder / MODEL).stat().st_size < 500_000
    prediction = recognizer.recognize(training_set.train[0].path)
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    assert recognizer.embed(training_set.train[0].path).shape == (8,)


def test_the_same_ear_is_taken_again_and_gives_the_same_model(
    small_recipe: Recipe, training_set: TrainingSet, small_folder: Path, tmp_path: Path
) -> None:
    prepare_frames(small_recipe, [training_set])
    train_model(small_recipe, training_set, tmp_path / "run", seed=0)
    one, other = (Recognizer.load(folder / MODEL, threads=1) for folder in (small_folder, tmp_path / "run"))
    logits = [each.logits(training_set.train[0].path) for each in (one, other)]
    assert logits[0] == pytest.approx(logits[1], abs=1e-6)
