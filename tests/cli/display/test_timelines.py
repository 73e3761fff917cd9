from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from hearfelt.cli.display.timelines import SegmentTable, TimelineScreen, cells_of, letters_of, ribbon
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.timeline.segments import Segment, SegmentRow, Timeline, rows_of


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
