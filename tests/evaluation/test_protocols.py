from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import soundfile
from sklearn.model_selection import train_test_split

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.splits import Fold, listed_folds
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import EMOBOX, EvaluationProtocol
from hearfelt.evaluation.protocols import PROTOCOLS, protocol_called
from hearfelt.inference.card import ModelCard


def card(*training_speakers: str, labels: tuple[str, ...] = EMOTIONS) -> ModelCard:
    return ModelCard("mine", "1.0", labels, "classic-162", training_speakers=training_speakers)


def invented(speakers: int, emotions: tuple[str, ...] = ("calm", "sad"), corpus: str = "mine") -> Clips:
    """Clips by name alone: each speaker says each emotion twice."""
    return Clips(
        Clip(corpus, Path("nowhere"), f"{speaker}/{emotion}{take}.wav", f"{corpus}/{speaker}", emotion)
        for speaker in range(speakers)
        for emotion in emotions
        for take in range(2)
    )


@pytest.mark.parametrize(
    "protocol",
    [p for p in PROTOCOLS.values() if p.by == "speaker" and not p.needs_model and not p.corpora],
)
def test_no_speaker_is_on_both_sides_of_any_fold(protocol: EvaluationProtocol, named: Clips) -> None:
    for fold in protocol.folds(named):
        assert not set(fold.train.speakers) & set(fold.test.speakers)


@pytest.mark.parametrize("name", ["emobox-ravdess", "luna-jimenez-ravdess"])
def test_published_folds_test_every_speech_clip_once(name: str, named: Clips) -> None:
    plan = PROTOCOLS[name].plan(named)
    tested = Counter(clip.name for fold in plan.folds for clip in fold.test)
    assert len(tested) == 1440
    assert set(tested.values()) == {1}
    assert tuple(fold.name for fold in plan.folds) == PROTOCOLS[name].fold_names
    assert all(len(fold.train) + len(fold.test) == 1440 for fold in plan.folds)
    assert not plan.leaks


def test_emobox_fold_2_tests_women_only(named: Clips) -> None:
    assert PROTOCOLS["emobox-ravdess"].folds(named)[1].test.speakers == (
        "ravdess/04",
        "ravdess/10",
        "ravdess/12",
        "ravdess/14",
    )


def test_the_seed_s_split_is_that_of_scikit_learn_over_sorted_file_names(named: Clips) -> None:
    names = sorted(PurePosixPath(clip.name).name for clip in named)
    codes = [name.split("-")[2] for name in names]
    train, test = train_test_split(names, test_size=0.2, stratify=codes, random_state=42)
    plan = PROTOCOLS["seed-ravdess"].plan(named)
    [fold] = plan.folds
    assert fold.name == 1
    assert [PurePosixPath(clip.name).name for clip in fold.test] == test
    assert [PurePosixPath(clip.name).name for clip in fold.train] == train
    assert (len(fold.test), len(fold.train)) == (491, 1961)


def test_emotion_names_instead_of_codes_would_give_another_split(named: Clips) -> None:
    by_name = sorted(named, key=lambda clip: PurePosixPath(clip.name).name)
    _, other = train_test_split(by_name, test_size=0.2, stratify=[c.emotion for c in by_name], random_state=42)
    assert set(PROTOCOLS["seed-ravdess"].folds(named)[0].test) != set(other)


def test_a_dropped_emotion_leaves_the_seed_s_split_before_it_is_made(named: Clips) -> None:
    plan = PROTOCOLS["seed-ravdess"].plan(named, drop=("neutral",))
    [fold] = plan.folds
    names = sorted(PurePosixPath(clip.name).name for clip in named if clip.emotion != "neutral")
    _, test = train_test_split(names, test_size=0.2, stratify=[n.split("-")[2] for n in names], random_state=42)
    assert [PurePosixPath(clip.name).name for clip in fold.test] == test
    assert plan.emotions == EMOTIONS[1:]
    assert plan.dropped == ("neutral",)


def test_the_seed_s_split_is_listed_as_leaky_and_says_that_every_actor_leaks(named: Clips) -> None:
    plan = PROTOCOLS["seed-ravdess"].plan(named)
    assert plan.protocol.leaky
    assert len(plan.leaks.speakers) == 24


