"""Reads Moonshine tiny's encoder out of ``encoder_model.ort``, the only form in which these numbers were published.

Such a file is a FlatBuffer with ONNX Runtime's schema ``ort.fbs``; only what leads to the weights is followed, and
nothing is run. The weights were published in 8 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from flatbuffers import encode, packer
from flatbuffers.table import Table
from numpy.typing import NDArray

from hearfelt.errors import ModelError

__all__ = ["OrtFile", "moonshine_arrays", "read_ort"]

# Fields by table, counted from 0 in ort.fbs.
_SESSION_MODEL, _MODEL_GRAPH, _GRAPH_INITIALIZERS, _GRAPH_NODES = 1, 7, 0, 2
_TENSOR_NAME, _TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BYTES = 0, 2, 3, 4
_NODE_NAME, _NODE_INPUTS = 0, 8
_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {1: "<f4", 2: "|u1", 3: "|i1"}
)  # ONNX's numbers; others are left out


@dataclass(frozen=True)
class OrtFile:
    """Weights and constants by name, and for each node, by its name, the names of its inputs."""

    tensors: Mapping[str, NDArray[Any]]
    inputs: Mapping[str, tuple[str, ...]]


def read_ort(content: bytes, *, name: str) -> OrtFile:
    """Read the tensors of a file and what its nodes are connected to.

    Args:
        content: the bytes of the file.
        name: what messages call it.

    Raises:
        ModelError: if it is no such file, or is damaged.
    """
    if content[4:8] != b"ORTM":
        raise ModelError(f"{name}: this is no model in ONNX Runtime's format; a file that ends in .ort is wanted")
    try:
        session = Table(content, encode.Get(packer.uoffset, content, 0))
        graph = _table(_table(session, _SESSION_MODEL), _MODEL_GRAPH)
        tensors = dict(filter(None, map(_tensor, _tables(graph, _GRAPH_INITIALIZERS))))
        inputs = {
            _text(node, _NODE_NAME): tuple(node.String(place).decode() for place in _places(node, _NODE_INPUTS))
            for node in _tables(graph, _GRAPH_NODES)
        }
    except (struct.error, ValueError, IndexError, TypeError, OverflowError) as error:
        raise ModelError(f"{name}: the file is damaged ({error}); get it again") from error
    return OrtFile(MappingProxyType(tensors), MappingProxyType(inputs))


def moonshine_arrays(model: OrtFile, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Find each tensor by the node that takes it: the names of the tensors themselves are numbers without meaning.

    Args:
        model: the published file.
        shapes: the tensors wanted, by our names.

    Returns:
        Arrays by our names; one that is not there is not in the answer. What was published in 8 bits is
        ``(value - zero point) * scale``.
    """
    arrays = {}
    for name, shape in shapes.items():
        node, place = _node_of(name)
        taken = model.inputs.get(node, ())
        stored = taken[place] if len(taken) > abs(place) else ""
        values = _real_numbers(model, stored)
        if values is not None:
            values = values.T if stored.endswith("_quantized") else values  # products take them the other way round
            values = values.reshape(shape) if name.startswith("groupnorm") and values.size == shape[0] else values
            arrays[name] = np.array(values, np.float32, order="C")
    return arrays


def _node_of(name: str) -> tuple[str, int]:
    """Tell which node takes a tensor, and as which input."""
    owner, _, kind = name.rpartition(".")
    if owner.startswith("conv"):
        return f"/{owner}/Conv", 1 if kind == "weight" else 2
    if owner == "groupnorm":
        return ("/groupnorm/Mul", 1) if kind == "weight" else ("/groupnorm/Add", 1)
    layer, _, part = owner.rpartition(".")
    if part in ("attention_norm", "norm"):
        norm = "input_layernorm" if part == "attention_norm" else "post_attention_layernorm"
        return f"/{layer}/{norm}/LayerNormalization", 1
    product = f"mlp/{part}" if part.startswith("fc") else f"self_attn/{part}_proj"
    return f"/{layer}/{product}/MatMul_quant", 1 if kind == "weight" else -1


def _real_numbers(model: OrtFile, stored: str) -> NDArray[Any] | None:
    if not stored.endswith("_quantized"):
        return model.tensors.get(stored)
    base = stored.removesuffix("_quantized")
    values, zero, scale = (model.tensors.get(base + ending) for ending in ("_quantized", "_zero_point", "_scale"))
    if values is None or zero is None or scale is None:
        return None
    return (values.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)


def _tensor(stored: Any) -> tuple[str, NDArray[Any]] | None:
    kind = _field(stored, _TENSOR_TYPE)
    dtype = _TYPES.get(encode.Get(packer.int32, stored.Bytes, stored.Pos + kind) if kind else 0)
    if dtype is None:
        return None
    shape, start = _field(stored, _TENSOR_SHAPE), _field(stored, _TENSOR_BYTES)
    sizes = struct.unpack_from(f"<{stored.VectorLen(shape)}q", stored.Bytes, stored.Vector(shape)) if shape else ()
    count = stored.VectorLen(start) // np.dtype(dtype).itemsize if start else 0
    values = np.frombuffer(stored.Bytes, dtype, count, stored.Vector(start) if start else 0)
    return _text(stored, _TENSOR_NAME), values.reshape(sizes)


def _field(parent: Any, number: int) -> int:
    """Find a field by its number; 0 if it was left out."""
    return int(parent.Offset(4 + 2 * number))


def _table(parent: Any, number: int) -> Any:
    place = _field(parent, number)
    if not place:
        raise ValueError(f"there is no field {number} where one is needed")
    return Table(parent.Bytes, parent.Indirect(parent.Pos + place))


def _tables(parent: Any, number: int) -> Iterator[Any]:
    return (Table(parent.Bytes, parent.Indirect(place)) for place in _places(parent, number))


def _places(parent: Any, number: int) -> range:
    """Find where the entries of a list stand."""
    place = _field(parent, number)
    start = parent.Vector(place) if place else 0
    return range(start, start + 4 * (parent.VectorLen(place) if place else 0), 4)


def _text(parent: Any, number: int) -> str:
    place = _field(parent, number)
    return str(parent.String(parent.Pos + place).decode()) if place else ""
