from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import CorpusError, HearfeltError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.training.recipe import Recipe
from hearfelt.training.single import named_speakers, train


@pytest.fixture(scope="module")
def one_epoch(quick: Recipe) -> Recipe:
    return quick.changed("fit", epochs=1)


def test_a_dropped_emotion_is_gone_from_everything(one_epoch: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    trained = train(one_epoch, toy_clips, tmp_path, drop=["neutral"])
    recognizer = Recognizer.load(trained.taught.model)
    wanted = ("calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    assert recognizer.card.labels == recognizer.labels == wanted
    assert recognizer.logits(toy_clips[0].path).shape == (7,)
    assert tuple(recognizer.recognize(toy_clips[0].path).probabilities) == wanted
    assert recognizer.card.corpora["toy"]["clips"] == 84


def test_speakers_kept_away_are_not_heard_and_not_even_read(one_epoch: Recipe, tmp_path: Path) -> None:
    clips = read_corpus(write_toy(tmp_path / "toy", speakers=4), "toy")
    for clip in clips.where(speaker="toy/03"):
        clip.path.write_bytes(b"nobody may read this")
    trained = train(one_epoch, clips, tmp_path / "out", without_speakers=["03"])
    card = Recognizer.load(trained.taught.model).card
    assert card.training_speakers == ("toy/01", "toy/02", "toy/04")
    assert trained.learned + trained.validation != ()
    assert "toy/03" not in trained.learned + trained.validation


def test_validation_speakers_are_not_learned_from(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    trained = train(plain, toy_clips, tmp_path)
    assert not set(trained.learned) & set(trained.validation)
    assert sorted(trained.learned + trained.validation) == list(toy_clips.speakers)


def test_the_same_seed_gives_the_same_file(one_epoch: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    first, second, other = (
        train(one_epoch, toy_clips, tmp_path / name, seed=seed).taught.model.read_bytes()
        for name, seed in (("first", 4), ("second", 4), ("other", 5))
    )
    assert first == second
    assert first != other


def test_a_folder_that_holds_a_training_is_refused_without_resume(
    plain: Recipe, toy_clips: Clips, tmp_path: Path
) -> None:
    done = train(plain, toy_clips, tmp_path).taught
    with pytest.raises(HearfeltError, match="holds a training; --resume goes on with it, or give another folder"):
        train(plain, toy_clips, tmp_path)
    assert train(plain, toy_clips, tmp_path, resume=True).taught == done


def test_resume_begins_where_there_is_nothing(plain: Recipe, toy_clips: Clips, tmp_path: Path) -> None:
    assert train(plain, toy_clips, tmp_path / "new", resume=True).taught.model.is_file()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda clips: clips.where(speaker="toy/01"), "1 speaker is there; training needs at least 2"),
        (lambda clips: clips.where(emotion="sad"), "only sad in 12 clips to learn from"),
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
