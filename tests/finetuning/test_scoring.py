from __future__ import annotations

import numpy as np
import pytest

from hearfelt.evaluation.metrics import confusion_matrix, uar
from hearfelt.finetuning.head import SETTINGS
from hearfelt.finetuning.scoring import Material, fold_count, score


def voices(speakers: int, each: int, *, told: float, seed: int = 0) -> Material:
    """Three labels and speakers in 12 numbers: ``told`` is how far the labels are apart; speakers are far apart."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(speakers), 3 * each)
    labels = np.tile(np.repeat(np.arange(3), each), speakers)
    rows = told * np.eye(3, 12)[labels] + generator.normal(0, 3, (speakers, 12))[groups]
    return Material((rows + generator.normal(0, 1, rows.shape)).astype(np.float32), labels, groups, 3, 9)


def reached(material: Material) -> float:
    return uar(confusion_matrix(material.labels, score(material).probabilities.argmax(axis=1), 3))


def test_what_is_plain_is_learned() -> None:
    assert reached(voices(6, 8, told=12.0)) > 0.9


def test_what_is_not_there_is_not_found() -> None:
    scores = [reached(voices(6, 10, told=0.0, seed=seed)) for seed in range(3)]
    assert np.mean(scores) == pytest.approx(1 / 3, abs=0.08)


def test_voices_that_go_with_labels_flatter_by_clip_and_not_by_speaker() -> None:
    # Every speaker has one label, and nothing but the voice differs: by clip that looks like knowledge.
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(9), 12)
    rows = (generator.normal(0, 3, (9, 12))[groups] + generator.normal(0, 1, (108, 12))).astype(np.float32)
    by_speaker = Material(rows, groups % 3, groups, 3, 9)
    by_clip = Material(rows, groups % 3, np.arange(108), 3, 9)
    assert reached(by_clip) > 0.85
    assert reached(by_speaker) < 0.6


def test_each_clip_is_answered_once_and_never_by_a_head_that_heard_its_speaker() -> None:
    material = voices(5, 4, told=6.0)
    scored = score(material)
    assert scored.probabilities.sum(axis=1) == pytest.approx(np.ones(60))
    assert len(set(zip(material.groups.tolist(), scored.folds.tolist(), strict=True))) == 5
    # A clip changes no answer of its own speaker's but its own.
    changed = material.rows.copy()
    changed[0] += 3.0
    again = score(Material(changed, material.labels, material.groups, 3, 9))
    own = (material.groups == 0) & (np.arange(60) > 0)
    assert again.probabilities[own] == pytest.approx(scored.probabilities[own])
    assert again.probabilities[~own] != pytest.approx(scored.probabilities[~own])


def test_the_curve_grows_to_the_score_itself() -> None:
    material = voices(8, 5, told=8.0)
    curve = score(material).curve
    assert [point.share for point in curve] == [0.25, 0.5, 0.75, 1.0]
    assert [point.clips for point in curve] == [30, 60, 75, 105]
    assert curve[-1].uar == reached(material)
    assert curve[0].uar < curve[-1].uar


def test_shares_that_are_the_same_few_speakers_stand_in_the_curve_once() -> None:
    assert [point.clips for point in score(voices(3, 5, told=6.0)).curve] == [15, 30]


def test_only_the_settings_given_are_chosen() -> None:
    without = tuple(setting for setting in SETTINGS if not setting.trust)
    assert score(voices(4, 5, told=6.0), settings=without).setting in without


def test_confidence_means_what_it_says() -> None:
    scored = score(material := voices(10, 20, told=4.0))
    right = scored.probabilities.argmax(axis=1) == material.labels
    assert scored.probabilities.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.06)
    assert 0 <= scored.unsure_below <= 1


def test_two_speakers_are_enough() -> None:
    assert score(voices(2, 10, told=8.0)).folds.max() == 1


def test_a_label_that_only_one_fold_has_is_no_obstacle() -> None:
    material = voices(4, 6, told=6.0)
    lonely = (material.labels < 2) | (material.groups == 0)
    scored = score(material.of(np.flatnonzero(lonely)))
    assert np.isfinite(scored.probabilities).all()
    assert scored.temperature < 19


def test_progress_is_told_fold_by_fold() -> None:
    told: list[int] = []
    material = voices(4, 5, told=6.0)
    score(material, progress=told.append)
    assert sum(told) == fold_count(material.groups) == 4
