from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from hearfelt.corpora.clips import Clip, Clips, unknown_speaker
from hearfelt.corpora.splits import (
    Fold,
    find_leaks,
    hold_out_clips,
    hold_out_speakers,
    listed_folds,
    random_split,
    refuse_leaks,
    speaker_folds,
)
from hearfelt.errors import CorpusError

EMOTIONS = ("calm", "happy", "sad")


def clips_of(counts: dict[str, int], root: Path = Path("nowhere")) -> Clips:
    """Make clips without sound; every speaker has so many of each emotion."""
    return Clips(
        Clip("mine", root, f"{who}_{emotion}_{take}.wav", f"mine/{who}", emotion)
        for who, count in counts.items()
        for emotion in EMOTIONS
        for take in range(count)
    )


@pytest.fixture
def copied(tmp_path: Path) -> Clips:
    """Six speakers with one sound each; the second and the fifth have the same."""
    generator = np.random.default_rng(0)
    for who in "abcdef":
        samples = generator.uniform(-0.5, 0.5, 2000) if who != "e" else soundfile.read(tmp_path / "b.wav")[0]
        soundfile.write(tmp_path / f"{who}.wav", samples, 8000)
    return Clips(Clip("mine", tmp_path, f"{who}.wav", f"mine/{who}", "sad") for who in "abcdef")


@settings(max_examples=40, deadline=None)
@given(
    counts=st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 4), min_size=2),
    folds=st.integers(2, 5),
    seed=st.integers(0, 9),
)
def test_no_speaker_is_on_both_sides_of_any_fold_and_every_clip_is_tested_once(
    counts: dict[str, int], folds: int, seed: int
) -> None:
    clips = clips_of(counts)
    if len(counts) < folds:
        with pytest.raises(CorpusError, match="speaker"):
            list(speaker_folds(clips, folds, seed=seed))
        return
    made = list(speaker_folds(clips, folds, seed=seed))
    assert [fold.name for fold in made] == list(range(1, folds + 1))
    for fold in made:
        assert fold.train
        assert not set(fold.train.speakers) & set(fold.test.speakers)
        assert len(fold.train) + len(fold.test) == len(clips)
    tested = [clip.name for fold in made for clip in fold.test]
    assert sorted(tested) == sorted(clip.name for clip in clips)


def test_folds_are_of_nearly_equal_size() -> None:
    sizes = [len(fold.test) for fold in speaker_folds(clips_of(dict.fromkeys("abcdefgh", 2)), 4)]
    assert sizes == [12, 12, 12, 12]


def test_speakers_with_the_same_sound_stay_together(copied: Clips) -> None:
    for fold in speaker_folds(copied, 5):
        assert ("mine/b" in fold.test.speakers) == ("mine/e" in fold.test.speakers)
        assert not find_leaks(fold)


def test_listed_folds_test_whom_the_list_names() -> None:
    clips = clips_of(dict.fromkeys("abcd", 1))
    first, second = listed_folds(clips, {0: ["mine/a", "mine/d"], 7: ["mine/b"]})
    assert (first.name, first.test.speakers, second.name) == (0, ("mine/a", "mine/d"), 7)
    with pytest.raises(CorpusError, match="mine/z"):
        list(listed_folds(clips, {1: ["mine/z"]}))


def test_the_random_split_is_scikit_learns_own() -> None:
    clips = clips_of(dict.fromkeys("abcd", 5))
    codes = [f"{EMOTIONS.index(clip.emotion):02}" for clip in clips]
    names = [clip.name for clip in clips]
    train, test = train_test_split(names, test_size=0.2, stratify=codes, random_state=42)
    fold = random_split(clips, codes)
    assert [clip.name for clip in fold.train] == train
    assert [clip.name for clip in fold.test] == test


def test_a_speaker_on_both_sides_is_refused_by_name() -> None:
    clips = clips_of(dict.fromkeys("ab", 2))
    with pytest.raises(CorpusError, match="1 speaker is on both sides \\(mine/a\\)"):
        refuse_leaks(Fold(3, clips, clips.where(speaker="mine/a")))


def test_a_copy_of_a_sound_on_both_sides_is_refused_by_name(copied: Clips) -> None:
    fold = Fold(1, copied.where(speaker="mine/b"), copied.where(speaker=("mine/a", "mine/e")))
    with pytest.raises(CorpusError, match=r"b\.wav = e\.wav"):
        refuse_leaks(fold)
    refuse_leaks(Fold(1, copied.where(speaker="mine/b"), copied.where(speaker="mine/a")))


def test_validation_speakers_are_not_learned_from() -> None:
    clips = clips_of(dict.fromkeys("abcdefghijklmnopqrst", 1))
    for seed in range(5):
        rest, held = hold_out_speakers(clips, generator=np.random.default_rng(seed))
        assert len(held.speakers) == 3
        assert not set(rest.speakers) & set(held.speakers)
        assert len(rest) + len(held) == len(clips)
    assert hold_out_speakers(clips, generator=np.random.default_rng(1)) == hold_out_speakers(
        clips, generator=np.random.default_rng(1)
    )


def test_validation_speakers_take_their_copies_with_them(copied: Clips) -> None:
    for seed in range(10):
        rest, held = hold_out_speakers(copied, generator=np.random.default_rng(seed))
        assert not find_leaks(Fold(1, rest, held))


def test_validation_clips_are_a_share_of_every_emotion() -> None:
    clips = clips_of(dict.fromkeys("abcd", 5))
    rest, held = hold_out_clips(clips, generator=np.random.default_rng(0))
    assert held.count("emotion") == dict.fromkeys(EMOTIONS, 2)
    assert not {clip.name for clip in rest} & {clip.name for clip in held}
    assert len(rest) + len(held) == len(clips)


def test_validation_clips_never_have_a_copy_in_training(copied: Clips) -> None:
    for seed in range(10):
        rest, held = hold_out_clips(copied, share=0.5, generator=np.random.default_rng(seed))
        assert held
        assert not find_leaks(Fold(1, rest, held)).copies


def test_what_cannot_be_honest_is_refused() -> None:
    one = clips_of({"a": 3})
    with pytest.raises(CorpusError, match="training needs at least 2"):
        hold_out_speakers(one, generator=np.random.default_rng(0))
    nobody = Clips(Clip("mine", Path("nowhere"), c.name, unknown_speaker("mine"), c.emotion) for c in one)
    for divide in (
        lambda: list(speaker_folds(nobody, 2)),
        lambda: hold_out_speakers(nobody, generator=np.random.default_rng(0)),
    ):
        with pytest.raises(CorpusError, match="9 clips are without a speaker"):
            divide()
    with pytest.raises(CorpusError, match="one clip of calm"):
        hold_out_clips(clips_of({"a": 1}), generator=np.random.default_rng(0))
    with pytest.raises(CorpusError, match="at least 2"):
        list(speaker_folds(one, 1))


def test_folds_by_speaker_are_the_same_each_time() -> None:
    clips = clips_of({who: 1 + place % 3 for place, who in enumerate("abcdefgh")})
    runs = [[fold.test.speakers for fold in speaker_folds(clips, 3, seed=1)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(set(itertools.chain(*runs[0]))) == 8
