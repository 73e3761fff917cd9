from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from hearfelt.finetuning.protobuf import bytes_field, fields_of, number_field, text_field, text_in, texts_in

NUMBERS = st.integers(1, 2**29 - 1)


@given(NUMBERS, st.integers(0, 2**63 - 1))
def test_a_number_is_one_field_that_stays_as_it_stands(number: int, value: int) -> None:
    (field,) = fields_of(number_field(number, value))
    assert (field.number, field.raw) == (number, number_field(number, value))


@given(st.lists(st.tuples(NUMBERS, st.binary(max_size=300))))
def test_fields_come_back_in_their_order(written: list[tuple[int, bytes]]) -> None:
    message = b"".join(bytes_field(number, value) for number, value in written)
    assert [(field.number, field.value) for field in fields_of(message)] == written
    assert b"".join(field.raw for field in fields_of(message)) == message


def test_texts_are_found_by_their_number() -> None:
    message = text_field(1, "a") + text_field(2, "ü") + text_field(1, "b")
    assert texts_in(message, 1) == ["a", "b"]
    assert text_in(message, 2) == "ü"
    assert text_in(message, 3) == ""


@pytest.mark.parametrize("value", [0, 1, 127, 128, 2**32])
def test_what_is_written_is_what_the_package_onnx_reads(value: int) -> None:
    node = helper.make_node("Concat", ["a", "b"], ["c"], name="d", axis=value)
    attribute = text_field(1, "axis") + number_field(3, value) + number_field(20, 2)
    written = text_field(1, "a") + text_field(1, "b") + text_field(2, "c") + text_field(3, "d")
    written += text_field(4, "Concat") + bytes_field(5, attribute)
    assert onnx.NodeProto.FromString(written) == node


def test_numbers_of_four_and_eight_bytes_are_stepped_over() -> None:
    attribute = helper.make_attribute("alpha", 0.5).SerializeToString()
    fields = list(fields_of(attribute + b"\x39" + bytes(8)))
    assert b"".join(field.raw for field in fields) == attribute + b"\x39" + bytes(8)
    assert fields[-1].number == 7
