from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from hearfelt.models.layers import FourierFilters, Scaler, halved, relative_to_reference, statistics


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


LEAST = 1e-5  # what a deviation of 0 becomes is its root


def test_every_two_frames_become_one() -> None:
    frames = torch.tensor([[[1.0, 0.0], [3.0, 2.0], [5.0, 5.0], [5.0, 7.0], [100.0, 100.0]]])
    assert halved(frames).tolist() == [[[2.0, 1.0], [5.0, 6.0]]]


def test_statistics_are_all_means_and_then_all_deviations() -> None:
    frames = torch.tensor([[[0.0, 7.0], [0.0, 7.0], [0.0, 7.0], [8.0, 7.0]], [[1.0, 2.0]] * 4])
    expected = [[2, 7, math.sqrt(12 + LEAST), math.sqrt(LEAST)], [1, 2, math.sqrt(LEAST), math.sqrt(LEAST)]]
    torch.testing.assert_close(statistics(frames), torch.tensor(expected))


def test_the_order_of_frames_is_no_matter() -> None:
    frames = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(statistics(frames.flip(1)), statistics(frames))


def test_one_frame_has_finite_statistics_and_a_finite_gradient() -> None:
    frame = torch.tensor([[[3.0, -1.0]]], requires_grad=True)
    found = statistics(frame)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert found[0, :2].tolist() == [3.0, -1.0]
    assert frame.grad is not None
    assert frame.grad.isfinite().all()


@pytest.mark.parametrize(("frame", "period"), [(400, 400), (640, 1024)])
def test_filters_give_the_transform_of_the_windowed_frame(frame: int, period: int) -> None:
    samples = np.random.default_rng(0).normal(size=frame)
    bins = [0, 1, 7, frame // 3]
    cosines, sines = FourierFilters(bins, frame, period)(torch.from_numpy(samples).float()[None, None], hop=frame)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    wanted = np.fft.rfft(samples * window, period)[bins]
    np.testing.assert_allclose(cosines[0, :, 0], wanted.real, atol=1e-4)
    np.testing.assert_allclose(sines[0, :, 0], -wanted.imag, atol=1e-4)


def test_it_is_no_part_of_what_is_learned_or_kept() -> None:
    transform = FourierFilters(range(4), 8, 8)
    assert list(transform.parameters()) == []
    assert transform.state_dict() == {}
