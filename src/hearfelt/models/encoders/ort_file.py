"""Reads the tensors of a model in ONNX Runtime's own format, ``.ort``, without running anything.

Such a file is a FlatBuffer (https://flatbuffers.dev/internals/): tables whose fields are found through a list of
offsets. Only what leads to the weights is followed; the numbers of the fields are those of ONNX Runtime's
``ort.fbs``, version 6. Every offset is checked before it is followed, as a file may be cut or damaged.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.errors import ModelError

__all__ = ["OrtFile", "read_ort"]

IDENTIFIER: Final = b"ORTM"
MOST_ENTRIES: Final = 1 << 20  # in one list; a real model has hundreds
_POSITION: Final = 4  # bytes of an offset

# Fields by table, counted from 0 in ort.fbs.
_SESSION_MODEL: Final = 1
_MODEL_GRAPH: Final = 7
_GRAPH_INITIALIZERS, _GRAPH_NODES = 0, 2
_TENSOR_NAME, _TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BYTES = 0, 2, 3, 4
_NODE_NAME, _NODE_INPUTS = 0, 8

# ONNX's numbers of the types; tensors of others, such as text, are passed over.
_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {1: "<f4", 2: "|u1", 3: "|i1", 6: "<i4", 7: "<i8", 9: "|b1", 10: "<f2", 11: "<f8"}
)


@dataclass(frozen=True)
class OrtFile:
    """What is stored in a file.

    Attributes:
        tensors: weights and constants by name.
        inputs: for each node, by its name, the names of what goes into it.
    """

    tensors: Mapping[str, NDArray[Any]]
    inputs: Mapping[str, tuple[str, ...]]


def read_ort(content: bytes, *, name: str) -> OrtFile:
    """Read the tensors and what the nodes are connected to.

    Args:
        content: the bytes of the file.
        name: what messages call it.

    Raises:
        ModelError: if it is no such file, or is damaged.
    """
    if content[_POSITION : 2 * _POSITION] != IDENTIFIER:
        raise ModelError(f"{name}: this is no model in ONNX Runtime's format; a file that ends in .ort is wanted")
    try:
        graph = _Table(content, _followed(content, 0)).table(_SESSION_MODEL).table(_MODEL_GRAPH)
        tensors = dict(filter(None, map(_tensor, graph.tables(_GRAPH_INITIALIZERS))))
        inputs = {node.text(_NODE_NAME): node.texts(_NODE_INPUTS) for node in graph.tables(_GRAPH_NODES)}
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise ModelError(f"{name}: the file is damaged ({error}); get it again") from error
    return OrtFile(MappingProxyType(tensors), MappingProxyType(inputs))


def _tensor(stored: _Table) -> tuple[str, NDArray[Any]] | None:
    name = stored.text(_TENSOR_NAME)
    kind = _TYPES.get(stored.integer(_TENSOR_TYPE))
    if kind is None:
        return None
    shape, content = stored.integers(_TENSOR_SHAPE), stored.content(_TENSOR_BYTES)
    wanted = math.prod(shape) * np.dtype(kind).itemsize
    if min(shape, default=0) < 0 or len(content) != wanted:
        raise ValueError(f"{name}: {len(content):,} bytes for a tensor of {list(shape)}")
    return name, np.frombuffer(content, kind).reshape(shape)


class _Table:
    """One table of the file, from which fields are read by number."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content = content
        self._place = place

    def table(self, number: int) -> _Table:
        place = self._field(number)
        if place is None:
            raise ValueError(f"there is no field {number} where one is needed")
        return _Table(self._content, _followed(self._content, place))

    def tables(self, number: int) -> list[_Table]:
        start, count = self._list(number, _POSITION)
        places = range(start, start + count * _POSITION, _POSITION)
        return [_Table(self._content, _followed(self._content, place)) for place in places]

    def text(self, number: int) -> str:
        return self.content(number).decode("utf-8")

    def texts(self, number: int) -> tuple[str, ...]:
        start, count = self._list(number, _POSITION)
        places = range(start, start + count * _POSITION, _POSITION)
        return tuple(self._bytes(_followed(self._content, place)).decode("utf-8") for place in places)

    def integer(self, number: int) -> int:
        place = self._field(number)
        return 0 if place is None else int(struct.unpack_from("<i", self._content, place)[0])

    def integers(self, number: int) -> tuple[int, ...]:
        start, count = self._list(number, 8)
        return struct.unpack_from(f"<{count}q", self._content, start)

    def content(self, number: int) -> bytes:
        place = self._field(number)
        return b"" if place is None else self._bytes(_followed(self._content, place))

    def _field(self, number: int) -> int | None:
        """Find where a field is stored; one that was left out has its default."""
        (back,) = struct.unpack_from("<i", self._content, self._place)
        offsets = self._place - back
        if offsets < 0:
            raise ValueError("a table points before the start of the file")
        (length,) = struct.unpack_from("<H", self._content, offsets)
        entry = 2 * (2 + number)  # the list begins with its own length and the table's
        if entry + 2 > length:
            return None
        (offset,) = struct.unpack_from("<H", self._content, offsets + entry)
        return self._place + offset if offset else None

    def _list(self, number: int, entry_bytes: int) -> tuple[int, int]:
        place = self._field(number)
        if place is None:
            return 0, 0
        start = _followed(self._content, place)
        (count,) = struct.unpack_from("<I", self._content, start)
        if count > MOST_ENTRIES or start + _POSITION + count * entry_bytes > len(self._content):
            raise ValueError(f"a list of {count:,} entries ends behind the file")
        return start + _POSITION, count

    def _bytes(self, start: int) -> bytes:
        (count,) = struct.unpack_from("<I", self._content, start)
        stop = start + _POSITION + count
        if stop > len(self._content):
            raise ValueError(f"{count:,} bytes end behind the file")
        return self._content[start + _POSITION : stop]


def _followed(content: bytes, place: int) -> int:
    """Follow an offset, which counts from where it stands."""
    (offset,) = struct.unpack_from("<I", content, place)
    target = place + int(offset)
    if target + _POSITION > len(content):
        raise ValueError("an offset leads behind the file")
    return target
