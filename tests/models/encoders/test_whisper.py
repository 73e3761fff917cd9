"""Whisper's encoder, held to a second implementation in a few lines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hearfelt.errors import ModelError
from hearfelt.models.encoders.weights import whisper_weights
from hearfelt.models.encoders.whisper import HEADS, LAYERS, WIDTH, WhisperEncoder

SHARED = Path(os.environ.get("HEARFELT_PRETRAINED", Path(__file__).parents[4] / "shared" / "pretrained"))


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Random ones; places are made quieter than the sound, which would be drowned by them."""
    torch.manual_seed(0)
    made = dict(WhisperEncoder().state_dict())
    made["embed_positions.weight"] = made["embed_positions.weight"] * 0.1
    return made


@pytest.fixture(scope="module")
def encoder(weights: dict[str, Tensor]) -> WhisperEncoder:
    return WhisperEncoder.of(weights)


@pytest.fixture(scope="module")
def real() -> dict[str, Tensor]:
    path = SHARED / "whisper_base_encoder_first4.safetensors"
    if not path.is_file():
        pytest.skip("Whisper base's weights are not here; set HEARFELT_PRETRAINED to the folder that holds them")
    return whisper_weights(path)


def sweep(frames: int = 200) -> Tensor:
    """A tone that rises through all bands, as log-mel ``(1, 80, frames)``: 1 where it is, -1 far from it."""
    bands, times = torch.arange(80.0)[:, None], torch.arange(float(frames))[None]
    away = bands - 80.0 * times / frames
    return (2.0 * (-(away**2) / 18.0).exp() - 1.0)[None]


def encoded(encoder: WhisperEncoder, mel: Tensor) -> list[Tensor]:
    with torch.inference_mode():
        return encoder(mel)


def as_published(weights: Mapping[str, Tensor], mel: Tensor) -> list[Tensor]:
    """States after each layer, by the paper: pre-norm transformer layers over two convolutions, written plainly."""

    def linear(name: str, states: Tensor) -> Tensor:
        return functional.linear(states, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    def norm(name: str, states: Tensor) -> Tensor:
        return functional.layer_norm(states, (WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"])

    states = functional.gelu(functional.conv1d(mel, weights["conv1.weight"], weights["conv1.bias"], padding=1))
    states = functional.conv1d(states, weights["conv2.weight"], weights["conv2.bias"], stride=2, padding=1)
    states = functional.gelu(states).mT
    states = states + weights["embed_positions.weight"][: states.shape[1]]
    answers = []
    for layer in (f"layers.{place}" for place in range(LAYERS)):
        normed = norm(f"{layer}.self_attn_layer_norm", states)
        heads = [
            torch.stack(linear(f"{layer}.self_attn.{part}_proj", normed).split(WIDTH // HEADS, dim=2), dim=1)
            for part in "qkv"
        ]
        attended = torch.cat(functional.scaled_dot_product_attention(*heads).unbind(1), dim=2)
        states = states + linear(f"{layer}.self_attn.out_proj", attended)
        normed = norm(f"{layer}.final_layer_norm", states)
        states = states + linear(f"{layer}.fc2", functional.gelu(linear(f"{layer}.fc1", normed)))
        answers.append(states)
        if layer in ("layers.0", "layers.1"):
            pairs = states[:, : states.shape[1] // 2 * 2]
            states = (pairs[:, ::2] + pairs[:, 1::2]) / 2
    return answers


@pytest.mark.parametrize(("frames", "counts"), [(10, [5, 2, 1, 1]), (11, [6, 3, 1, 1]), (100, [50, 25, 12, 12])])
def test_frames_are_halved_by_the_convolution_and_after_two_layers(
    encoder: WhisperEncoder, frames: int, counts: list[int]
) -> None:
    states = encoded(encoder, torch.zeros(2, 80, frames))
    assert [tuple(one.shape) for one in states] == [(2, count, WIDTH) for count in counts]


def test_it_computes_what_the_paper_says(weights: dict[str, Tensor], encoder: WhisperEncoder) -> None:
    for mine, expected in zip(encoded(encoder, sweep()), as_published(weights, sweep()), strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-4, rtol=0)


def test_states_of_a_clip_do_not_depend_on_its_batch(encoder: WhisperEncoder) -> None:
    batch = torch.cat([sweep(), torch.zeros(1, 80, 200), sweep().flip(2)])
    for together, alone in zip(encoded(encoder, batch), encoded(encoder, batch[2:]), strict=True):
        torch.testing.assert_close(together[2:], alone, atol=1e-5, rtol=0)


def test_other_sounds_and_other_orders_have_other_states(encoder: WhisperEncoder) -> None:
    means = encoded(encoder, torch.cat([sweep(), sweep().flip(2), -sweep()]))[-1].mean(dim=1)
    assert torch.cdist(means, means).add(torch.eye(3)).min() > 0.01


def test_places_beyond_those_wanted_are_forgotten_and_no_other(
    weights: dict[str, Tensor], encoder: WhisperEncoder
) -> None:
    shorter = WhisperEncoder.of(weights, positions=100)
    torch.testing.assert_close(encoded(shorter, sweep()), encoded(encoder, sweep()))
    count = [sum(one.numel() for one in each.parameters()) for each in (encoder, shorter)]
    assert count[0] - count[1] == 1_400 * WIDTH


def test_names_as_published_and_half_precision_are_taken(weights: dict[str, Tensor]) -> None:
    halves = {f"model.encoder.{name}": tensor.half() for name, tensor in weights.items()}
    encoder = WhisperEncoder.of(halves)
    assert {tensor.dtype for tensor in encoder.state_dict().values()} == {torch.float32}
    assert not encoder.training


def test_the_given_tensors_are_copied(weights: dict[str, Tensor], encoder: WhisperEncoder) -> None:
    mine = {tensor.data_ptr() for tensor in encoder.state_dict().values()}
    assert not mine & {tensor.data_ptr() for tensor in weights.values()}


@pytest.mark.parametrize(
    ("name", "tensor", "sentence"),
    [
        ("layers.3.fc2.bias", None, r'Missing key\(s\) in state_dict: "layers\.3\.fc2\.bias"'),
        ("layers.4.fc2.bias", torch.zeros(WIDTH), r'Unexpected key\(s\) in state_dict: "layers\.4\.fc2\.bias"'),
        ("layers.0.self_attn.k_proj.bias", torch.zeros(WIDTH), "Unexpected key"),
        ("conv1.weight", torch.zeros(WIDTH, 128, 3), r"size mismatch for conv1\.weight"),
    ],
)
def test_other_tensors_are_refused_in_one_sentence(
    weights: dict[str, Tensor], name: str, tensor: Tensor | None, sentence: str
) -> None:
    changed = {**weights, name: tensor}
    with pytest.raises(ModelError, match=f"not Whisper base's first four layers .*{sentence}") as caught:
        WhisperEncoder.of({name: tensor for name, tensor in changed.items() if tensor is not None})
    assert "\n" not in str(caught.value)


# The real one


def test_the_real_weights_compute_what_the_paper_says(real: dict[str, Tensor]) -> None:
    for mine, expected in zip(encoded(WhisperEncoder.of(real), sweep()), as_published(real, sweep()), strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)
