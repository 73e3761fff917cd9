from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.clips import Clip, Clips, duplicates
from hearfelt.corpora.splits import hold_out_speakers
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import EvaluationProtocol, Plan
from hearfelt.evaluation.protocols import by_clip, protocol_called
from hearfelt.training.data_selection import generator_for, parts_of, select, split_validation
from hearfelt.training.settings import Validation

HALF = Validation(speakers=0.5, clips=0.25)


def test_speakers_stand_on_one_side(toy_clips: Clips) -> None:
    train, validation = split_validation(toy_clips, "speaker", HALF, np.random.default_rng(0))
    assert len(validation.speakers) == 3
    assert not set(train.speakers) & set(validation.speakers)
    assert sorted([*train, *validation], key=lambda clip: clip.name) == list(toy_clips)


def test_clips_are_drawn_evenly_from_each_emotion(toy_clips: Clips) -> None:
    train, validation = split_validation(toy_clips, "clip", HALF, np.random.default_rng(0))
    assert set(validation.count("emotion").values()) == {3}
    assert not set(train) & set(validation)


def test_copies_of_a_sound_stand_on_one_side(toy_clips: Clips, tmp_path: Path) -> None:
    own = [replace(clip, root=tmp_path) for clip in toy_clips.where(emotion=("sad", "calm"))]
    for clip in own:
        shutil.copy(toy_clips[0].root / clip.name, clip.path)
    twice = Clips([*own, *(replace(clip, name=f"again_{clip.name}") for clip in own)])
    for clip in own:
        shutil.copy(clip.path, tmp_path / f"again_{clip.name}")
    only = Clip("toy", tmp_path, "other.wav", "toy/01", "calm")
    extra = Clip("toy", tmp_path, "more.wav", "toy/02", "sad")
    for index, clip in enumerate((only, extra)):
        soundfile.write(clip.path, np.sin(np.arange(8000) / (index + 3)), 16_000)
    for seed in range(5):
        train, validation = split_validation(
            Clips([*twice, only, extra]), "clip", Validation(clips=0.9), np.random.default_rng(seed)
        )
        both = {clip.path.read_bytes() for clip in train} & {clip.path.read_bytes() for clip in validation}
        assert validation
        assert not both


def test_one_speaker_is_refused(toy_clips: Clips) -> None:
    with pytest.raises(CorpusError, match="1 speaker is there; training needs at least 2"):
        split_validation(toy_clips.where(speaker="toy/01"), "speaker", HALF, np.random.default_rng(0))


def test_unknown_speakers_are_refused(toy_clips: Clips) -> None:
    nobody = Clips(replace(clip, speaker="toy/unknown") for clip in toy_clips)
    with pytest.raises(CorpusError, match="96 clips are without a speaker"):
        split_validation(nobody, "speaker", HALF, np.random.default_rng(0))


def test_an_emotion_of_held_out_speakers_alone_is_refused(toy_clips: Clips) -> None:
    only_one = Clips(clip for clip in toy_clips if clip.emotion != "sad" or clip.speaker == "toy/03")
    drawn = {seed: hold_out_speakers(only_one, share=0.5, generator=np.random.default_rng(seed)) for seed in range(20)}
    excluded = next(seed for seed, (_, validation) in drawn.items() if "toy/03" in validation.speakers)
    with pytest.raises(CorpusError, match="every clip of sad is of a speaker held out for validation"):
        split_validation(only_one, "speaker", HALF, np.random.default_rng(excluded))
    there = next(seed for seed, (train, _) in drawn.items() if "toy/03" in train.speakers)
    assert "sad" in split_validation(only_one, "speaker", HALF, np.random.default_rng(there))[0].emotions


def test_one_emotion_is_refused(toy_clips: Clips) -> None:
    with pytest.raises(CorpusError, match="only sad in 12 clips to train on; at least 2 emotions"):
        select(toy_clips.where(emotion="sad"))
    with pytest.raises(CorpusError, match="nothing in 0 clips"):
        select(Clips())


def test_dropped_emotions_are_gone_and_unknown_ones_told(toy_clips: Clips) -> None:
    assert "neutral" not in select(toy_clips, drop=["neutral"]).clips.emotions
    with pytest.raises(CorpusError, match="--drop boredom: no clip has this label"):
        select(toy_clips, drop=["boredom"])


def test_labels_beyond_the_eight_are_left_out_and_counted(toy_clips: Clips) -> None:
    bored = Clips(replace(clip, emotion="boredom") if clip.emotion == "sad" else clip for clip in toy_clips)
    selection = select(bored)
    assert len(selection.clips) == 84
    assert selection.left_out == {"of boredom, which is not one of hearfelt's emotions": 12}


def test_silent_and_contradicting_clips_are_left_out(toy_clips: Clips, tmp_path: Path) -> None:
    sad, calm = toy_clips.where(emotion="sad")[0], toy_clips.where(emotion="calm")[0]
    shutil.copy(sad.path, tmp_path / "sad.wav")
    shutil.copy(sad.path, tmp_path / "calm.wav")
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    odd = [
        replace(sad, root=tmp_path, name="sad.wav"),
        replace(calm, root=tmp_path, name="calm.wav"),
        replace(calm, root=tmp_path, name="silent.wav"),
    ]
    selection = select(Clips([*toy_clips.without(emotion="sad"), *odd, *toy_clips.where(emotion="sad")[1:]]))
    assert selection.left_out == {"silent": 1, "the same sound under contradicting labels": 2}
    assert not {clip.root for clip in selection.clips} & {tmp_path}


