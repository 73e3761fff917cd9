from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from hearfelt.audio.warnings import SoundWarning
from hearfelt.cli.display.timelines import (
    JsonEvents,
    LiveScreen,
    SegmentTable,
    TimelineScreen,
    cells_of,
    letters_of,
    level,
    ribbon,
)
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import InterimResult, Segment, SegmentRow, Timeline, rows_of
from hearfelt.rows import SEGMENT_ROW


def a_segment(start_s: float, end_s: float, emotion: str, confidence: float = 0.8) -> Segment:
    rest = (1 - confidence) / (len(EMOTIONS) - 1)
    probabilities = {label: confidence if label == emotion else rest for label in EMOTIONS}
    return Segment(start_s, end_s, Prediction(emotion, confidence, probabilities, confidence < 0.5, 1.0, "toy"))


def a_timeline(*segments: Segment, channel: int | None = None, duration_s: float = 20.0) -> Timeline:
    return Timeline("call.wav", channel, duration_s, segments, EMOTIONS, "toy")


class Collected:
    """What a recording knows when all of its segments were taken."""

    def __init__(self, timeline: Timeline) -> None:
        self.source, self.reached_s, self.expected_s = timeline.source, timeline.duration_s, timeline.duration_s
        self.warnings, self._timeline = timeline.warnings, timeline

    def timelines(self) -> list[Timeline]:
        return [self._timeline]


def a_console(width: int = 80, *, is_terminal: bool = True) -> Console:
    system = "truecolor" if is_terminal else None
    return Console(file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=system, highlight=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_cell_shows_what_takes_most_of_its_time_and_little_speech_is_a_gap() -> None:
    timeline = a_timeline(a_segment(0, 7, "sad"), a_segment(7, 10, "happy", 0.4), a_segment(14.9, 15.3, "angry"))
    assert cells_of(timeline, 4, 20.0) == [("sad", False), ("happy", True), None, None]


def test_a_segment_that_ends_with_the_sound_fills_the_last_cell() -> None:
    assert cells_of(a_timeline(a_segment(0, 20, "sad")), 7, 20.0) == [("sad", False)] * 7


def test_every_emotion_has_a_letter_of_its_own() -> None:
    letters = letters_of(EMOTIONS)
    assert letters["sad"] == "S"
    assert letters["surprised"] == "U"
    assert len(set(letters.values())) == len(EMOTIONS)
    assert letters_of(["1", "2"]) == {"1": "A", "2": "B"}


def test_without_colours_a_ribbon_is_letters_and_small_ones_are_unsure() -> None:
    timeline = a_timeline(a_segment(0, 10, "sad"), a_segment(10, 15, "happy", 0.4))
    band, times, legend = str(ribbon([timeline], a_console(is_terminal=False))).splitlines()
    assert band == "S" * 50 + "h" * 25 + "·" * 25
    assert times.split() == ["0:00", "0:05", "0:10", "0:15", "0:20"]
    assert legend == "H happy  S sad  small letters: unsure  · no speech"


def test_with_colours_a_ribbon_is_blocks_as_wide_as_the_terminal() -> None:
    timeline = a_timeline(a_segment(0, 10, "sad"), a_segment(10, 15, "happy", 0.4))
    band, _, legend = str(ribbon([timeline], a_console(80))).splitlines()
    assert band == "█" * 40 + "▒" * 20 + "·" * 20
    assert legend == "█ happy  █ sad  ▒ unsure  · no speech"


def test_each_side_has_a_ribbon_under_the_other() -> None:
    sides = [a_timeline(a_segment(0, 10, "sad"), channel=0), a_timeline(a_segment(10, 20, "sad"), channel=1)]
    left, right, *_ = str(ribbon(sides, a_console(47))).splitlines()
    assert left == "left   " + "█" * 20 + "·" * 20
    assert right == "right  " + "·" * 20 + "█" * 20


@pytest.mark.parametrize("width", [30, 56, 64, 68, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    console = a_console(width)
    table = SegmentTable(console, EMOTIONS, has_sides=True, until_s=3_600)
    table.header()
    table.row(SegmentRow("call.wav", 0, a_segment(3_000, 3_010, "surprised", 0.3), "right"))
    plain = Console(file=io.StringIO(), width=width, force_terminal=False)
    plain.print(ribbon([a_timeline(a_segment(0, 10, "sad"))], console), no_wrap=True, overflow="ignore", crop=False)
    from rich.cells import cell_len
    from rich.text import Text

    lines = Text.from_ansi(printed(console)).plain.splitlines()
    assert len(lines) == 2
    assert max(cell_len(line) for line in lines) <= width
    assert max(cell_len(line) for line in printed(plain).splitlines()[:2]) <= width


def test_a_screen_shows_each_sound_with_its_segments_and_its_ribbon() -> None:
    console = a_console(100, is_terminal=False)
    timeline = a_timeline(a_segment(0.5, 10, "sad"), a_segment(10, 20, "happy", 0.4))
    with TimelineScreen(console, EMOTIONS, unsure_below=0.5, names_sounds=True) as screen:
        for one in (timeline, replace(timeline, segments=())):
            screen.begin(Collected(replace(one, source="call\x1b.wav")))
            for row in rows_of([one]):
                screen.add(row)
    name, header, first, second, _, band, *rest = printed(console).splitlines()
    assert name == "call�.wav"
    assert header.split() == ["from", "to", "emotion", "confidence", "runner-up"]
    assert first.split()[:2] == ["0:00.5", "0:10.0"]
    assert "happy?" in second
    assert band.strip("·SH ") or set(band) <= set("·Sh")
    assert "? unsure: confidence under 50%" in rest
    assert rest[-1] == "no speech was found in 0:20.0"


def test_a_fault_draws_no_ribbon() -> None:
    console = a_console(is_terminal=False)

    def fail() -> None:
        with TimelineScreen(console, EMOTIONS, unsure_below=0.5) as screen:
            screen.begin(Collected(a_timeline()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert printed(console) == ""


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
