"""The discriminant of the target corpus: against scikit-learn's, and kept to sound like the target's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hearfelt.evaluation.calibration import log_softmax
from hearfelt.models.sound_network import TargetDiscriminant
from hearfelt.training.discriminant import DiscriminantData, fit_discriminant

DIMENSIONS, CLASSES = 6, 3


def rows_of(labels: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Rows of three emotions whose numbers vary together."""
    world = np.random.default_rng(99)
    mixing = np.eye(DIMENSIONS) + 0.3 * world.normal(size=(DIMENSIONS, DIMENSIONS))
    means = 0.7 * world.normal(size=(CLASSES, DIMENSIONS))
    noise = np.random.default_rng(seed).normal(size=(len(labels), DIMENSIONS))
    return (0.5 * (noise @ mixing + means[labels])).astype(np.float32)


def data_of(count: int = 600, *, others: int = 0) -> DiscriminantData:
    """Rows of the target, then those of another corpus, far away in one dimension and with labels at random."""
    labels = (np.arange(count + others) % CLASSES).astype(np.int64)
    labels[count:] = np.random.default_rng(1).integers(0, CLASSES, others)
    rows = rows_of(labels)
    rows[count:, 0] += 6.0
    return DiscriminantData(
        rows,
        np.ones(DIMENSIONS, np.float32),
        labels,
        np.ones(len(labels)),
        np.arange(len(labels)) < count,
        np.zeros(len(labels), np.int64),
        CLASSES,
    )


def logits_of(fitted: TargetDiscriminant, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return fitted.discriminant(torch.from_numpy(rows)).double().numpy()


def gates_of(fitted: TargetDiscriminant, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return fitted.gate(torch.from_numpy(rows)).sigmoid()[:, 0].numpy()


def test_it_is_scikit_learns_where_little_is_shrunken() -> None:
    data, asked = data_of(), rows_of(np.arange(60) % CLASSES, seed=1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / CLASSES] * CLASSES).fit(data.rows, data.labels)
    mine = log_softmax(logits_of(fit_discriminant(data, shrinkage=1e-5, weight=1.0), asked))
    np.testing.assert_allclose(mine, theirs.predict_log_proba(asked.astype(np.float64)), atol=0.02)


def test_the_weight_multiplies_the_logits() -> None:
    data = data_of()
    one, third = (fit_discriminant(data, shrinkage=1.0, weight=weight) for weight in (1.0, 0.3))
    np.testing.assert_allclose(0.3 * logits_of(one, data.rows), logits_of(third, data.rows), atol=1e-5)
    none = fit_discriminant(data, shrinkage=1.0, weight=0.0)
    assert not logits_of(none, data.rows).any()


def test_the_more_is_shrunken_the_less_sure_it_is() -> None:
    data = data_of()
    spreads = [np.ptp(logits_of(fit_discriminant(data, shrinkage=s, weight=1.0), data.rows)) for s in (0.01, 1.0, 100)]
    assert spreads[0] > spreads[1] > 10 * spreads[2]


def test_emotions_have_the_same_prior() -> None:
    data, asked = data_of(3_000), rows_of(np.arange(60) % CLASSES, seed=1)
    rare = np.flatnonzero((data.labels != 2) | (np.arange(3_000) % 30 == 2))
    some = replace(
        data,
        **{name: getattr(data, name)[rare] for name in ("rows", "labels", "weights", "is_target", "channels")},
    )
    often, seldom = (
        log_softmax(logits_of(fit_discriminant(one, shrinkage=0.1, weight=1.0), asked)) for one in (data, some)
    )
    np.testing.assert_allclose(seldom[:, 2].mean(), often[:, 2].mean(), atol=0.35)


def test_rows_of_weight_0_and_of_other_corpora_have_no_influence() -> None:
    data = data_of(300, others=100)
    weights = np.where(np.arange(400) < 30, 0.0, 1.0)
    moved = data.rows.copy()
    moved[:30] = 5.0
    one, other = (
        fit_discriminant(replace(data, weights=weights, rows=rows), shrinkage=1.0, weight=1.0)
        for rows in (data.rows, moved)
    )
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    far = data.rows.copy()
    far[300:, 1:] *= -1.0
    third = fit_discriminant(replace(data, weights=weights, rows=far), shrinkage=1.0, weight=1.0)
    assert torch.equal(third.discriminant.weight, one.discriminant.weight)
    assert not torch.equal(third.gate.weight, one.gate.weight)


def test_nothing_is_said_of_an_emotion_without_rows() -> None:
    """Its logit is the mean of the others, whatever the sound."""
    data = data_of()
    data = replace(data, weights=np.where(data.labels == 1, 0.0, 1.0))
    found = logits_of(fit_discriminant(data, shrinkage=1.0, weight=1.0), data.rows)
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
    one, other = (logits_of(fit_discriminant(some, shrinkage=0.1, weight=1.0), asked) for some in (both, spoken))
    assert (one.argmax(axis=1) == other.argmax(axis=1)).mean() > 0.85


def test_another_channel_lends_the_mean_of_an_emotion_that_the_targets_own_lacks() -> None:
    data = data_of()
    sung = np.arange(600) // CLASSES % 2 == 1
    rows = data.rows + 3.0 * sung[:, None].astype(np.float32)
    weights = np.where(~sung & (data.labels == 2), 0.0, 1.0)
    lacking = replace(data, rows=rows, channels=sung.astype(np.int64), weights=weights)
    lent = logits_of(fit_discriminant(lacking, shrinkage=0.1, weight=1.0), rows[sung & (data.labels == 2)])
    assert (lent.argmax(axis=1) == 2).mean() > 0.9


def test_components_weigh_by_their_gains() -> None:
    data = data_of()
    gains = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0], np.float32)
    fitted = fit_discriminant(replace(data, gains=gains), shrinkage=1.0, weight=1.0)
    np.testing.assert_array_equal(fitted.gains.numpy(), gains)
    changed = data.rows.copy()
    changed[:, 5] += 4.0
    with torch.inference_mode():
        one, other = (fitted(torch.from_numpy(rows), torch.from_numpy(rows)) for rows in (data.rows, changed))
    torch.testing.assert_close(one, other)


# The gate


def test_the_gate_is_open_for_the_target_and_shut_for_other_corpora() -> None:
    data = data_of(300, others=300)
    gates = gates_of(fit_discriminant(data, shrinkage=1.0, weight=1.0), data.rows)
    assert gates[300:].max() < 0.1
    assert np.median(gates[:300]) > 5 * np.median(gates[300:])
    assert np.median(gates[:300]) > 0.4


def test_without_other_corpora_the_gate_is_open() -> None:
    data = data_of()
    assert gates_of(fit_discriminant(data, shrinkage=1.0, weight=1.0), data.rows).min() > 0.999
    left_out = data_of(300, others=100)
    alone = replace(left_out, weights=np.where(left_out.is_target, 1.0, 0.0))
    assert gates_of(fit_discriminant(alone, shrinkage=1.0, weight=1.0), alone.rows).min() > 0.999


@pytest.mark.parametrize("count", [CLASSES, 4])
def test_a_clip_of_each_emotion_is_enough(count: int) -> None:
    data = data_of(count)
    fitted = fit_discriminant(data, shrinkage=1.0, weight=1.0)
    assert all(bool(value.isfinite().all()) for value in fitted.state_dict().values())
    assert logits_of(fitted, data.rows)[:CLASSES].argmax(axis=1).tolist() == [0, 1, 2]
