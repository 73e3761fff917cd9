from __future__ import annotations

import audmetric
import numpy as np
import pytest
from scipy.stats import binom
from sklearn import metrics as reference

from hearfelt.evaluation.metrics import (
    accuracy,
    bootstrap_by_speaker,
    confusion_matrix,
    coverage_risk,
    ece,
    figures_of,
    lowest_class,
    macro_f1,
    per_class,
    reliability,
    risk_at,
    uar,
)

# Four clips of "a", two of "b": one "a" is taken for "b", one "b" for "a".
PENCIL = np.array([[3, 1], [1, 1]])


def answers_of(seed: int, classes: int = 8, clips: int = 500) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=clips)
    guess = generator.integers(classes, size=clips)
    return truth, np.where(generator.random(clips) < 0.6, truth, guess)


def test_the_figures_are_those_of_a_pencil() -> None:
    assert accuracy(PENCIL) == pytest.approx(4 / 6)
    assert uar(PENCIL) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert macro_f1(PENCIL) == pytest.approx((3 / 4 + 1 / 2) / 2)  # both F1 equal precision and recall here


def test_a_row_of_the_confusion_matrix_is_a_true_class() -> None:
    assert confusion_matrix(np.array([0, 0, 2]), np.array([1, 0, 2]), 3).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_scikit_learn(seed: int) -> None:
    truth, predicted = answers_of(seed)
    confusion = confusion_matrix(truth, predicted, 8)
    assert confusion.tolist() == reference.confusion_matrix(truth, predicted).tolist()
    assert accuracy(confusion) == pytest.approx(reference.accuracy_score(truth, predicted))
    assert uar(confusion) == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert macro_f1(confusion) == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
    precision, recall, f1, support = reference.precision_recall_fscore_support(truth, predicted)
    ours = per_class(confusion, [str(sort_key) for sort_key in range(8)])
    assert [one.precision for one in ours] == pytest.approx(precision.tolist())
    assert [one.recall for one in ours] == pytest.approx(recall.tolist())
    assert [one.f1 for one in ours] == pytest.approx(f1.tolist())
    assert [one.support for one in ours] == support.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_audmetric(seed: int) -> None:
    truth, predicted = answers_of(seed)
    figures = figures_of(confusion_matrix(truth, predicted, 8))
    assert figures["accuracy"] == pytest.approx(audmetric.accuracy(truth, predicted))
    assert figures["uar"] == pytest.approx(audmetric.unweighted_average_recall(truth, predicted))
    assert figures["macro_f1"] == pytest.approx(audmetric.unweighted_average_fscore(truth, predicted))


def test_guessing_one_emotion_has_a_uar_of_one_class_in_eight() -> None:
    truth = np.repeat(np.arange(8), [96, *[192] * 7])
    confusion = confusion_matrix(truth, np.full(len(truth), 1), 8)
    assert uar(confusion) == pytest.approx(1 / 8)
    assert accuracy(confusion) == pytest.approx(192 / 1440)


def test_a_class_without_clips_enters_neither_uar_nor_macro_f1_but_answers_of_it_are_wrong() -> None:
    confusion = np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]])  # nobody spoke the third; it was answered once
    assert uar(confusion) == pytest.approx((3 / 4 + 1) / 2)
    truth, predicted = [0] * 4 + [1] * 4, [0, 0, 0, 2, 1, 1, 1, 1]
    assert macro_f1(confusion) == pytest.approx(reference.f1_score(truth, predicted, labels=[0, 1], average="macro"))
    third = per_class(confusion, ["a", "b", "c"])[2]
    assert (third.precision, third.recall, third.f1, third.support) == (0.0, 0.0, 0.0, 0)


def test_the_lowest_class_is_the_one_recalled_worst_among_those_with_clips() -> None:
    figures = per_class(np.array([[1, 3, 0], [0, 4, 0], [0, 0, 0]]), ["calm", "sad", "angry"])
    assert lowest_class(figures).emotion == "calm"


def test_an_interval_over_speakers_is_that_of_the_binomial_law() -> None:
    # 24 speakers, each wholly right or wholly wrong: the share right follows a coin tossed 24 times.
    right, wrong = np.array([[5, 0], [0, 5]]), np.array([[0, 5], [5, 0]])
    confusions = np.stack([right] * 12 + [wrong] * 12)[None]
    intervals = bootstrap_by_speaker(confusions)
    assert intervals is not None
    expected = [binom.ppf(0.025, 24, 0.5) / 24, binom.ppf(0.975, 24, 0.5) / 24]
    assert list(intervals["accuracy"]) == pytest.approx(expected)
    assert list(intervals["uar"]) == pytest.approx(expected)


