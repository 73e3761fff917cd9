"""Predictions as a table at a terminal: a line for each clip.

This module imports rich at its top; it is imported only when a table is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from hearfelt.audio.warnings import SoundWarning, texts_of
from hearfelt.cli.display.output import printable
from hearfelt.emotions import look_of
from hearfelt.inference.prediction import NO_SPEECH_WORDS, Prediction, percent_cell, percent_words

__all__ = ["PredictionTable", "bar", "print_warnings"]

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_BAR_WIDTHS: Final = {100: 20, 72: 12, 56: 8}  # console columns -> cells of the confidence bar
_LEAST_NAME: Final = 8  # cells; with less a file name says nothing
_WIDEST_NAME: Final = 60
_UNTIL_RUNNER_UP: Final = 64  # a narrower console has no runner-up


def bar(share: float, width: int) -> str:
    """Draw a share from 0 to 1 as a bar, exact to an eighth of a character.

    Example:
        >>> bar(0.5, 4), bar(1, 4), bar(0.53125, 4)
        ('██  ', '████', '██▏ ')
    """
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def print_warnings(console: Console, warnings: Iterable[SoundWarning]) -> None:
    """Print the warnings about a sound on one dim line; nothing for a clean one."""
    if text := texts_of(warnings):
        console.print(Text(f"  {text}", "dim"), soft_wrap=True)


class PredictionTable:
    """A table whose lines are printed one by one, as predictions come.

    At a narrow terminal the runner-up is left out first, then the bar; long names lose their beginning. If the output
    is no terminal, nothing is cut.

    Args:
        console: where to print.
        sources: all names, for the width of their column.
        labels: all labels of the model, for the width of their column.
    """

    def __init__(self, console: Console, sources: Sequence[str], labels: Sequence[str]) -> None:
        width = console.width if console.is_terminal else 200
        longest = max((cell_len(printable(source)) for source in sources), default=0)
        self._console = console
        self._label = max(cell_len(label) for label in labels)
        self._bar = next((cells for columns, cells in _BAR_WIDTHS.items() if width >= columns), 0)
        self._has_runner_up = width >= _UNTIL_RUNNER_UP
        # emoji, label with "?", bar, per cent; then the runner-up's label and per cent; two cells before each column
        taken = 2 + 3 + self._label + 1 + 2 + (self._bar + 1 if self._bar else 0) + 4
        taken += 2 + self._label + 5 if self._has_runner_up else 0
        self._name = max(_LEAST_NAME, min(longest, _WIDEST_NAME, width - taken)) if console.is_terminal else longest

    def header(self) -> None:
        """Print the names of the columns."""
        confidence = "confidence" if self._bar else ""
        line = _padded("clip", self._name) + "  " + _padded("emotion", 4 + self._label) + "  "
        line += _padded(confidence, self._bar + 5 if self._bar else 4)
        self._print(Text(line + ("  runner-up" if self._has_runner_up else ""), "dim"))

    def row(self, source: str, prediction: Prediction) -> None:
        """Print one prediction, and the warnings below it.

        A question mark after the emotion means unsure; then the plausible emotions follow, where the model has them.
        If no speech was found, that comes first.
        """
        line = Text(_padded(_shortened(printable(source), self._name), self._name) + "  ")
        if prediction.has_no_speech:
            line.append(NO_SPEECH_WORDS, "bold")
            line.append(f"  {prediction.emotion}? {percent_words(prediction.confidence)}", "dim")
        else:
            self._add_prediction(line, prediction)
        self._print(line)
        if prediction.unsure and not prediction.has_no_speech:
            for coverage, labels in prediction.plausible_sets().items():
                text = f"  in {float(coverage):.0%} of cases one of: {', '.join(labels)}"
                self._console.print(Text(text, "dim"), soft_wrap=True)
        print_warnings(self._console, prediction.other_warnings)

    def _add_prediction(self, line: Text, prediction: Prediction) -> None:
        look = look_of(prediction.emotion)
        label = prediction.emotion + ("?" if prediction.unsure else "")
        line.append(_padded(look.emoji, 3))
        # Words keep the terminal's own colour: any other is hard to read on some background.
        line.append(_padded(label, self._label + 1) + "  ", "" if prediction.unsure else "bold")
        if self._bar:
            line.append(bar(prediction.confidence, self._bar) + " ", look.colour)
        line.append(f"{percent_cell(prediction.confidence)}")
        if self._has_runner_up and len(prediction.probabilities) > 1:
            label, share = prediction.ranked()[1]
            line.append(f"  {_padded(label, self._label)} {percent_cell(share)}", "dim")

    def _print(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line, no_wrap=True, overflow="ignore", crop=self._console.is_terminal)


def _padded(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) < width else text


def _shortened(text: str, width: int) -> str:
    # The end of a path tells files apart, so the beginning goes.
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return "…" + text
