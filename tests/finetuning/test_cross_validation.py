from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.finetuning.base_model import SETTINGS
from hearfelt.finetuning.cross_validation import LabelledFeatures, cross_validate, fold_count, group_clips


def voices(speakers: int, each: int, *, distance: float, seed: int = 0) -> LabelledFeatures:
    """Three labels and speakers in 12 numbers: the labels lie ``distance`` apart, the speakers far apart."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(speakers), 3 * each)
    labels = np.tile(np.repeat(np.arange(3), each), speakers)
    rows = distance * np.eye(3, 12)[labels] + generator.normal(0, 3, (speakers, 12))[groups]
    return LabelledFeatures((rows + generator.normal(0, 1, rows.shape)).astype(np.float32), labels, groups, 3, 9)


def uars(data: LabelledFeatures) -> float:
    return uar(confusion_matrix(data.labels, cross_validate(data).probabilities.argmax(axis=1), 3))


def test_what_is_plain_is_learned() -> None:
    assert uars(voices(6, 8, distance=12.0)) > 0.9


def test_what_is_not_there_is_not_found() -> None:
    scores = [uars(voices(6, 10, distance=0.0, seed=seed)) for seed in range(3)]
    assert np.mean(scores) == pytest.approx(1 / 3, abs=0.08)


def test_voices_that_go_with_labels_flatter_by_clip_and_not_by_speaker() -> None:
    # Every speaker has one label, and nothing but the voice differs: by clip that looks like knowledge.
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(9), 12)
    rows = (generator.normal(0, 3, (9, 12))[groups] + generator.normal(0, 1, (108, 12))).astype(np.float32)
    by_speaker = LabelledFeatures(rows, groups % 3, groups, 3, 9)
    by_clip = LabelledFeatures(rows, groups % 3, np.arange(108), 3, 9)
    assert uars(by_clip) > 0.85
    assert uars(by_speaker) < 0.6


def test_each_clip_is_answered_once_and_never_by_a_head_that_heard_its_speaker() -> None:
    data = voices(5, 4, distance=6.0)
    validation = cross_validate(data)
    assert validation.probabilities.sum(axis=1) == pytest.approx(np.ones(60))
    assert len(set(zip(data.groups.tolist(), validation.folds.tolist(), strict=True))) == 5
    # A clip changes no answer of its own speaker's but its own.
    changed = data.rows.copy()
    changed[0] += 3.0
    again = cross_validate(LabelledFeatures(changed, data.labels, data.groups, 3, 9))
    own = (data.groups == 0) & (np.arange(60) > 0)
    assert again.probabilities[own] == pytest.approx(validation.probabilities[own])
    assert again.probabilities[~own] != pytest.approx(validation.probabilities[~own])


def test_the_curve_grows_to_the_score_itself() -> None:
    data = voices(8, 5, distance=8.0)
    curve = cross_validate(data).curve
    assert [point.share for point in curve] == [0.25, 0.5, 0.75, 1.0]
    assert [point.clips for point in curve] == [30, 60, 75, 105]
    assert curve[-1].uar == uars(data)
    assert curve[0].uar < curve[-1].uar


def test_shares_that_are_the_same_few_speakers_stand_in_the_curve_once() -> None:
    assert [point.clips for point in cross_validate(voices(3, 5, distance=6.0)).curve] == [15, 30]


def test_only_the_settings_given_are_chosen() -> None:
    without = tuple(setting for setting in SETTINGS if not setting.base_weight)
    assert cross_validate(voices(4, 5, distance=6.0), settings=without).setting in without


def test_confidence_means_what_it_says() -> None:
    validation = cross_validate(data := voices(10, 20, distance=4.0))
    right = validation.probabilities.argmax(axis=1) == data.labels
    assert validation.probabilities.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.06)
    assert 0 <= validation.unsure_below <= 1


def test_two_speakers_are_enough() -> None:
    assert cross_validate(voices(2, 10, distance=8.0)).folds.max() == 1


def test_a_label_that_only_one_fold_has_is_no_obstacle() -> None:
    data = voices(4, 6, distance=6.0)
    lonely = (data.labels < 2) | (data.groups == 0)
    validation = cross_validate(data.of(np.flatnonzero(lonely)))
    assert np.isfinite(validation.probabilities).all()
    assert validation.temperature < 19


def test_progress_is_told_fold_by_fold() -> None:
    distance: list[int] = []
    data = voices(4, 5, distance=6.0)
    cross_validate(data, progress=distance.append)
    assert sum(distance) == fold_count(data.groups) == 4


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
