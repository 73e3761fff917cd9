"""Make model files smaller: weights in 8 bits, computed instead of stored filters, short names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from hearfelt.errors import require
from hearfelt.models.fourier import FourierFilters

__all__ = ["quantized", "with_computed_filters", "with_short_names"]

_LARGE: Final = 20_000  # values; smaller tensors are not worth it
_EXACT: Final = ("basis", "bank")  # of the front end: errors there act as noise
_HALF: Final = ("projection", "heads", "discriminant", "speech")  # small, and every prediction depends on all of it
_RANGE: Final = 127.0
_NONE: Final = -1  # a use without an axis of outputs


_TENSOR: Final = "value"  # attribute of a Constant node


def quantized(model: bytes, *, exact: tuple[str, ...] = _EXACT) -> bytes:
    """Store a model's weights in 8 bits.

    - Weights of products and convolutions of the encoder: 8 bits with a scale for each output.
    - Other large tensors: half precision.
    - Tensors named in ``exact`` stay as they are.

    Only storage is in 8 bits: ``inference.session`` converts the weights to float32 when it loads the file, so that
    probabilities are the same within 1e-5 on any CPU and with any number of threads.

    Args:
        model: bytes of an ONNX file.
        exact: parts of the names of weights that stay in float32.

    Returns:
        The bytes of the smaller file, with standard operators only.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "train")
    proto = onnx.load_from_string(model)
    graph = proto.graph
    outputs = _output_axes(graph)
    kept, added, nodes = [], [], []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _LARGE or any(part in weight.name for part in exact):
            kept.append(weight)
        elif weight.name in outputs and not any(part in weight.name for part in _HALF):
            axis = outputs[weight.name]
            whole, scale = _in_8_bits(values, axis)
            parts = [f"{weight.name}.{part}" for part in ("whole", "scale", "zero")]
            arrays = whole, scale, np.zeros(len(scale), np.int8)
            added += [onnx.numpy_helper.from_array(array, part) for array, part in zip(arrays, parts, strict=True)]
            nodes.append(onnx.helper.make_node("DequantizeLinear", parts, [weight.name], axis=axis))
        else:
            half = weight.name + ".half"
            added.append(onnx.numpy_helper.from_array(values.astype(np.float16), half))
            nodes.append(onnx.helper.make_node("Cast", [half], [weight.name], to=onnx.TensorProto.FLOAT))
    later = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *added])
    graph.node.extend([*nodes, *later])
    return bytes(proto.SerializeToString(deterministic=True))


def with_short_names(model: bytes) -> bytes:
    """Replace names inside a model by numbers, except inputs and outputs: long names take 50 kB.

    Args:
        model: bytes of an ONNX file without subgraphs.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    proto = require("onnx", "train").load_from_string(model)
    graph = proto.graph
    kept = {one.name for one in (*graph.input, *graph.output)}
    short: dict[str, str] = {"": ""}  # an omitted input has no name

    def of(name: str) -> str:
        return name if name in kept else short.setdefault(name, f"t{len(short)}")

    for node in graph.node:
        node.name = node.doc_string = ""
        node.input[:], node.output[:] = [of(name) for name in node.input], [of(name) for name in node.output]
    for weight in graph.initializer:
        weight.name = of(weight.name)
    del graph.value_info[:]
    return bytes(proto.SerializeToString(deterministic=True))


def with_computed_filters(model: bytes, transforms: Sequence[FourierFilters]) -> bytes:
    """Replace stored filters by the few nodes that compute them from three short rows.

    ONNX Runtime folds constants once, when it loads a file; a file of 1 MB would otherwise have 3. The values differ in
    the seventh digit.

    Args:
        model: bytes of an ONNX file; filters that are not in it are ignored.
        transforms: whose filters may be in it.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "train")
    proto = onnx.load_from_string(model)
    stored = {id(one): one.filters.numpy() for one in transforms}
    nodes: list[Any] = []
    for node in proto.graph.node:
        tensor = next((one.t for one in node.attribute if one.name == _TENSOR and node.op_type == "Constant"), None)
        values = np.zeros(0) if tensor is None else onnx.numpy_helper.to_array(tensor)
        found = next((one for one in transforms if np.array_equal(values, stored[id(one)])), None)
        nodes += [node] if found is None else _computing(onnx, found, node.output[0])
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return bytes(proto.SerializeToString(deterministic=True))


def _output_axes(graph: Any) -> dict[str, int]:
    """Find the axis of outputs of every weight that products or convolutions use, and nothing else."""
    axes: dict[str, set[int]] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            axis = _NONE
            if node.op_type == "Conv" and index == 1:
                axis = 0
            elif node.op_type in ("MatMul", "Gemm") and index == 1:
                turned = any(one.name == "transB" and one.i for one in node.attribute)
                axis = 0 if turned else 1
            axes.setdefault(name, set()).add(axis)
    return {name: min(some) for name, some in axes.items() if len(some) == 1 and _NONE not in some}


def _in_8_bits(values: Any, axis: int) -> tuple[Any, Any]:
    others = tuple(index for index in range(values.ndim) if index != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True) / _RANGE, 1e-12)
    return np.rint(values / scale).astype(np.int8), scale.ravel().astype(np.float32)


def _computing(onnx: Any, transform: FourierFilters, output: str) -> list[Any]:
    made: list[Any] = []

    def name(part: str) -> str:
        return f"{output}/{part}"

    def constant(part: str, value: object, kind: type[np.generic] = np.float32) -> None:
        tensor = onnx.numpy_helper.from_array(np.asarray(value, kind), name(part))
        made.append(onnx.helper.make_node("Constant", [], [name(part)], name=name(part), value=tensor))

    def node(kind: str, inputs: Sequence[str], part: str, **attributes: object) -> None:
        whole = name(part) if part else output
        given = [name(one) for one in inputs]
        made.append(onnx.helper.make_node(kind, given, [whole], name=f"{whole}/{kind}", **attributes))

    constant("turns", transform.turns.numpy())
    constant("samples", transform.samples.numpy())
    constant("window", transform.window.numpy())
    constant("period", float(transform.period))
    constant("radians", 2.0 * np.pi / transform.period)
    constant("axis", [1], np.int64)
    node("MatMul", ["turns", "samples"], "turned")  # whole numbers far below 2²⁴, which float32 holds exactly
    node("Mod", ["turned", "period"], "rest", fmod=1)
    node("Mul", ["rest", "radians"], "angles")
    for function in ("Cos", "Sin"):
        node(function, ["angles"], function)
        node("Mul", [function, "window"], f"{function}-windowed")
    node("Concat", ["Cos-windowed", "Sin-windowed"], "rows", axis=0)
    node("Unsqueeze", ["rows", "axis"], "")
    return made
