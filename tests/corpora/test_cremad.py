from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clip
from hearfelt.corpora.cremad import CREMAD

HEADER = '"ActorID","Age","Sex","Race","Ethnicity"\n'


def one(name: str, root: Path = Path("nowhere")) -> Clip:
    (clip,) = CREMAD.parse(root, [name]).clips
    return clip


def test_every_part_of_a_name_is_read() -> None:
    clip = one("AudioWAV/1001_IEO_HAP_HI.wav")
    assert (clip.speaker, clip.statement, clip.emotion, clip.intensity) == ("cremad/1001", "IEO", "happy", "high")
    assert clip.language == "en"


@pytest.mark.parametrize(
    ("code", "emotion"),
    [("ANG", "angry"), ("DIS", "disgust"), ("FEA", "fearful"), ("HAP", "happy"), ("NEU", "neutral"), ("SAD", "sad")],
)
def test_the_six_emotions_have_our_names(code: str, emotion: str) -> None:
    assert one(f"1001_TIE_{code}_XX.wav").emotion == emotion


def test_the_misnamed_clip_is_the_one_that_was_meant() -> None:
    misnamed, right = one("1040_ITH_SAD_X.wav"), one("1040_ITH_SAD_XX.wav")
    assert (misnamed.intensity, misnamed.emotion) == (right.intensity, right.emotion) == ("", "sad")
    reading = CREMAD.parse(Path("nowhere"), ["1040_ITH_SAD_X.wav", "1040_ITH_SAD_XX.wav"])
    assert len(reading.clips) == 1
    assert len(reading.copies) == 1


@pytest.mark.parametrize("table_beside", [True, False])
def test_demographics_are_read_beside_or_above_the_sound(tmp_path: Path, table_beside: bool) -> None:
    root = tmp_path / "AudioWAV"
    root.mkdir()
    table = (root if table_beside else tmp_path) / "VideoDemographics.csv"
    table.write_text(HEADER + '1005,29,"Female","Asian","Not Hispanic"\n')
    clip = one("1005_IEO_HAP_HI.wav", root)
    assert (clip.age, clip.sex) == ("29", "female")
    assert clip.extra == {"race": "Asian", "ethnicity": "Not Hispanic"}


def test_without_demographics_the_rest_is_known() -> None:
    clip = one("1005_IEO_HAP_HI.wav")
    assert (clip.age, clip.sex, clip.extra) == ("", "", {})


@pytest.mark.parametrize(
    "name", ["1001_IEO_BOR_HI.wav", "1001_AAA_HAP_HI.wav", "1001_IEO_HAP_ZZ.wav", "1092_IEO_HAP_HI.wav"]
)
def test_a_mislabelled_name_is_a_stranger(name: str) -> None:
    assert "does not exist" in CREMAD.parse(Path("nowhere"), [name]).unrecognized[name]


def test_contradicting_twins_and_the_silent_clip_are_kept_out_of_training(standins) -> None:
    twins = ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1013_WSI_SAD_XX", "1017_IWW_ANG_XX"]
    unfit = [*twins, "1017_IWW_FEA_XX", "1076_MTI_SAD_XX"]
    root = standins(*unfit, "1001_IEO_HAP_HI")
    assert [clip.name for clip in read_corpus(root)] == ["1001_IEO_HAP_HI.wav"]
    assert len(read_corpus(root, with_unfit=True)) == 8


def test_the_real_copy_is_as_published(corpora_home: Path) -> None:
    clips = read_corpus(corpora_home / "cremad", with_unfit=True)
    assert len(clips) == CREMAD.clips == 7_442
    assert clips.count("emotion") == {
        "neutral": 1_087,
        "happy": 1_271,
        "sad": 1_271,
        "angry": 1_271,
        "fearful": 1_271,
        "disgust": 1_271,
    }
    assert len(clips.speakers) == 91
    assert len({clip.speaker for clip in clips if clip.sex == "male"}) == 48
    assert {clip.extra["race"] for clip in clips} == {"African American", "Asian", "Caucasian", "Unknown"}
    assert len(read_corpus(corpora_home / "cremad")) == 7_435


def test_pointing_at_the_sound_folder_finds_the_same_people(corpora_home: Path, tmp_path: Path) -> None:
    whole = read_corpus(corpora_home / "cremad")
    inner = read_corpus(corpora_home / "cremad" / "AudioWAV")
    assert [(clip.sex, clip.age) for clip in whole] == [(clip.sex, clip.age) for clip in inner]
    # A few clips without any table above them.
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(whole[0].path, few)
    assert read_corpus(few)[0].sex == ""
