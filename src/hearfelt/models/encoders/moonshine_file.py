"""The tensors of Moonshine tiny's encoder, out of the graph that was published in ONNX Runtime's format."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hearfelt.models.encoders.ort_file import OrtFile
from hearfelt.models.encoders.published import Shapes

__all__ = ["moonshine_tensors"]


def moonshine_tensors(model: OrtFile, shapes: Shapes) -> dict[str, Tensor]:
    """Find each tensor by the node that takes it: the names of the tensors themselves are numbers without meaning.

    Args:
        model: the published file.
        shapes: the tensors wanted, by our names.

    Returns:
        float32 tensors by our names; one that is not there is not in the answer. What was published in 8 bits is
        ``(value - zero point) * scale``.
    """
    tensors = {}
    for name, shape in shapes.items():
        node, place = _node_of(name)
        taken = model.inputs.get(node, ())
        stored = taken[place] if len(taken) > abs(place) else ""
        values = _real_numbers(model, stored)
        if values is not None:
            values = values.T if stored.endswith("_quantized") else values  # products take them the other way round
            values = values.reshape(shape) if name.startswith("groupnorm") and values.size == shape[0] else values
            tensors[name] = torch.from_numpy(np.array(values, np.float32, order="C"))
    return tensors


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
    parts = [model.tensors.get(base + ending) for ending in ("_quantized", "_zero_point", "_scale")]
    values, zero, scale = parts
    if values is None or zero is None or scale is None:
        return None
    return (values.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)
