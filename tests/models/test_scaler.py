from __future__ import annotations

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from hearfelt.models.scaler import Scaler


def test_it_scales_as_scikit_learn_does() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 162)) * np.geomspace(1e-3, 1e3, 162) + 7.0
    scaler = Scaler(162)
    scaler.fit(rows)
    ours = scaler(torch.from_numpy(rows.astype(np.float32))).numpy()
    np.testing.assert_allclose(ours, StandardScaler().fit_transform(rows), atol=2e-3)


def test_a_feature_that_never_changes_is_only_centred() -> None:
    rows = np.full((10, 2), [0.1, 3.0], np.float32)
    scaler = Scaler(2)
    scaler.fit(rows)
    assert scaler.scale.tolist() == [1.0, 1.0]
    assert scaler(torch.from_numpy(rows)).abs().max() < 1e-6


def test_it_is_part_of_the_weights() -> None:
    scaler = Scaler(3)
    scaler.fit(np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 9.0]]))
    assert scaler.state_dict()["mean"].tolist() == [2.0, 3.0, 6.0]
    assert scaler.state_dict()["scale"].tolist() == [1.0, 1.0, 3.0]