def test_only_the_seed_s_split_and_the_steps_of_the_ladder_are_listed_as_leaky() -> None:
    leaky = [protocol.name for protocol in PROTOCOLS.values() if protocol.leaky]
    assert leaky == ["seed-ravdess", "student-ravdess", "ladder-clips", "ladder-copies", "ladder-epoch"]


def test_the_student_s_own_way_has_the_seed_s_split_and_holds_nothing_out(named: Clips) -> None:
    assert PROTOCOLS["student-ravdess"].folds(named) == PROTOCOLS["seed-ravdess"].folds(named)
    assert [name for name, protocol in PROTOCOLS.items() if not protocol.holds_out] == ["student-ravdess"]
    assert PROTOCOLS["student-ravdess"].chooses_on_test


def test_a_split_by_clip_that_is_not_listed_as_leaky_is_refused(named: Clips) -> None:
    seed = PROTOCOLS["seed-ravdess"]
    honest = EvaluationProtocol("quiet", "", "", seed.split, by="clip", channels=seed.channels, fold_names=(1,))
    with pytest.raises(CorpusError, match=r"quiet leaks: 24 speakers are on both sides"):
        honest.plan(named)


@pytest.fixture
def shared(tmp_path: Path) -> Clips:
    """Four speakers with real sound; the first clip of speaker 3 is a copy of the first of speaker 0."""
    noise = np.random.default_rng(0).normal(0, 0.1, (16, 8000))
    clips = []
    for place, clip in enumerate(invented(4)):
        (tmp_path / clip.name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / clip.name, noise[0 if place == 12 else place], 16000)
        clips.append(Clip("mine", tmp_path, clip.name, clip.speaker, clip.emotion))
    return Clips(clips)


def test_speakers_with_the_very_same_sound_stay_together(shared: Clips) -> None:
    for fold in PROTOCOLS["by-speaker"].folds(shared, folds=3):
        assert {"mine/0", "mine/3"} <= set(fold.test.speakers) or {"mine/0", "mine/3"} <= set(fold.train.speakers)


def test_a_copy_of_a_test_clip_in_the_training_part_is_refused(shared: Clips) -> None:
    def split(clips: Clips, folds: int) -> list[Fold]:
        return list(listed_folds(clips, {1: ["mine/3"]}))

    with pytest.raises(
        CorpusError, match=r"1 sound is on both sides under different names \(0/calm0.wav = 3/calm0.wav"
    ):
        EvaluationProtocol("copied", "", "", split).plan(shared)
    leaks = EvaluationProtocol("copied", "", "", split, leaky=True).plan(shared).leaks
    assert (len(leaks.speakers), len(leaks.copies)) == (0, 1)


def test_by_speaker_has_five_folds_unless_asked_otherwise() -> None:
    assert [fold.name for fold in PROTOCOLS["by-speaker"].folds(invented(12))] == [1, 2, 3, 4, 5]
    assert len(PROTOCOLS["by-speaker"].folds(invented(12), folds=3)) == 3


def test_by_speaker_joins_corpora() -> None:
    clips = Clips([*invented(3), *invented(3, corpus="other")])
    tested = [clip for fold in PROTOCOLS["by-speaker"].folds(clips, folds=2) for clip in fold.test]
    assert {clip.corpus for clip in tested} == {"mine", "other"}
    assert len(tested) == len(clips)


def test_unknown_speakers_are_refused_where_something_is_trained() -> None:
    clips = Clips([*invented(6), Clip("mine", Path("nowhere"), "x.wav", "mine/unknown", "sad")])
    with pytest.raises(CorpusError, match="1 clip is without a speaker"):
        PROTOCOLS["by-speaker"].plan(clips)


def test_a_published_protocol_refuses_another_number_of_folds(named: Clips) -> None:
    with pytest.raises(CorpusError, match="--folds 3"):
        PROTOCOLS["emobox-ravdess"].plan(named, folds=3)


def test_a_missing_half_is_said_in_words(named: Clips) -> None:
    with pytest.raises(CorpusError, match=r"1,012 of the 2,452 clips that seed-ravdess is defined over are missing"):
        PROTOCOLS["seed-ravdess"].plan(named.where(channel="speech"))


