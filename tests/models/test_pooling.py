"""Pooling over time, held to numbers worked out by hand."""

from __future__ import annotations

import math

import torch

from hearfelt.models.pooling import halved, statistics

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
