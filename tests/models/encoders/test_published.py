"""Nothing but the published numbers gets in."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hearfelt.errors import ModelError
from hearfelt.models.encoders.published import Published, checked_weights, fingerprint

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
SOURCE = Published(
    "Toy", {name: tuple(tensor.shape) for name, tensor in WEIGHTS.items()}, fingerprint(WEIGHTS), prefix="model."
)


def test_the_published_tensors_pass() -> None:
    assert checked_weights(SOURCE, WEIGHTS, "toy.safetensors") is WEIGHTS


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"a.weight": WEIGHTS["a.weight"]}, "there is no tensor model.a.bias; Toy has it"),
        ({**WEIGHTS, "b": torch.ones(1)}, "tensor model.b is none of Toy's"),
        ({**WEIGHTS, "a.bias": torch.ones(3)}, r"tensor model.a.bias is \[3\]; in Toy it is \[2\]"),
        ({**WEIGHTS, "a.weight": WEIGHTS["a.weight"].T}, r"tensor model.a.weight is \[3, 2\]; in Toy it is \[2, 3\]"),
        (
            {**WEIGHTS, "a.bias": torch.tensor([1.0, float("nan")])},
            "tensor model.a.bias holds numbers that are not fin",
        ),
        (
            {**WEIGHTS, "a.bias": torch.tensor([1.0, float("inf")])},
            "tensor model.a.bias holds numbers that are not fin",
        ),
        ({**WEIGHTS, "a.bias": torch.tensor([1.0, 1.001])}, "the names are Toy's and the numbers are not"),
    ],
)
def test_anything_else_is_refused_and_the_tensor_is_named(changed: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ModelError, match=f"^toy.safetensors: {message}"):
        checked_weights(SOURCE, changed, "toy.safetensors")


def test_random_weights_of_the_right_shapes_never_load() -> None:
    torch.manual_seed(0)
    with pytest.raises(ModelError, match="the numbers are not"):
        checked_weights(SOURCE, {name: torch.randn(shape) for name, shape in SOURCE.shapes.items()}, "random")


def test_a_fingerprint_hangs_on_names_shapes_and_numbers_and_not_on_order_or_precision() -> None:
    mark = fingerprint(WEIGHTS)
    assert fingerprint(dict(reversed(WEIGHTS.items()))) == mark
    assert fingerprint({name: tensor.half() for name, tensor in WEIGHTS.items()}) == mark
    assert fingerprint({name: tensor.double() for name, tensor in WEIGHTS.items()}) == mark
    assert fingerprint({"b.weight": WEIGHTS["a.weight"], "a.bias": WEIGHTS["a.bias"]}) != mark
    assert fingerprint({**WEIGHTS, "a.weight": WEIGHTS["a.weight"].reshape(3, 2)}) != mark
    assert fingerprint({**WEIGHTS, "a.bias": torch.tensor([1.0, 1.001])}) != mark


def test_a_view_has_the_fingerprint_of_its_numbers() -> None:
    turned = WEIGHTS["a.weight"].T
    assert fingerprint({"w": turned}) == fingerprint({"w": turned.contiguous()})
    assert replace(SOURCE, url="elsewhere").fingerprint == SOURCE.fingerprint