def test_a_corpus_that_a_protocol_is_not_about_is_refused(named: Clips) -> None:
    with pytest.raises(CorpusError, match=r"over ravdess alone; leave --corpus mine"):
        PROTOCOLS["emobox-ravdess"].plan(Clips([*named, *invented(2)]))


def test_an_emotion_to_drop_that_is_not_there_is_refused(named: Clips) -> None:
    with pytest.raises(CorpusError, match=r"--drop neutrall: .* neutral, calm"):
        PROTOCOLS["emobox-ravdess"].plan(named, drop=("neutrall",))


def test_one_emotion_is_too_little_to_learn_from() -> None:
    with pytest.raises(CorpusError, match="only sad in 12 clips"):
        PROTOCOLS["by-speaker"].plan(invented(6, ("sad",)))


def test_an_emotion_of_one_speaker_cannot_be_tested_on_that_speaker() -> None:
    clips = Clips([*invented(6), Clip("mine", Path("nowhere"), "x.wav", "mine/0", "angry")])
    with pytest.raises(CorpusError, match="tests angry, and its training part has no clip of it"):
        PROTOCOLS["by-speaker"].plan(clips)


def test_labels_beyond_the_eight_are_left_out_and_counted() -> None:
    plan = PROTOCOLS["by-speaker"].plan(invented(6, ("calm", "sad", "boredom")))
    assert plan.emotions == ("calm", "sad")
    assert plan.left_out == {"of boredom, which hearfelt does not know": 12}


def test_a_finished_model_that_heard_a_tested_speaker_is_refused(named: Clips) -> None:
    with pytest.raises(CorpusError, match=r"would test mine on 2 of its training speakers \(ravdess/01, ravdess/09"):
        PROTOCOLS["emobox-ravdess"].plan(named, card=card("ravdess/01", "ravdess/09", "other/01"))
    with pytest.raises(CorpusError, match="test it on other speakers"):
        PROTOCOLS["by-speaker"].plan(invented(3), card=card("mine/2"))


def test_a_finished_model_that_heard_nobody_tested_answers_every_clip(named: Clips) -> None:
    plan = PROTOCOLS["emobox-ravdess"].plan(named, card=card("emodb/03"))
    assert [len(fold.test) for fold in plan.folds] == [240] * 6
    assert all(len(fold.train) == 0 for fold in plan.folds)
    assert not plan.leaks


def test_a_leaky_protocol_says_whom_a_finished_model_has_heard(named: Clips) -> None:
    plan = PROTOCOLS["seed-ravdess"].plan(named, card=card("ravdess/01", "ravdess/02"))
    assert plan.leaks.speakers == ("ravdess/01", "ravdess/02")


def test_a_finished_model_needs_no_folds_and_no_names_of_speakers() -> None:
    unknown = Clips(Clip("mine", Path("nowhere"), f"{k}.wav", "mine/unknown", "sad") for k in range(3))
    [fold] = PROTOCOLS["by-speaker"].plan(unknown, card=card("ravdess/01")).folds
    assert (fold.name, len(fold.test)) == (1, 3)


def test_clips_with_labels_that_a_finished_model_lacks_are_left_out_and_counted() -> None:
    plan = PROTOCOLS["by-speaker"].plan(invented(2, ("calm", "sad", "boredom")), card=card(labels=("sad", "angry")))
    assert plan.left_out == {
        "of calm, which the model does not know": 4,
        "of boredom, which the model does not know": 4,
    }
    assert plan.emotions == ("sad",)


def test_unheard_ravdess_is_the_speech_of_actors_that_the_card_does_not_list(named: Clips) -> None:
    training_speakers = [speaker for speaker in named.speakers if int(speaker[-2:]) not in EMOBOX[6]]
    plan = PROTOCOLS["unheard-ravdess"].plan(named, card=card(*training_speakers))
    [fold] = plan.folds
    assert fold.test.speakers == ("ravdess/06", "ravdess/13", "ravdess/17", "ravdess/22")
    assert fold.test.count("channel") == {"speech": 240}
    assert plan.left_out == {"of speakers whom the model was trained on": 1200}


