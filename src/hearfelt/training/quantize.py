"""Smaller and faster: the weights of a model file in 8 bits, and the large products computed in 8 bits too."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from hearfelt.errors import require

__all__ = ["quantized"]

_LARGE: Final = 20_000  # numbers; what is smaller gains nothing
# An error in the front end would be heard as noise; the discriminant's numbers are too unlike for one scale.
_EXACT: Final = ("basis", "bank", "discriminant")
_RANGE: Final = 127.0


def quantized(model: bytes, *, exact: tuple[str, ...] = _EXACT) -> bytes:
    """Store a model's weights in 8 bits, and compute products with weight matrices in 8 bits.

    - Matrix products: a scale for each column of the weights, and one for all activations of a call, found anew
      each time (dynamic quantization). Processors may round the sums differently in the last digit.
    - Weights of convolutions: 8 bits with a scale for each output channel, turned back into float32 on loading.
    - Everything else that is large: half precision, turned back on loading.
    - The front end and the discriminant stay as they are, as does every product whose weights are named in ``exact``.

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
    proto = _with_integer_products(onnx, proto, exact)
    _shrink(onnx, proto, exact)
    return bytes(proto.SerializeToString(deterministic=True))


def _with_integer_products(onnx: Any, proto: Any, exact: tuple[str, ...]) -> Any:
    quantization = require("onnxruntime.quantization", "train")
    weights = {one.name for one in proto.graph.initializer}
    left_alone = [
        node.name
        for node in proto.graph.node
        if node.op_type in ("MatMul", "Gemm")
        and (node.input[1] not in weights or _named(node.input[1], (*exact, "components")))
    ]
    left_alone += [f"{name}_MatMul" for name in left_alone]  # what the quantizer calls a Gemm that it has taken apart
    with tempfile.TemporaryDirectory() as folder:
        # The quantizer asks for preparations through the root logger, unless it finds this note; none are needed here.
        note = proto.metadata_props.add()
        note.key, note.value = "onnx.quant.pre_process", "onnxruntime.quant"
        before, after = Path(folder) / "float.onnx", Path(folder) / "integer.onnx"
        onnx.save(proto, before)
        quantization.quantize_dynamic(
            before,
            after,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=left_alone,
            extra_options={"MatMulConstBOnly": True},
        )
        made = onnx.load(after)
        del made.metadata_props[:]
        return made


def _shrink(onnx: Any, proto: Any, exact: tuple[str, ...]) -> None:
    """Replace large float weights by smaller ones and the node that turns them back."""
    graph = proto.graph
    kernels = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    kept, added, nodes = [], [], []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _LARGE or _named(weight.name, exact):
            kept.append(weight)
            continue
        if weight.name in kernels:
            scale = np.abs(values).reshape(len(values), -1).max(axis=1) / _RANGE
            whole = np.rint(values / np.maximum(scale, 1e-12).reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
            added += [
                onnx.numpy_helper.from_array(whole, weight.name + ".whole"),
                onnx.numpy_helper.from_array(scale.astype(np.float32), weight.name + ".scale"),
                onnx.numpy_helper.from_array(np.zeros(len(scale), np.int8), weight.name + ".zero"),
            ]
            parts = [f"{weight.name}.{part}" for part in ("whole", "scale", "zero")]
            nodes.append(onnx.helper.make_node("DequantizeLinear", parts, [weight.name], axis=0))
        else:
            added.append(onnx.numpy_helper.from_array(values.astype(np.float16), weight.name + ".half"))
            nodes.append(
                onnx.helper.make_node("Cast", [weight.name + ".half"], [weight.name], to=onnx.TensorProto.FLOAT)
            )
    later = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *added])
    graph.node.extend([*nodes, *later])


def _named(name: str, parts: tuple[str, ...]) -> bool:
    return any(part in name for part in parts)
