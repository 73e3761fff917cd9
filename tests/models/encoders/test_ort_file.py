"""Reading ONNX Runtime's own format: what was written comes back, and damage is a sentence."""

from __future__ import annotations

import flatbuffers
import numpy as np
import pytest

from hearfelt.errors import ModelError
from hearfelt.models.encoders.ort_file import read_ort

TENSORS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "small": np.array([[1, 255]], np.uint8),
    "scalar": np.float32(0.5).reshape(()),
    "half": np.array([1.5, -2.0], np.float16),
    "long": np.array([-1, 2**40], np.int64),
}
NODES = {"/first/MatMul": ("input", "weight"), "/second/Add": ("hidden", "small", "scalar"), "": ()}
TYPES = {"float32": 1, "uint8": 2, "int64": 7, "float16": 10}


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


CONTENT = ort_bytes(TENSORS, NODES)


def test_every_tensor_comes_back_with_its_type_shape_and_numbers() -> None:
    read = read_ort(CONTENT, name="toy.ort").tensors
    assert set(read) == set(TENSORS)
    for name, values in TENSORS.items():
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
    with pytest.raises(ModelError, match=r"the file is damaged \(weight: 4 bytes for a tensor of \[2, 2\]\)"):
        read_ort(content, name="toy.ort")


def test_a_file_cut_anywhere_is_refused_or_whole() -> None:
    whole = read_ort(CONTENT, name="toy.ort")
    for length in range(8, len(CONTENT)):
        try:
            read = read_ort(CONTENT[:length], name="toy.ort")
        except ModelError:
            continue
        assert read.inputs == whole.inputs  # only padding was cut
        assert set(read.tensors) == set(whole.tensors)


def test_flipped_bytes_are_refused_or_read_and_nothing_else() -> None:
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(2_000):
        damaged = bytearray(CONTENT)
        for place in generator.integers(8, len(CONTENT), size=3):
            damaged[place] ^= int(generator.integers(1, 256))
        try:
            read_ort(bytes(damaged), name="toy.ort")
        except ModelError:
            refused += 1
    assert 200 < refused < 2_000  # many bytes are the numbers of a tensor, of which any is as good as another
