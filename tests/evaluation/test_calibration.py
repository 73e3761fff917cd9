from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin

from hearfelt.evaluation.calibration import (
    TEMPERATURES,
    UnsureBars,
    confidence_bands,
    conformal_quantile,
    fit_temperature,
    log_softmax,
    speech_threshold,
    threshold_for,
    unfamiliar_threshold,
    unsure_threshold,
)
from hearfelt.evaluation.metrics import ece
from hearfelt.inference.prediction import Prediction


def spoken(temperature: float, clips: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits, and labels that follow them as if they had been divided by a temperature."""
    generator = np.random.default_rng(7)
    logits = generator.normal(0, 3, (clips, 8))
    chances = np.exp(log_softmax(logits / temperature))
    labels = (chances.cumsum(axis=1) > generator.random((clips, 1))).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    assert fit_temperature(*spoken(temperature)) == pytest.approx(temperature, rel=0.1)


def test_the_temperature_is_the_one_that_scipy_finds() -> None:
    logits, labels = spoken(1.7)

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature))[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8})
    assert fit_temperature(logits, labels) == pytest.approx(float(np.exp(found.x)), rel=1e-4)


def test_the_temperature_makes_confidence_true_and_changes_no_answer() -> None:
    logits, labels = spoken(3.0)
    before = np.exp(log_softmax(logits))
    after = np.exp(log_softmax(logits / fit_temperature(logits, labels)))
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    correct = after.argmax(axis=1) == labels
    assert ece(before.max(axis=1), correct) > 0.2
    assert ece(after.max(axis=1), correct) < 0.03


def test_logits_that_tell_nothing_end_at_the_highest_temperature() -> None:
    assert fit_temperature(np.eye(8) * 4, (np.arange(8) + 1) % 8) == pytest.approx(TEMPERATURES[1], rel=1e-3)


@pytest.mark.parametrize("count", [8, 48, 1000])
def test_a_handful_of_right_answers_is_no_evidence_for_being_sure_of_everything(count: int) -> None:
    labels = np.arange(count) % 8
    logits = np.eye(8)[labels] * 40
    confidence = np.exp(log_softmax(logits / fit_temperature(logits, labels))).max(axis=1)
    np.testing.assert_allclose(confidence, (count + 1) / (count + 2), atol=1e-5)


@pytest.mark.parametrize(
    ("logits", "labels", "fault"),
    [
        (np.zeros((0, 8)), np.zeros(0), r"\(0, 8\)"),
        (np.zeros((3, 8)), np.zeros(4), r"\(4,\)"),
        (np.full((2, 8), np.nan), np.zeros(2), "not finite"),
        (np.zeros((2, 8)), np.array([0, 8]), "label 8 of 8"),
    ],
)
def test_what_no_temperature_can_come_from_is_refused(logits: np.ndarray, labels: np.ndarray, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        fit_temperature(logits, labels)


def test_the_threshold_makes_the_fewest_errors_of_all_thresholds() -> None:
    generator = np.random.default_rng(11)
    sure = generator.uniform(0.125, 1, 300).round(2)
    right = generator.random(300) < sure

    def errors(threshold: float) -> int:
        return int((right & (sure < threshold)).sum() + (~right & (sure >= threshold)).sum())

    found = threshold_for(sure, right)
    assert errors(found) == min(errors(threshold) for threshold in np.linspace(0, 1.001, 1_002))


def test_calibrated_answers_are_unsure_below_about_one_half() -> None:
    generator = np.random.default_rng(5)
    sure = generator.uniform(0, 1, 200_000)
    assert threshold_for(sure, generator.random(200_000) < sure) == pytest.approx(0.5, abs=0.02)


def test_a_model_that_is_always_right_is_never_unsure() -> None:
    assert threshold_for(np.array([0.3, 0.9]), np.array([True, True])) == 0.0


def test_a_model_that_is_always_wrong_is_always_unsure() -> None:
    assert threshold_for(np.array([0.3, 0.9]), np.array([False, False])) == 1.0


def test_equal_confidences_stay_on_one_side() -> None:
    threshold = threshold_for(np.array([0.4, 0.5, 0.5, 0.5, 0.9]), np.array([False, False, False, True, True]))
    assert threshold == pytest.approx(0.7)


def test_without_answers_there_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="clips"):
        threshold_for(np.array([]), np.array([]))


def answers(seed: int, clips: int = 500, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw calibrated probabilities, and labels that follow them."""
    generator = np.random.default_rng(seed)
    shares = np.exp(log_softmax(generator.normal(0, scale, (clips, 8))))
    return shares, (shares.cumsum(axis=1) > generator.random((clips, 1))).argmax(axis=1)


def plausible(shares: np.ndarray, quantile: float) -> np.ndarray:
    """Ask predictions for their conformal sets: ``(clips, classes)``, True for the labels in it."""
    names = [str(number) for number in range(shares.shape[1])]
    sets = []
    for row in shares:
        probabilities = dict(zip(names, row.tolist(), strict=True))
        emotion = max(probabilities, key=lambda name: probabilities[name])
        one = Prediction(
            emotion, probabilities[emotion], probabilities, False, 1.0, "mine", quantiles={"0.9": quantile}
        )
        sets.append([name in one.plausible(0.9) for name in names])
    return np.array(sets)


class Given(ClassifierMixin, BaseEstimator):
    """For scikit-learn: a model whose inputs are the probabilities that it answers with."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Given:
        self.classes_ = np.arange(X.shape[1])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return X

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(X.argmax(axis=1))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("clips", [59, 60, 500])
def test_conformal_sets_are_those_of_mapie(coverage: float, clips: int) -> None:
    shares, labels = answers(1, clips)
    new, _ = answers(2)
    mapie = SplitConformalClassifier(
        Given().fit(shares, labels), confidence_level=coverage, conformity_score="lac", prefit=True
    )
    expected = mapie.conformalize(shares, labels).predict_set(new)[1][:, :, 0]
    expected[np.arange(len(new)), new.argmax(axis=1)] = True  # ours are never empty
    found = conformal_quantile(shares, labels, np.full(clips, "emodb"), coverage)
    np.testing.assert_array_equal(plausible(new, found.quantile), expected)


def test_a_conformal_set_keeps_its_promise_on_new_clips_of_each_group_on_the_mean() -> None:
    easy, hard = answers(3, 4_000, 4.0), answers(4, 1_000, 1.0)
    groups = np.repeat(["easy", "hard"], [4_000, 1_000])
    found = conformal_quantile(*(np.concatenate(both) for both in zip(easy, hard, strict=True)), groups)
    drawn = answers(5, 2_000, 4.0), answers(6, 2_000, 1.0)
    new = [(shares, labels, plausible(shares, found.quantile)) for shares, labels in drawn]
    covered = [float(sets[np.arange(len(sets)), labels].mean()) for _, labels, sets in new]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.015)  # the groups count alike, however large
    assert covered == pytest.approx([found.coverage["easy"], found.coverage["hard"]], abs=0.02)
    assert [sets.sum(axis=1).mean() for _, _, sets in new] == pytest.approx([*found.size.values()], abs=0.15)
    assert found.size["easy"] < found.size["hard"]


def test_shares_move_the_coverage_to_the_groups_that_count() -> None:
    shares, labels = (np.concatenate(both) for both in zip(answers(3, 2_000, 4.0), answers(4, 2_000, 1.0), strict=True))
    groups = np.repeat(["easy", "hard"], 2_000)
    alone = conformal_quantile(shares[2_000:], labels[2_000:], groups[2_000:])
    assert conformal_quantile(shares, labels, groups, shares={"easy": 0, "hard": 1}).quantile == alone.quantile


def test_no_group_falls_far_below_the_coverage() -> None:
    good, (bad, labels) = answers(7, 5_000), answers(8, 500)
    shares = np.concatenate([good[0], np.roll(bad, 1, axis=1)])  # confident, and mostly wrong
    groups = np.repeat(["good", "bad"], [5_000, 500])
    found = conformal_quantile(shares, np.concatenate([good[1], labels]), groups, shares={"good": 99, "bad": 1})
    assert 0.84 <= found.coverage["bad"] < 0.86
    assert found.coverage["good"] > 0.9


def test_a_few_clips_promise_nothing_so_every_label_is_plausible() -> None:
    shares, labels = answers(9, 8)
    found = conformal_quantile(shares, labels, np.full(8, "emodb"), 0.9)  # 9 clips would do
    assert (found.quantile, found.size["emodb"]) == (1.0, 8.0)


def test_each_class_that_counts_as_correct_makes_a_set_right() -> None:
    shares = np.array([[0.1, 0.6, 0.3]] * 50)  # neutral, calm, sad
    neutral = np.array([[True, True, False]] * 50)
    both = conformal_quantile(shares, neutral, np.full(50, "emodb"))
    assert (both.quantile, both.coverage, both.size) == (0.4, {"emodb": 1.0}, {"emodb": 1.0})
    assert conformal_quantile(shares, np.zeros(50, int), np.full(50, "emodb")).quantile == 0.9


@pytest.mark.parametrize(
    ("shares", "labels", "groups", "coverage", "fault"),
    [
        (np.ones((0, 2)), np.zeros(0, int), np.zeros(0), 0.9, r"\(0, 2\)"),
        (np.ones((3, 2)), np.zeros(2, int), np.zeros(3), 0.9, r"\(2, 2\)"),
        (np.ones((3, 2)), np.zeros(3, int), np.zeros(2), 0.9, "one for each of 3 clips"),
        (np.ones((3, 2)), np.zeros(3, int), np.zeros(3), 1.0, "coverage 1.0"),
    ],
)
def test_what_no_quantile_can_come_from_is_refused(
    shares: np.ndarray, labels: np.ndarray, groups: np.ndarray, coverage: float, fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        conformal_quantile(shares, labels, groups, coverage)


CORPORA = np.repeat(["cremad", "emodb"], [900, 100])


def outside(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw confidences outside, whether they were right, which they are less often than they say, and some inside."""
    generator = np.random.default_rng(seed)
    sure = generator.uniform(0.2, 1, 1_000).round(2)
    return sure, generator.random(1_000) < 0.8 * sure, generator.uniform(0.3, 1, 500).round(2)


def reached(threshold: float, sure: np.ndarray, right: np.ndarray, inside: np.ndarray) -> list[float]:
    """Work out with a pencil what a threshold reaches; both corpora count alike."""
    weights = np.where(CORPORA == "emodb", 9.0, 1.0)
    kept = sure >= threshold
    accuracy = (weights * (kept & right)).sum() / (weights * kept).sum() if kept.any() else 1.0
    return [accuracy, (weights * kept).sum() / weights.sum(), (inside >= threshold).mean()]


def test_the_lowest_threshold_that_reaches_all_bars_is_taken() -> None:
    sure, right, inside = outside(1)
    bars = UnsureBars(accuracy=0.55, outside=0.5, inside=0.7)
    found = unsure_threshold(sure, right, CORPORA, inside, bars)
    good = [
        one
        for one in np.arange(0.005, 1, 0.01)
        if (np.array(reached(one, sure, right, inside)) >= (0.55, 0.5, 0.7)).all()
    ]
    assert found.threshold == pytest.approx(good[0])
    assert [found.accuracy, found.outside, found.inside] == pytest.approx(reached(good[0], sure, right, inside))


def test_where_the_bars_contradict_each_other_the_threshold_falls_short_least() -> None:
    sure, right, inside = outside(2)
    found = unsure_threshold(sure, right, CORPORA, inside)

    def lacks(threshold: float) -> float:
        shares = np.array(reached(threshold, sure, right, inside))
        return float(np.maximum(1 - shares / (0.65, 0.5, 0.9), 0).sum())

    assert lacks(found.threshold) == pytest.approx(min(lacks(one) for one in np.arange(0.005, 1, 0.01)))
    assert lacks(found.threshold) > 0


def test_where_everything_is_right_nothing_is_unsure() -> None:
    sure = np.array([0.3, 0.9])
    assert unsure_threshold(sure, np.array([True, True]), np.array(["a", "b"]), sure).threshold == 0.0


def test_bands_count_what_was_right_and_more_confidence_is_never_less_right() -> None:
    generator = np.random.default_rng(3)
    sure = generator.uniform(0.3, 1, 600)
    right = generator.random(600) < 0.8 * sure
    bands = confidence_bands(sure, right)
    assert (bands[0].low, bands[-1].high) == (0.0, 1.0)
    assert [one.high for one in bands[:-1]] == [one.low for one in bands[1:]]
    for one in bands:
        inside = (sure >= one.low) & (sure < one.high)
        assert (one.answers, one.right) == (inside.sum(), (inside & right).sum())
        assert one.answers >= 50
    assert [one.accuracy for one in bands] == sorted(one.accuracy for one in bands)


def test_a_band_that_breaks_the_order_or_has_few_predictions_is_joined() -> None:
    sure = np.repeat([0.35, 0.45, 0.55, 0.95], [60, 60, 60, 7])
    right = np.concatenate([np.arange(60) < 30, np.arange(60) < 40, np.arange(60) < 15, np.ones(7, bool)])
    assert confidence_bands(sure, right) == ((0.0, 1.0, 187, 92),)  # 30 of 60, then 55 of 120
    assert confidence_bands(sure, right, fewest=5)[-1] == (0.6, 1.0, 7, 7)


def test_full_confidence_is_in_the_last_band() -> None:
    assert confidence_bands(np.ones(60), np.ones(60, bool)) == ((0.0, 1.0, 60, 60),)


def test_the_threshold_of_speech_lies_between_most_noise_and_nearly_all_speech() -> None:
    generator = np.random.default_rng(3)
    speech, other, noise = generator.normal(6, 1, 5_000), generator.normal(4, 1, 5_000), generator.normal(-3, 1, 5_000)
    logits, speaks = np.concatenate([speech, other, noise]), np.repeat([True, True, False], 5_000)
    groups = np.repeat(["mine", "theirs", "rain"], 5_000)
    wanted = (norm.ppf(0.97, -3) + norm.ppf(0.002, 4)) / 2  # of the corpus that is nearer to noise
    assert speech_threshold(logits, speaks, groups) == pytest.approx(wanted, abs=0.15)


def test_a_rare_kind_of_noise_counts_as_much_as_a_common_one() -> None:
    logits = np.concatenate([np.full(1_000, -9.0), np.full(10, 1.0), np.full(5, 5.0)])
    speaks, groups = np.arange(1_015) >= 1_010, np.array(["rain"] * 1_000 + ["dog"] * 10 + ["mine"] * 5)
    assert speech_threshold(logits, speaks, groups) == 3.0
    assert speech_threshold(logits, speaks, np.where(groups == "dog", "rain", groups)) == -2.0


def test_between_speech_and_noise_far_apart_the_threshold_is_in_the_middle() -> None:
    speaks = np.array([True, True, False, False])
    assert speech_threshold(np.array([5.0, 3.0, -1.0, -9.0]), speaks, np.array(["a", "b", "c", "d"])) == 1.0


def test_few_clips_of_each_corpus_are_unfamiliar() -> None:
    generator = np.random.default_rng(5)
    distances = np.concatenate([generator.gamma(2, 1, 9_000), generator.gamma(2, 2, 1_000)])
    corpora = np.repeat(["cremad", "emodb"], [9_000, 1_000])
    found = unfamiliar_threshold(distances, corpora, 0.02)
    assert np.mean([(distances[corpora == one] > found).mean() for one in ("cremad", "emodb")]) == pytest.approx(
        0.02, abs=0.001
    )


@pytest.mark.parametrize(
    "fit",
    [
        lambda: unsure_threshold(np.array([]), np.array([]), np.array([]), np.array([0.5])),
        lambda: confidence_bands(np.array([0.5]), np.array([True, False])),
        lambda: unfamiliar_threshold(np.array([]), np.array([])),
    ],
)
def test_without_clips_nothing_can_be_fitted(fit: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\(clips,\)"):
        fit()
