"""A base's graph with another head, written in the file's own bytes, so that no further package is needed.

What stays of the base is copied as it is; the few parts that are new are small. Field numbers are those of onnx.proto3
in the ONNX project; they never change. That the base is one whole model was checked by
:mod:`hearfelt.inference.graph_check` when it was loaded; what is made here is checked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import ModelError
from hearfelt.finetuning.head import Head
from hearfelt.finetuning.protobuf import bytes_field, fields_of, number_field, text_field, text_in, texts_in
from hearfelt.inference.sound_model import EMBEDDING, LOGITS

__all__ = ["DESCRIBED", "with_description", "with_head", "with_metadata"]

DESCRIBED: Final = "described"  # embedding and logits of a base, side by side

# Field numbers, and two of ONNX's numbers for kinds of values.
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_OUTPUT, _GRAPH_VALUE = 1, 5, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_NUMBER, _ATTRIBUTE_KIND = 1, 3, 20
_ATTRIBUTE_GRAPHS: Final = (6, 11)
_TENSOR_LENGTH, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_BYTES = 1, 2, 8, 9
_NAME, _TYPE = 1, 2  # of an output or a value
_FLOAT, _WHOLE_NUMBER = 1, 2


@dataclass(frozen=True)
class _Graph:
    """The parts of a graph that are looked at, by name where they have one; ``others`` are copied as they are."""

    nodes: tuple[bytes, ...]
    tensors: Mapping[str, bytes]
    outputs: Mapping[str, bytes]
    values: Mapping[str, bytes]
    others: tuple[bytes, ...]


def with_description(model: bytes, numbers: int) -> bytes:
    """Give a base one more output, :data:`DESCRIBED`: its embedding and its logits in one row.

    Args:
        model: bytes of the base.
        numbers: how many both have together.
    """

    def change(graph: _Graph) -> _Graph:
        outputs = {**graph.outputs, DESCRIBED: _output(DESCRIBED, numbers)}
        return replace(graph, nodes=(*graph.nodes, _side_by_side(LOGITS, DESCRIBED)), outputs=outputs)

    return _with_graph(model, change)


def with_head(model: bytes, head: Head, *, embedded: int) -> bytes:
    """Give a base another head; whatever it no longer needs of its own is left out.

    The new logits are a product and a sum of the base's embedding, or of that and the base's own logits where the head
    counts on them. The embedding stays an output.

    Args:
        model: bytes of the base.
        head: ``(numbers, classes)``, numbers being the embedding's and then those of the base's logits.
        embedded: how many numbers the embedding has.

    Raises:
        ModelError: if the base's graph is built in a way with which this cannot be done.
    """
    trusts = bool(head.slopes[embedded:].any())
    slopes = head.slopes if trusts else head.slopes[:embedded]

    def change(graph: _Graph) -> _Graph:
        taken = _names_in(graph)
        own, rows, weights, product, sums = (
            _free(name, taken)
            for name in ("base.logits", "taught.rows", "taught.slopes", "taught.product", "taught.offsets")
        )
        if LOGITS in graph.tensors:
            raise ModelError(f"the base's {LOGITS!r} are stored and not computed; another base is wanted")
        nodes = [_renamed(node, LOGITS, own) for node in graph.nodes]
        if trusts:
            nodes.append(_side_by_side(own, rows))
        nodes.append(_node("MatMul", (rows if trusts else EMBEDDING, weights), product))
        nodes.append(_node("Add", (product, sums), LOGITS))
        tensors = {**graph.tensors, weights: _tensor(weights, slopes), sums: _tensor(sums, head.offsets)}
        outputs = {LOGITS: _output(LOGITS, slopes.shape[1]), EMBEDDING: graph.outputs[EMBEDDING]}
        values = {name: value for name, value in graph.values.items() if name != LOGITS}
        return _pruned(_Graph(tuple(nodes), tensors, outputs, values, graph.others))

    return _with_graph(model, change)


def with_metadata(model: bytes, entries: Mapping[str, str]) -> bytes:
    """Give a model these texts and no others."""
    kept = [one.raw for one in fields_of(model) if one.number != _MODEL_METADATA]
    texts = [bytes_field(_MODEL_METADATA, text_field(1, key) + text_field(2, text)) for key, text in entries.items()]
    return b"".join([*kept, *texts])


def _with_graph(model: bytes, change: Callable[[_Graph], _Graph]) -> bytes:
    return b"".join(
        bytes_field(_MODEL_GRAPH, _written(change(_read(one.value)))) if one.number == _MODEL_GRAPH else one.raw
        for one in fields_of(model)
    )


def _read(graph: bytes) -> _Graph:
    nodes, others = [], []
    named: dict[int, dict[str, bytes]] = {_GRAPH_TENSOR: {}, _GRAPH_OUTPUT: {}, _GRAPH_VALUE: {}}
    for one in fields_of(graph):
        if one.number == _GRAPH_NODE:
            nodes.append(one.value)
        elif one.number in named:
            place = _TENSOR_NAME if one.number == _GRAPH_TENSOR else _NAME
            named[one.number][text_in(one.value, place)] = one.value
        else:
            others.append(one.raw)
    return _Graph(tuple(nodes), named[_GRAPH_TENSOR], named[_GRAPH_OUTPUT], named[_GRAPH_VALUE], tuple(others))


def _written(graph: _Graph) -> bytes:
    parts = [bytes_field(_GRAPH_NODE, node) for node in graph.nodes]
    parts += graph.others
    for number, named in (
        (_GRAPH_TENSOR, graph.tensors),
        (_GRAPH_OUTPUT, graph.outputs),
        (_GRAPH_VALUE, graph.values),
    ):
        parts += [bytes_field(number, message) for message in named.values()]
    return b"".join(parts)


def _pruned(graph: _Graph) -> _Graph:
    """Leave out what no output needs. In a graph each node comes after those whose outputs it takes."""
    needed, kept = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if needed & set(texts_in(node, _NODE_OUTPUT)):
            needed |= _needs(node)
            kept.append(node)
    made = {name for node in kept for name in texts_in(node, _NODE_OUTPUT)}
    return replace(
        graph,
        nodes=tuple(reversed(kept)),
        tensors={name: tensor for name, tensor in graph.tensors.items() if name in needed},
        values={name: value for name, value in graph.values.items() if name in made},
    )


def _needs(node: bytes) -> set[str]:
    """Name what a node takes, also in the graphs inside it, where names of their own do no harm."""
    names = set(texts_in(node, _NODE_INPUT))
    for graph in _graphs_inside(node):
        for one in fields_of(graph):
            if one.number == _GRAPH_NODE:
                names |= _needs(one.value)
            elif one.number == _GRAPH_OUTPUT:
                names.add(text_in(one.value, _NAME))
    return names


def _graphs_inside(node: bytes) -> Iterator[bytes]:
    for attribute in fields_of(node):
        if attribute.number == _NODE_ATTRIBUTE:
            yield from (one.value for one in fields_of(attribute.value) if one.number in _ATTRIBUTE_GRAPHS)


def _renamed(node: bytes, old: str, new: str) -> bytes:
    """Give one of a node's inputs or outputs another name."""
    if old in _needs(node) - set(texts_in(node, _NODE_INPUT)):
        raise ModelError(f"the base uses its {old!r} in a graph inside its graph; another base is wanted")
    places = (_NODE_INPUT, _NODE_OUTPUT)
    return b"".join(
        text_field(one.number, new) if one.number in places and one.value == old.encode() else one.raw
        for one in fields_of(node)
    )