def test_clips_of_one_speaker_do_not_make_an_interval_narrower() -> None:
    generator = np.random.default_rng(3)
    few = generator.integers(1, 9, size=(1, 12, 4, 4))
    one, thousand = bootstrap_by_speaker(few), bootstrap_by_speaker(few * 1000)
    assert one is not None
    assert thousand is not None
    assert one["uar"] == pytest.approx(thousand["uar"])


def test_the_interval_of_several_seeds_is_about_their_mean() -> None:
    right, wrong = np.array([[5, 0], [0, 5]]), np.array([[0, 5], [5, 0]])
    seeds = np.stack([np.stack([right] * 6), np.stack([wrong] * 6)])  # one seed all right, one all wrong
    intervals = bootstrap_by_speaker(seeds)
    assert intervals is not None
    assert intervals["uar"] == (0.5, 0.5)


def test_the_draws_are_the_same_each_time() -> None:
    confusions = np.random.default_rng(0).integers(0, 9, size=(2, 10, 5, 5))
    assert bootstrap_by_speaker(confusions) == bootstrap_by_speaker(confusions)


def test_nothing_is_said_about_other_speakers_from_one() -> None:
    assert bootstrap_by_speaker(np.ones((1, 1, 2, 2))) is None


def test_a_speaker_without_some_emotions_is_no_error() -> None:
    one_sided = np.array([[[[4, 0], [0, 0]], [[0, 0], [1, 3]], [[2, 2], [2, 2]]]])
    intervals = bootstrap_by_speaker(one_sided)
    assert intervals is not None
    assert all(0 <= low <= high <= 1 for low, high in intervals.values())


def test_the_calibration_error_is_that_of_a_pencil() -> None:
    # bin (0.8, 0.867]: said 0.85 twice, right once; bin (0.333, 0.4]: said 0.4 once, right.
    assert ece(np.array([0.85, 0.85, 0.4]), np.array([True, False, True])) == pytest.approx((2 * 0.35 + 0.6) / 3)


def test_the_calibration_error_is_that_of_a_plain_loop() -> None:
    generator = np.random.default_rng(1)
    sure = generator.uniform(0.125, 1.0, 2_000)
    right = generator.random(2_000) < sure**1.3
    total = 0.0
    for low in range(15):
        inside = (sure > low / 15) & (sure <= (low + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert ece(sure, right) == pytest.approx(total)


def test_a_model_that_keeps_its_word_has_almost_no_calibration_error() -> None:
    generator = np.random.default_rng(2)
    sure = generator.uniform(0.2, 1.0, 100_000)
    assert ece(sure, generator.random(100_000) < sure) < 0.01


def test_certainty_and_zero_fall_into_the_outer_bins() -> None:
    groups = reliability(np.array([0.0, 1.0]), np.array([False, True]))
    assert (groups[0].count, groups[-1].count, len(groups)) == (1, 1, 15)


def test_no_answers_have_no_calibration_error() -> None:
    with pytest.raises(ValueError, match="no predictions"):
        ece(np.array([]), np.array([]))


def test_the_risk_is_that_of_a_plain_loop() -> None:
    generator = np.random.default_rng(8)
    sure = generator.random(200).round(1)
    right = generator.random(200) < sure
    curve = coverage_risk(sure, right)
    assert len(curve) == len(np.unique(sure))
    for (coverage, risk), least in zip(curve, sorted(set(sure), reverse=True), strict=True):
        kept = sure >= least
        assert (coverage, risk) == pytest.approx((kept.mean(), (~right[kept]).mean()))


def test_no_answers_have_no_curve() -> None:
    assert coverage_risk([], []).shape == (0, 2)


def test_weights_count_as_repetitions() -> None:
    sure, right = np.array([0.9, 0.8, 0.8, 0.3, 0.1]), np.array([True, True, False, False, True])
    times = np.array([3, 1, 2, 2, 0])
    repeated = np.repeat(sure, times), np.repeat(right, times)
    np.testing.assert_allclose(coverage_risk(sure, right, weights=times), coverage_risk(*repeated))
    for one, wanted in zip(reliability(sure, right, weights=times), reliability(*repeated), strict=True):
        assert (one.accuracy, one.confidence) == pytest.approx((wanted.accuracy, wanted.confidence))
    assert sum(one.count for one in reliability(sure, right, weights=times)) == 4


def test_the_risk_is_looked_up_where_enough_predictions_are_kept() -> None:
    curve = coverage_risk([0.9, 0.8, 0.8, 0.3], [True, True, False, False])
    assert [risk_at(curve, share) for share in (0.0, 0.25, 0.26, 1.0)] == pytest.approx([0, 0, 1 / 3, 0.5])
