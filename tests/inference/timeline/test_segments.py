from __future__ import annotations

import pytest

import hearfelt
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline


def segment(start_s: float, end_s: float) -> Segment:
    return Segment(start_s, end_s, Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, True, end_s - start_s, "tiny"))


def test_a_segment_says_what_its_prediction_says() -> None:
    one = segment(1.0, 3.5)
    assert (one.emotion, one.confidence, one.unsure, one.duration_s) == ("sad", 0.7, True, 2.5)
    assert one.probabilities == {"calm": 0.3, "sad": 0.7}


def test_a_timeline_counts_its_speech() -> None:
    timeline = Timeline("call.wav", 1, 9.0, (segment(0, 1.5), segment(4, 5)), ("calm", "sad"), "tiny")
    assert timeline.speech_s == 2.5


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
