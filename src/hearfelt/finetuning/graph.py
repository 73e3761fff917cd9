"""Rewrite the ONNX graph of a base model: another head, and an output of the features that a head takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from hearfelt.errors import ModelError, require
from hearfelt.finetuning.head import Head
from hearfelt.inference.model import LOGITS, REFERENCE_INPUTS
from hearfelt.inference.sound_model import EMBEDDING

__all__ = ["FEATURES", "with_features_output", "with_head", "with_metadata"]

FEATURES: Final = "features"  # embedding and logits of a base model, side by side


def with_features_output(model: bytes, dimensions: int) -> bytes:
    """Add an output :data:`FEATURES` to a base model: its embedding and its logits in one row.

    Args:
        model: bytes of the base model.
        dimensions: of both together.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "teach")
    proto = onnx.load_from_string(model)
    proto.graph.node.append(onnx.helper.make_node("Concat", [EMBEDDING, LOGITS], [FEATURES], axis=1))
    proto.graph.output.append(_output(onnx, FEATURES, dimensions))
    return _written(proto)


def with_head(model: bytes, head: Head, *, embedding_size: int) -> bytes:
    """Replace the head of a base model; parts of its graph that are needed no more are removed.

    The new logits are a product and a sum of the base's embedding, or of embedding and base logits where the head
    uses these. The embedding stays an output. A reference is no longer taken: it moves the base's logits, and the new
    head was not fitted to that.

    Args:
        model: bytes of the base model.
        head: of ``(dimensions, classes)``, the embedding's dimensions before those of the base's logits.
        embedding_size: number of dimensions of the embedding.

    Raises:
        ModelError: if the base's graph does not allow it.
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "teach")
    proto = onnx.load_from_string(model)
    graph = proto.graph
    if any(tensor.name == LOGITS for tensor in graph.initializer):
        raise ModelError(f"the base's {LOGITS!r} are stored and not computed; another base is wanted")
    taken = _names_in(graph)
    own, rows, weights, product, offsets = (
        _free(name, taken) for name in ("base.logits", "head.rows", "head.slopes", "head.product", "head.offsets")
    )
    for node in graph.node:
        _rename(node, LOGITS, own)
    uses_base_logits = bool(head.slopes[embedding_size:].any())
    slopes = head.slopes if uses_base_logits else head.slopes[:embedding_size]
    if uses_base_logits:
        graph.node.append(onnx.helper.make_node("Concat", [EMBEDDING, own], [rows], axis=1))
    graph.node.append(onnx.helper.make_node("MatMul", [rows if uses_base_logits else EMBEDDING, weights], [product]))
    graph.node.append(onnx.helper.make_node("Add", [product, offsets], [LOGITS]))
    for name, values in ((weights, slopes), (offsets, head.offsets)):
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
    _keep(graph.output, lambda one: one.name == EMBEDDING)
    graph.output.insert(0, _output(onnx, LOGITS, slopes.shape[1]))
    _keep(graph.value_info, lambda one: one.name != LOGITS)
    _keep(graph.input, lambda one: one.name not in REFERENCE_INPUTS)  # their values become constants
    _prune(graph)
    return _written(proto)


def with_metadata(model: bytes, entries: Mapping[str, str]) -> bytes:
    """Replace all metadata of a model.

    Raises:
        ExtraMissingError: if onnx is not installed.
    """
    onnx = require("onnx", "teach")
    proto = onnx.load_from_string(model)
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, dict(entries))
    return _written(proto)


def _prune(graph: Any) -> None:
    """Remove what no output needs. In a graph each node comes after those whose outputs it takes."""
    needed, kept = {one.name for one in graph.output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= _inputs_of(node)
            kept.append(node)
    computed = {name for node in kept for name in node.output}
    _keep(graph.node, lambda node: bool(computed & set(node.output)))
    _keep(graph.initializer, lambda tensor: tensor.name in needed)
    _keep(graph.value_info, lambda one: one.name in computed)


def _keep(items: Any, wanted: Any) -> None:
    """Remove the other items of a repeated field."""
    kept = [item for item in items if wanted(item)]
    del items[:]
    items.extend(kept)


def _inputs_of(node: Any) -> set[str]:
    """Name what a node takes, also in its subgraphs, where further names of their own do no harm."""
    names = set(node.input)
    for graph in _subgraphs(node):
        names |= {one.name for one in graph.output}
        for inner in graph.node:
            names |= _inputs_of(inner)
    return names


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _rename(node: Any, old: str, new: str) -> None:
    """Rename one of a node's inputs or outputs."""
    if old in _inputs_of(node) - set(node.input):
        raise ModelError(f"the base uses its {old!r} in a graph inside its graph; another base is wanted")
    node.input[:] = [new if name == old else name for name in node.input]
    node.output[:] = [new if name == old else name for name in node.output]


def _names_in(graph: Any) -> set[str]:
    names = {name for node in graph.node for name in (*node.output, *_inputs_of(node))}
    return names | {one.name for one in (*graph.initializer, *graph.output)}


def _free(name: str, taken: set[str]) -> str:
    """Find a name that is not taken: a base may be a fine-tuned model itself."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free


def _output(onnx: Any, name: str, width: int) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, width])


def _written(proto: Any) -> bytes:
    return bytes(proto.SerializeToString(deterministic=True))
