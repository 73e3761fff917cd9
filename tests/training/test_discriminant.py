"""The discriminant: what a pencil and scikit-learn say of it, and that speakers who differ do not lead it astray."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hearfelt.evaluation.calibration import log_softmax
from hearfelt.training.discriminant import fit_discriminant

NUMBERS, CLASSES = 12, 3


def rows_of(count: int, *, seed: int = 0, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three emotions whose numbers vary together and differ in size by decades."""
    generator = np.random.default_rng(seed)
    world = np.random.default_rng(99)
    mixing = np.eye(NUMBERS) + 0.2 * world.normal(size=(NUMBERS, NUMBERS))
    means = apart * world.normal(size=(CLASSES, NUMBERS))
    labels = np.arange(count) % CLASSES
    rows = (generator.normal(size=(count, NUMBERS)) @ mixing + means[labels]) * np.geomspace(0.1, 100, NUMBERS) + 5
    return rows.astype(np.float32), labels.astype(np.int64)


def answers(rows: np.ndarray, labels: np.ndarray, asked: np.ndarray, **options: object) -> np.ndarray:
    same = {"groups": np.zeros(len(rows), np.int64), "weights": np.ones(len(rows), np.float32)}
    made = {"classes": CLASSES, "shrinkage": 1e-3, **same, **options}
    groups, weights = made.pop("groups"), made.pop("weights")
    fitted = fit_discriminant(rows.copy(), labels, groups, weights, **made)  # type: ignore[arg-type]
    with torch.inference_mode():
        return fitted(torch.from_numpy(asked)).double().numpy()


def test_two_points_a_number_apart_are_told_apart_halfway() -> None:
    """Two emotions at -1 and 1 with variance 1/2 within each: the log-odds at 0 are 0, and grow with the number."""
    steps = np.array([-1, 1, -1, 1]) / np.sqrt(2)
    rows = (np.array([-1, -1, 1, 1]) + steps).astype(np.float32)[:, None]
    asked = np.array([[-1.0], [0.0], [1.0]], np.float32)
    logits = answers(rows, np.array([0, 0, 1, 1]), asked, classes=2)
    odds = logits[:, 1] - logits[:, 0]
    assert odds.tolist() == pytest.approx([-4.0, 0.0, 4.0], abs=0.02)  # 2 · distance / variance


def test_it_is_scikit_learns_discriminant_where_little_is_shrunken() -> None:
    rows, labels = rows_of(300)
    asked, _ = rows_of(50, seed=1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / CLASSES] * CLASSES).fit(rows, labels)
    mine = log_softmax(answers(rows, labels, asked, shrinkage=1e-5))
    np.testing.assert_allclose(mine, theirs.predict_log_proba(asked.astype(np.float64)), atol=0.02)


def test_with_fewer_rows_than_numbers_it_still_answers() -> None:
    means = np.random.default_rng(99).normal(size=(CLASSES, 200))

    def some(count: int, seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).normal(size=(count, 200))
        return (noise + means[np.arange(count) % CLASSES]).astype(np.float32)

    found = answers(some(30, 0), np.arange(30) % CLASSES, some(60, 1), shrinkage=1.0)
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == np.arange(60) % CLASSES).mean() > 0.95


def test_one_clip_of_each_emotion_is_little_and_not_too_little() -> None:
    rows, labels = rows_of(CLASSES)
    found = answers(rows, labels, rows)
    assert np.isfinite(found).all()
    assert found.argmax(axis=1).tolist() == labels.tolist()


def test_emotions_count_as_equally_likely() -> None:
    rows, labels = rows_of(3_000)
    rare = np.flatnonzero((labels != 2) | (np.arange(len(labels)) % 30 == 2))
    asked, _ = rows_of(60, seed=1)
    often, seldom = (answers(rows[some], labels[some], asked) for some in (np.arange(3_000), rare))
    np.testing.assert_allclose(log_softmax(seldom)[:, 2].mean(), log_softmax(often)[:, 2].mean(), atol=0.35)


def test_an_emotion_without_rows_is_never_answered() -> None:
    rows, labels = rows_of(200)
    some = labels != 1
    found = answers(rows[some], labels[some], rows)
    assert np.exp(log_softmax(found))[:, 1].max() == 0.0
    assert np.isfinite(found).all()


def test_means_are_those_of_what_shall_be_answered_and_others_lend_what_is_lacking() -> None:
    """The second group says everything one step to the side, which must not move the answers to the first."""
    rows, labels = rows_of(300, apart=3.0)
    moved = rows + 7 * rows.std(axis=0)
    both, twice = np.concatenate([rows, moved]), np.concatenate([labels, labels])
    groups = np.repeat([0, 4], 300)
    asked, wanted = rows_of(90, seed=1, apart=3.0)
    weights = np.ones(600, np.float32)
    beside = answers(both, twice, asked, groups=groups, weights=weights)
    alone = answers(rows, labels, asked)
    np.testing.assert_allclose(log_softmax(beside), log_softmax(alone), atol=0.1)
    lacking = (groups == 4) | (twice != 2)
    lent = answers(both[lacking], twice[lacking], moved, groups=groups[lacking], weights=weights[lacking])
    assert (lent[labels == 2].argmax(axis=1) == 2).mean() > 0.9
    assert (alone.argmax(axis=1) == wanted).mean() > 0.8


def test_what_weighs_little_changes_the_covariance_little() -> None:
    rows, labels = rows_of(300)
    wild = rows[:60] + 50 * rows.std(axis=0) * np.random.default_rng(5).normal(size=(60, NUMBERS))
    both = np.concatenate([rows, wild.astype(np.float32)]), np.concatenate([labels, labels[:60]])
    groups = np.repeat([0, 1], [300, 60])
    asked, _ = rows_of(40, seed=1)
    plain = log_softmax(answers(rows, labels, asked))
    apart = {}
    for weight in (1e-6, 1.0):
        weights = np.repeat([1.0, weight], [300, 60]).astype(np.float32)
        found = log_softmax(answers(*both, asked, groups=groups, weights=weights))
        apart[weight] = np.abs(found - plain).max()
    assert apart[1e-6] < 0.2 * apart[1.0]


def test_the_rows_given_stay_as_they_are() -> None:
    rows, labels = rows_of(60)
    before = rows.copy()
    zeros = np.zeros(60, np.int64)
    fit_discriminant(rows, labels, zeros, np.ones(60, np.float32), classes=CLASSES, shrinkage=1.0)
    np.testing.assert_array_equal(rows, before)


def test_numbers_with_more_emphasis_are_held_back_less() -> None:
    """Two numbers say the same; the shrinkage leaves more of the one that is stretched."""
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 2
    rows = (labels[:, None] + generator.normal(size=(200, 2))).astype(np.float32)
    same = np.zeros(200, np.int64), np.ones(200, np.float32)
    options = {"classes": 2, "shrinkage": 5.0}
    even, uneven = (
        fit_discriminant(rows.copy(), labels, *same, emphasis=emphasis, **options).slopes.detach().numpy()
        for emphasis in (None, np.array([4.0, 1.0], np.float32))
    )
    weights = [np.abs(one[:, 1] - one[:, 0]) for one in (even, uneven)]
    assert weights[0][0] / weights[0][1] == pytest.approx(1.0, abs=0.4)
    assert weights[1][0] > 3 * weights[1][1]
