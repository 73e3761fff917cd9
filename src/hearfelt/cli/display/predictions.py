"""Predictions in the chosen ``--format``: a table with a line for each clip, the charts of ``--why``, JSON and CSV.

This module imports rich at its top; it is imported only when something is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from hearfelt.audio.warnings import SoundWarning, texts_of
from hearfelt.cli.display.output import console, print_csv_row, print_json, printable
from hearfelt.cli.options import Format
from hearfelt.emotions import look_of
from hearfelt.errors import AudioError
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS, Explanation
from hearfelt.inference.prediction import NO_SPEECH_WORDS, Prediction, percent_cell, percent_words
from hearfelt.reports.formatting import LITTLE, occlusion_sentence, why_sentence
from hearfelt.results.tables import error_row, prediction_row, why_cells, why_names
from hearfelt.rows import PREDICTION_ROW, columns, table_row

if TYPE_CHECKING:
    from hearfelt.inference.recognizer import Recognizer

__all__ = [
    "PredictionCells",
    "PredictionTable",
    "Result",
    "padded",
    "print_line",
    "print_warnings",
    "printing",
    "share_bar",
    "why_chart",
    "writing",
]

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_BAR_WIDTHS: Final = {90: 20, 68: 12, 56: 8}  # cells of a line -> cells of the confidence bar
_LEAST_NAME: Final = 8  # cells; with less a file name says nothing
_WIDEST_NAME: Final = 60
_UNTIL_RUNNER_UP: Final = 64  # a narrower console has no runner-up


def share_bar(share: float, width: int) -> str:
    """Draw a share from 0 to 1 as a bar, exact to an eighth of a character.

    Example:
        >>> share_bar(0.5, 4), share_bar(1, 4), share_bar(0.53125, 4)
        ('██  ', '████', '██▏ ')
    """
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def print_warnings(console: Console, warnings: Iterable[SoundWarning]) -> None:
    """Print the warnings about a sound on one dim line; nothing for a clean one."""
    if text := texts_of(warnings):
        console.print(Text(f"  {text}", "dim"), soft_wrap=True)


def print_line(console: Console, line: Text) -> None:
    """Print one line of a table; it is cut at the edge of a terminal, and nowhere else."""
    line.rstrip()
    console.print(line, no_wrap=True, overflow="ignore", crop=console.is_terminal)


class PredictionCells:
    """Cells of a prediction in a line of a table: emotion, confidence and runner-up.

    In a narrow line the runner-up is left out first, then the bar of the confidence.

    Args:
        console: where the table is printed.
        labels: of the model, for the width of their column.
        beside: cells of a line that something else takes.

    Attributes:
        width: cells that a prediction takes.
    """

    def __init__(self, console: Console, labels: Sequence[str], *, beside: int = 0) -> None:
        room = (console.width if console.is_terminal else 200) - beside
        self._label = max(cell_len(printable(label)) for label in labels)
        self._bar = next((cells for least, cells in _BAR_WIDTHS.items() if room >= least), 0)
        self._has_runner_up = room >= _UNTIL_RUNNER_UP
        # emoji, label with "?", two cells, bar, per cent; then two cells, the runner-up's label and per cent
        self.width = 3 + self._label + 1 + 2 + (self._bar + 1 if self._bar else 0) + 4
        self.width += 2 + self._label + 5 if self._has_runner_up else 0

    def header(self) -> str:
        """Give the names of the columns."""
        confidence = padded("confidence", self._bar + 5) if self._bar else "    "
        return padded("emotion", 4 + self._label) + "  " + confidence + ("  runner-up" if self._has_runner_up else "")

    def of(self, prediction: Prediction) -> Text:
        """Format a prediction; a question mark after the emotion means unsure."""
        look = look_of(prediction.emotion)
        label = printable(prediction.emotion) + ("?" if prediction.unsure else "")
        line = Text(padded(look.emoji, 3))
        # Words keep the terminal's own colour: any other is hard to read on some background.
        line.append(padded(label, self._label + 1) + "  ", "" if prediction.unsure else "bold")
        if self._bar:
            line.append(share_bar(prediction.confidence, self._bar) + " ", look.colour)
        line.append(f"{percent_cell(prediction.confidence)}")
        if self._has_runner_up and len(prediction.probabilities) > 1:
            label, share = prediction.ranked()[1]
            line.append(f"  {padded(printable(label), self._label)} {percent_cell(share)}", "dim")
        return line


class PredictionTable:
    """A table whose lines are printed one by one, as predictions come.

    The folder that all sounds are in is printed once, above. Long names lose their beginning at a terminal. If the
    output is no terminal, nothing is cut.

    Args:
        console: where to print.
        sources: all names, for the width of their column.
        labels: all labels of the model, for the width of their column.
    """

    def __init__(self, console: Console, sources: Sequence[str], labels: Sequence[str]) -> None:
        self._folder = common_folder(sources)
        longest = max((cell_len(printable(source.removeprefix(self._folder))) for source in sources), default=0)
        self._console, self._cells = console, PredictionCells(console, labels)
        room = console.width - self._cells.width - 2
        self._name = max(_LEAST_NAME, min(longest, _WIDEST_NAME, room)) if console.is_terminal else longest

    def header(self) -> None:
        """Print the folder of all sounds, and the names of the columns."""
        if self._folder:
            self._console.print(Text(f"in {printable(self._folder)}", "dim"), soft_wrap=True)
        print_line(self._console, Text(padded("clip", self._name) + "  " + self._cells.header(), "dim"))

    def row(self, source: str, prediction: Prediction) -> None:
        """Print one prediction, and the warnings below it.

        A question mark after the emotion means unsure; then the plausible emotions follow, where the model has them.
        If no speech was found, that comes first.
        """
        name = printable(source.removeprefix(self._folder))
        line = Text(padded(_shortened(name, self._name), self._name) + "  ")
        if prediction.has_no_speech:
            line.append(NO_SPEECH_WORDS, "bold")
            line.append(f"  {printable(prediction.emotion)}? {percent_words(prediction.confidence)}", "dim")
        else:
            line.append_text(self._cells.of(prediction))
        print_line(self._console, line)
        if prediction.unsure and not prediction.has_no_speech:
            for coverage, labels in prediction.plausible_sets().items():
                text = f"  in {float(coverage):.0%} of cases one of: {printable(', '.join(labels))}"
                self._console.print(Text(text, "dim"), soft_wrap=True)
        print_warnings(self._console, prediction.other_warnings)


def common_folder(sources: Sequence[str]) -> str:
    """Give the folder that several sounds are in, as each of their names begins; empty if there is none.

    Example:
        >>> common_folder(["calls/may/1.wav", "calls/june/1.wav"]), common_folder(["calls/1.wav", "2.wav"])
        ('calls/', '')
    """
    if len(sources) < 2:
        return ""
    try:
        folder = os.path.join(os.path.commonpath([PurePath(source).parent for source in sources]), "")  # noqa: PTH118
    except ValueError:  # some from the root, some not
        return ""
    repeats = folder != os.sep and all(source.startswith(folder) for source in sources)
    return folder if repeats else ""


def padded(text: str, width: int) -> str:
    """Fill a text with spaces up to a width in cells."""
    return set_cell_size(text, width) if cell_len(text) < width else text


def _shortened(text: str, width: int) -> str:
    # The end of a path tells files apart, so the beginning goes.
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return "…" + text


@dataclass(frozen=True)
class Result:
    """The result for one sound on the command line.

    Attributes:
        source: the file, as it was given.
        prediction: its prediction, if there is one.
        explanation: what the prediction depends on, if wanted.
        error: why there is no prediction.
    """

    source: str
    prediction: Prediction | None = None
    explanation: Explanation | Occlusion | None = None
    error: AudioError | None = None

    def row(self) -> dict[str, Any]:
        """Give it as a row, as JSON has it."""
        if self.prediction is None:
            return error_row(self.source, str(self.error))
        return prediction_row(self.source, self.prediction, self.explanation)

    def cells(self) -> dict[str, Any]:
        """Give the values of the explanation in a table."""
        return {} if self.explanation is None else why_cells(self.explanation)


Show = Callable[[Result], None]


def printing(
    form: Format, recognizer: Recognizer, sources: Sequence[str], *, why: bool = False
) -> AbstractContextManager[Show]:
    """Print results on standard output, each as soon as it is there.

    Args:
        form: table, json (one object a line) or csv.
        recognizer: the model; its labels are the columns of probabilities.
        sources: all names, for the width of a table.
        why: whether the results have explanations.

    Returns:
        A context manager; inside it, call what it gives with each :class:`Result`.
    """
    if form == "json":
        return _json()
    if form == "csv":
        return _csv(recognizer, why)
    return _table(recognizer, sources)


@contextmanager
def writing(path: Path, recognizer: Recognizer, *, why: bool = False) -> Iterator[Show]:
    """Write results to a table, and report on standard output how many there are.

    Args:
        path: ends in .csv, .jsonl or .parquet.
        recognizer: the model.
        why: whether the results have explanations.
    """
    from hearfelt.results.writer import PredictionWriter

    counts = {"sounds": 0, "errors": 0}
    with PredictionWriter(path, recognizer.labels, _names(recognizer, why)) as writer:

        def show(result: Result) -> None:
            writer.add(result.row(), result.cells())
            counts["sounds"] += 1
            if result.error is not None:
                counts["errors"] += 1
                _print_error(result.error)

        yield show
    sounds = "1 sound" if counts["sounds"] == 1 else f"{counts['sounds']:,} sounds"
    print(f"{path}: {sounds}" + (f", {counts['errors']:,} with an error" if counts["errors"] else ""))


@contextmanager
def _json() -> Iterator[Show]:
    yield lambda result: print_json(result.row())


@contextmanager
def _csv(recognizer: Recognizer, why: bool) -> Iterator[Show]:
    labels, names = recognizer.labels, _names(recognizer, why)
    print_csv_row(columns(labels, names))
    yield lambda result: print_csv_row(table_row({**result.row(), **result.cells()}, labels, names))


@contextmanager
def _table(recognizer: Recognizer, sources: Sequence[str]) -> Iterator[Show]:
    screen = console()
    table = PredictionTable(screen, sources, recognizer.labels)
    unsure: list[bool] = []

    def show(result: Result) -> None:
        if result.prediction is None:
            _print_error(result.error)
            return
        if not unsure:
            table.header()
        unsure.append(result.prediction.unsure and not result.prediction.has_no_speech)
        table.row(result.source, result.prediction)
        if result.explanation is not None:
            screen.print(why_chart(result.explanation, screen.width))

    yield show
    if any(unsure):
        screen.print(f"? unsure: confidence under {recognizer.card.unsure_below:.0%}", style="dim")


def _names(recognizer: Recognizer, why: bool) -> Sequence[str]:
    return why_names(recognizer.card.input) if why else PREDICTION_ROW


def _print_error(error: AudioError | None) -> None:
    print(f"hearfelt: {printable(str(error))}", file=sys.stderr, flush=True)


FOR, AGAINST = "#009e73", "#d55e00"
_NARROW: Final = 64  # columns; with fewer, words are short and the chart moves to the left
_UNIT: Final = "Numbers are log-odds: each +1 multiplies the odds of the emotion by 2.7, as from 50% to 73%."  # e
_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_NAMES: Final = 8  # cells of "against" and a space, left of the curve


def why_chart(explanation: Explanation | Occlusion, width: int) -> Text:
    """Draw what a prediction depends on.

    Args:
        explanation: from ``Recognizer.explain``. Shapley values add up to the difference from the mean over training
            clips; the effects of occlusion do not add up.
        width: of the console, in cells.

    Returns:
        Lines with bars, to the right for the emotion and to the left against it, and a sentence. Numbers are log-odds.
    """
    is_wide = width >= _NARROW
    indent = "    " if is_wide else "  "
    chart = Text()
    if isinstance(explanation, Occlusion):
        _add_curve(chart, explanation, width, indent)
        words = [
            (f"{low:,.0f} to {high:,.0f} Hz", effect)
            for (low, high), effect in zip(explanation.bands_hz, explanation.band_effects, strict=True)
        ]
        sentence, least = occlusion_sentence(explanation), LITTLE
    else:
        shares = sorted(explanation.contributions.items(), key=lambda pair: -abs(pair[1]))
        words = [(GROUPS_IN_WORDS.get(name, (name, name))[int(is_wide)], share) for name, share in shares]
        sentence, least = why_sentence(explanation), 1e-9
    _add_bars(chart, words, width, indent, least=least)
    chart.append(fill(printable(sentence), max(20, width), initial_indent=indent, subsequent_indent=indent) + "\n")
    chart.append(fill(_UNIT, max(20, width), initial_indent=indent, subsequent_indent=indent) + "\n", "dim")
    return chart


def _add_bars(chart: Text, words: Sequence[tuple[str, float]], width: int, indent: str, *, least: float) -> None:
    longest = max(len(word) for word, _ in words)
    half = max(0, min(14, (width - longest - len(indent) - 10) // 2))
    most = max([least, *(abs(share) for _, share in words)])  # a small effect must not look large
    for word, share in words:
        drawn = share_bar(abs(share) / most, half).rstrip()
        left, right = ("█" * round(abs(share) / most * half), "") if share < 0 else ("", drawn)
        chart.append(f"{indent}{word:<{longest}}  ")
        chart.append(f"{left:>{half}}", AGAINST)
        chart.append("│", "dim")
        chart.append(f"{right:<{half}}", FOR)
        chart.append(f" {share:+.2f}\n", "dim")


def _add_curve(chart: Text, occlusion: Occlusion, width: int, indent: str) -> None:
    """Draw over time how much each stretch speaks for the emotion, and below it, against it."""
    columns = max(1, min(len(occlusion.time_effects), width - len(indent) - _NAMES))
    effects = _strongest(occlusion.time_effects, columns)
    most = max([LITTLE, *map(abs, effects)])
    for name, sign, colour in (("for", 1, FOR), ("against", -1, AGAINST)):
        heights = [max(0.0, sign * effect) / most for effect in effects]
        drawn = "".join(_LEVELS[round(height * (len(_LEVELS) - 1))] for height in heights)
        if drawn.strip() or sign > 0:
            chart.append(f"{indent}{name:<{_NAMES}}")
            chart.append(f"{drawn}\n", colour)
    end = f"{occlusion.times_s[-1] + occlusion.window_s / 2:.1f} s"
    gap = max(1, columns - len("0") - len(end))
    chart.append(f"{indent}{'':<{_NAMES}}0{'':<{gap}}{end}\n", "dim")


def _strongest(values: Sequence[float], columns: int) -> list[float]:
    """Give each column the strongest of the values that fall into it."""
    edges = [place * len(values) // columns for place in range(columns + 1)]
    return [max(values[first:end], key=abs) for first, end in pairwise(edges)]
