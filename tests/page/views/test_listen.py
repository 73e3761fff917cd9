"""What the Listen view shows and hands out, without a browser."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from hearfelt.audio.warnings import SoundWarning, texts_of
from hearfelt.features.classic import GROUPS
from hearfelt.features.outline import Outline
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.downloads import as_csv, as_json, picture, segments_csv
from hearfelt.page.player import player_data
from hearfelt.page.preview import Playable, read_playable
from hearfelt.page.session import LoadedSound, ReceivedFile, Result, Visit, example_names, example_sound
from hearfelt.page.style import fragment
from hearfelt.page.views.result import explanation_html

SAD = Prediction("sad", 0.75, {"calm": 0.2, "sad": 0.75, "<b>": 0.05}, False, 2.0, "tiny")
UNSURE = Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "tiny")
TIMELINE = Timeline("a", None, 2.0, (Segment(0.5, 1.5, SAD),), ("calm", "sad", "<b>"), "tiny")


@pytest.fixture(scope="module")
def sound() -> LoadedSound:
    file = example_sound("even")
    return LoadedSound(file, read_playable(file.data, file.name, longest_s=60))


def named(name: str) -> LoadedSound:
    quiet = np.zeros(2, np.float32)
    return LoadedSound(ReceivedFile(name, b""), Playable(Outline(quiet, quiet, 1.0, 2.0), b"", "audio/wav", None))


def test_every_bundled_voice_can_be_picked_and_is_called_synthetic() -> None:
    assert len(example_names()) == 6
    assert all("synthetic" in example_sound(name).note for name in example_names())


def test_new_files_remove_earlier_errors_and_empty_the_inputs() -> None:
    visit = Visit(refused=["old.wav: empty"])
    visit.receive(example_sound("even"))
    assert (len(visit.waiting), visit.refused, visit.round) == (1, [], 1)
    visit.receive()
    assert visit.round == 1


def test_starting_over_removes_everything(sound: LoadedSound) -> None:
    visit = Visit(chosen=sound.key)
    visit.keep(sound)
    visit.clear()
    assert (visit.sounds, visit.waiting, visit.chosen) == ({}, [], "")


def test_a_prediction_has_its_confidence_and_an_unsure_one_says_perhaps() -> None:
    assert "fairly sure, 75 %" in fragment("result", "answer", SAD)
    assert "perhaps" not in fragment("result", "answer", SAD)
    assert "perhaps sad" in fragment("result", "answer", UNSURE)
    assert "unsure, 30 %" in fragment("result", "answer", UNSURE)


def test_whatever_a_label_or_a_file_is_called_it_stays_text() -> None:
    shown = "".join(
        (
            fragment("result", "bars", SAD),
            fragment("result", "notice", "<i>x</i>", title="<u>"),
            fragment("result", "overview", [(named("<s>.wav"), Result(SAD)), (named("<q>.wav"), None)]),
        )
    )
    assert not any(tag in shown for tag in ("<b>:", "<i>", "<u>", "<s>", "<q>"))
    assert "&lt;s&gt;.wav" in shown


def test_bars_are_ranked() -> None:
    shown = fragment("result", "bars", SAD)
    assert shown.index(">sad<") < shown.index(">calm<") < shown.index("&lt;b&gt;")


def test_evidence_against_the_emotion_is_on_the_other_side() -> None:
    shares = {**dict.fromkeys(GROUPS, 0.0), "mfcc": 1.0, "rms": -0.5}
    shown = explanation_html(Explanation(SAD, 1.0, 0.5, shares))
    assert shown.count("hf-both hf-against") == 1
    assert "the timbre of the voice was the strongest evidence for sad" in shown


def test_occlusion_is_shown_over_time_and_over_frequency() -> None:
    shown = explanation_html(
        Occlusion(SAD, 1.0, 0.5, (0.2, 1.0, 1.8), (0.0, -2.0, 1.0), BANDS_HZ, (0.3,) * len(BANDS_HZ))
    )
    assert shown.count("<li ") == len(BANDS_HZ)
    assert "the largest is −2.00 around 1.0 s" in shown
    assert "not a cause" in shown


def test_downloads_are_what_the_command_line_prints(sound: LoadedSound) -> None:
    one = Result(SAD, TIMELINE)
    assert json.loads(as_json([(sound, one)]))["probabilities"] == dict(SAD.probabilities)
    row = next(csv.DictReader(io.StringIO(as_csv([(sound, one)]))))
    assert (row["source"], row["emotion"], row["sad"], row["error"]) == (sound.file.name, "sad", "0.75", "")
    segment = next(csv.DictReader(io.StringIO(segments_csv(one))))
    assert (segment["start_s"], segment["end_s"], segment["emotion"]) == ("0.5", "1.5", "sad")
    assert picture(sound, one).startswith(b"\x89PNG")


def test_the_player_gets_the_segments_and_names_the_models_only_where_there_are_two(sound: LoadedSound) -> None:
    data = player_data(sound, {"tiny": TIMELINE})
    assert data["ribbons"][0]["title"] == ""
    assert data["ribbons"][0]["segments"][0]["text"] == "0.5 to 1.5 s: sad, fairly sure, 75 %"
    both = player_data(sound, {"tiny": TIMELINE, "classic": TIMELINE})
    assert [one["title"] for one in both["ribbons"]] == ["tiny", "classic"]
    assert json.dumps(both, allow_nan=False)


CUT = SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0, "promised_s": 2.0})
TONE = replace(SAD, unsure=True, warnings=(SoundWarning("no_speech", "no speech was found"), CUT))


@pytest.mark.parametrize(
    "shown", [("answer", TONE), ("overview", [(named("tone.wav"), Result(TONE))])], ids=["answer", "table"]
)
def test_without_speech_no_emotion_is_named(shown: tuple[str, object]) -> None:
    markup = fragment("result", *shown)
    assert "no speech found" in markup
    assert "sad" not in markup
    assert "75 %" not in markup
    assert "perhaps" not in markup


def test_warnings_have_a_line_of_their_own_and_only_if_there_are_any() -> None:
    assert fragment("result", "warnings", texts_of(SAD.other_warnings)).strip() == ""
    shown = fragment("result", "warnings", texts_of(TONE.other_warnings))
    assert shown.count("<p") == 1
    assert ">1.00 s of 2.00 s are there.<" in shown
