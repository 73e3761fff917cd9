from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.segments import Timeline

RATE = 16_000


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer(sound_model, threads=1)


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
    heard_s: list[float] = []
    sound = np.tile(talk, 3)
    segments = recognizer.segments(sound, RATE, progress=heard_s.append)
    first = next(segments)
    assert not heard_s or heard_s[-1] < len(sound) / RATE
    assert (first, *segments) == recognizer.timeline(sound, RATE).segments
    assert heard_s == sorted(heard_s)
    assert heard_s[-1] == pytest.approx(len(sound) / RATE)


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
