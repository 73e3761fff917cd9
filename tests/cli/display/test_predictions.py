from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.explanation_values import explanation, occlusion

from hearfelt.audio.warnings import SoundWarning
from hearfelt.cli.display.predictions import PredictionTable, share_bar, why_chart
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.prediction import Prediction


def prediction(emotion: str = "fearful", confidence: float = 0.9, *, unsure: bool = False) -> Prediction:
    rest = (1 - confidence) / 7
    probabilities = {label: confidence if label == emotion else rest for label in EMOTIONS}
    return Prediction(emotion, confidence, probabilities, unsure, 2.0, "tiny")


def drawn(width: int, source: str, *, terminal: bool = True, unsure: bool = False) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None, highlight=False)
    table = PredictionTable(console, [source, "b.wav"], EMOTIONS)
    table.header()
    table.row(source, prediction(unsure=unsure))
    table.row("b.wav", prediction("calm", 1.0))
    return file.getvalue().splitlines()


def table_lines(sources: list[str]) -> list[str]:
    file = io.StringIO()
    table = PredictionTable(Console(file=file, width=80, color_system=None, highlight=False), sources, EMOTIONS)
    table.header()
    for source in sources:
        table.row(source, prediction())
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", range(32, 140, 4))
@pytest.mark.parametrize("source", ["a.wav", "folder/" * 30 + "the-end.wav", "声" * 60 + ".wav"])
def test_no_line_is_wider_than_the_terminal(width: int, source: str) -> None:
    lines = drawn(width, source)
    assert max(cell_len(line) for line in lines) <= width
    assert "90%" in lines[1]
    assert "fearful" in lines[1]


def test_columns_stand_below_each_other() -> None:
    header, first, second = drawn(80, "声声.wav")
    for title, part in (("emotion", "😌"), ("runner-up", "neutral")):
        assert cell_len(header[: header.index(title)]) == cell_len(second[: second.index(part)])
    assert cell_len(first[: first.index("😨")]) == cell_len(second[: second.index("😌")])


def test_the_end_of_a_long_name_stays() -> None:
    assert drawn(80, "folder/" * 30 + "the-end.wav")[1].startswith("…")
    assert "/the-end.wav  " in drawn(80, "folder/" * 30 + "the-end.wav")[1]


def test_the_folder_of_all_clips_is_named_once() -> None:
    folder = "recordings of the first day/microphone 2/"
    lines = table_lines([f"{folder}a.wav", f"{folder}evening/b.wav"])
    assert lines[0] == f"in {folder}"
    assert [line.split()[0] for line in lines[1:]] == ["clip", "a.wav", "evening/b.wav"]


@pytest.mark.parametrize(
    "sources", [["a.wav"], ["x/a.wav"], ["x/a.wav", "b.wav"], ["-", "x/a.wav"], ["./x/a", "./x/b"]]
)
def test_names_stay_as_they_were_given_where_no_folder_repeats(sources: list[str]) -> None:
    assert [line.split()[0] for line in table_lines(sources)] == ["clip", *sources]


def test_a_pipe_cuts_nothing() -> None:
    source = "folder/" * 30 + "the-end.wav"
    assert source in drawn(80, source, terminal=False)[1]


def test_an_unsure_answer_has_a_question_mark() -> None:
    assert "fearful?" in drawn(80, "a.wav", unsure=True)[1]
    assert "?" not in drawn(80, "a.wav")[1]


def test_the_runner_up_is_the_second_most_probable() -> None:
    file = io.StringIO()
    table = PredictionTable(Console(file=file, width=80, force_terminal=True, color_system=None), ["a"], EMOTIONS)
    table.row("a", Prediction("sad", 0.6, {"calm": 0.15, "sad": 0.6, "happy": 0.25}, False, 1.0, "tiny"))
    assert file.getvalue().rstrip().endswith("happy      25%")


def test_control_characters_in_a_label_do_not_reach_the_terminal() -> None:
    file, labels = io.StringIO(), ("s\x1b]ad", "calm")
    table = PredictionTable(Console(file=file, width=80, force_terminal=True, color_system=None), ["a"], labels)
    shares = dict(zip(labels, (0.6, 0.4), strict=True))
    table.row("a", Prediction(labels[0], 0.6, shares, True, 1.0, "tiny", quantiles={"0.9": 0.75}))
    table.row("a", Prediction("calm", 0.6, dict(zip(labels, (0.4, 0.6), strict=True)), False, 1.0, "tiny"))
    assert "\x1b" not in file.getvalue()
    assert file.getvalue().count("s\ufffd]ad") == 3


