"""The encoder's tensors are found by the nodes that take them."""

from __future__ import annotations

import numpy as np
import torch

from hearfelt.models.encoders.moonshine_file import moonshine_tensors
from hearfelt.models.encoders.ort_file import OrtFile

SHAPES = {
    "conv1.weight": (2, 1, 3),
    "groupnorm.weight": (2,),
    "groupnorm.bias": (2,),
    "conv2.weight": (4, 2, 3),
    "conv2.bias": (4,),
    "layers.0.q.weight": (2, 3),
    "layers.0.fc1.weight": (4, 2),
    "layers.0.fc1.bias": (4,),
    "layers.0.attention_norm.weight": (2,),
    "layers.0.norm.weight": (2,),
}


def quantized(name: str, values: np.ndarray, zero: int, scale: float) -> dict[str, np.ndarray]:
    return {
        f"{name}_quantized": values.astype(np.uint8),
        f"{name}_zero_point": np.uint8(zero).reshape(()),
        f"{name}_scale": np.float32(scale).reshape(()),
    }


TENSORS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 1, 3),
    "onnx::Mul_7": np.array([[1.0], [2.0]], np.float32),
    "onnx::Add_8": np.array([[3.0], [4.0]], np.float32),
    "c": np.ones((4, 2, 3), np.float32),
    "d": np.ones(4, np.float32),
    **quantized("onnx::MatMul_1", np.array([[10, 20], [30, 40], [50, 60]]), 30, 0.5),
    **quantized("onnx::MatMul_2", np.full((2, 4), 3), 1, 2.0),
    "bias": np.arange(4, dtype=np.float32),
    "before": np.full(2, 5, np.float32),
    "after": np.full(2, 6, np.float32),
}
INPUTS = {
    "/conv1/Conv": ("x", "a"),
    "/groupnorm/Mul": ("x", "onnx::Mul_7"),
    "/groupnorm/Add": ("x", "onnx::Add_8"),
    "/conv2/Conv": ("x", "c", "d"),
    "/layers.0/self_attn/q_proj/MatMul_quant": ("x", "onnx::MatMul_1_quantized", "s", "onnx::MatMul_1_scale"),
    "/layers.0/mlp/fc1/MatMul_quant": ("x", "onnx::MatMul_2_quantized", "onnx::MatMul_2_scale", "z", "bias"),
    "/layers.0/input_layernorm/LayerNormalization": ("x", "before", "nothing"),
    "/layers.0/post_attention_layernorm/LayerNormalization": ("x", "after", "nothing"),
}


def test_every_tensor_is_found_in_its_own_shape() -> None:
    found = moonshine_tensors(OrtFile(TENSORS, INPUTS), SHAPES)
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == SHAPES
    assert all(tensor.dtype == torch.float32 for tensor in found.values())


def test_eight_bit_numbers_become_real_ones_and_products_are_turned_round() -> None:
    found = moonshine_tensors(OrtFile(TENSORS, INPUTS), SHAPES)
    assert found["layers.0.q.weight"].tolist() == [[-10.0, 0.0, 10.0], [-5.0, 5.0, 15.0]]  # (value - 30) * 0.5, turned
    assert found["layers.0.fc1.weight"].tolist() == [[4.0, 4.0]] * 4
    assert found["layers.0.fc1.bias"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_the_norms_are_not_mixed_up() -> None:
    found = moonshine_tensors(OrtFile(TENSORS, INPUTS), SHAPES)
    assert found["layers.0.attention_norm.weight"].tolist() == [5.0, 5.0]
    assert found["layers.0.norm.weight"].tolist() == [6.0, 6.0]
    assert found["groupnorm.weight"].tolist() == [1.0, 2.0]
    assert found["groupnorm.bias"].tolist() == [3.0, 4.0]


def test_what_is_not_in_the_file_is_not_in_the_answer() -> None:
    without_scale = {name: values for name, values in TENSORS.items() if name != "onnx::MatMul_1_scale"}
    without_node = {name: inputs for name, inputs in INPUTS.items() if name != "/conv2/Conv"}
    found = moonshine_tensors(OrtFile(without_scale, without_node), SHAPES)
    assert set(SHAPES) - set(found) == {"layers.0.q.weight", "conv2.weight", "conv2.bias"}
