"""The shipped models give the same answer with any number of threads, in a stream, and on another processor."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hearfelt.audio.reader import audio_files
from hearfelt.inference.recognizer import Recognizer, shipped_models
from hearfelt.inference.timeline.segments import Segment

TESTS = Path(__file__).parents[1]
CLIPS = audio_files(TESTS.parent / "src" / "hearfelt" / "examples")
EXPECTED = json.loads((TESTS / "data" / "expected_answers.json").read_text(encoding="utf-8"))
ON_ONE_MACHINE = 1e-5
ON_ANY_MACHINE = 1e-3
RATE_HZ = 16_000


@pytest.mark.parametrize("model", shipped_models())
def test_any_number_of_threads_gives_the_same_answer(model: str) -> None:
    alone = Recognizer.load(model, threads=1)
    expected = [alone.recognize(clip).probabilities for clip in CLIPS]
    for threads in (2, 4, None):
        recognizer = Recognizer.load(model, threads=threads)
        for clip, wanted in zip(CLIPS, expected, strict=True):
            assert recognizer.recognize(clip).probabilities == pytest.approx(wanted, abs=ON_ONE_MACHINE), threads


@pytest.mark.parametrize("model", shipped_models())
def test_a_stream_on_one_thread_gives_the_segments_of_a_timeline_on_four(model: str, talk: np.ndarray) -> None:
    stream = Recognizer.load(model, threads=1).stream(RATE_HZ)
    events = [event for part in np.array_split(talk, 31) for event in stream.feed(part)] + stream.finish()
    segments = [event for event in events if isinstance(event, Segment)]
    expected = Recognizer.load(model, threads=4).timeline(talk, RATE_HZ).segments
    assert len(expected) >= 4
    assert [(one.start_s, one.end_s, one.emotion) for one in segments] == [
        (one.start_s, one.end_s, one.emotion) for one in expected
    ]
    for one, wanted in zip(segments, expected, strict=True):
        assert one.probabilities == pytest.approx(wanted.probabilities, abs=ON_ONE_MACHINE)


@pytest.mark.parametrize("model", shipped_models())
def test_this_machine_answers_as_the_one_on_which_the_answers_were_written_down(model: str) -> None:
    recognizer, expected = Recognizer.load(model), EXPECTED[model]
    assert list(expected) == [clip.name for clip in CLIPS]
    for clip in CLIPS:
        assert recognizer.recognize(clip).probabilities == pytest.approx(expected[clip.name], abs=ON_ANY_MACHINE)
