from __future__ import annotations

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from hearfelt.models.scaler import Scaler, relative_to_reference


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


def test_at_weight_1_the_reference_has_mean_0_and_deviation_1() -> None:
    rows = torch.from_numpy(np.random.default_rng(0).normal(2.0, 0.5, size=(50, 4)).astype(np.float32))
    relative = relative_to_reference(rows, rows.mean(0), rows.std(0, correction=0), torch.ones(1))
    assert relative.mean(0).abs().max() < 1e-5
    torch.testing.assert_close(relative.std(0, correction=0), torch.ones(4))


def test_at_weight_0_or_without_a_reference_nothing_changes() -> None:
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert relative_to_reference(rows) is rows
    torch.testing.assert_close(relative_to_reference(rows, torch.ones(4), torch.zeros(4), torch.zeros(1)), rows)


def test_each_row_may_have_its_own_reference() -> None:
    generator = torch.Generator().manual_seed(0)
    rows, means = torch.randn(5, 4, generator=generator), torch.randn(5, 4, generator=generator)
    deviations, weights = torch.rand(5, 4, generator=generator), torch.rand(5, 1, generator=generator)
    together = relative_to_reference(rows, means, deviations, weights)
    alone = [relative_to_reference(rows[i : i + 1], means[i], deviations[i], weights[i]) for i in range(5)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_recordings_that_agree_by_chance_do_not_blow_up_a_dimension() -> None:
    rows = torch.full((1, 2), 1.0)
    assert relative_to_reference(rows, torch.zeros(2), torch.zeros(2), torch.ones(1)).tolist() == [[10.0, 10.0]]
