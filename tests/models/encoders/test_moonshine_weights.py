"""Reading Moonshine's file: what was written comes back, tensors are found by their nodes, and damage is a sentence."""

from __future__ import annotations

import flatbuffers
import numpy as np
import pytest

from hearfelt.errors import ModelError
from hearfelt.models.encoders.weights import OrtFile, moonshine_arrays, read_ort

STORED = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "small": np.array([[1, 255]], np.uint8),
    "scalar": np.float32(0.5).reshape(()),
}
NODES = {"/first/MatMul": ("input", "weight"), "/second/Add": ("hidden", "small", "scalar"), "": ()}
TYPES = {"float32": 1, "uint8": 2}


def ort_bytes(tensors: dict[str, np.ndarray], nodes: dict[str, tuple[str, ...]], *, kind: int | None = None) -> bytes:
    """Write a file as ONNX Runtime lays it out, with its tensors and nodes alone."""
    builder = flatbuffers.Builder(1024)
    stored_tensors = []
    for name, values in tensors.items():
        text = builder.CreateString(name)
        shape = builder.CreateNumpyVector(np.array(values.shape, np.int64)) if values.ndim else None
        content = builder.CreateByteVector(values.tobytes())
        builder.StartObject(7)
        builder.PrependUOffsetTRelativeSlot(0, text, 0)
        if shape is not None:
            builder.PrependUOffsetTRelativeSlot(2, shape, 0)
        builder.PrependInt32Slot(3, TYPES[values.dtype.name] if kind is None else kind, 0)
        builder.PrependUOffsetTRelativeSlot(4, content, 0)
        stored_tensors.append(builder.EndObject())
    stored_nodes = []
    for name, inputs in nodes.items():
        text, taken = builder.CreateString(name), vector(builder, [builder.CreateString(one) for one in inputs])
        builder.StartObject(13)
        builder.PrependUOffsetTRelativeSlot(0, text, 0)
        builder.PrependUOffsetTRelativeSlot(8, taken, 0)
        stored_nodes.append(builder.EndObject())
    graph = table(builder, 9, {0: vector(builder, stored_tensors), 2: vector(builder, stored_nodes)})
    model = table(builder, 10, {7: graph})
    builder.Finish(table(builder, 4, {1: model}), file_identifier=b"ORTM")
    return bytes(builder.Output())


def vector(builder: flatbuffers.Builder, entries: list[int]) -> int:
    builder.StartVector(4, len(entries), 4)
    for entry in reversed(entries):
        builder.PrependUOffsetTRelative(entry)
    return builder.EndVector()


def table(builder: flatbuffers.Builder, fields: int, entries: dict[int, int]) -> int:
    builder.StartObject(fields)
    for number, entry in entries.items():
        builder.PrependUOffsetTRelativeSlot(number, entry, 0)
    return builder.EndObject()


CONTENT = ort_bytes(STORED, NODES)


def test_every_tensor_comes_back_with_its_type_shape_and_numbers() -> None:
    read = read_ort(CONTENT, name="toy.ort").tensors
    assert set(read) == set(STORED)
    for name, values in STORED.items():
        assert read[name].dtype == values.dtype
        np.testing.assert_array_equal(read[name], values, strict=True)


def test_every_node_names_what_goes_into_it() -> None:
    assert dict(read_ort(CONTENT, name="toy.ort").inputs) == NODES


def test_a_tensor_of_text_is_passed_over() -> None:
    assert read_ort(ort_bytes({"text": np.zeros(3, np.uint8)}, {}, kind=8), name="toy.ort").tensors == {}


def test_a_model_without_anything_in_it_is_empty() -> None:
    empty = read_ort(ort_bytes({}, {}), name="toy.ort")
    assert (empty.tensors, empty.inputs) == ({}, {})


@pytest.mark.parametrize("content", [b"", b"ORTM", b"\x08\0\0\0ONNX" + bytes(100), b"PK\x03\x04" + bytes(60)])
def test_what_is_no_such_file_is_one_sentence(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^toy.ort: this is no model in ONNX Runtime's format; .* ends in .ort"):
        read_ort(content, name="toy.ort")


def test_a_tensor_with_too_few_bytes_is_named() -> None:
    content = ort_bytes({"weight": np.zeros((2, 2), np.uint8)}, {}, kind=1)  # 4 bytes for 4 floats
    with pytest.raises(ModelError, match=r"the file is damaged"):
        read_ort(content, name="toy.ort")


def test_a_cut_file_is_refused_or_lacks_tensors_and_nothing_else() -> None:
    refused = 0
    for length in range(8, len(CONTENT)):
        try:
            read_ort(CONTENT[:length], name="toy.ort")
        except ModelError:
            refused += 1
    assert refused > len(CONTENT) / 2


def test_flipped_bytes_are_refused_or_read_and_nothing_else() -> None:
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(1_000):
        damaged = bytearray(CONTENT)
        for place in generator.integers(8, len(CONTENT), size=3):
            damaged[place] ^= int(generator.integers(1, 256))
        try:
            read_ort(bytes(damaged), name="toy.ort")
        except ModelError:
            refused += 1
    assert 100 < refused < 1_000  # many bytes are the numbers of a tensor, of which any is as good as another


# The tensors of the encoder

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
    found = moonshine_arrays(OrtFile(TENSORS, INPUTS), SHAPES)
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == SHAPES
    assert all(tensor.dtype == np.float32 for tensor in found.values())


def test_eight_bit_numbers_become_real_ones_and_products_are_turned_round() -> None:
    found = moonshine_arrays(OrtFile(TENSORS, INPUTS), SHAPES)
    assert found["layers.0.q.weight"].tolist() == [[-10.0, 0.0, 10.0], [-5.0, 5.0, 15.0]]  # (value - 30) * 0.5, turned
    assert found["layers.0.fc1.weight"].tolist() == [[4.0, 4.0]] * 4
    assert found["layers.0.fc1.bias"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_the_norms_are_not_mixed_up() -> None:
    found = moonshine_arrays(OrtFile(TENSORS, INPUTS), SHAPES)
    assert found["layers.0.attention_norm.weight"].tolist() == [5.0, 5.0]
    assert found["layers.0.norm.weight"].tolist() == [6.0, 6.0]
    assert found["groupnorm.weight"].tolist() == [1.0, 2.0]
    assert found["groupnorm.bias"].tolist() == [3.0, 4.0]


def test_what_is_not_in_the_file_is_not_in_the_answer() -> None:
    without_scale = {name: values for name, values in TENSORS.items() if name != "onnx::MatMul_1_scale"}
    without_node = {name: inputs for name, inputs in INPUTS.items() if name != "/conv2/Conv"}
    found = moonshine_arrays(OrtFile(without_scale, without_node), SHAPES)
    assert set(SHAPES) - set(found) == {"layers.0.q.weight", "conv2.weight", "conv2.bias"}
