"""Timelines at a terminal: a line for each segment, a ribbon of colours, and the live line of ``hearfelt listen``.

This module imports rich at its top; it is imported only when something is printed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.text import Text

from hearfelt.audio.warnings import SoundWarning
from hearfelt.cli.display.output import print_json, printable
from hearfelt.cli.display.predictions import PredictionCells, padded, print_line, print_warnings
from hearfelt.emotions import in_order, look_of
from hearfelt.inference.timeline.recording import Recording
from hearfelt.inference.timeline.segments import InterimResult, Segment, SegmentRow, Timeline, side_name
from hearfelt.reports.formatting import time_words

__all__ = [
    "JsonEvents",
    "LiveScreen",
    "SegmentTable",
    "TimelineScreen",
    "cells_of",
    "legend",
    "letters_of",
    "level",
    "ribbon",
    "ribbon_cell",
]

_WIDE: Final = 100  # cells of a ribbon if the output is no terminal
_SIDE: Final = 12  # cells for a side's name
_LEAST_SPOKEN: Final = 0.1  # of a cell's time; with less speech it is a gap

Cell = tuple[str, bool] | None
"""What one cell of a ribbon shows: an emotion and whether it is unsure, or no speech."""


class SegmentTable:
    """A table whose lines are printed one by one, as segments become final.

    Args:
        console: where to print.
        labels: of the model.
        has_sides: whether to print a column for the channel.
        until_s: length of the sound; decides whether hours are shown.

    Attributes:
        cells: of the predictions.
    """

    def __init__(self, console: Console, labels: Sequence[str], *, has_sides: bool = False, until_s: float = 0) -> None:
        self._console, self._until_s = console, until_s
        self._side = _SIDE if has_sides else 0
        self._time = len(time_words(0, step_s=0.1, until_s=until_s)) + 1
        self.cells = PredictionCells(console, labels, beside=self._side)

    def header(self) -> None:
        """Print the names of the columns."""
        line = f"{'from':>{self._time}}  {'to':>{self._time}}  " + f"{'side':<{self._side}}"[: self._side]
        print_line(self._console, Text(line + self.cells.header(), "dim"))

    def row(self, row: SegmentRow) -> None:
        """Print one segment."""
        times = (row.segment.start_s, row.segment.end_s)
        words = [f"{time_words(time_s, step_s=0.1, until_s=self._until_s):>{self._time}}" for time_s in times]
        line = Text("  ".join(words) + "  ", "dim")
        line = Text.assemble(line, padded(row.side, self._side) if self._side else "")
        line.append_text(self.cells.of(row.segment.prediction))
        print_line(self._console, line)


class TimelineScreen:
    """Shows timelines at a terminal as they grow; use it in a ``with`` statement.

    Args:
        console: where to print.
        labels: of the model.
        unsure_below: threshold of confidence for unsure.
        names_sounds: whether to print each sound's name above its segments.
    """

    def __init__(
        self, console: Console, labels: Sequence[str], *, unsure_below: float, names_sounds: bool = False
    ) -> None:
        self._console, self._labels = console, labels
        self._unsure_below, self._names_sounds = unsure_below, names_sounds
        self._sound: Recording | None = None
        self._table: SegmentTable | None = None

    def begin(self, sound: Recording) -> None:
        """Start a sound; the next segments are of it."""
        self._end()
        self._sound = sound
        if self._names_sounds:
            self._console.print(Text(printable(sound.source), "bold"), soft_wrap=True)

    def add(self, row: SegmentRow) -> None:
        """Print a segment."""
        if self._table is None:
            until_s = self._sound.expected_s if self._sound is not None else 0.0
            self._table = SegmentTable(self._console, self._labels, has_sides=bool(row.side), until_s=until_s)
            self._table.header()
        self._table.row(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self._end()

    def _end(self) -> None:
        """Draw the ribbon of the finished sound."""
        sound, table = self._sound, self._table
        self._sound = self._table = None
        if sound is None:
            return
        if table is None:
            self._console.print(f"no speech was found in {time_words(sound.reached_s, step_s=0.1)}")
            print_warnings(self._console, sound.warnings)
            return
        timelines = sound.timelines()
        self._console.print()
        self._console.print(ribbon(timelines, self._console), no_wrap=True, overflow="ignore", crop=False)
        if any(segment.unsure for one in timelines for segment in one.segments):
            self._console.print(f"? unsure: confidence under {self._unsure_below:.0%}", style="dim")
        print_warnings(self._console, sound.warnings)
        if self._names_sounds:
            self._console.print()


def ribbon(timelines: Sequence[Timeline], console: Console) -> Text:
    """Draw timelines as ribbons of one width, with times below and a legend.

    If the output has no colours, each emotion is a letter of its name.

    Args:
        timelines: of one sound, a side each.
        console: decides width and colours.
    """
    names = [side_name(one.channel, len(timelines)) for one in timelines]
    indent = max(map(len, names)) + 2 if any(names) else 0
    width = max(10, min(console.width if console.is_terminal else _WIDE, 2 * _WIDE) - indent)
    until_s = max(one.duration_s for one in timelines)
    rows = [cells_of(one, width, until_s) for one in timelines]
    letters = letters_of(cell[0] for row in rows for cell in row if cell is not None)
    drawn = Text()
    for name, row in zip(names, rows, strict=True):
        drawn.append(f"{name:<{indent}}")
        for cell in row:
            drawn.append_text(ribbon_cell(cell, letters, has_colours=console.color_system is not None))
        drawn.append("\n")
    drawn.append(" " * indent + _times(until_s, width) + "\n", "dim")
    return drawn.append_text(legend(rows, letters, has_colours=console.color_system is not None))


def cells_of(timeline: Timeline, width: int, until_s: float) -> list[Cell]:
    """Choose what each cell of a ribbon shows: the emotion that takes most of its time.

    Args:
        timeline: the segments.
        width: cells.
        until_s: the time at the ribbon's end.
    """
    shares: list[dict[tuple[str, bool], float]] = [{} for _ in range(width)]
    cell_s = max(until_s, 1e-9) / width
    for segment in timeline.segments:
        shown = (segment.emotion, segment.unsure)
        for place in range(max(0, int(segment.start_s / cell_s)), min(width, int(segment.end_s / cell_s) + 1)):
            shared_s = min(segment.end_s, (place + 1) * cell_s) - max(segment.start_s, place * cell_s)
            shares[place][shown] = shares[place].get(shown, 0.0) + max(0.0, shared_s)
    return [
        max(share, key=lambda shown: share[shown]) if sum(share.values()) >= _LEAST_SPOKEN * cell_s else None
        for share in shares
    ]


def ribbon_cell(cell: Cell, letters: Mapping[str, str], *, has_colours: bool) -> Text:
    """Draw one cell: a full block in the emotion's colour, a pale one where it is unsure, a dot in a gap."""
    if cell is None:
        return Text("·", "dim")
    emotion, unsure = cell
    if not has_colours:
        return Text(letters[emotion].lower() if unsure else letters[emotion])
    return Text("▒" if unsure else "█", look_of(emotion).colour)


