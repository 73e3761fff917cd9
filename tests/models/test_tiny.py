"""The tiny network: what its ear gives, what describes a clip, and how answers are put together."""

from __future__ import annotations

import pytest
import torch

from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS
from hearfelt.models.pooling import Discriminant
from hearfelt.models.tiny import SmallHead, TinyEncoder, TinyNetwork, tiny_features

CLASSES = 3


@pytest.fixture
def encoder() -> TinyEncoder:
    torch.manual_seed(0)
    return TinyEncoder(16, fine_blocks=1, coarse_blocks=3, dimensions=12).eval()


@pytest.fixture
def network(encoder: TinyEncoder) -> TinyNetwork:
    torch.manual_seed(1)
    dimensions = 2 * encoder.dimensions + PITCH_DIMENSIONS
    discriminant = Discriminant(dimensions, CLASSES)
    with torch.no_grad():
        discriminant.slopes.normal_(0, 0.1)
    return TinyNetwork(
        encoder, [SmallHead(dimensions, 8, CLASSES), SmallHead(dimensions, 8, CLASSES)], discriminant
    ).eval()


def test_the_ear_gives_states_at_50_and_25_frames_a_second_and_what_it_imitates(encoder: TinyEncoder) -> None:
    states = encoder(torch.randn(2, 80, 101))
    assert [tuple(state.shape) for state in states] == [(2, 51, 16), (2, 25, 16), (2, 25, 16), (2, 25, 12)]
    assert encoder.dimensions == 16 + 16 + 16 + 12


def test_what_is_heard_far_away_in_time_changes_nothing_here(encoder: TinyEncoder) -> None:
    mel = torch.randn(1, 80, 400)
    other = mel.clone()
    other[:, :, 300:] = 0.0
    for one, two in zip(encoder(mel), encoder(other), strict=True):
        assert torch.equal(one[:, : one.shape[1] // 4], two[:, : one.shape[1] // 4])


def test_a_clip_is_described_by_statistics_of_all_states_and_its_melody(encoder: TinyEncoder) -> None:
    features = tiny_features(encoder(torch.randn(1, 80, 60)), torch.randn(1, 9, PITCH_DIMENSIONS // 3))
    assert features.shape == (1, 2 * encoder.dimensions + PITCH_DIMENSIONS)


@torch.inference_mode()
def test_heads_together_weigh_as_much_as_the_discriminant(network: TinyNetwork) -> None:
    samples = torch.sin(torch.arange(16_000) / 7)[None]
    logits, embedding = network(samples)
    mel, wave = network.front(samples)
    features = tiny_features(network.encoder(mel), network.pitch(wave))
    heads = (network.heads[0](features).log_softmax(1) + network.heads[1](features).log_softmax(1)) / 2
    expected = (heads + network.discriminant(features).log_softmax(1)) / 2
    torch.testing.assert_close(logits, expected)
    assert embedding.shape == (1, 12)


@torch.inference_mode()
@pytest.mark.parametrize("samples", [1_600, 1_759, 16_000])
def test_a_tenth_of_a_second_is_enough(network: TinyNetwork, samples: int) -> None:
    logits, embedding = network(torch.sin(torch.arange(samples) / 7)[None])
    assert logits.isfinite().all()
    assert embedding.isfinite().all()
