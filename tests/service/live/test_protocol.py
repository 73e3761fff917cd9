from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt.inference.prediction import Prediction
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.segments import InterimResult
from hearfelt.service.live.protocol import SampleBytes, StreamError, event_text, is_end, read_opening


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=20), floats=st.booleans())
def test_samples_are_the_same_however_the_bytes_are_cut(data: bytes, cuts: list[int], floats: bool) -> None:
    sound = SampleBytes("float32" if floats else "pcm16", 16_000)
    parts, start = [], 0
    for end in [*sorted(cuts), len(data)]:
        sound.add(data[start : max(start, end)])
        start = max(start, min(end, len(data)))
        parts.append(sound.take(7))
    while sound.buffered_s:
        parts.append(sound.take(7))
    width = 4 if floats else 2
    assert sound.left == len(data) % width
    whole = np.frombuffer(data[: len(data) // width * width], "<f4" if floats else "<i2")
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(
    text=st.one_of(
        st.text(), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps)
    )
)
def test_any_text_is_understood_or_refused_in_one_short_sentence(text: str) -> None:
    assert is_end(text) is False
    with pytest.raises(StreamError) as refused:
        read_opening(text)
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


def test_a_key_of_a_wrong_kind_is_not_repeated() -> None:
    with pytest.raises(StreamError) as refused:
        read_opening('{"rate_hz": 8000, "encoding": "pcm16", "key": ["secret"]}')
    assert "secret" not in str(refused.value)


def test_an_event_carries_all_that_was_promised() -> None:
    prediction = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.0, "tiny")
    assert json.loads(event_text(InterimResult(0.5, 2.5, prediction, is_early=True))) == {
        "type": "now",
        "start_s": 0.5,
        "end_s": 2.5,
        "emotion": "sad",
        "confidence": 0.7,
        "unsure": False,
        "early": True,
        "probabilities": {"calm": 0.3, "sad": 0.7},
    }


def test_a_reference_in_the_first_message_is_read_or_refused() -> None:
    reference = Reference("mine", "0" * 16, 8, np.zeros(3), np.ones(3), {"calm": 0.5, "sad": 0.5}, 0.2)
    first = {"rate_hz": 48_000, "encoding": "pcm16"}
    assert read_opening(json.dumps({**first, "reference": json.loads(reference.to_json())})).reference == reference
    assert read_opening(json.dumps(first)).reference is None
    for wrong in ({}, "me.json", [1], {"model_hash": 1}):
        with pytest.raises(StreamError, match=r"^reference: "):
            read_opening(json.dumps({**first, "reference": wrong}))
