from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.audio.reader import read_audio
from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.tess import TESS


def test_every_part_of_a_name_is_read() -> None:
    (clip,) = TESS.parse(Path(), ["TESS/YAF_fear/YAF_back_fear.wav"]).clips
    assert (clip.speaker, clip.statement, clip.emotion) == ("tess/YAF", "back", "fearful")
    assert (clip.sex, clip.age, clip.language) == ("female", "26", "en")


def test_pleasant_surprise_is_surprised() -> None:
    assert TESS.parse(Path(), ["OAF_back_ps.wav"]).clips[0].emotion == "surprised"


def test_the_misspelt_name_is_the_one_that_was_meant() -> None:
    (clip,) = TESS.parse(Path(), ["OA_bite_neutral.wav"]).clips
    assert (clip.speaker, clip.statement, clip.emotion) == ("tess/OAF", "bite", "neutral")
    both = TESS.parse(Path(), ["OA_bite_neutral.wav", "OAF_bite_neutral.wav"])
    assert len(both.clips) == len(both.copies) == 1


def test_a_word_nobody_says_is_mislabelled() -> None:
    assert "none of the 200 words" in TESS.parse(Path(), ["OAF_hello_sad.wav"]).unrecognized["OAF_hello_sad.wav"]


def test_the_real_copy_is_as_published(corpora_home: Path) -> None:
    clips = read_corpus(corpora_home / "tess")
    assert len(clips) == TESS.clips == 2_800
    assert set(clips.count("emotion").values()) == {400}
    assert clips.count("speaker") == {"tess/OAF": 1_400, "tess/YAF": 1_400}
    assert len(clips.count("statement")) == 200


@pytest.mark.parametrize(
    ("name", "rate_hz"), [("YAF_germ_angry.wav", 24_414), ("YAF_neat_fear.wav", 24_414), ("OAF_food_fear.wav", 96_000)]
)
def test_aiff_inside_wav_and_another_rate_are_read_by_content(corpora_home: Path, name: str, rate_hz: int) -> None:
    root = corpora_home / "originals" / "tess"
    assert name in [clip.name for clip in read_corpus(root)]
    audio = read_audio(root / name)
    assert audio.rate_hz == rate_hz
    assert 1 < audio.duration_s < 3
