from __future__ import annotations

import pytest

from hearfelt.errors import HearfeltError
from hearfelt.results.segment_rows import heard_in, json_row, only_source, side_name


def test_segments_of_two_sides_come_in_the_order_in_which_they_begin(sides) -> None:
    order = [(heard.side, heard.segment.start_s) for heard in heard_in(sides)]
    assert order == [("left", 0.0), ("right", 3.0), ("left", 8.0)]


def test_one_sound_comes_after_the_other_and_the_same_sound_twice_is_two_sounds(mixed, sides) -> None:
    order = [(heard.source, heard.side) for heard in heard_in([*sides, mixed, mixed])]
    assert order == [("call.wav", one) for one in ("left", "right", "left")] + [("a, b.wav", "")] * 6


def test_a_side_is_only_named_where_there_are_several() -> None:
    assert [side_name(0, 1), side_name(None, 2), side_name(0, 2), side_name(1, 2)] == ["", "", "left", "right"]
    assert side_name(2, 3) == "channel 2"


def test_a_line_of_json_has_the_keys_that_were_promised_in_their_order(mixed) -> None:
    row = json_row(next(heard_in([mixed])))
    keys = ["source", "channel", "start_s", "end_s", "emotion", "confidence", "probabilities", "unsure"]
    assert list(row) == keys
    assert (row["channel"], row["start_s"], row["end_s"], row["emotion"]) == (None, 0.5, 2.0, "calm")


def test_a_format_of_one_sound_refuses_two(mixed, sides) -> None:
    assert only_source(sides, "a TextGrid") == "call.wav"
    with pytest.raises(HearfeltError, match=r"^a TextGrid describes one sound, not 2; write a file for each sound$"):
        only_source([*sides, mixed], "a TextGrid")
