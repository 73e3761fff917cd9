from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpora, read_corpus
from hearfelt.corpora.emodb import EMODB


@pytest.mark.parametrize(
    ("letter", "emotion"),
    [
        ("W", "angry"),
        ("L", "boredom"),
        ("E", "disgust"),
        ("A", "fearful"),
        ("F", "happy"),
        ("T", "sad"),
        ("N", "neutral"),
    ],
)
def test_the_sixth_letter_is_the_emotion(letter: str, emotion: str) -> None:
    assert EMODB.parse(Path(), [f"wav/03a01{letter}a.wav"]).clips[0].emotion == emotion


def test_every_part_of_a_name_is_read() -> None:
    (clip,) = EMODB.parse(Path(), ["08b10Wb.wav"]).clips
    assert (clip.speaker, clip.sex, clip.age) == ("emodb/08", "female", "34")
    assert (clip.statement, clip.repetition, clip.language) == ("b10", "b", "de")


def test_five_women_and_five_men_speak() -> None:
    sexes = {speaker: EMODB.parse(Path(), [f"{speaker}a01Fa.wav"]).clips[0].sex for speaker in SPEAKERS}
    assert {speaker for speaker, sex in sexes.items() if sex == "male"} == {"03", "10", "11", "12", "15"}
    assert {speaker for speaker, sex in sexes.items() if sex == "female"} == {"08", "09", "13", "14", "16"}


SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")


@pytest.mark.parametrize("stem", ["04a01Fa", "03a03Fa", "03a01Xa"])
def test_a_mislabelled_name_is_a_stranger(stem: str) -> None:
    assert "does not exist" in EMODB.parse(Path(), [f"{stem}.wav"]).unrecognized[f"{stem}.wav"]


def test_the_real_copy_is_as_published(corpora_home: Path) -> None:
    published = EMODB.published
    assert published is not None
    clips = read_corpus(corpora_home / "emodb")
    assert len(clips) == EMODB.clips == 535
    assert {what: clips.count(what) for what in published.counts} == published.counts


def test_boredom_is_read_under_its_own_name_and_can_be_left_out(corpora_home: Path) -> None:
    clips = read_corpora({"emodb": corpora_home / "emodb"})
    assert clips.emotions[-1] == "boredom"
    assert len(clips.without(emotion="boredom")) == 454
