"""What the Listen view shows and hands out, without a browser."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearfelt.audio.warnings import SoundWarning, texts_of
from hearfelt.corpora.catalog import read_corpora
from hearfelt.features.classic import GROUPS
from hearfelt.features.display import Outline
from hearfelt.inference.explain.occlusion import BANDS_HZ, Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.page.downloads import as_csv, as_json, corrections_csv, picture, segments_csv
from hearfelt.page.player import player_data
from hearfelt.page.preview import Playable, read_playable
from hearfelt.page.session import LoadedSound, ReceivedFile, Result, Visit, example_names, example_sound
from hearfelt.page.style import fragment
from hearfelt.page.views.overview import table_rows
from hearfelt.page.views.result import explanation_html

SAD = Prediction("sad", 0.75, {"calm": 0.2, "sad": 0.75, "<b>": 0.05}, False, 2.0, "tiny")
UNSURE = Prediction("sad", 0.3, {"calm": 0.3, "sad": 0.3}, True, 2.0, "tiny")
TIMELINE = Timeline("a", None, 2.0, (Segment(0.5, 1.5, SAD),), ("calm", "sad", "<b>"), "tiny")


@pytest.fixture(scope="module")
def sound() -> LoadedSound:
    file = example_sound("neutral")
    return LoadedSound(file, read_playable(file.data, file.name, longest_s=60))


def named(name: str, result: Result | None = None, duration_s: float = 2.0) -> LoadedSound:
    quiet = np.zeros(2, np.float32)
    playable = Playable(Outline(quiet, quiet, duration_s / 2, duration_s), b"", "audio/wav", None)
    return LoadedSound(ReceivedFile(name, b""), playable, results={} if result is None else {"tiny": result})


def test_every_bundled_clip_can_be_picked_and_is_called_synthetic() -> None:
    assert {"angry", "rain", "sad"} < set(example_names())
    assert all("synthetic" in example_sound(name).note for name in example_names())


def test_new_files_remove_earlier_errors_and_empty_the_inputs() -> None:
    visit = Visit(refused=["old.wav: empty"])
    visit.receive(example_sound("neutral"))
    assert (len(visit.waiting), visit.refused, visit.round) == (1, [], 1)
    visit.receive()
    assert visit.round == 1


def test_starting_over_removes_everything(sound: LoadedSound) -> None:
    visit = Visit(chosen=sound.key)
    visit.keep(sound)
    visit.clear()
    assert (visit.sounds, visit.waiting, visit.chosen) == ({}, [], "")


def test_a_prediction_has_its_confidence_and_an_unsure_one_says_perhaps() -> None:
    assert "fairly sure, 75\u00a0%" in fragment("result", "answer", SAD)  # a line never breaks there
    assert "perhaps" not in fragment("result", "answer", SAD)
    assert "perhaps sad" in fragment("result", "answer", UNSURE)
    assert "unsure, 30\u00a0%" in fragment("result", "answer", UNSURE)


def test_whatever_a_label_or_a_file_is_called_it_stays_text() -> None:
    shown = "".join(
        (
            fragment("result", "bars", SAD),
            fragment("result", "notice", "<i>x</i>", title="<u>"),
            fragment("result", "title", "<s>.wav", "2.0 s", "<q>"),
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


def test_occlusion_is_shown_over_frequency() -> None:
    shown = explanation_html(
        Occlusion(SAD, 1.0, 0.5, (0.2, 1.0, 1.8), (0.0, -2.0, 1.0), BANDS_HZ, (0.3,) * len(BANDS_HZ))
    )
    assert shown.count("<li ") == len(BANDS_HZ)
    assert "not a cause" in shown


def test_what_depends_on_time_is_drawn_under_the_waveform() -> None:
    why = Occlusion(SAD, 1.0, 0.5, (0.2, 1.0, 1.8), (0.0, -2.0, 1.0), BANDS_HZ, (0.3,) * len(BANDS_HZ))
    data = player_data(named("a.wav", Result(SAD, TIMELINE, why)), {"tiny": TIMELINE})["why"]
    assert "the largest contribution is −2.00 around 1.0 s" in data["label"]
    assert (data["effects"], data["largest"], data["window_s"]) == ([0.0, -2.0, 1.0], 2.0, 0.5)


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


def test_without_speech_no_emotion_is_named() -> None:
    visit = Visit()
    visit.keep(named("tone.wav", Result(TONE)))
    rows = [{**row, "key": ""} for row in table_rows(visit, "tiny")]  # a key is drawn, and may hold any digits
    for shown in (fragment("result", "answer", TONE), json.dumps(rows)):
        assert "no speech found" in shown
        assert "sad" not in shown
        assert "75" not in shown


def test_warnings_have_a_line_of_their_own_and_only_if_there_are_any() -> None:
    assert fragment("result", "warnings", texts_of(SAD.other_warnings)).strip() == ""
    shown = fragment("result", "warnings", texts_of(TONE.other_warnings))
    assert shown.count("<p") == 1
    assert ">1.00 s of 2.00 s are there.<" in shown


def test_the_table_tells_the_same_name_apart_and_waits_for_what_is_not_known() -> None:
    visit = Visit()
    for sound in (named("a.wav", Result(SAD)), named("a.wav", Result(UNSURE)), named("b.wav")):
        visit.keep(sound)
    rows = table_rows(visit, "tiny")
    assert [row["name"] for row in rows] == ["a.wav", "a.wav (2)", "b.wav"]
    assert [row["emotion"] for row in rows] == ["sad", "perhaps sad", "waiting …"]
    assert [row["length"] for row in rows] == ["2.0 s"] * 3


def test_a_long_sound_is_in_the_table_with_its_share_of_time() -> None:
    visit, timeline = Visit(), Timeline("a", None, 40.0, (Segment(0.5, 30.5, SAD),), ("calm", "sad"), "tiny")
    visit.keep(named("a.wav", Result(timeline=timeline), 40.0))
    assert table_rows(visit, "tiny")[0]["words"] == "100 % of the speech"


def test_a_stretch_is_a_sound_of_its_own_and_the_same_again_is_only_chosen() -> None:
    visit, whole = Visit(), named("a.wav")
    visit.keep(whole)
    visit.take_stretch(whole, 0.5, 1.25)
    [stretch] = visit.stretches
    assert stretch.name == "a.wav#t=0.5,1.25"
    visit.stretches.clear()
    visit.keep(stretch)
    visit.take_stretch(whole, 0.5, 1.25)
    assert (visit.stretches, visit.chosen) == ([], stretch.key)
    visit.take_stretch(stretch, 0.25, 0.5)
    assert visit.stretches[0].stretch == (0.75, 1.0)


def test_corrections_are_a_table_that_a_folder_of_recordings_takes(tmp_path: Path, sound: LoadedSound) -> None:
    visit = Visit()
    visit.correct(sound, 1.0, 1.5, "happy")
    visit.correct(sound, 0.25, 1.0, "calm")
    visit.correct(sound, 0.25, 1.0, "sad")
    (tmp_path / sound.file.name).write_bytes(sound.file.data)
    (tmp_path / "corrections.csv").write_text(corrections_csv(visit.corrections), encoding="utf-8")
    clips = list(read_corpora({"folder": tmp_path}))
    assert [(clip.emotion, clip.sound.start_s, clip.sound.end_s) for clip in clips] == [
        ("sad", 0.25, 1.0), ("happy", 1.0, 1.5),
    ]  # fmt: skip
