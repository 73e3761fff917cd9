"""What the Listen view shows and hands out, without a browser."""

from __future__ import annotations

import csv
import io
import json

import pytest

from hearfelt.features.classic import GROUPS
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.answer_markup import answer, bars, notice, overview
from hearfelt.page.downloads import as_csv, as_json, picture, segments_csv
from hearfelt.page.preview import read_playable
from hearfelt.page.session import Answered, OneSound, Visit, example_names, example_sound
from hearfelt.page.wave import player_data
from hearfelt.page.why_markup import reasons

SAD = Prediction("sad", 0.75, {"calm": 0.2, "sad": 0.75, "<b>": 0.05}, False, 2.0, "tiny")
UNSURE = Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "tiny")
TIMELINE = Timeline("a", None, 2.0, (Segment(0.5, 1.5, SAD),), ("calm", "sad", "<b>"), "tiny")


@pytest.fixture(scope="module")
def sound() -> OneSound:
    file = example_sound("even")
    return OneSound(file, read_playable(file.data, file.name, longest_s=60))


def test_every_bundled_voice_can_be_picked_and_is_called_synthetic() -> None:
    assert len(example_names()) == 6
    assert all("synthetic" in example_sound(name).note for name in example_names())


def test_new_files_end_what_was_said_of_earlier_ones_and_empty_the_inputs() -> None:
    visit = Visit(refused=["old.wav: empty"])
    visit.receive(example_sound("even"))
    assert (len(visit.waiting), visit.refused, visit.round) == (1, [], 1)
    visit.receive()
    assert visit.round == 1


def test_starting_over_lets_go_of_everything(sound: OneSound) -> None:
    visit = Visit(chosen=sound.key)
    visit.keep(sound)
    visit.forget()
    assert (visit.sounds, visit.waiting, visit.chosen) == ({}, [], "")


def test_the_answer_says_how_sure_it_is_and_an_unsure_one_says_perhaps() -> None:
    assert "fairly sure, 75 %" in answer(SAD)
    assert "perhaps" not in answer(SAD)
    assert "perhaps sad" in answer(UNSURE)
    assert "unsure, 30 %" in answer(UNSURE)


def test_whatever_a_label_or_a_file_is_called_it_stays_text() -> None:
    shown = bars(SAD) + notice("<i>x</i>", title="<u>") + overview([("<s>.wav", SAD), ("<q>.wav", None)])
    assert not any(tag in shown for tag in ("<b>:", "<i>", "<u>", "<s>", "<q>"))
    assert "&lt;s&gt;.wav" in shown


def test_bars_are_ranked() -> None:
    shown = bars(SAD)
    assert shown.index(">sad<") < shown.index(">calm<") < shown.index("&lt;b&gt;")


def test_what_speaks_against_the_answer_stands_on_the_other_side() -> None:
    shares = {**dict.fromkeys(GROUPS, 0.0), "mfcc": 1.0, "rms": -0.5}
    shown = reasons(Explanation(SAD, 1.0, 0.5, shares))
    assert shown.count("hf-both hf-against") == 1
    assert "the timbre of the voice spoke most for sad" in shown


def test_occlusion_is_shown_over_time_and_over_tones() -> None:
    shown = reasons(Occlusion(SAD, 1.0, 0.5, (0.2, 1.0, 1.8), (0.0, -2.0, 1.0), BANDS_HZ, (0.3,) * len(BANDS_HZ)))
    assert shown.count("<li ") == len(BANDS_HZ)
    assert "The stretch around 1.0 s changes most: −2.00" in shown
    assert "not a cause" in shown


def test_what_is_taken_away_is_what_the_command_line_prints(sound: OneSound) -> None:
    one = Answered(SAD, TIMELINE)
    assert json.loads(as_json([(sound, one)]))["probabilities"] == dict(SAD.probabilities)
    row = next(csv.DictReader(io.StringIO(as_csv([(sound, one)]))))
    assert (row["source"], row["emotion"], row["sad"], row["error"]) == (sound.file.name, "sad", "0.75", "")
    segment = next(csv.DictReader(io.StringIO(segments_csv(one))))
    assert (segment["start_s"], segment["end_s"], segment["emotion"]) == ("0.5", "1.5", "sad")
    assert picture(sound, one).startswith(b"\x89PNG")


def test_the_player_gets_the_segments_and_names_the_models_only_where_there_are_two(sound: OneSound) -> None:
    data = player_data("k", "a.wav", sound.playable, {"tiny": TIMELINE})
    assert data["ribbons"][0]["title"] == ""
    assert data["ribbons"][0]["segments"][0]["said"] == "0.5 to 1.5 s: sad, fairly sure, 75 %"
    both = player_data("k", "a.wav", sound.playable, {"tiny": TIMELINE, "classic": TIMELINE})
    assert [one["title"] for one in both["ribbons"]] == ["tiny", "classic"]
    assert json.dumps(both, allow_nan=False)
