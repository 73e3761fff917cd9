"""Filters of a Fourier transform that a model file computes when it is loaded, instead of storing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from hearfelt.errors import require
from hearfelt.models.fourier import FourierFilters

__all__ = ["with_computed_filters"]

_TENSOR: Final = "value"  # attribute of a Constant node


def with_computed_filters(model: bytes, transforms: Sequence[FourierFilters]) -> bytes:
    """Replace stored filters by the few nodes that compute them from three short rows.

    ONNX Runtime computes what hangs on constants alone once, when it loads a file; a file of 1 MB would otherwise be
    one of 3. The numbers differ in the seventh digit.

    Args:
        model: bytes of an ONNX file; filters that are not in it are passed over.
        transforms: whose filters may stand in it.

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
