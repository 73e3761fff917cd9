from __future__ import annotations

from pathlib import Path

import numpy as np

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.evaluation.protocols import by_clip


def made(calm: int, sad: int) -> Clips:
    counts = {"calm": calm, "sad": sad}
    return Clips(
        Clip("mine", Path("nowhere"), f"{take:03d}{emotion}.wav", f"mine/{take % 3}", emotion)
        for emotion, count in counts.items()
        for take in range(count)
    )


def test_each_clip_is_tested_in_one_fold_and_learned_from_in_the_others() -> None:
    clips = made(20, 31)
    folds = by_clip(clips, 4)
    assert [fold.name for fold in folds] == [1, 2, 3, 4]
    assert sorted(clip.name for fold in folds for clip in fold.test) == sorted(clip.name for clip in clips)
    for fold in folds:
        assert set(fold.train) == set(clips) - set(fold.test)


def test_the_share_of_each_emotion_is_that_of_the_whole_to_within_a_clip() -> None:
    for fold in by_clip(made(20, 31), 4):
        counts = fold.test.count("emotion")
        assert counts["calm"] == 5
        assert counts["sad"] in (7, 8)
        assert len(fold.test) in (12, 13)


def test_odd_clips_of_several_emotions_do_not_all_land_in_the_first_fold() -> None:
    assert [len(fold.test) for fold in by_clip(made(5, 5), 2)] == [5, 5]


def test_the_draw_depends_on_names_alone_and_not_on_their_order() -> None:
    clips = made(12, 12)
    shuffled = Clips([clips[place] for place in np.random.default_rng(3).permutation(len(clips))])
    assert [set(fold.test) for fold in by_clip(clips, 3)] == [set(fold.test) for fold in by_clip(shuffled, 3)]


def test_the_draw_is_random_and_not_every_third() -> None:
    names = [clip.name for clip in by_clip(made(30, 30), 3)[0].test if clip.emotion == "calm"]
    assert names != [f"{take:03d}calm.wav" for take in range(0, 30, 3)]