@pytest.mark.parametrize(("share", "cells"), [(0.0, 0), (1.0, 10), (0.5, 5), (2.0, 10), (-1.0, 0)])
def test_a_bar_is_as_long_as_its_share(share: float, cells: int) -> None:
    assert share_bar(share, 10) == ("█" * cells).ljust(10)


def table_of(*warnings: SoundWarning) -> list[str]:
    file = io.StringIO()
    table = PredictionTable(Console(file=file, width=80), ["a.wav"], EMOTIONS)
    table.row("a.wav", replace(prediction(unsure=True), warnings=warnings))
    return file.getvalue().splitlines()


def test_where_nobody_speaks_that_is_said_before_the_emotion() -> None:
    (line,) = table_of(SoundWarning("no_speech", "no speech was found"))
    assert line == "a.wav  no speech found  fearful? 90%"


def test_an_unsure_answer_names_the_plausible_emotions_and_a_sure_one_does_not() -> None:
    def lines(*, unsure: bool, quantile: float = 0.95) -> list[str]:
        file = io.StringIO()
        shares = {"calm": 0.15, "sad": 0.5, "happy": 0.25, "angry": 0.1}
        answer = Prediction("sad", 0.5, shares, unsure, 1.0, "tiny", quantiles={"0.9": quantile} if quantile else {})
        PredictionTable(Console(file=file, width=80), ["a"], EMOTIONS).row("a", answer)
        return file.getvalue().splitlines()[1:]

    assert lines(unsure=True, quantile=0.86) == ["  in 90% of cases one of: sad, happy, calm"]
    assert lines(unsure=False) == lines(unsure=True, quantile=0.0) == []


def test_what_is_odd_stands_on_one_line_below_the_answer() -> None:
    warnings = (SoundWarning("cut_short", "1.00 s of 2.00 s are there"), SoundWarning("little_speech", "little speech"))
    answer, below = table_of(*warnings)
    assert "fearful?" in answer
    assert below == "  1.00 s of 2.00 s are there; little speech"
    assert table_of(SoundWarning("no_speech", "nobody"), warnings[0])[1:] == ["  1.00 s of 2.00 s are there"]
    assert len(table_of()) == 1


@pytest.mark.parametrize("width", [40, 50, 63, 80, 120])
def test_a_chart_of_groups_fits(width: int) -> None:
    chart = why_chart(explanation(mfcc=1.0, rms=-0.7, chroma=0.01), width).plain
    assert max(cell_len(line) for line in chart.splitlines()) <= width


def test_the_chart_puts_for_to_the_right_and_against_to_the_left_strongest_first() -> None:
    first, second, *_ = why_chart(explanation(mfcc=0.5, rms=-1.0), 80).plain.splitlines()
    assert first.strip().startswith("loudness")
    assert first.partition("│")[0].endswith("█" * 14)
    assert "█" not in first.partition("│")[2]
    assert second.strip().startswith("timbre")
    assert second.partition("│")[2].startswith("█" * 7 + " ")
    assert "█" not in second.partition("│")[0]


@pytest.mark.parametrize("width", [30, 40, 63, 80, 120])
@pytest.mark.parametrize("windows", [10, 60])
def test_a_chart_of_occlusion_fits(width: int, windows: int) -> None:
    chart = why_chart(occlusion({3: 1.0, 7: -0.5}, {0: 0.3, 5: -12.5}, windows=windows), width).plain
    assert max(cell_len(line) for line in chart.splitlines()) <= width


def test_the_curve_rises_where_the_answer_needs_the_sound_and_what_speaks_against_it_stands_below() -> None:
    up, down, axis, *bands = why_chart(occlusion({9: 2.0, 20: -1.0}, {5: 1.0}), 80).plain.splitlines()
    assert up.index("█") == down.index("▄") - 11 == 4 + 8 + 9
    assert up.split() == ["for", "█"]
    assert down.split() == ["against", "▄"]
    assert axis.split() == ["0", "3.0", "s"]
    assert bands[5].split()[:4] == ["2,682", "to", "3,934", "Hz"]
    assert "█" * 14 in bands[5]


def test_where_nothing_speaks_against_the_answer_there_is_no_line_for_it() -> None:
    chart = why_chart(occlusion({9: 2.0}, {5: 1.0}), 80).plain
    assert "against" not in chart


def test_a_flat_chart_is_drawn_all_the_same() -> None:
    assert "for" in why_chart(occlusion({}, {}), 80).plain
