from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from hearfelt.audio.warnings import SoundWarning
from hearfelt.features.display import Outline
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.downloads import as_csv, as_json, as_json_lines, picture, segments_csv, segments_json
from hearfelt.page.preview import Playable, read_playable
from hearfelt.page.session import LoadedSound, ReceivedFile, Result, example_sound

SAD = Prediction("sad", 0.75, {"calm": 0.25, "sad": 0.75}, False, 2.0, "tiny")
BORED = Prediction("boredom", 0.45, {"boredom": 0.45, "sad": 0.4, "calm": 0.15}, False, 2.0, "mine")


@pytest.fixture(scope="module")
def sound() -> LoadedSound:
    file = example_sound("neutral")
    return LoadedSound(file, read_playable(file.data, file.name, longest_s=60))


def test_the_json_of_one_answer_is_an_object_and_that_of_two_an_array(sound: LoadedSound) -> None:
    one = [(sound, Result(SAD))]
    assert json.loads(as_json(one))["model"] == "tiny"
    assert [value["model"] for value in json.loads(as_json([*one, (sound, Result(BORED))]))] == ["tiny", "mine"]


def test_json_lines_are_an_object_each(sound: LoadedSound) -> None:
    lines = as_json_lines([(sound, Result(SAD))] * 2).splitlines()
    assert [json.loads(line)["emotion"] for line in lines] == ["sad", "sad"]


def test_what_is_odd_about_a_sound_is_taken_along(sound: LoadedSound) -> None:
    odd = replace(SAD, warnings=(SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0}),))
    heard = Timeline("a.wav", None, 2.0, (Segment(0.0, 1.0, SAD),), ("calm", "sad"), "tiny", odd.warnings)
    pairs = [(sound, Result(odd, heard))]
    assert json.loads(as_json(pairs))["warnings"] == [odd.warnings[0].to_dict()]
    for text in (as_csv(pairs), segments_csv(pairs[0][1])):
        assert [row["warnings"] for row in csv.DictReader(io.StringIO(text))] == ["cut_short"]


def test_the_csv_of_two_models_names_each_and_leaves_empty_what_one_of_them_does_not_know(sound: LoadedSound) -> None:
    text = as_csv([(sound, Result(SAD)), (sound, Result(BORED))])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["model"], row["calm"], row["sad"], row["boredom"]) for row in rows] == [
        ("tiny", "0.25", "0.75", ""), ("mine", "0.15", "0.4", "0.45"),
    ]  # fmt: skip


def test_a_picture_is_drawn_from_what_the_player_has_and_reads_nothing_again() -> None:
    hour = Outline(np.full(900, -0.1, np.float32), np.full(900, 0.1, np.float32), 4.0, 3_600.0)
    sound = LoadedSound(ReceivedFile("hour.wav", b"gone"), Playable(hour, b"", "audio/flac", None))
    heard = Timeline("hour.wav", None, 3_600.0, (Segment(60.0, 900.0, SAD),), ("calm", "sad"), "tiny")
    assert picture(sound, Result(SAD, heard)).startswith(b"\x89PNG")


def test_the_segments_of_a_long_sound_are_what_hearfelt_timeline_writes(sound: LoadedSound) -> None:
    segments = (Segment(0.0, 60.0, SAD), Segment(61.0, 80.0, BORED))
    heard = Timeline("a.wav", None, 90.0, segments, ("calm", "sad"), "tiny")
    lines = segments_json(Result(timeline=heard)).splitlines()
    assert [json.loads(line)["emotion"] for line in lines] == ["sad", "boredom"]
    assert as_json_lines([(sound, Result(timeline=heard))]) == ""


def test_a_long_sound_is_drawn_with_the_time_of_each_emotion(sound: LoadedSound) -> None:
    heard = Timeline("a.wav", None, 90.0, (Segment(0.0, 60.0, SAD),), ("calm", "sad"), "tiny")
    assert picture(sound, Result(timeline=heard)).startswith(b"\x89PNG")
