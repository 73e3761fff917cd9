from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

import hearfelt
from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import (
    InterimResult,
    Segment,
    SegmentRow,
    Timeline,
    data_frame,
    rows_of,
    side_name,
)
from hearfelt.rows import SEGMENT_ROW

audformat = pytest.importorskip("audformat")
pandas = pytest.importorskip("pandas")

COLUMNS = ["emotion", "confidence", "calm", "sad", "unsure", "warnings", "model", "duration_s"]
LABELS = ("calm", "sad")


def segment(start_s: float, end_s: float) -> Segment:
    return Segment(start_s, end_s, Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, True, end_s - start_s, "tiny"))


def test_a_segment_says_what_its_prediction_says() -> None:
    one = segment(1.0, 3.5)
    assert (one.emotion, one.confidence, one.unsure, one.duration_s) == ("sad", 0.7, True, 2.5)
    assert one.probabilities == {"calm": 0.3, "sad": 0.7}


def test_a_timeline_counts_its_speech() -> None:
    timeline = Timeline("call.wav", 1, 9.0, (segment(0, 1.5), segment(4, 5)), ("calm", "sad"), "tiny")
    assert timeline.speech_s == 2.5


def test_an_interim_result_says_the_same_as_a_segment() -> None:
    final = segment(1.0, 3.5)
    interim = InterimResult(final.start_s, final.end_s, final.prediction)
    for name in ("emotion", "confidence", "probabilities", "unsure", "duration_s"):
        assert getattr(interim, name) == getattr(final, name)
    assert interim != final


def test_a_timeline_is_as_long_as_its_segments_and_gives_them_in_order() -> None:
    segments = (segment(0, 1.5), segment(4, 5))
    timeline = Timeline("call.wav", 1, 9.0, segments, ("calm", "sad"), "tiny")
    assert (len(timeline), tuple(timeline)) == (2, segments)
    assert Timeline("call.wav", 1, 9.0, (), ("calm", "sad"), "tiny")  # without speech, but one all the same


def test_segments_and_timelines_are_hashable_and_frozen() -> None:
    timeline = Timeline("call.wav", 1, 9.0, (segment(0, 1.5),), ("calm", "sad"), "tiny")
    assert len({timeline, pickle.loads(pickle.dumps(timeline)), replace(timeline, channel=0)}) == 2
    with pytest.raises(FrozenInstanceError):
        timeline.segments[0].end_s = 9.0  # type: ignore[misc]


def test_their_repr_is_one_short_line() -> None:
    one = segment(0, 1.5)
    assert repr(one) == "<Segment 0.00-1.50 s sad 70%, unsure>"
    assert repr(Timeline("call.wav", 1, 9.0, (one,), ("sad",), "tiny")) == (
        "<Timeline call.wav channel 1: 1 segment in 9.00 s>"
    )


def test_segments_of_two_sides_come_in_the_order_in_which_they_begin() -> None:
    sides = [a_timeline("call.wav", 0, (0.0, 4.0), (8.0, 9.0)), a_timeline("call.wav", 1, (3.0, 8.5))]
    assert [(row.side, row.segment.start_s) for row in rows_of(sides)] == [("left", 0.0), ("right", 3.0), ("left", 8.0)]


def test_one_sound_comes_after_the_other_and_the_same_sound_twice_is_two_sounds() -> None:
    sides = [a_timeline("call.wav", 0, (0.0, 4.0)), a_timeline("call.wav", 1, (3.0, 8.5))]
    mixed = a_timeline("a.wav", None, (0.0, 1.0))
    order = [(row.source, row.side) for row in rows_of([*sides, mixed, mixed])]
    assert order == [("call.wav", "left"), ("call.wav", "right"), ("a.wav", ""), ("a.wav", "")]


def test_a_side_is_only_named_if_there_are_several() -> None:
    assert [side_name(0, 1), side_name(None, 2), side_name(0, 2), side_name(1, 2)] == ["", "", "left", "right"]
    assert side_name(2, 3) == "channel 2"


def test_a_row_has_the_names_of_the_schema_in_their_order_and_the_warnings_of_its_sound() -> None:
    odd = SoundWarning("clipped", "it is distorted")
    row = SegmentRow("caf\udce9.wav", None, segment(0.1 + 0.2, 2.0), warnings=(odd,)).to_dict()
    assert (*row, "error") == SEGMENT_ROW
    assert (row["source"], row["channel"], row["start_s"], row["end_s"]) == ("caf\\udce9.wav", None, 0.3, 2.0)
    assert row["warnings"] == [odd.to_dict()]


