"""Smaller: the weights of a model file in 8 bits, turned back into float32 when it is loaded."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from hearfelt.errors import require

__all__ = ["quantized", "with_short_names"]

_LARGE: Final = 20_000  # numbers; what is smaller gains nothing
# An error in the front end would be heard as noise; the discriminant's numbers are too unlike for one scale.
_EXACT: Final = ("basis", "bank", "discriminant")
_RANGE: Final = 127.0
_NONE: Final = -1  # a use that has no outputs of its own


def quantized(model: bytes, *, exact: tuple[str, ...] = _EXACT) -> bytes:
    """Store a model's weights in 8 bits.

    - Weights of products and convolutions: 8 bits with a scale for each output.
    - Everything else that is large: half precision.
    - What is named in ``exact`` stays as it is.

    Only the storing is in 8 bits: ``inference.session`` turns the weights back into float32 at loading, so that answers
    are the same within 1e-5 whatever the processor and the number of threads.

    Args:
        model: bytes of an ONNX file.
        exact: parts of the names of weights that stay in float32.

    Returns:
        The bytes of the smaller file. Only standard operators stand in it.

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
        elif weight.name in outputs:
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
    """Give everything inside a model a number for a name, but its inputs and outputs: long names are 50 kB of a file.

    Args:
        model: bytes of an ONNX file without graphs inside its graph.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    proto = require("onnx", "train").load_from_string(model)
    graph = proto.graph
    kept = {one.name for one in (*graph.input, *graph.output)}
    short: dict[str, str] = {"": ""}  # an input that is left out has no name

    def of(name: str) -> str:
        return name if name in kept else short.setdefault(name, f"t{len(short)}")

    for node in graph.node:
        node.name = node.doc_string = ""
        node.input[:], node.output[:] = [of(name) for name in node.input], [of(name) for name in node.output]
    for weight in graph.initializer:
        weight.name = of(weight.name)
    del graph.value_info[:]
    return bytes(proto.SerializeToString(deterministic=True))


def _output_axes(graph: Any) -> dict[str, int]:
    """Find the axis of outputs of every weight that is used by products or convolutions, and in one way alone."""
    axes: dict[str, set[int]] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            axis = _NONE
            if node.op_type == "Conv" and place == 1:
                axis = 0
            elif node.op_type in ("MatMul", "Gemm") and place == 1:
                turned = any(one.name == "transB" and one.i for one in node.attribute)
                axis = 0 if turned else 1
            axes.setdefault(name, set()).add(axis)
    return {name: min(some) for name, some in axes.items() if len(some) == 1 and _NONE not in some}


def _in_8_bits(values: Any, axis: int) -> tuple[Any, Any]:
    others = tuple(place for place in range(values.ndim) if place != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True) / _RANGE, 1e-12)
    return np.rint(values / scale).astype(np.int8), scale.ravel().astype(np.float32)
