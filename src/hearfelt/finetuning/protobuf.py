"""Messages of Protocol Buffers, read and written field by field, as far as a model file needs it.

A message is a row of fields, each a number with the kind of its value, and the value
(https://protobuf.dev/programming-guides/encoding). What is read here was looked through before, by
:mod:`hearfelt.inference.graph_check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Field", "bytes_field", "fields_of", "number_field", "text_field", "text_in", "texts_in"]

_VARINT, _EIGHT, _BYTES = 0, 1, 2  # kinds of value; the only other one has four bytes


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        number: which field it is.
        value: bytes of its value.
        raw: the whole field as it stands in the message.
    """

    number: int
    value: bytes
    raw: bytes


def fields_of(message: bytes) -> Iterator[Field]:
    """Give the fields of a message in their order.

    Example:
        >>> [(one.number, one.value) for one in fields_of(text_field(1, "a") + number_field(2, 300))]
        [(1, b'a'), (2, b'\\xac\\x02')]
    """
    place = 0
    while place < len(message):
        start = place
        key, place = _read_varint(message, place)
        value_from = place
        if key & 7 == _VARINT:
            _, place = _read_varint(message, place)
        elif key & 7 == _BYTES:
            length, value_from = _read_varint(message, place)
            place = value_from + length
        else:
            place += 8 if key & 7 == _EIGHT else 4
        yield Field(key >> 3, message[value_from:place], message[start:place])


def texts_in(message: bytes, number: int) -> list[str]:
    """Read all fields of a number as text."""
    return [one.value.decode() for one in fields_of(message) if one.number == number]


def text_in(message: bytes, number: int) -> str:
    """Read the first field of a number as text; ``""`` where there is none."""
    return next(iter(texts_in(message, number)), "")


def bytes_field(number: int, value: bytes) -> bytes:
    """Write bytes, or another message."""
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def text_field(number: int, value: str) -> bytes:
    r"""Write a text.

    Example:
        >>> text_field(4, "Add")
        b'"\x03Add'
    """
    return bytes_field(number, value.encode())


def number_field(number: int, value: int) -> bytes:
    r"""Write a whole number, 0 or more.

    Example:
        >>> number_field(1, 150)            # the example in the format's own description
        b'\x08\x96\x01'
    """
    return _varint(number << 3 | _VARINT) + _varint(value)


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
