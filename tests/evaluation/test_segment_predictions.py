from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import ModelError
from hearfelt.evaluation.metrics import LabelSpan
from hearfelt.evaluation.segment_predictions import (
    NAIVE,
    TIMELINE,
    clipped_to,
    naive_windows,
    predict_recordings,
    window_starts,
)
from hearfelt.evaluation.synthetic_recordings import Recording, write_scripts
from hearfelt.inference.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer.load(sound_model, threads=1)


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    return read_corpora({"toy": toy})


@pytest.mark.parametrize("duration_s", [0.5, 2.0, 2.01, 3.0, 7.43, 12.0])
def test_windows_of_two_seconds_begin_each_second_and_reach_the_end(duration_s: float) -> None:
    windows = window_starts(duration_s)
    assert windows[0][0] == 0.0
    assert windows[-1][1] == pytest.approx(duration_s)
    assert all(end - start == pytest.approx(min(2.0, duration_s)) for start, end in windows)
    assert [start for start, _ in windows[:-1]] == list(range(len(windows) - 1))
    assert all(start <= duration_s - 2.0 + 1e-9 for start, _ in windows[1:])


def test_every_segment_takes_the_answer_of_the_window_whose_middle_is_nearest(
    recognizer: Recognizer, clips: Clips
) -> None:
    recording = write_scripts(clips, 8)[3].record()
    predictions = naive_windows(recognizer, recording)
    middles = [(start + end) / 2 for start, end in window_starts(recording.duration_s)]
    assert len(predictions) == len(middles) > 3
    for one, middle in zip(predictions, middles, strict=True):
        for time_s in np.linspace(one.segment.start_s + 0.001, one.segment.end_s - 0.001, 7):
            assert min(middles, key=lambda other: abs(other - time_s)) == middle
    assert predictions[0].segment.start_s == 0.0
    assert predictions[-1].segment.end_s == recording.duration_s
    assert predictions[1].segment == LabelSpan(1.5, 2.5, predictions[1].segment.emotion)
    wanted = recognizer.recognize(recording.samples[16_000:48_000], 16_000)
    assert predictions[1].segment.emotion == wanted.emotion
    assert predictions[1].probabilities == tuple(wanted.probabilities[emotion] for emotion in EMOTIONS)


def test_a_window_in_which_nothing_can_be_heard_says_nothing(recognizer: Recognizer, clips: Clips) -> None:
    recording = write_scripts(clips, 1)[0].record()
    sound = np.concatenate([recording.samples[:48_000], np.zeros(48_000, np.float32)])
    predictions = naive_windows(recognizer, Recording(recording.script, sound, recording.spans))
    assert [one.segment.end_s for one in predictions] == [1.5, 2.5, 3.5]  # the windows from 3 s on are silent


def test_recordings_are_answered_in_both_ways_whatever_the_number_of_threads(
    recognizer: Recognizer, clips: Clips
) -> None:
    scripts, done = write_scripts(clips, 2), []
    predicted = predict_recordings(recognizer, scripts, jobs=1, progress=done.append)
    assert (done, [one.script for one in predicted]) == ([1, 1], list(scripts))
    assert predict_recordings(recognizer, scripts, jobs=2) == predicted
    for one in predicted:
        recording = one.script.record()
        assert (one.duration_s, one.spans) == (recording.duration_s, recording.spans)
        assert one.predictions[NAIVE] == naive_windows(recognizer, recording)
        segments = recognizer.timeline(recording.samples, 16_000).segments
        assert [found.segment for found in one.predictions[TIMELINE]] == [
            LabelSpan(m.start_s, m.end_s, m.emotion) for m in segments
        ]


def test_a_model_that_lacks_a_clip_s_label_is_refused(make_sound_model: Callable[..., bytes], clips: Clips) -> None:
    few = make_sound_model({"labels": ("calm", "sad")}, weights=np.zeros((16, 2)))
    with pytest.raises(ModelError, match="not among the model's labels"):
        predict_recordings(Recognizer(few, threads=1), write_scripts(clips.where(emotion="happy"), 1))


def test_what_lies_within_is_cut_at_both_ends_and_keeps_its_emotion() -> None:
    predictions = [LabelSpan(0.0, 1.5, "sad"), LabelSpan(1.5, 2.5, "calm"), LabelSpan(2.5, 4.0, "sad")]
    assert clipped_to(predictions, [LabelSpan(1.0, 2.0, "x"), LabelSpan(3.0, 3.5, "y")]) == [
        LabelSpan(1.0, 1.5, "sad"),
        LabelSpan(1.5, 2.0, "calm"),
        LabelSpan(3.0, 3.5, "sad"),
    ]
    assert clipped_to(predictions, []) == []
