from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from hearfelt.evaluation.calibration import TEMPERATURES, fit_temperature, log_softmax, threshold_for
from hearfelt.evaluation.metrics import ece


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
