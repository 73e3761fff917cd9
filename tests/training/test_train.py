from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import CorpusError, HearfeltError, RecipeError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.training.loop import EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.train import TrainingOptions, named_speakers, sound_set, track, train


@pytest.fixture(scope="module")
def one_epoch(quick: Recipe) -> Recipe:
    return quick.changed("fit", epochs=1)


def test_a_dropped_emotion_is_gone_from_everything(one_epoch: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    result = train(one_epoch, toy_clips, tmp_path, TrainingOptions(drop=["neutral"]))
    recognizer = Recognizer.load(result.model.path)
    wanted = ("calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert recognizer.card.labels == recognizer.labels == wanted
    assert recognizer.logits(toy_clips[0].path).shape == (7,)
    assert tuple(recognizer.recognize(toy_clips[0].path).probabilities) == wanted
    assert recognizer.card.corpora["toy"]["clips"] == 84


def test_speakers_kept_away_are_not_heard_and_not_even_read(one_epoch: Recipe, tmp_path: Path) -> None:
    clips = read_corpus(write_toy(tmp_path / "toy", speakers=4), "toy")
    for clip in clips.where(speaker="toy/03"):
        clip.path.write_bytes(b"nobody may read this")
    result = train(one_epoch, clips, tmp_path / "out", TrainingOptions(without_speakers=["03"]))
    card = Recognizer.load(result.model.path).card
    assert card.training_speakers == ("toy/01", "toy/02", "toy/04")
    assert result.train_speakers + result.validation_speakers != ()
    assert "toy/03" not in result.train_speakers + result.validation_speakers


def test_validation_speakers_are_not_learned_from(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    result = train(plain, toy_clips, tmp_path)
    assert not set(result.train_speakers) & set(result.validation_speakers)
    assert sorted(result.train_speakers + result.validation_speakers) == list(toy_clips.speakers)
    assert result.train_clips == sum(clip.speaker in result.train_speakers for clip in toy_clips)


def test_the_same_seed_gives_the_same_file(one_epoch: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    first, second, other = (
        train(one_epoch, toy_clips, tmp_path / name, TrainingOptions(seed=seed)).model.path.read_bytes()
        for name, seed in (("first", 4), ("second", 4), ("other", 5))
    )
    assert first == second
    assert first != other


def test_a_folder_that_holds_a_training_is_refused_without_resume(
    plain: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    done = train(plain, toy_clips, tmp_path).model
    with pytest.raises(HearfeltError, match="holds a training; --resume goes on with it, or give another folder"):
        train(plain, toy_clips, tmp_path)
    assert train(plain, toy_clips, tmp_path, TrainingOptions(resume=True)).model == done


def test_resume_begins_where_there_is_nothing(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    assert train(plain, toy_clips, tmp_path / "new", TrainingOptions(resume=True)).model.path.is_file()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda clips: clips.where(speaker="toy/01"), "1 speaker is there; training needs at least 2"),
        (lambda clips: clips.where(emotion="sad"), "only sad in 12 clips to train on"),
        (lambda clips: Clips(replace(c, speaker="toy/unknown") for c in clips), "96 clips are without a speaker"),
    ],
)
def test_what_cannot_be_honest_is_refused(
    spoil: object, sentence: str, plain: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=sentence):
        train(plain, spoil(toy_clips), tmp_path / "out")  # type: ignore[operator]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("07", "no speaker is called '07'; a name looks like ravdess/06"),
        ("ravdes/06", "no speaker is called 'ravdes/06'; a name looks like ravdess/06"),
        ("08", "'08' may be emodb/08 or ravdess/08; give the whole name"),
    ],
)
def test_a_speaker_must_be_clear(name: str, sentence: str) -> None:
    with pytest.raises(CorpusError, match=sentence):
        named_speakers([name], ["ravdess/06", "emodb/08", "ravdess/08"])


# Networks that take sound


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe("mine", "hearfelt")


def test_a_single_models_groups_are_of_the_recipes_own_corpus(
    recipe: Recipe, few: Clips, songs: Clips, others: Clips
) -> None:
    own = recipe.changed("heads", target="toy")
    everything = Clips([*others, *songs, *few])
    training_set = sound_set(own, everything)
    assert set(training_set.encoder_source.target) == set(few)
    assert (training_set.train, training_set.encoder_source.by, training_set.labels) == (
        everything,
        "speaker",
        few.emotions,
    )


def test_without_the_recipes_own_corpus_all_clips_are_divided(recipe: Recipe, others: Clips) -> None:
    assert recipe.heads.target == "ravdess"
    assert sound_set(recipe, others).encoder_source.target == others


def test_copies_within_the_clips_are_known(recipe: Recipe, others: Clips, tmp_path: Path) -> None:
    twin = replace(others[0], root=tmp_path, name="twin.wav", speaker="folder/other")
    twin.path.write_bytes(others[0].path.read_bytes())
    training_set = sound_set(recipe, Clips([*others, twin]))
    assert training_set.encoder_source.same_sound == ((others[0], twin),)


ROWS = [EpochRow(epoch, 2.0 / epoch, 0.5, 1.0, 0.5, 0.25 * epoch, 1e-3, 1.0) for epoch in (1, 2)]


def _told(kind: str | None, folder: Path, recipe: Recipe) -> None:
    with track(kind, folder, recipe, seed=3) as report:
        for row in ROWS:
            report(row)


def test_no_tracker_leaves_nothing(quick: Recipe, tmp_path: Path) -> None:
    _told(None, tmp_path, quick)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_gets_every_epoch(quick: Recipe, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    _told("tensorboard", tmp_path, quick)
    read = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in read.Scalars("validation_uar")] == [(1, 0.25), (2, 0.5)]


def test_mlflow_gets_recipe_and_epochs_without_a_server(
    quick: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    pytest.importorskip("sqlalchemy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _told("mlflow", tmp_path, quick)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("quick").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["fit.epochs"] == "3"
    assert run.data.params["seed"] == "3"
    history = client.get_metric_history(run.info.run_id, "validation_uar")
    assert [(one.step, one.value) for one in history] == [(1, 0.25), (2, 0.5)]


def test_an_unknown_tracker_is_one_sentence(quick: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--track tensorbord: there is no such tracker; did you mean tensorboard"):
        _told("tensorbord", tmp_path, quick)
