"""Who may be learned from where somebody is tested: with real sounds, copies among them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips, duplicates
from hearfelt.corpora.splits import Fold, Leaks
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import (
    EMOBOX,
    LUNA_JIMENEZ,
    EvaluationProtocol,
    Plan,
    emotion_code,
    keep_labels,
    leaks_of,
    ravdess_names,
    refuse_incomplete,
    without_copies,
)


def named_after(root: Path, corpus: str, speakers: Sequence[str]) -> Clips:
    return Clips(
        Clip(corpus, root / corpus, f"{speaker}_{emotion}.wav", f"{corpus}/{speaker}", emotion)
        for speaker in speakers
        for emotion in ("calm", "sad")
    )


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Two speakers, each tested once; beside them a song of each, and another corpus with a copy of a tested clip."""
    own = named_after(tmp_path, "own", ("a", "b"))
    song = Clips(replace(clip, name=f"song_{clip.name}", channel="song") for clip in own.where(emotion="sad"))
    other = named_after(tmp_path, "other", ("x",))
    generator = np.random.default_rng(0)
    for clip in (*own, *song, *other):
        clip.root.mkdir(exist_ok=True)
        soundfile.write(clip.path, generator.normal(0, 0.1, 4000), 16_000)
    other[0].path.write_bytes(own[0].path.read_bytes())  # other/x says calm with the very sound of own/a
    auxiliary = Clips([*song, *other])
    folds = tuple(
        Fold(name, own.without(speaker=f"own/{who}"), own.where(speaker=f"own/{who}"))
        for name, who in ((1, "a"), (2, "b"))
    )
    protocol = EvaluationProtocol("mine", "", "", lambda clips, folds: [])
    return Plan(protocol, own, folds, (), {}, Leaks((), ()), auxiliary, tuple(duplicates([*own, *auxiliary])))


def test_neither_a_tested_speaker_s_song_nor_a_copy_of_a_tested_sound_is_learned_from(plan: Plan) -> None:
    first, second = plan.folds
    assert [clip.name for clip in plan.training_clips(first)] == [
        "b_calm.wav",
        "b_sad.wav",
        "song_b_sad.wav",
        "x_sad.wav",
    ]
    assert [clip.name for clip in plan.training_clips(second)] == [
        "a_calm.wav",
        "a_sad.wav",
        "song_a_sad.wav",
        "x_calm.wav",  # a copy of a clip that is learned from here
        "x_sad.wav",
    ]
    assert not leaks_of(plan)


def test_where_clips_are_divided_by_design_only_copies_stay_out(plan: Plan) -> None:
    leaky = replace(plan, protocol=replace(plan.protocol, by="clip", leaky=True))
    assert [clip.name for clip in leaky.training_clips(leaky.folds[0])][2:] == [
        "song_a_sad.wav",
        "song_b_sad.wav",
        "x_sad.wav",
    ]
    quiet = replace(plan, protocol=replace(plan.protocol, by="clip"))  # not listed as leaky, so not by design
    assert quiet.training_clips(quiet.folds[0]) == plan.training_clips(plan.folds[0])


def test_the_check_looks_at_lessons_and_test_together(plan: Plan) -> None:
    leaky = replace(plan, protocol=replace(plan.protocol, by="clip", leaky=True))
    assert leaks_of(leaky).speakers == ("own/a", "own/b")
    copied = replace(plan, folds=(Fold(1, Clips([plan.auxiliary[2]]), plan.folds[0].test),))
    [group] = leaks_of(copied).copies
    assert [clip.name for clip in group] == ["a_calm.wav", "x_calm.wav"]


def test_copies_are_told_by_their_sound_and_not_by_their_name(plan: Plan) -> None:
    tested = plan.folds[0].test
    assert [clip.name for clip in without_copies(plan.auxiliary, tested, plan.same_sound)] == [
        "song_a_sad.wav",
        "song_b_sad.wav",
        "x_sad.wav",
    ]
    assert without_copies(tested, tested, ()) == Clips()


def test_emotions_that_nobody_tells_apart_are_counted_beside_what_was_counted_before(plan: Plan) -> None:
    left_out = {"of sad, which mine does not know": 1}
    assert keep_labels(plan.clips, ("calm",), "mine", left_out).emotions == ("calm",)
    assert left_out == {"of sad, which mine does not know": 3}


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
