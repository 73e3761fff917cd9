from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError
from hearfelt.evaluation.published import EMOBOX, LUNA_JIMENEZ, emotion_code, ravdess_names, refuse_incomplete


@pytest.mark.parametrize("folds", [EMOBOX, LUNA_JIMENEZ])
def test_every_actor_is_tested_in_exactly_one_fold(folds: dict[int, tuple[int, ...]]) -> None:
    assert sorted(actor for actors in folds.values() for actor in actors) == list(range(1, 25))


def test_the_folds_are_those_that_were_copied_from_their_authors(corpora_home: Path) -> None:
    home = corpora_home.parent / "splits"
    emobox = json.loads((home / "emobox_ravdess_actor_folds.json").read_text())["test_actors"]
    assert {int(fold): tuple(map(int, actors)) for fold, actors in emobox.items()} == EMOBOX
    luna = json.loads((home / "luna_jimenez_ravdess_actor_folds.json").read_text())["folds"]
    assert {int(fold): tuple(actors) for fold, actors in luna.items()} == LUNA_JIMENEZ


def test_the_names_counted_out_are_those_of_the_real_corpus(ravdess: Path) -> None:
    clips = read_corpora({"ravdess": ravdess})
    for channel in ("speech", "song"):
        there = sorted(Path(clip.name).stem for clip in clips.where(channel=channel))
        assert there == sorted(ravdess_names(channel))


def test_the_code_of_a_name_is_its_emotion() -> None:
    assert {emotion_code(name) for name in ravdess_names("song")} == {"01", "02", "03", "04", "05", "06"}


def test_a_missing_clip_is_named(named: Clips) -> None:
    speech = named.where(channel="speech")
    gone = Clips(clip for clip in speech if "03-01-03-01-02-01-07" not in clip.name)
    with pytest.raises(CorpusError, match=r"1 of the 1,440 clips .* the first is 03-01-03-01-02-01-07"):
        refuse_incomplete(gone, ["speech"], range(1, 25), protocol="emobox-ravdess")


def test_a_clip_that_is_there_twice_is_named_with_both_places(named: Clips) -> None:
    speech = named.where(channel="speech")
    with pytest.raises(CorpusError, match=r"1,440 clips are there more than once, the first as .* and "):
        refuse_incomplete(Clips([*speech, *speech]), ["speech"], range(1, 25), protocol="emobox-ravdess")
