"""The encoder of the tiny network: what its states are, and how far they look."""

from __future__ import annotations

import pytest
import torch

from hearfelt.models.encoders.tiny import TinyEncoder


@pytest.fixture
def encoder() -> TinyEncoder:
    torch.manual_seed(0)
    return TinyEncoder(16, fine_blocks=1, coarse_blocks=3, dimensions=12).eval()


def test_states_are_at_50_and_25_frames_a_second_with_the_prediction_of_whispers_last(encoder: TinyEncoder) -> None:
    states = encoder(torch.randn(2, 80, 101))
    assert [tuple(state.shape) for state in states] == [(2, 51, 16), (2, 25, 16), (2, 25, 16), (2, 25, 12)]
    assert encoder.dimensions == 16 + 16 + 16 + 12


@pytest.mark.parametrize(("fine", "coarse"), [(1, 2), (2, 4), (3, 5)])
def test_the_dimensions_are_those_of_all_states(fine: int, coarse: int) -> None:
    encoder = TinyEncoder(16, fine_blocks=fine, coarse_blocks=coarse, dimensions=9)
    assert encoder.dimensions == sum(state.shape[2] for state in encoder(torch.randn(1, 80, 40)))


@torch.inference_mode()
def test_frames_far_away_in_time_change_nothing(encoder: TinyEncoder) -> None:
    mel = torch.randn(1, 80, 400)
    other = mel.clone()
    other[:, :, 300:] = 0.0
    for one, two in zip(encoder(mel), encoder(other), strict=True):
        assert torch.equal(one[:, : one.shape[1] // 4], two[:, : one.shape[1] // 4])
        assert not torch.equal(one[:, -4:], two[:, -4:])


@torch.inference_mode()
def test_states_of_a_clip_do_not_depend_on_its_batch(encoder: TinyEncoder) -> None:
    batch = torch.randn(3, 80, 60)
    for together, alone in zip(encoder(batch), encoder(batch[1:2]), strict=True):
        torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_a_tenth_of_a_second_is_enough(encoder: TinyEncoder) -> None:
    for state in encoder(torch.randn(1, 80, 10)):
        assert state.shape[1] >= 2
        assert state.isfinite().all()