def test_a_clip_that_cannot_be_read_is_named(toy_clips: Clips, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF....WAVE")
    broken = replace(toy_clips[0], root=tmp_path, name="broken.wav")
    with pytest.raises(CorpusError, match=r"broken\.wav.*; mend or remove this clip before training"):
        select(Clips([*toy_clips, broken]))


def test_purposes_have_random_numbers_of_their_own() -> None:
    drawn = [generator_for(0, purpose).random() for purpose in ("validation", "copies", "balance", "background")]
    drawn += [generator_for(1, "copies").random(), generator_for(0, "validation", fold=1).random()]
    assert len(set(drawn)) == len(drawn)


@pytest.fixture
def auxiliary(toy_clips: Clips, tmp_path: Path) -> Plan:
    """Three folds of the toy's spoken clips; beside them each speaker's song, and a stranger with three copies."""
    song = Clips(replace(clip, root=tmp_path, name=f"song_{clip.name}", channel="song") for clip in toy_clips[::5])
    other = Clips(
        replace(clip, root=tmp_path, corpus="other", speaker="other/1", channel="song") for clip in toy_clips[:6]
    )
    generator = np.random.default_rng(0)
    for clip in (*song, *other[3:]):
        soundfile.write(clip.path, generator.normal(0, 0.1, 8000), 16_000)
    for clip, leaked in zip(other[:3], toy_clips, strict=False):
        shutil.copy(leaked.path, clip.path)
    plan = protocol_called("by-speaker").plan(toy_clips, folds=3)
    everything = Clips([*song, *other])
    return replace(plan, auxiliary=everything, same_sound=tuple(duplicates([*toy_clips, *everything])))


def test_without_clips_beside_and_leaks_the_parts_are_those_of_the_fold(toy_clips: Clips) -> None:
    plan = protocol_called("by-speaker").plan(toy_clips, folds=3)
    for fold in plan.folds:
        for seed, parts in enumerate(parts_of(plan, fold, HALF, seeds=2)):
            wanted = split_validation(
                select(fold.train).clips, "speaker", HALF, generator_for(seed, "validation", fold.name)
            )
            assert (parts.train, parts.validation) == wanted
            assert not parts.leaked


def test_clips_beside_are_learned_from_and_never_checked_on(auxiliary: Plan) -> None:
    for fold in auxiliary.folds:
        [parts] = parts_of(auxiliary, fold, HALF, seeds=1)
        assert parts.train.count("channel")["song"] > 0
        assert set(parts.validation) <= set(fold.train)
        assert not set(parts.train.speakers) & {*parts.validation.speakers, *fold.test.speakers}


def test_no_copy_of_a_tested_or_validation_sound_is_learned_from(auxiliary: Plan) -> None:
    sounds = {clip: clip.path.read_bytes() for clip in (*auxiliary.clips, *auxiliary.auxiliary)}
    train_speakers = 0
    for fold in auxiliary.folds:
        for parts in parts_of(auxiliary, fold, HALF, seeds=3):
            others = {sounds[clip] for clip in (*parts.validation, *fold.test)}
            assert not {sounds[clip] for clip in parts.train} & others
            train_speakers += len(parts.train.where(speaker="other/1"))
    assert train_speakers > 9 * 3  # copies of what is learned from may stay


@pytest.mark.parametrize(("copies", "chosen"), [(False, False), (True, False), (True, True)])
def test_a_step_of_the_ladder_changes_one_thing(toy_clips: Clips, copies: bool, chosen: bool) -> None:
    def parts(**leaks: bool) -> list[tuple[Clips, Clips, Clips]]:
        step = EvaluationProtocol("mine", "", "", by_clip, by="clip", leaky=True, **leaks)
        plan = step.plan(toy_clips, folds=4)
        return [(fold.test, *vars(one).values()) for fold in plan.folds for one in parts_of(plan, fold, HALF, seeds=1)]

    below = parts()
    for (test, train, validation, leaked), honest in zip(
        parts(copies_of_test=copies, chooses_on_test=chosen), below, strict=True
    ):
        assert train == honest[1]  # what is held out stays unlearned, wherever the epoch is chosen
        assert validation == (test if chosen else honest[2])
        assert leaked == (test if copies else Clips())
        assert not set(train) & set(test)


def test_where_nothing_is_held_out_the_whole_training_part_is_trained_on(toy_clips: Clips) -> None:
    own_way = EvaluationProtocol("mine", "", "", by_clip, by="clip", leaky=True, chooses_on_test=True, holds_out=False)
    plan = own_way.plan(toy_clips, folds=4)
    for fold in plan.folds:
        [parts] = parts_of(plan, fold, HALF, seeds=1)
        assert (parts.train, parts.validation, parts.leaked) == (select(fold.train).clips, fold.test, Clips())
