from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.audio.reader import resample
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.inference.timeline.stream import Stream

RATE = 16_000


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer(sound_model, threads=1)


def streamed(stream: Stream, sound: np.ndarray, sizes: list[int]) -> list[Segment | InterimResult]:
    told, start = [], 0
    for size in sizes:
        told += stream.feed(sound[start : start + size])
        start += size
    return told + stream.feed(sound[start:]) + stream.finish()


@settings(max_examples=10, deadline=None)
@given(
    rate_hz=st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    sizes=st.lists(st.one_of(st.integers(0, 900), st.integers(0, 100_000)), max_size=30),
)
def test_a_stream_in_any_blocks_gives_the_segments_of_the_timeline(
    recognizer: Recognizer, talk: np.ndarray, rate_hz: int, sizes: list[int]
) -> None:
    sound = resample(talk[: 6 * RATE], RATE, rate_hz)
    segments = [one for one in streamed(recognizer.stream(rate_hz), sound, sizes) if isinstance(one, Segment)]
    expected = recognizer.timeline(sound, rate_hz).segments
    assert [(one.start_s, one.end_s, one.emotion) for one in segments] == [
        (one.start_s, one.end_s, one.emotion) for one in expected
    ]
    for one, other in zip(segments, expected, strict=True):
        np.testing.assert_allclose(list(one.probabilities.values()), list(other.probabilities.values()), atol=1e-5)


def test_whole_numbers_are_the_sound_that_they_stand_for(recognizer: Recognizer, talk: np.ndarray) -> None:
    as_16_bit = np.round(talk * 32_768).astype(np.int16)
    expected = streamed(recognizer.stream(RATE), (as_16_bit / 32_768).astype(np.float32), [])
    assert streamed(recognizer.stream(RATE), as_16_bit, []) == expected
    assert streamed(recognizer.stream(RATE), as_16_bit.astype(np.int32) << 16, []) == expected
    assert streamed(recognizer.stream(RATE), as_16_bit / 32_768, []) == expected


def test_events_come_while_the_sound_goes_on(recognizer: Recognizer, talk: np.ndarray) -> None:
    stream = recognizer.stream(RATE)
    for start in range(0, len(talk), 1_600):
        for one in stream.feed(talk[start : start + 1_600]):
            assert one.end_s <= stream.duration_s
            if isinstance(one, InterimResult):
                assert one.end_s >= stream.duration_s - 0.5
    assert stream.duration_s == pytest.approx(len(talk) / RATE)


def test_ten_streams_at_once_do_not_disturb_each_other(recognizer: Recognizer, talk: np.ndarray) -> None:
    sound = talk[: 4 * RATE]
    alone = streamed(recognizer.stream(RATE), sound, [])
    streams = [recognizer.stream(RATE) for _ in range(10)]
    told: list[list[Segment | InterimResult]] = [[] for _ in streams]
    for start in range(0, len(sound), 4_000):
        for one, events in zip(streams, told, strict=True):
            events += one.feed(sound[start : start + 4_000])
    assert [events + one.finish() for one, events in zip(streams, told, strict=True)] == [alone] * 10


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.array([0.0, np.nan]), "sample 5 is nan; every sample has to be a finite number"),
        (np.array([np.inf]), "sample 4 is inf"),
        (np.array([1e300]), "sample 4 is inf"),
        (np.array([20_000.0]), "samples reach 20000; floats have to be scaled"),
        (np.zeros((2, 100)), r"a block of \(2, 100\); an array of shape \(n,\) is wanted"),
        (np.zeros(4, np.uint8), "samples of type uint8"),
        ([0.0, 0.1], "a block of list"),
    ],
)
def test_a_block_that_is_no_sound_gets_a_sentence_and_is_not_taken(
    recognizer: Recognizer, block: np.ndarray, message: str
) -> None:
    stream = recognizer.stream(RATE)
    stream.feed(np.zeros(4, np.float32))
    with pytest.raises(AudioError, match=message) as caught:
        stream.feed(block)
    assert "\n" not in str(caught.value)
    assert stream.duration_s == 4 / RATE
    stream.feed(np.zeros(4, np.float32))


def test_nothing_is_taken_after_the_end(recognizer: Recognizer, talk: np.ndarray) -> None:
    stream = recognizer.stream(RATE)
    stream.feed(talk[:RATE])
    stream.finish()
    assert stream.finish() == []
    with pytest.raises(AudioError, match="it was finished; begin a new one"):
        stream.feed(talk[:RATE])


@pytest.mark.parametrize("rate_hz", [0, -1, 999, 768_001])
def test_an_impossible_rate_gets_a_sentence(recognizer: Recognizer, rate_hz: int) -> None:
    with pytest.raises(AudioError, match=f"a stream of {rate_hz} Hz; 1,000 to 768,000 Hz is wanted"):
        recognizer.stream(rate_hz)


def test_a_stream_that_ends_at_once_says_nothing(recognizer: Recognizer) -> None:
    assert recognizer.stream(44_100).finish() == []
    assert streamed(recognizer.stream(44_100), np.zeros(3, np.float32), [1]) == []
