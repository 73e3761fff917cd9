from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hearfelt.finetuning.head import SETTINGS, Setting, fit_heads


def clouds(rows: int, dimensions: int, classes: int = 3, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    middles = generator.normal(0, 2, (classes, dimensions))
    return middles[labels] + generator.normal(0, 1, (rows, dimensions)) * generator.uniform(0.1, 9, dimensions), labels


@pytest.mark.parametrize(("rows", "dimensions"), [(60, 5), (30, 80)])
def test_it_answers_as_the_discriminant_of_scikit_learn(rows: int, dimensions: int) -> None:
    features, labels = clouds(rows, dimensions)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    means = np.stack([scaled[labels == label].mean(axis=0) for label in range(3)])
    centred = scaled - means[labels]
    shrinkage = 0.7
    least = np.square(centred).sum() / centred.size
    covariance = centred.T @ centred / rows
    precision = np.linalg.inv(covariance + shrinkage * least * np.eye(dimensions))
    wanted = scaled @ precision @ means.T - 0.5 * np.einsum("kd,de,ke->k", means, precision, means)
    (head,) = fit_heads(features, labels, 3, embedding_size=dimensions, settings=[Setting(shrinkage, 0.0)])
    assert head.logits(features) == pytest.approx(wanted, abs=1e-8)
    # scikit-learn mixes the covariance with its diagonal's mean instead of adding that: the same but for a factor.
    reference = LinearDiscriminantAnalysis("lsqr", shrinkage=0.4, priors=np.full(3, 1 / 3)).fit(scaled, labels)
    (alike,) = fit_heads(features, labels, 3, embedding_size=dimensions, settings=[Setting(0.4 / 0.6, 0.0)])
    assert np.mean(alike.logits(features).argmax(axis=1) == reference.predict(scaled)) > 0.95


def test_each_setting_gives_the_head_that_it_would_give_alone() -> None:
    features, labels = clouds(40, 12)
    heads = fit_heads(features, labels, 3, embedding_size=9)
    for head, setting in zip(heads, SETTINGS, strict=True):
        (alone,) = fit_heads(features, labels, 3, embedding_size=9, settings=[setting])
        assert head.slopes == pytest.approx(alone.slopes, abs=1e-12)


def test_without_trust_the_answers_of_the_base_count_for_nothing() -> None:
    features, labels = clouds(40, 12)
    (head,) = fit_heads(features, labels, 3, embedding_size=9, settings=[Setting(1.0, 0.0)])
    assert not head.slopes[9:].any()


def test_with_trust_the_answers_of_the_base_count_for_more_than_as_many_other_numbers() -> None:
    generator = np.random.default_rng(3)
    labels = np.arange(30) % 3
    noise = generator.normal(0, 1, (30, 60))
    features = np.concatenate([noise, np.eye(3)[labels] + generator.normal(0, 0.4, (30, 3))], axis=1)
    test = np.concatenate([generator.normal(0, 1, (300, 60)), np.repeat(np.eye(3), 100, axis=0)], axis=1)
    little, much = fit_heads(features, labels, 3, embedding_size=60, settings=[Setting(1.0, 1.0), Setting(1.0, 30.0)])
    truth = np.repeat(np.arange(3), 100)
    right = [np.mean(head.logits(test).argmax(axis=1) == truth) for head in (little, much)]
    assert right[1] > right[0]


def test_the_scale_of_the_numbers_does_not_matter() -> None:
    features, labels = clouds(40, 6)
    setting = [Setting(1.0, 0.0)]
    (one,) = fit_heads(features, labels, 3, embedding_size=6, settings=setting)
    (other,) = fit_heads(features * 1000 + 5, labels, 3, embedding_size=6, settings=setting)
    assert other.logits(features * 1000 + 5) == pytest.approx(one.logits(features), abs=1e-6)


def test_a_label_without_clips_is_never_answered() -> None:
    features, labels = clouds(40, 6, 2)
    (head,) = fit_heads(features, labels * 2, 3, embedding_size=6, settings=[Setting(1.0, 0.0)])
    assert set(head.logits(features).argmax(axis=1).tolist()) == {0, 2}


@pytest.mark.parametrize("features", [np.zeros((6, 3)), np.tile([[1.0, 5.0, 5.0]], (6, 1)), np.eye(6)[:, :3]])
def test_numbers_that_never_change_are_no_obstacle(features: np.ndarray) -> None:
    heads = fit_heads(features, np.array([0, 1, 2, 0, 1, 2]), 3, embedding_size=2)
    assert all(np.isfinite(head.logits(features + 1)).all() for head in heads)
