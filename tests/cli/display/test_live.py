from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from hearfelt.audio.warnings import SoundWarning
from hearfelt.cli.display.live import JsonEvents, LiveScreen, level
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.rows import SEGMENT_ROW

SAD = Prediction("sad", 0.8, {label: 0.8 if label == "sad" else 0.2 / 7 for label in EMOTIONS}, False, 1.0, "toy")
BLOCK = np.full(1_600, 0.5, np.float32)


def a_screen(*, is_terminal: bool) -> tuple[LiveScreen, io.StringIO]:
    text = io.StringIO()
    console = Console(
        file=text, width=90, force_terminal=is_terminal, color_system="truecolor" if is_terminal else None
    )
    return LiveScreen(console, EMOTIONS, "microphone"), text


def test_each_event_is_a_line_of_json_that_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonEvents("microphone") as events:
        events.show([InterimResult(0.5, 1.5, SAD), Segment(0.5, 2.0, SAD)], BLOCK, 2.0)
    now, segment = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (now["event"], segment["event"]) == ("now", "segment")
    assert (now["start_s"], now["end_s"], now["emotion"]) == (0.5, 1.5, "sad")
    assert list(segment) == list(now) == ["event", *SEGMENT_ROW[:-1]]


def test_where_no_terminal_looks_only_segments_are_printed() -> None:
    screen, text = a_screen(is_terminal=False)
    with screen:
        screen.show([InterimResult(0.5, 1.5, SAD)], BLOCK, 1.5)
        assert text.getvalue() == ""
        screen.show([Segment(0.5, 2.0, SAD)], BLOCK, 4.0)
    header, row = text.getvalue().splitlines()
    assert header.split()[:2] == ["from", "to"]
    assert row.split()[:2] == ["0:00.5", "0:02.0"]


def test_at_a_terminal_the_present_stands_under_the_segments_and_goes_away_at_the_end() -> None:
    screen, text = a_screen(is_terminal=True)
    with screen:
        screen.show([], BLOCK, 0.1)
        assert "listening" in text.getvalue()
        screen.show([InterimResult(0.5, 1.5, SAD)], BLOCK, 1.5)
        assert text.getvalue().rstrip().endswith("█\x1b[0m")  # the newest cell of the ribbon
        screen.show([Segment(0.5, 2.0, SAD)], BLOCK, 4.0)
        assert "nobody speaks" in text.getvalue()
    assert "0:02.0" in text.getvalue()
    assert text.getvalue().endswith("\x1b[2K")  # the live lines are wiped


def test_the_ribbon_has_a_gap_where_nothing_was_told() -> None:
    screen, _ = a_screen(is_terminal=True)
    with screen:
        for event, heard_s in ((InterimResult(0.0, 1.0, SAD), 1.0), (None, 2.0), (InterimResult(2.0, 3.0, SAD), 3.1)):
            screen.show([event] if event else [], BLOCK, heard_s)
        ribbon = screen._drawn().plain.splitlines()[1]
    assert ribbon == " ·█···█"


def test_where_nobody_spoke_it_says_so() -> None:
    screen, text = a_screen(is_terminal=False)
    with screen:
        screen.show([], BLOCK, 3.0)
    assert text.getvalue() == "no speech was found in 0:03.0\n"


def test_what_is_odd_about_a_file_is_said_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    odd = [SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0, "promised_s": 2.0})]
    with JsonEvents("a.wav") as events:
        events.warn([])
        events.warn(odd)
    assert json.loads(capsys.readouterr().out) == {
        "event": "warnings", "source": "a.wav", "warnings": [odd[0].to_dict()],
    }  # fmt: skip
    screen, text = a_screen(is_terminal=False)
    with screen:
        screen.show([], BLOCK, 1.0)
        screen.warn(odd)
    assert text.getvalue().splitlines() == ["no speech was found in 0:01.0", "  1.00 s of 2.00 s are there"]


def test_loudness_is_one_of_eight_blocks() -> None:
    assert [level(decibels) for decibels in (-200, -60, -30, -0.1, 6)] == ["▁", "▁", "▅", "█", "█"]