def test_a_timeline_becomes_a_table_with_a_row_for_each_segment() -> None:
    pytest.importorskip("pandas")
    timeline = Timeline("call.wav", None, 9.0, (segment(0, 1.5), segment(4, 5)), ("calm", "sad"), "tiny")
    frame = timeline.to_frame()
    assert frame.index.names == ["file", "start", "end"]
    assert frame["emotion"].tolist() == ["sad", "sad"]
    assert frame.index[1][0] == "call.wav"
    assert frame.index[1][1].total_seconds() == 4.0


def test_segments_and_timelines_are_public() -> None:
    assert hearfelt.Segment is Segment
    assert hearfelt.Timeline is Timeline


def a_timeline(source: str, channel: int | None, *times_s: tuple[float, float]) -> Timeline:
    answer = Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 1.0, "toy")
    segments = tuple(Segment(start_s, end_s, answer) for start_s, end_s in times_s)
    return Timeline(source, channel, 9.0, segments, LABELS, "toy")


def test_the_index_is_one_of_audformat() -> None:
    frame = a_timeline("a.wav", None, (0.5, 2.0), (2.0, 3.1 + 0.2)).to_frame()
    audformat.assert_index(frame.index)
    assert audformat.index_type(frame.index) == "segmented"
    wanted = audformat.segmented_index(["a.wav", "a.wav"], ["0.5s", "2s"], ["2s", "3.3s"])
    pandas.testing.assert_index_equal(frame.index, wanted)


def test_audformat_counts_and_joins_it() -> None:
    one, other = a_timeline("a.wav", None, (0.0, 2.0)).to_frame(), a_timeline("b.wav", None, (1.0, 4.0)).to_frame()
    joined = audformat.utils.union([one.index, other.index])
    assert audformat.utils.duration(joined) == pandas.Timedelta("5s")


def test_it_goes_into_a_table_of_a_database() -> None:
    frame = a_timeline("a.wav", None, (0.5, 2.0)).to_frame()
    database = audformat.Database("calls")
    database.schemes["emotion"] = audformat.Scheme("str", labels=list(LABELS))
    database["segments"] = audformat.Table(frame.index)
    database["segments"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["segments"]["emotion"].set(frame["emotion"].tolist())
    assert database["segments"]["emotion"].get().tolist() == ["sad"]


def test_columns_hold_the_answer_and_the_probability_of_each_label() -> None:
    frame = data_frame([a_timeline("a.wav", 1, (0.5, 2.0)), a_timeline("b.wav", None, (0.0, 1.0))])
    assert list(frame.columns) == ["channel", *COLUMNS]
    assert frame["channel"].tolist() == [1, pandas.NA]
    assert frame["sad"].tolist() == [0.75, 0.75]
    assert frame["unsure"].dtype == bool


def test_a_label_that_is_called_as_a_column_of_any_table_is_written_as_there() -> None:
    answer = Prediction("error", 0.75, {"model": 0.25, "error": 0.75}, False, 1.0, "toy")
    frame = Timeline("a.wav", None, 9.0, (Segment(0.0, 1.0, answer),), ("model", "error"), "toy").to_frame()
    assert list(frame.columns)[3:5] == ["p_model", "p_error"]
    assert frame[["model", "p_model", "p_error"]].to_numpy().tolist() == [["toy", 0.25, 0.75]]


def test_the_codes_of_the_warnings_stand_in_each_row_of_their_sound() -> None:
    odd = (SoundWarning("clipped", "it is distorted"), SoundWarning("very_quiet", "it is very quiet"))
    noisy, clean = a_timeline("a.wav", None, (0.0, 1.0), (2.0, 3.0)), a_timeline("b.wav", 0, (0.0, 1.0))
    frame = data_frame([replace(noisy, warnings=odd), clean])
    assert frame["warnings"].tolist() == ["clipped;very_quiet"] * 2 + [""]


def test_without_speech_the_frame_is_empty_and_of_the_same_kinds() -> None:
    empty, full = a_timeline("a.wav", None).to_frame(), a_timeline("a.wav", None, (0.0, 1.0)).to_frame()
    assert len(empty) == 0
    audformat.assert_index(empty.index)
    assert empty.dtypes.tolist() == full.dtypes.tolist()
    assert empty.index.dtypes.tolist() == full.index.dtypes.tolist()