def test_the_four_unheard_actors_alone_are_enough_for_unheard_ravdess(named: Clips) -> None:
    training_speakers = [speaker for speaker in named.speakers if int(speaker[-2:]) not in EMOBOX[6]]
    four = named.without(speaker=training_speakers)
    assert len(PROTOCOLS["unheard-ravdess"].plan(four, card=card(*training_speakers)).clips) == 240
    with pytest.raises(CorpusError, match=r"60 of the 240 clips that unheard-ravdess"):
        PROTOCOLS["unheard-ravdess"].plan(four.without(speaker="ravdess/17"), card=card(*training_speakers))


def test_unheard_ravdess_needs_a_model_and_somebody_unheard(named: Clips) -> None:
    with pytest.raises(CorpusError, match="give one with --model"):
        PROTOCOLS["unheard-ravdess"].plan(named)
    with pytest.raises(CorpusError, match="was trained on all 24"):
        PROTOCOLS["unheard-ravdess"].plan(named, card=card(*named.speakers))


def test_conversations_are_made_of_four_actors_whom_the_model_never_heard(named: Clips) -> None:
    four = [f"ravdess/{actor:02d}" for actor in (6, 13, 17, 22)]
    training_speakers = [speaker for speaker in named.speakers if speaker not in four]
    protocol = PROTOCOLS["ravdess-conversations"]
    plan = protocol.plan(named, card=card(*training_speakers))
    assert plan.clips.count("speaker") == dict.fromkeys(four, 60)
    assert plan.clips.count("channel") == {"speech": 240}
    assert protocol.plan(named, card=card()).clips == plan.clips  # the same recordings for every model
    with pytest.raises(CorpusError, match=r"1 of its training speakers \(ravdess/17\); test it on"):
        protocol.plan(named, card=card(*training_speakers, "ravdess/17"))
    with pytest.raises(CorpusError, match="60 of the 240 clips"):
        protocol.plan(named.without(speaker="ravdess/22"), card=card(*training_speakers))
    with pytest.raises(CorpusError, match="give one with --model"):
        protocol.plan(named)


def test_a_misspelt_protocol_is_answered_with_the_nearest() -> None:
    with pytest.raises(CorpusError, match="did you mean emobox-ravdess"):
        protocol_called("emobox_ravdess")


def test_on_the_real_corpus_the_folds_hold_no_copy_of_a_test_clip(ravdess: Path) -> None:
    clips = read_corpora({"ravdess": ravdess})
    assert not PROTOCOLS["emobox-ravdess"].plan(clips).leaks
    seed = PROTOCOLS["seed-ravdess"].plan(clips)
    assert len(seed.leaks.speakers) == 24
    assert [len(fold.test) for fold in seed.folds] == [491]


def test_every_protocol_is_described_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text()
    for protocol in PROTOCOLS.values():
        assert f"| `{protocol.name}` |" in text
        assert f"**`{protocol.name}`.**" in text


def test_recordings_that_answer_nothing_are_left_out_and_counted() -> None:
    sound = invented(5, corpus="cremad")
    known_unfit = Clip("cremad", Path("nowhere"), "AudioWAV/1076_MTI_SAD_XX.wav", "cremad/1076", "sad")
    plan = PROTOCOLS["by-speaker"].plan(Clips([*sound, known_unfit]))
    assert known_unfit not in plan.clips
    assert len(plan.clips) == len(sound)
    assert sum(plan.left_out.values()) == 1


STEPS = ("ladder-strangers", "ladder-clips", "ladder-copies", "ladder-epoch")


def test_every_step_of_the_ladder_tests_every_speech_clip_once_in_six_folds_of_one_size(named: Clips) -> None:
    for name in STEPS:
        plan = PROTOCOLS[name].plan(named)
        tested = Counter(clip.name for fold in plan.folds for clip in fold.test)
        assert len(tested) == 1440
        assert set(tested.values()) == {1}
        assert [(fold.name, len(fold.test), len(fold.train)) for fold in plan.folds] == [
            (fold, 240, 1200) for fold in range(1, 7)
        ]
        assert all(
            fold.test.count("emotion") == {e: 16 if e == "neutral" else 32 for e in EMOTIONS} for fold in plan.folds
        )


def test_the_ladder_stands_on_the_folds_of_emobox_and_its_steps_on_one_draw(named: Clips) -> None:
    folds = {name: PROTOCOLS[name].plan(named).folds for name in ("emobox-ravdess", *STEPS)}
    assert folds["ladder-strangers"] == folds["emobox-ravdess"]
    assert folds["ladder-clips"] == folds["ladder-copies"] == folds["ladder-epoch"]
    assert all(len(fold.test.speakers) == 24 for fold in folds["ladder-clips"])


