"""The output of ``hearfelt listen``: a live line with a ribbon, or a JSON object for each event.

This module imports rich at its top; it is imported only when something is printed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.text import Text

from hearfelt.audio.warnings import SoundWarning
from hearfelt.cli.display.output import print_json
from hearfelt.cli.display.prediction_table import print_warnings
from hearfelt.cli.display.timelines import Cell, SegmentTable, letters_of, ribbon_cell
from hearfelt.inference.timeline.segments import InterimResult, Segment, SegmentRow
from hearfelt.results.clock import time_words

__all__ = ["JsonEvents", "LiveScreen", "level"]

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
            line.append_text(self._table.answer(now.prediction))
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
