from __future__ import annotations

import io
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.audio.reader import read_audio, resample
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.recording import Recording, Stream, open_recording
from hearfelt.inference.timeline.segments import InterimResult, Segment, SegmentRow, Timeline

RATE = 16_000
EXAMPLES = Path(__file__).parents[3] / "src" / "hearfelt" / "examples"


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer(sound_model, threads=1)


@pytest.fixture(scope="session")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthetic voices that take turns, a channel each, with a second of pause between them."""
    first, rate_hz = soundfile.read(EXAMPLES / "synthetic-happy.flac", dtype="float32")
    second, _ = soundfile.read(EXAMPLES / "synthetic-calm.flac", dtype="float32")
    pause = np.zeros(rate_hz, np.float32)
    left = np.concatenate([first, pause, np.zeros_like(second), pause, first])
    right = np.concatenate([np.zeros_like(first), pause, second, pause, np.zeros_like(first)])
    path = tmp_path_factory.mktemp("call") / "call.wav"
    soundfile.write(path, np.stack([left, right], axis=1), rate_hz)
    return path


def opened(recognizer: Recognizer, sound: Path | str, **how: Any) -> AbstractContextManager[Recording]:
    return open_recording(sound, recognizer.window_classifier(), **how)


def test_a_timeline_says_what_it_is_of(recognizer: Recognizer, talk: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    soundfile.write(path, talk, RATE, subtype="FLOAT")
    timeline = recognizer.timeline(path)
    assert (timeline.source, timeline.channel, timeline.labels) == (str(path), None, recognizer.labels)
    assert timeline.model == recognizer.card.name
    assert timeline.duration_s == pytest.approx(len(talk) / RATE)
    assert len(timeline.segments) >= 4
    assert recognizer.timeline(path.read_bytes()).segments == timeline.segments
    assert recognizer.timeline(io.BytesIO(path.read_bytes())).segments == timeline.segments
    assert recognizer.timeline(talk, RATE).segments == timeline.segments


def test_separate_channels_get_a_timeline_each(recognizer: Recognizer, talk: np.ndarray) -> None:
    other = np.roll(talk, 3 * RATE) / 2
    timelines = recognizer.timeline(np.stack([talk, other]), RATE, channels="separate")
    assert [one.channel for one in timelines] == [0, 1]
    assert [one.segments for one in timelines] == [recognizer.timeline(one, RATE).segments for one in (talk, other)]
    (alone,) = recognizer.timeline(talk, RATE, channels="separate")
    assert (alone.channel, alone.segments) == (0, timelines[0].segments)


def test_an_open_stereo_file_is_read_for_each_channel(recognizer: Recognizer, talk: np.ndarray) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.stack([talk, 0 * talk], axis=1), RATE, subtype="FLOAT", format="WAV")
    file.seek(0)
    voice, silence = recognizer.timeline(file, channels="separate")
    assert voice.segments == recognizer.timeline(talk, RATE).segments
    assert silence.segments == ()


def test_segments_come_while_the_sound_is_read(recognizer: Recognizer, talk: np.ndarray) -> None:
    read_s: list[float] = []
    sound = np.tile(talk, 3)
    segments = recognizer.segments(sound, RATE, progress=read_s.append)
    first = next(segments)
    assert not read_s or read_s[-1] < len(sound) / RATE
    assert (first, *segments) == recognizer.timeline(sound, RATE).segments
    assert read_s == sorted(read_s)
    assert read_s[-1] == pytest.approx(len(sound) / RATE)


def test_segments_of_one_channel_are_those_of_its_timeline(recognizer: Recognizer, talk: np.ndarray) -> None:
    sound = np.stack([0 * talk, talk])
    assert tuple(recognizer.segments(sound, RATE, channel=1)) == recognizer.timeline(talk, RATE).segments
    assert list(recognizer.segments(sound, RATE, channel=0)) == []


@pytest.mark.parametrize("name", ["classic", "svm"])
def test_models_on_features_have_timelines_too(name: str, talk: np.ndarray) -> None:
    timeline = Recognizer.load(name, threads=1).timeline(talk[: 6 * RATE], RATE)
    assert len(timeline.segments) >= 2
    assert set(timeline.segments[0].probabilities) == set(timeline.labels)


def test_silence_has_an_empty_timeline(recognizer: Recognizer) -> None:
    timeline = recognizer.timeline(np.zeros(2 * RATE), RATE)
    assert [one.code for one in timeline.warnings] == ["very_quiet", "no_speech"]
    empty = Timeline("samples", None, 2.0, (), recognizer.labels, recognizer.card.name)
    assert replace(timeline, warnings=()) == empty


def test_an_offset_changes_nothing(recognizer: Recognizer, talk: np.ndarray) -> None:
    plain, moved = (recognizer.timeline(one, RATE).segments for one in (talk, talk + np.float32(0.25)))
    assert [one.emotion for one in plain] == [one.emotion for one in moved]
    assert [one.end_s for one in plain] == pytest.approx([one.end_s for one in moved], abs=0.1)


def test_what_cannot_be_read_is_an_error_and_no_empty_timeline(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="a clip needs at least"):
        recognizer.timeline(np.zeros(100), RATE)
    with pytest.raises(AudioError, match="channels 'both'; 'mix' or 'separate' is wanted"):
        recognizer.timeline(np.zeros(RATE), RATE, channels="both")
    with pytest.raises(AudioError, match="there is no such file"):
        recognizer.timeline(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="every sample has to be a finite number"):
        list(recognizer.segments(np.full(RATE, np.nan), RATE))


def test_mixed_it_gives_the_timeline_of_the_sound(recognizer: Recognizer, call: Path) -> None:
    with opened(recognizer, call, source="my call") as recording:
        rows = list(recording)
    assert tuple(row.segment for row in rows) == recognizer.timeline(call).segments
    assert {(row.source, row.channel, row.side) for row in rows} == {("my call", None, "")}
    assert recording.expected_s == recording.reached_s == recognizer.timeline(call).duration_s


def test_a_file_gets_the_warnings_of_the_timeline_about_speech(recognizer: Recognizer, tmp_path: Path) -> None:
    voice = read_audio(EXAMPLES / "synthetic-neutral.flac")
    pause = np.zeros(10 * len(voice.samples))
    for name, samples in (("nobody.wav", pause), ("little.wav", np.concatenate([voice.samples, pause]))):
        soundfile.write(tmp_path / name, samples, voice.rate_hz)
        with opened(recognizer, tmp_path / name, source=name) as recording:
            list(recording)
        expected = recognizer.timeline(tmp_path / name).warnings
        assert recording.warnings == expected
        assert expected[-1].code == {"nobody.wav": "no_speech", "little.wav": "little_speech"}[name]


def test_side_by_side_it_gives_the_timelines_of_both_in_order(recognizer: Recognizer, call: Path) -> None:
    reached: list[float] = []
    with opened(recognizer, call, source="call", is_separate=True, progress=reached.append) as recording:
        rows = list(recording)
    starts = [row.segment.start_s for row in rows]
    assert starts == sorted(starts)
    apart = recognizer.timeline(call, channels="separate")
    assert [replace(one, source=str(call)) for one in recording.timelines()] == apart
    assert {row.side for row in rows} == {"left", "right"}
    assert reached == sorted(reached)
    assert reached[-1] == pytest.approx(apart[0].duration_s)


def test_what_waits_for_its_turn_is_given_when_reading_stops(recognizer: Recognizer, call: Path) -> None:
    stops = []

    def stop(_: float) -> None:
        stops.append(1)
        if len(stops) == 2:  # the left side was read to its end, the right one not yet
            raise KeyboardInterrupt

    taken: list[SegmentRow] = []

    def take() -> None:
        with opened(recognizer, call, source="call", is_separate=True, progress=stop) as recording:
            taken.extend(recording)

    with pytest.raises(KeyboardInterrupt):
        take()
    assert taken


def test_a_sound_that_is_not_there_is_refused_before_anything_is_given(recognizer: Recognizer) -> None:
    with pytest.raises(AudioError, match="no such file"), opened(recognizer, "no.wav", source="no.wav"):
        pass


RATE = 16_000


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
