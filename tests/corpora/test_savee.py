from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.catalog import identify, read_corpus
from hearfelt.corpora.check import count, missing_from, published_clips, published_counts
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.savee import SAVEE


@pytest.mark.parametrize(
    ("letters", "emotion"),
    [
        ("a", "angry"),
        ("d", "disgust"),
        ("f", "fearful"),
        ("h", "happy"),
        ("n", "neutral"),
        ("sa", "sad"),
        ("su", "surprised"),
    ],
)
@pytest.mark.parametrize("start", ["KL_", "AudioData/KL/"])
def test_both_ways_of_naming_are_read(letters: str, emotion: str, start: str) -> None:
    (clip,) = SAVEE.parse(Path(), [f"{start}{letters}07.wav"]).clips
    assert (clip.speaker, clip.emotion, clip.statement) == ("savee/KL", emotion, "07")
    assert (clip.sex, clip.language) == ("male", "en")


def test_sixteen_exists_for_neutral_alone() -> None:
    assert SAVEE.parse(Path(), ["DC_n30.wav"]).clips
    assert (
        "sentence 16 of angry does not exist; 01 to 15 do"
        in SAVEE.parse(Path(), ["DC_a16.wav"]).unrecognized["DC_a16.wav"]
    )


def test_without_speakers_in_folder_or_name_it_is_not_known(standins) -> None:
    root = standins("DC/a01", "DC/sa02", "KL/n30")
    assert identify(root) == "savee"
    assert read_corpus(root).speakers == ("savee/DC", "savee/KL")


@pytest.mark.parametrize("mark", ["_", "/"])
def test_the_names_of_all_480_are_complete(every_stem, mark: str) -> None:
    reading = SAVEE.parse(Path(), [f"{stem.replace('_', mark)}.wav" for stem in every_stem("savee")])
    clips, published = Clips(reading.clips), published_clips(SAVEE, Path())
    assert missing_from(clips, published, published_counts(SAVEE, published)) == ()
    assert len(clips) == SAVEE.clips == 480
    assert clips.count("emotion") == {
        "neutral": 120,
        "happy": 60,
        "sad": 60,
        "angry": 60,
        "fearful": 60,
        "disgust": 60,
        "surprised": 60,
    }
    assert count(clips, {})["actor"] == {"DC": 120, "JE": 120, "JK": 120, "KL": 120}