def letters_of(emotions: Iterable[str]) -> dict[str, str]:
    """Give each emotion a capital letter of its own, the first of its name that is free.

    Example:
        >>> letters_of(["sad", "surprised", "neutral"])
        {'neutral': 'N', 'sad': 'S', 'surprised': 'U'}
    """
    letters: dict[str, str] = {}
    for emotion in in_order(emotions):
        wanted = [letter for letter in emotion.upper() if letter.isalpha() and letter.isascii()]
        taken = set(letters.values())
        letters[emotion] = next((one for one in [*wanted, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"] if one not in taken), "?")
    return letters


def legend(rows: Iterable[Sequence[Cell]], letters: Mapping[str, str], *, has_colours: bool) -> Text:
    """Explain the colours or letters that occur."""
    shown = {cell for row in rows for cell in row if cell is not None}
    line = Text()
    for emotion in in_order(emotion for emotion, _ in shown):
        line.append_text(ribbon_cell((emotion, False), letters, has_colours=has_colours))
        line.append(f" {printable(emotion)}  ")
    if any(unsure for _, unsure in shown):
        line.append("▒ unsure  " if has_colours else "small letters: unsure  ", "dim")
    line.append("· no speech", "dim")
    return line


def _times(until_s: float, width: int) -> str:
    """Write times below a ribbon: its beginning, its end, and quarters where there is room."""
    step_s = 0.1 if until_s < 10 else 1.0
    line = [" "] * width
    for quarter in (0, 4, 2, 1, 3):
        words = time_words(until_s * quarter / 4, step_s=step_s, until_s=until_s)
        middle = round(width * quarter / 4)
        start = 0 if quarter == 0 else width - len(words) if quarter == 4 else middle - len(words) // 2
        around = line[max(0, start - 2) : start + len(words) + 2]
        if start >= 0 and not "".join(around).strip():
            line[start : start + len(words)] = words
    return "".join(line).rstrip()


_CELL_S: Final = 0.5  # of the moving ribbon: one for each interim result
_LONGEST: Final = 240  # cells that are kept, two minutes
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_SOFTEST_DB: Final = -60.0
_STALE_S: Final = 1.0  # an older interim result is not shown

Events = Iterable[Segment | InterimResult]


class JsonEvents:
    """Prints each event as one line of JSON; ``event`` says whether it is a ``segment``, ``now`` or ``warnings``.

    Args:
        source: name of the sound.
    """

    def __init__(self, source: str) -> None:
        self._source = source

    def show(self, events: Events, block: NDArray[np.float32] | None, length_s: float) -> None:
        """Print new results."""
        for event in events:
            kind = "segment" if isinstance(event, Segment) else "now"
            print_json({"event": kind, "source": self._source, "channel": None, **event.to_dict()})

    def warn(self, warnings: Sequence[SoundWarning]) -> None:
        """Print the warnings about the sound, as an event at the end; nothing for a clean one."""
        if warnings:
            found = [warning.to_dict() for warning in warnings]
            print_json({"event": "warnings", "source": self._source, "warnings": found})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class LiveScreen:
    """Shows interim results at the bottom of a terminal; final segments scroll away above them.

    If the output is no terminal, only the segments are printed.

    Args:
        console: where to print.
        labels: of the model.
        source: name of the sound.
    """

    def __init__(self, console: Console, labels: Sequence[str], source: str) -> None:
        self._console, self._source = console, source
        self._table = SegmentTable(console, labels)
        self._letters = letters_of(labels)
        self._now: InterimResult | None = None
        self._cells: deque[Cell] = deque(maxlen=_LONGEST)
        self._peak_db, self._length_s = _SOFTEST_DB, 0.0
        self._shown = 0  # cells, those that have moved out too
        self._has_segments = False
        self._warnings: tuple[SoundWarning, ...] = ()
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def show(self, events: Events, block: NDArray[np.float32] | None, length_s: float) -> None:
        """Print the segments that are final, and update the live line."""
        self._length_s = length_s
        for event in events:
            if isinstance(event, InterimResult):
                if event.is_early:
                    continue
                self._now = event
                self._put(event.end_s, (event.prediction.emotion, event.prediction.unsure))
            else:
                if not self._has_segments:
                    self._table.header()
                self._has_segments = True
                self._table.row(SegmentRow(self._source, None, event))
        self._put(length_s, None)
        if block is not None and len(block):
            self._peak_db = 20 * float(np.log10(max(1e-6, float(np.abs(block).max()))))
        if self._console.is_terminal:
            self._live.update(self._drawn(), refresh=True)

    def warn(self, warnings: Sequence[SoundWarning]) -> None:
        """Keep the warnings, to print them at the end."""
        self._warnings = tuple(warnings)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._live.stop()
        if kind is None and not self._has_segments:
            self._console.print(f"no speech was found in {time_words(self._length_s, step_s=0.1)}")
        print_warnings(self._console, self._warnings)

    def _put(self, until_s: float, cell: Cell) -> None:
        """Fill the ribbon up to a time; cells that are set stay."""
        wanted = int(until_s / _CELL_S)
        while self._shown < wanted:
            self._cells.append(None)
            self._shown += 1
        if cell is not None and self._cells:
            self._cells[-1] = cell

    def _drawn(self) -> Text:
        line = Text()  # a style given here would apply to everything
        line.append(f" {time_words(self._length_s)} ", "dim")
        line.append(level(self._peak_db) + "  ")
        now = self._now
        if now is not None and self._length_s - now.end_s < _STALE_S:
            line.append_text(self._table.cells.of(now.prediction))
        else:
            line.append("nobody speaks" if self._has_segments or now is not None else "listening", "dim")
        line.truncate(self._console.width - 1)
        line.append("\n ")
        for cell in list(self._cells)[-(self._console.width - 2) :]:
            line.append_text(ribbon_cell(cell, self._letters, has_colours=self._console.color_system is not None))
        return line


def level(peak_db: float) -> str:
    """Draw how loud it is as one block, from -60 dB of full scale up.

    Example:
        >>> level(-80.0), level(0.0)
        ('▁', '█')
    """
    share = (peak_db - _SOFTEST_DB) / -_SOFTEST_DB
    return _LEVELS[min(len(_LEVELS) - 1, max(0, int(share * len(_LEVELS))))]