def _names_in(graph: _Graph) -> set[str]:
    used = {name for node in graph.nodes for name in (*texts_in(node, _NODE_OUTPUT), *_needs(node))}
    return used | set(graph.tensors) | set(graph.outputs)


def _free(name: str, taken: set[str]) -> str:
    """Find a name that nothing has: a base may have been taught itself."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free


def _side_by_side(logits: str, output: str) -> bytes:
    axis = text_field(_ATTRIBUTE_NAME, "axis") + number_field(_ATTRIBUTE_NUMBER, 1)
    axis += number_field(_ATTRIBUTE_KIND, _WHOLE_NUMBER)
    return _node("Concat", (EMBEDDING, logits), output) + bytes_field(_NODE_ATTRIBUTE, axis)


def _node(operator: str, inputs: tuple[str, ...], output: str) -> bytes:
    taken = b"".join(text_field(_NODE_INPUT, name) for name in inputs)
    return taken + text_field(_NODE_OUTPUT, output) + text_field(_NODE_OPERATOR, operator)


def _tensor(name: str, values: npt.NDArray[np.floating]) -> bytes:
    lengths = b"".join(number_field(_TENSOR_LENGTH, length) for length in values.shape)
    kind = number_field(_TENSOR_TYPE, _FLOAT) + text_field(_TENSOR_NAME, name)
    return lengths + kind + bytes_field(_TENSOR_BYTES, values.astype("<f4").tobytes())


def _output(name: str, width: int) -> bytes:
    """Describe an output of float32 ``(1, width)``."""
    shape = b"".join(bytes_field(1, number_field(1, length)) for length in (1, width))
    tensor = number_field(1, _FLOAT) + bytes_field(2, shape)
    return text_field(_NAME, name) + bytes_field(_TYPE, bytes_field(1, tensor))
