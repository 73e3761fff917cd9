from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_folder
from hearfelt.corpora.check import count, missing_from, published_clips, published_counts, surplus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.cremad import CREMAD
from hearfelt.corpora.emodb import EMODB
from hearfelt.corpora.folder import FOLDER
from hearfelt.corpora.ravdess import RAVDESS

NOWHERE = Path("nowhere")


def emodb(*stems: str) -> Clips:
    return Clips(EMODB.parse(NOWHERE, [f"{stem}.wav" for stem in stems]).clips)


def test_clips_are_counted_by_four_things() -> None:
    assert count(emodb("03a01Fa", "03a01Wa", "08a01Fa"), {}) == {
        "channel": {"speech": 3},
        "emotion": {"happy": 2, "angry": 1},
        "actor": {"03": 2, "08": 1},
        "sex": {"female": 1, "male": 2},
    }


def test_what_is_wanted_and_lacking_counts_0() -> None:
    counts = count(emodb("03a01Fa"), {"emotion": {"happy": 71, "sad": 62}})
    assert counts["emotion"] == {"happy": 1, "sad": 0}


def test_an_unknown_sex_is_called_so(tmp_path: Path) -> None:
    assert count(Clips(FOLDER.parse(tmp_path, ["sad/1.wav"]).clips), {})["sex"] == {"unknown": 1}


def test_one_channel_of_ravdess_can_be_wanted_alone() -> None:
    song = published_counts(RAVDESS, published_clips(RAVDESS, NOWHERE, "song"))
    assert song["channel"] == {"song": 1_012}
    assert "18" not in song["actor"]
    assert set(song["actor"].values()) == {44}
    speech = published_counts(RAVDESS, published_clips(RAVDESS, NOWHERE, "speech"))
    assert set(speech["actor"].values()) == {60}


def test_one_missing_clip_is_named() -> None:
    published = published_clips(RAVDESS, NOWHERE)
    wanted = published_counts(RAVDESS, published)
    assert missing_from(published, published, wanted) == ()
    assert missing_from(published[1:], published, wanted) == ("03-01-01-01-01-01-01",)


def test_where_names_are_unknown_the_actor_is_said() -> None:
    wanted = {"channel": {"speech": 3}, "emotion": {"happy": 3}, "actor": {"03": 2, "08": 5}, "sex": {}}
    assert missing_from(emodb("03a01Fa"), Clips(), wanted) == ("1 of 2 clips of actor 03", "all 5 clips of actor 08")


def test_if_every_actor_is_whole_the_emotion_is_said() -> None:
    wanted = {"actor": {"03": 1}, "emotion": {"sad": 2}}
    assert missing_from(emodb("03a01Fa"), Clips(), wanted) == ("all 2 clips of emotion sad",)


def test_a_well_formed_name_that_was_never_published_is_named() -> None:
    clips = Clips(CREMAD.parse(NOWHERE, ["1008_WSI_ANG_XX.wav", "1008_TIE_ANG_XX.wav"]).clips)
    assert surplus(clips, published_clips(CREMAD, NOWHERE)) == {"1008_WSI_ANG_XX.wav": "not among the published clips"}


def test_nothing_is_wanted_of_your_own_recordings() -> None:
    assert published_counts(FOLDER, published_clips(FOLDER, NOWHERE)) == {}


@pytest.mark.parametrize("name", ["ravdess", "cremad", "tess", "emodb", "nemo"])
def test_nothing_is_missing_from_the_real_corpora(corpora_home: Path, name: str) -> None:
    found = read_folder(corpora_home / name)
    clips, published = Clips(found.reading.clips), published_clips(found.form, found.root)
    wanted = published_counts(found.form, published)
    assert missing_from(clips, published, wanted) == ()
    assert count(clips, wanted) == wanted
    assert (found.reading.unrecognized, found.reading.copies, surplus(clips, published)) == ({}, {}, {})
