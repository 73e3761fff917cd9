from __future__ import annotations

import itertools

import numpy as np
import pytest

from hearfelt.errors import ModelError
from hearfelt.inference.timeline.smoothing import SMOOTHING, Smoother, Smoothing


def by_hand(evidence: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Each step's probabilities, by adding up every path there is: ``(steps, labels)``."""
    steps, labels = evidence.shape
    leave = 1 / (smoothing.stay + labels - 1)
    shares = np.zeros((steps, labels))
    for path in itertools.product(range(labels), repeat=steps):
        changes = np.prod([smoothing.stay * leave if a == b else leave for a, b in itertools.pairwise(path)])
        joint = changes * np.exp(smoothing.weight * sum(evidence[step, label] for step, label in enumerate(path)))
        for step, label in enumerate(path):
            shares[step, label] += joint
    return shares / shares.sum(axis=1, keepdims=True)


def test_settled_steps_are_what_adding_up_all_paths_gives() -> None:
    smoothing = Smoothing(stay=8.0, weight=0.6)
    evidence = np.log(np.random.default_rng(1).dirichlet(np.ones(3), size=5))
    smoother = Smoother(3, smoothing)
    for step, one in enumerate(evidence):
        smoother.see(one, range(step, step + 1))
    np.testing.assert_allclose([smoother.settle() for _ in evidence], by_hand(evidence, smoothing), rtol=1e-9)


def test_what_comes_after_a_step_was_settled_changes_only_later_steps() -> None:
    smoothing = Smoothing(stay=8.0, weight=0.6)
    evidence = np.log(np.random.default_rng(2).dirichlet(np.ones(3), size=3))
    smoother = Smoother(3, smoothing)
    smoother.see(evidence[0], range(0, 1))
    smoother.see(evidence[1], range(1, 2))
    first = smoother.settle()
    np.testing.assert_allclose(first, by_hand(evidence[:2], smoothing)[0])
    smoother.see(evidence[2], range(1, 2))
    np.testing.assert_allclose(smoother.settle(), by_hand(evidence, smoothing)[1])


def test_windows_over_one_step_count_as_their_mean() -> None:
    one, two = np.log([0.7, 0.3]), np.log([0.4, 0.6])
    together, mean = Smoother(2), Smoother(2)
    together.see(one, range(-3, 1))
    together.see(two, range(0, 1))
    mean.see((one + two) / 2, range(0, 1))
    np.testing.assert_allclose(together.settle(), mean.settle())


def test_a_step_that_no_window_covers_is_left_open() -> None:
    np.testing.assert_allclose(Smoother(4).settle(), np.full(4, 0.25))
    smoother = Smoother(2, Smoothing(9.0, 1.0))
    smoother.see(np.log([0.9, 0.1]), range(1, 2))
    np.testing.assert_allclose(smoother.settle(), [0.9 * 0.9 + 0.1 * 0.1, 0.9 * 0.1 + 0.1 * 0.9])


def test_one_doubtful_step_among_many_does_not_flicker() -> None:
    smoother = Smoother(2)  # with the chosen numbers
    for step in range(9):
        smoother.see(np.log([0.45, 0.55] if step == 4 else [0.9, 0.1]), range(step, step + 1))
    assert [int(np.argmax(smoother.settle())) for _ in range(9)] == [0] * 9


def test_certainty_beyond_measure_stays_a_number() -> None:
    smoother = Smoother(3)
    with np.errstate(divide="ignore"):
        smoother.see(np.log([1.0, 0.0, 0.0]), range(0, 2))
        smoother.see(np.log([0.0, 1.0, 0.0]), range(1, 3))
    shares = [smoother.settle() for _ in range(3)]
    assert np.isfinite(shares).all()
    np.testing.assert_allclose(np.sum(shares, axis=1), 1)


@pytest.mark.parametrize(("stay", "weight"), [(0.9, 1.0), (float("inf"), 1.0), (2.0, 0.0), (2.0, float("inf"))])
def test_impossible_numbers_are_refused(stay: float, weight: float) -> None:
    with pytest.raises(ModelError, match="smoothing with"):
        Smoothing(stay, weight)


def test_the_chosen_numbers_keep_a_label_rather_than_change_it() -> None:
    assert SMOOTHING.stay > 1
    assert 0 < SMOOTHING.weight <= 1
