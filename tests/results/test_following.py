from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import read_audio
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.results.following import followed
from hearfelt.results.segment_rows import Heard

EXAMPLES = Path(__file__).parents[2] / "src" / "hearfelt" / "examples"


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer.load(sound_model, threads=1)


def test_mixed_it_gives_the_timeline_of_the_sound(recognizer: Recognizer, call: Path) -> None:
    with followed(recognizer, call, source="my call") as heard:
        segments = list(heard.segments)
    assert tuple(one.segment for one in segments) == recognizer.timeline(call).segments
    assert {(one.source, one.channel, one.side) for one in segments} == {("my call", None, "")}
    assert (
        heard.gathering.promised_s == heard.gathering.reached_s == pytest.approx(recognizer.timeline(call).duration_s)
    )


def test_a_file_gets_the_warnings_of_the_timeline_about_speech(recognizer: Recognizer, tmp_path: Path) -> None:
    voice = read_audio(EXAMPLES / "synthetic-even.flac")
    pause = np.zeros(10 * len(voice.samples))
    for name, samples in (("nobody.wav", pause), ("little.wav", np.concatenate([voice.samples, pause]))):
        soundfile.write(tmp_path / name, samples, voice.rate_hz)
        with followed(recognizer, tmp_path / name, source=name) as heard:
            list(heard.segments)
        expected = recognizer.timeline(tmp_path / name).warnings
        assert heard.gathering.warnings[None] == expected
        assert expected[-1].code == {"nobody.wav": "no_speech", "little.wav": "little_speech"}[name]


def test_side_by_side_it_gives_the_timelines_of_both_in_order(recognizer: Recognizer, call: Path) -> None:
    reached: list[float] = []
    with followed(recognizer, call, source="call", is_separate=True, progress=reached.append) as heard:
        segments = list(heard.segments)
    starts = [one.segment.start_s for one in segments]
    assert starts == sorted(starts)
    apart = recognizer.timeline(call, channels="separate")
    assert [one.segments for one in heard.gathering.timelines()] == [one.segments for one in apart]
    assert {one.side for one in segments} == {"left", "right"}
    assert reached == sorted(reached)
    assert reached[-1] == pytest.approx(apart[0].duration_s)


def test_what_waits_for_its_turn_is_given_when_listening_stops(recognizer: Recognizer, call: Path) -> None:
    stops = []

    def stop(_: float) -> None:
        stops.append(1)
        if len(stops) == 2:  # the left side was heard to its end, the right one not yet
            raise KeyboardInterrupt

    taken: list[Heard] = []

    def take() -> None:
        with followed(recognizer, call, source="call", is_separate=True, progress=stop) as heard:
            taken.extend(heard.segments)

    with pytest.raises(KeyboardInterrupt):
        take()
    assert taken


def test_a_sound_that_is_not_there_is_refused_before_anything_is_given(recognizer: Recognizer) -> None:
    with pytest.raises(AudioError, match="no such file"), followed(recognizer, "no.wav", source="no.wav"):
        pass
