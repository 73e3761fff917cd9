"""The small ear: held to a second implementation in a few lines, and to answers that were written down.

That the published file itself answers as our layers do is tested where its weights are read, with all of its six
layers: ``test_sources.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hearfelt.errors import ExtraMissingError, ModelError
from hearfelt.models.encoders import moonshine
from hearfelt.models.encoders.moonshine import HEADS, LAYERS, TURNED, WIDTH, MoonshineEncoder
from hearfelt.models.encoders.weights import moonshine_weights

EACH = WIDTH // HEADS  # 36 numbers a head


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    made = dict(MoonshineEncoder().state_dict())
    for name in made:  # norms and biases that would be missed
        if "norm" in name:
            made[name] = made[name] + 0.2 * torch.randn_like(made[name])
    return made


@pytest.fixture(scope="module")
def encoder(weights: dict[str, Tensor]) -> MoonshineEncoder:
    return MoonshineEncoder.of(weights)


@pytest.fixture(scope="module")
def real() -> dict[str, Tensor]:
    named = os.environ.get("HEARFELT_MOONSHINE")
    try:
        return moonshine_weights(Path(named) if named else None)
    except ExtraMissingError as error:
        pytest.skip(f"{error}; or name a file by HEARFELT_MOONSHINE")


def sweep(seconds: float = 1.0) -> Tensor:
    """A tone that rises from 100 to 4,000 Hz: ``(1, n)``."""
    times = torch.arange(int(16_000 * seconds), dtype=torch.float64) / 16_000
    return (0.5 * torch.sin(2 * torch.pi * (100 * times + 1_950 * times**2 / seconds))).float()[None]


def listened(encoder: MoonshineEncoder, wave: Tensor) -> Tensor:
    with torch.inference_mode():
        return encoder(wave)


def turned_by_place(states: Tensor) -> Tensor:
    """Rotary embedding by its definition: pairs are complex numbers, and each is multiplied by a turning one."""
    pairs = torch.view_as_complex(states[..., :TURNED].unflatten(-1, (-1, 2)).contiguous())
    speeds = 10_000.0 ** (-torch.arange(0, TURNED, 2) / TURNED)
    angles = torch.arange(states.shape[-2])[:, None] * speeds
    turned = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    return torch.cat([turned, states[..., TURNED:]], dim=-1)


def as_published(weights: Mapping[str, Tensor], wave: Tensor) -> list[Tensor]:
    """States after each layer, written plainly."""

    def linear(name: str, states: Tensor) -> Tensor:
        return functional.linear(states, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    def norm(name: str, states: Tensor) -> Tensor:
        return functional.layer_norm(states, (WIDTH,), weights[f"{name}.weight"])

    states = functional.conv1d(wave[:, None], weights["conv1.weight"], stride=64).tanh()
    deviation = (states.var(dim=(1, 2), unbiased=False, keepdim=True) + 1e-5).sqrt()
    states = (states - states.mean(dim=(1, 2), keepdim=True)) / deviation
    states = states * weights["groupnorm.weight"][:, None] + weights["groupnorm.bias"][:, None]
    for conv, stride in (("conv2", 3), ("conv3", 2)):
        bias = weights[f"{conv}.bias"]
        states = functional.gelu(functional.conv1d(states, weights[f"{conv}.weight"], bias, stride=stride))
    states = states.mT
    answers = []
    for layer in (f"layers.{place}" for place in range(LAYERS)):
        normed = norm(f"{layer}.attention_norm", states)
        query, key, value = (torch.stack(linear(f"{layer}.{part}", normed).split(EACH, dim=2), dim=1) for part in "qkv")
        attended = functional.scaled_dot_product_attention(turned_by_place(query), turned_by_place(key), value)
        states = states + linear(f"{layer}.o", torch.cat(attended.unbind(1), dim=2))
        normed = norm(f"{layer}.norm", states)
        states = states + linear(f"{layer}.fc2", functional.gelu(linear(f"{layer}.fc1", normed)))
        answers.append(states)
    return answers


@pytest.mark.parametrize(("n", "states"), [(1_600, 2), (1_759, 3), (16_000, 40), (32_000, 82)])
def test_a_second_becomes_about_41_states_of_three_layers(encoder: MoonshineEncoder, n: int, states: int) -> None:
    assert listened(encoder, torch.zeros(2, n)).shape == (2, states, 3 * WIDTH)


def test_it_computes_what_the_paper_says(weights: dict[str, Tensor], encoder: MoonshineEncoder) -> None:
    expected = as_published(weights, sweep())
    torch.testing.assert_close(listened(encoder, sweep()), torch.cat(expected[1:], dim=2), atol=1e-4, rtol=0)


def test_attention_knows_how_far_apart_two_places_are_and_not_where_they_are(encoder: MoonshineEncoder) -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, EACH)
    angles = (torch.arange(30.0)[:, None] * encoder.frequencies).repeat_interleave(2, dim=1)
    queries, keys = (
        moonshine._turned(one.expand(1, 1, 30, EACH), angles.cos(), angles.sin())[0, 0] for one in (query, key)
    )
    scores = queries @ keys.T
    for apart in (-7, 0, 3, 20):
        same = scores.diagonal(apart)
        torch.testing.assert_close(same, same[0].expand_as(same), atol=1e-4, rtol=0)
    assert scores[0].std() > 0.1
    torch.testing.assert_close(queries.norm(dim=1), query.norm().expand(30))


def test_a_clip_is_heard_the_same_beside_others(encoder: MoonshineEncoder) -> None:
    batch = torch.cat([sweep(), torch.zeros(1, 16_000), sweep().flip(1)])
    torch.testing.assert_close(listened(encoder, batch)[2:], listened(encoder, batch[2:]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("wave", [torch.zeros(1, 1_600), 10 * sweep(0.2).sign(), 1e-6 * sweep(0.2)])
def test_silence_and_full_scale_have_finite_states(encoder: MoonshineEncoder, wave: Tensor) -> None:
    assert listened(encoder, wave).isfinite().all()


@pytest.mark.parametrize(
    ("name", "tensor", "sentence"),
    [
        ("layers.3.o.weight", None, r'Missing key\(s\) in state_dict: "layers\.3\.o\.weight"'),
        ("layers.4.o.weight", torch.zeros(WIDTH, WIDTH), r'Unexpected key\(s\) in state_dict: "layers\.4\.o\.weight"'),
        ("frequencies", torch.zeros(TURNED // 2), "Unexpected key"),
        ("conv1.weight", torch.zeros(WIDTH, 1, 128), r"size mismatch for conv1\.weight"),
    ],
)
def test_other_tensors_are_refused_in_one_sentence(
    weights: dict[str, Tensor], name: str, tensor: Tensor | None, sentence: str
) -> None:
    changed = {**weights, name: tensor}
    with pytest.raises(ModelError, match=f"not Moonshine tiny's first four layers .*{sentence}") as caught:
        MoonshineEncoder.of({name: tensor for name, tensor in changed.items() if tensor is not None})
    assert "\n" not in str(caught.value)


# The real one


def test_the_real_weights_compute_what_the_paper_says(real: dict[str, Tensor]) -> None:
    expected = torch.cat(as_published(real, sweep())[1:], dim=2)
    answer = listened(MoonshineEncoder.of(real), sweep())
    torch.testing.assert_close(answer, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize(
    ("layer", "mean", "deviation"), [(2, 0.64984, 6.49135), (3, 0.54972, 11.1847), (4, 0.58359, 13.2936)]
)
def test_the_real_weights_answer_a_sweep_as_written_down(
    real: dict[str, Tensor], layer: int, mean: float, deviation: float
) -> None:
    states = listened(MoonshineEncoder.of(real), sweep())[0, :, (layer - 2) * WIDTH : (layer - 1) * WIDTH]
    assert float(states.mean()) == pytest.approx(mean, abs=0.01)
    assert float(states.std()) == pytest.approx(deviation, rel=1e-3)
