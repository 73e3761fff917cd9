"""The discriminant of the target corpus: against scikit-learn's, and kept to sound like the target's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hearfelt.evaluation.calibration import log_softmax
from hearfelt.models.sound_network import TargetDiscriminant
from hearfelt.training.heads import DiscriminantData, GateData, fit_discriminant, target_discriminant

DIMENSIONS, CLASSES = 6, 3


def rows_of(labels: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Rows of three emotions whose numbers vary together."""
    world = np.random.default_rng(99)
    mixing = np.eye(DIMENSIONS) + 0.3 * world.normal(size=(DIMENSIONS, DIMENSIONS))
    means = 0.7 * world.normal(size=(CLASSES, DIMENSIONS))
    noise = np.random.default_rng(seed).normal(size=(len(labels), DIMENSIONS))
    return (0.5 * (noise @ mixing + means[labels])).astype(np.float32)


def data_of(count: int = 600) -> DiscriminantData:
    labels = (np.arange(count) % CLASSES).astype(np.int64)
    return DiscriminantData(rows_of(labels), labels, np.ones(count), np.zeros(count, np.int64), CLASSES)


def gate_of(data: DiscriminantData, *, others: int = 0) -> GateData:
    """Rows of the target, then those of another corpus, far away in one dimension."""
    far = rows_of(np.random.default_rng(1).integers(0, CLASSES, others), seed=2)
    far[:, 0] += 6.0
    rows = np.concatenate([data.rows, far])
    return GateData(rows, np.ones(DIMENSIONS, np.float32), np.arange(len(rows)) < len(data.rows))


def layer_of(
    data: DiscriminantData, *, shrinkage: float = 1.0, weight: float = 1.0, others: int = 0
) -> TargetDiscriminant:
    return target_discriminant(fit_discriminant(data, shrinkage), gate_of(data, others=others), weight)


def logits_of(made: TargetDiscriminant, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return (made.scores(torch.from_numpy(rows)) * made.scale + made.offset).double().numpy()


def gates_of(made: TargetDiscriminant, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return made.gate(torch.from_numpy(rows)).sigmoid()[:, 0].numpy()


def test_it_is_scikit_learns_where_little_is_shrunken() -> None:
    data, asked = data_of(), rows_of(np.arange(60) % CLASSES, seed=1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / CLASSES] * CLASSES).fit(data.rows, data.labels)
    mine = log_softmax(logits_of(layer_of(data, shrinkage=1e-5), asked))
    np.testing.assert_allclose(mine, theirs.predict_log_proba(asked.astype(np.float64)), atol=0.02)


def test_the_weight_multiplies_the_logits() -> None:
    data = data_of()
    one, third = (layer_of(data, weight=weight) for weight in (1.0, 0.3))
    np.testing.assert_allclose(0.3 * logits_of(one, data.rows), logits_of(third, data.rows), atol=1e-5)
    none = layer_of(data, weight=0.0)
    assert not logits_of(none, data.rows).any()


def test_the_more_is_shrunken_the_less_sure_it_is() -> None:
    data = data_of()
    spreads = [np.ptp(logits_of(layer_of(data, shrinkage=s), data.rows)) for s in (0.01, 1.0, 100)]
    assert spreads[0] > spreads[1] > 10 * spreads[2]


def test_emotions_have_the_same_prior() -> None:
    data, asked = data_of(3_000), rows_of(np.arange(60) % CLASSES, seed=1)
    rare = np.flatnonzero((data.labels != 2) | (np.arange(3_000) % 30 == 2))
    some = replace(
        data,
        **{name: getattr(data, name)[rare] for name in ("rows", "labels", "weights", "channels")},
    )
    often, seldom = (log_softmax(logits_of(layer_of(one, shrinkage=0.1), asked)) for one in (data, some))
    np.testing.assert_allclose(seldom[:, 2].mean(), often[:, 2].mean(), atol=0.35)


def test_rows_of_weight_0_have_no_influence() -> None:
    data = data_of(300)
    weights = np.where(np.arange(300) < 30, 0.0, 1.0)
    moved = data.rows.copy()
    moved[:30] = 5.0
    one, other = (fit_discriminant(replace(data, weights=weights, rows=rows), 1.0) for rows in (data.rows, moved))
    for name in ("slopes", "offsets", "mean", "deviation"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_scores_have_mean_0_and_deviation_1_over_the_target() -> None:
    data = data_of()
    with torch.inference_mode():
        scores = layer_of(data, weight=0.3).scores(torch.from_numpy(data.rows)).numpy()
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(scores.std(axis=0), 1.0, atol=1e-4)


def test_nothing_is_said_of_an_emotion_without_rows() -> None:
    """Its logit is the mean of the others, whatever the sound."""
    data = data_of()
    data = replace(data, weights=np.where(data.labels == 1, 0.0, 1.0))
    found = logits_of(layer_of(data), data.rows)
    assert not found[:, 1].any()
    np.testing.assert_allclose(found[:, 0] + found[:, 2], 0.0, atol=1e-5)
    assert np.abs(found[:, 0]).max() > 0.5


def test_means_are_those_of_the_targets_own_channel() -> None:
    """Each emotion is sung as the next one is spoken; who is asked about speech must not be misled."""
    data, asked = data_of(), rows_of(np.arange(60) % CLASSES, seed=1)
    sung = np.arange(600) // CLASSES % 2 == 1
    rows = np.where(sung[:, None], rows_of((data.labels + 1) % CLASSES), data.rows)
    both = replace(data, rows=rows, channels=sung.astype(np.int64))
    spoken = replace(data, weights=np.where(sung, 0.0, 1.0))
    one, other = (logits_of(layer_of(some, shrinkage=0.1), asked) for some in (both, spoken))
    assert (one.argmax(axis=1) == other.argmax(axis=1)).mean() > 0.85


def test_another_channel_lends_the_mean_of_an_emotion_that_the_targets_own_lacks() -> None:
    data = data_of()
    sung = np.arange(600) // CLASSES % 2 == 1
    rows = data.rows + 3.0 * sung[:, None].astype(np.float32)
    weights = np.where(~sung & (data.labels == 2), 0.0, 1.0)
    lacking = replace(data, rows=rows, channels=sung.astype(np.int64), weights=weights)
    lent = logits_of(layer_of(lacking, shrinkage=0.1), rows[sung & (data.labels == 2)])
    assert (lent.argmax(axis=1) == 2).mean() > 0.9


# The gate


def test_the_gate_is_open_for_the_target_and_shut_for_other_corpora() -> None:
    data = data_of(300)
    gates = gates_of(layer_of(data, others=300), gate_of(data, others=300).rows)
    assert gates[300:].max() < 0.1
    assert np.median(gates[:300]) > 5 * np.median(gates[300:])
    assert np.median(gates[:300]) > 0.4


def test_without_other_corpora_the_gate_is_open() -> None:
    data = data_of()
    assert gates_of(layer_of(data), data.rows).min() > 0.999


@pytest.mark.parametrize("count", [CLASSES, 4])
def test_a_clip_of_each_emotion_is_enough(count: int) -> None:
    data = data_of(count)
    fitted = layer_of(data)
    assert all(bool(value.isfinite().all()) for value in fitted.state_dict().values())
    assert logits_of(fitted, data.rows)[:CLASSES].argmax(axis=1).tolist() == [0, 1, 2]
