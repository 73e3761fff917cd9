from __future__ import annotations

from dataclasses import replace

import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.data_frame import data_frame
from hearfelt.inference.timeline.segments import Segment, Timeline

audformat = pytest.importorskip("audformat")
pandas = pytest.importorskip("pandas")

LABELS = ("calm", "sad")


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
    assert list(frame.columns) == ["channel", "emotion", "confidence", "unsure", "model", "warnings", "calm", "sad"]
    assert frame["channel"].tolist() == [1, pandas.NA]
    assert frame["sad"].tolist() == [0.75, 0.75]
    assert frame["unsure"].dtype == bool


def test_a_label_that_is_called_as_a_column_of_any_table_is_written_as_there() -> None:
    answer = Prediction("error", 0.75, {"model": 0.25, "error": 0.75}, False, 1.0, "toy")
    frame = Timeline("a.wav", None, 9.0, (Segment(0.0, 1.0, answer),), ("model", "error"), "toy").to_frame()
    assert list(frame.columns)[-2:] == ["p_model", "p_error"]
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
