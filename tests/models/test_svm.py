from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from hearfelt.models.layers import Scaler
from hearfelt.models.svm import SvmNetwork


def _data(classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    places = np.concatenate([np.arange(classes), generator.integers(0, classes, 250)])
    return generator.normal(size=(len(places), 162)) + 0.5 * places[:, None], places


@pytest.mark.parametrize("classes", [2, 3, 7, 8])
def test_it_decides_as_scikit_learn_does(classes: int) -> None:
    rows, places = _data(classes, seed=0)
    machine = SVC(C=10.0, class_weight="balanced", break_ties=classes > 2).fit(rows, places)
    network = SvmNetwork.of(machine, Scaler(162))
    fresh, _ = _data(classes, seed=1)
    outputs = network(torch.from_numpy(fresh.astype(np.float32))).numpy()
    assert (outputs.argmax(axis=1) == machine.predict(fresh)).all()
    assert len(set(outputs.argmax(axis=1).tolist())) == classes


@pytest.mark.parametrize("classes", [3, 8])
def test_its_outputs_are_scikit_learns_decision_function(classes: int) -> None:
    rows, places = _data(classes, seed=2)
    machine = SVC(C=10.0, decision_function_shape="ovr").fit(rows, places)
    fresh, _ = _data(classes, seed=3)
    outputs = SvmNetwork.of(machine, Scaler(162))(torch.from_numpy(fresh.astype(np.float32))).numpy()
    np.testing.assert_allclose(outputs, machine.decision_function(fresh), atol=1e-5)


def test_it_scales_inside() -> None:
    rows, places = _data(4, seed=4)
    scaler = Scaler(162)
    scaler.fit(rows * 50.0 + 3.0)
    machine = SVC().fit(rows, places)
    inside = SvmNetwork.of(machine, scaler)(torch.from_numpy((rows * 50.0 + 3.0).astype(np.float32)))
    plain = Scaler(162)
    plain.fit(rows)
    outside = SvmNetwork.of(machine, plain)(torch.from_numpy(rows.astype(np.float32)))
    torch.testing.assert_close(inside, outside, atol=1e-3, rtol=1e-3)