def test_each_step_adds_one_leak_to_the_one_below() -> None:
    leaks = [(p.by == "clip", p.copies_of_test, p.chooses_on_test) for p in (PROTOCOLS[name] for name in STEPS)]
    assert leaks == [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]
    for protocol in PROTOCOLS.values():
        assert protocol.leaky or not (protocol.copies_of_test or protocol.chooses_on_test)


def test_a_finished_model_is_refused_where_training_itself_leaks(named: Clips) -> None:
    with pytest.raises(CorpusError, match="mine is trained already; give a recipe"):
        PROTOCOLS["ladder-copies"].plan(named, card=card("emodb/03"))


BESIDE = invented(3, ("calm", "sad", "boredom"), corpus="emodb")


@pytest.mark.parametrize("name", ["emobox-ravdess", "luna-jimenez-ravdess", "ladder-strangers"])
def test_beside_a_fold_of_strangers_stand_other_corpora_and_the_song_of_those_learned_from(
    name: str, named: Clips
) -> None:
    plan = PROTOCOLS[name].plan(Clips([*named, *BESIDE]), auxiliary=True)
    alone = PROTOCOLS[name].plan(named)
    assert (plan.clips, plan.folds) == (alone.clips, alone.folds)
    assert plan.left_out == {f"of boredom, which {name} does not know": 6}
    assert len(plan.auxiliary) == 1012 + 12
    for fold in plan.folds:
        allowed = plan.training_clips(fold)
        assert Clips(allowed[: len(fold.train)]) == fold.train
        assert not set(allowed.speakers) & set(fold.test.speakers)
        assert len(allowed.where(corpus="emodb")) == 12
        song = allowed.where(channel="song")
        assert song.speakers == tuple(s for s in fold.train.speakers if s != "ravdess/18")
        assert "boredom" not in allowed.emotions


@pytest.mark.parametrize("name", STEPS[1:])
def test_a_step_by_clip_lets_the_song_of_everybody_stand_beside(name: str, named: Clips) -> None:
    plan = PROTOCOLS[name].plan(Clips([*named, *BESIDE]), auxiliary=True)
    assert [len(plan.training_clips(fold)) for fold in plan.folds] == [1200 + 1012 + 12] * 6


def test_beside_the_seed_s_split_stand_other_corpora_alone(named: Clips) -> None:
    plan = PROTOCOLS["seed-ravdess"].plan(Clips([*named, *BESIDE]), auxiliary=True)
    [fold] = plan.folds
    assert plan.auxiliary.corpora == ("emodb",)
    assert len(plan.training_clips(fold)) == 1961 + 12
    assert len(fold.test) == 491


def test_a_dropped_emotion_stands_beside_nothing(named: Clips) -> None:
    plan = PROTOCOLS["emobox-ravdess"].plan(Clips([*named, *BESIDE]), drop=("calm",), auxiliary=True)
    assert "calm" not in plan.auxiliary.emotions
    assert not any("calm" in reason for reason in plan.left_out)


def test_nothing_stands_beside_unless_asked_for(named: Clips) -> None:
    plan = PROTOCOLS["emobox-ravdess"].plan(named)
    assert not plan.auxiliary
    assert all(plan.training_clips(fold) == fold.train for fold in plan.folds)
    with pytest.raises(CorpusError, match=r"over ravdess alone; leave --corpus emodb"):
        PROTOCOLS["emobox-ravdess"].plan(Clips([*named, *BESIDE]), auxiliary=False)
    with pytest.raises(CorpusError, match=r"over ravdess alone; leave --corpus emodb"):
        PROTOCOLS["emobox-ravdess"].plan(Clips([*named, *BESIDE]), card=card("emodb/0"), auxiliary=True)


def test_by_speaker_divides_everything_so_that_nothing_is_left_to_stand_beside() -> None:
    plan = PROTOCOLS["by-speaker"].plan(Clips([*invented(6), *BESIDE]), auxiliary=True)
    assert not plan.auxiliary
    assert set(plan.clips.corpora) == {"mine", "emodb"}
