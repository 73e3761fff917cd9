from __future__ import annotations

from pathlib import Path

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.finetuning.grouping import group_clips


def clips(*said: str) -> Clips:
    """Makes clips from ``"speaker label"``."""
    pairs = [one.split() for one in said]
    return Clips(Clip("mine", Path(), f"{n}.wav", f"mine/{who}", label) for n, (who, label) in enumerate(pairs))


def test_clips_of_a_speaker_stay_together() -> None:
    grouping = group_clips(clips("a calm", "b calm", "a sad", "b sad"))
    assert (grouping.groups.tolist(), grouping.by, grouping.warnings) == ([0, 1, 0, 1], "speaker", ())


def test_unknown_speakers_are_said_loudly() -> None:
    grouping = group_clips(clips("unknown calm", "unknown sad"))
    assert (grouping.groups.tolist(), grouping.by) == ([0, 1], "clip")
    assert "speakers are unknown" in grouping.warnings[0]
    assert "too good" in grouping.warnings[0]


def test_one_speaker_says_nothing_about_others() -> None:
    grouping = group_clips(clips("a calm", "a sad"))
    assert grouping.by == "clip"
    assert "do not hold for other speakers" in grouping.warnings[0]


def test_a_label_of_one_speaker_is_divided_by_clip_and_the_others_are_not() -> None:
    grouping = group_clips(clips("a calm", "b calm", "a sad", "b sad", "rex dog", "rex dog"))
    assert grouping.by == "speaker"
    assert grouping.groups[0] == grouping.groups[2]
    assert grouping.groups[4] != grouping.groups[5]
    assert grouping.warnings == ("dog has a single speaker: its recall is by clip and too good",)


def test_labels_that_are_one_speaker_each_cannot_be_told_from_voices() -> None:
    grouping = group_clips(clips("a calm", "b sad", "a calm", "b sad"))
    assert grouping.by == "clip"
    assert "voices and labels cannot be separated" in grouping.warnings[0]
