"""Print predictions one after another in the chosen ``--format``, or write them to a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearfelt.cli.options import Format
from hearfelt.errors import AudioError

if TYPE_CHECKING:
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation
    from hearfelt.inference.prediction import Prediction
    from hearfelt.inference.recognizer import Recognizer

__all__ = ["Result", "printing", "writing"]


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
        from hearfelt.results.predictions import error_row, prediction_row

        if self.prediction is None:
            return error_row(self.source, str(self.error))
        return prediction_row(self.source, self.prediction, self.explanation)

    def cells(self) -> dict[str, Any]:
        """Give the values of the explanation in a table."""
        from hearfelt.results.predictions import why_cells

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
    from hearfelt.cli.display.output import print_json

    yield lambda result: print_json(result.row())


@contextmanager
def _csv(recognizer: Recognizer, why: bool) -> Iterator[Show]:
    from hearfelt.cli.display.output import print_csv_row
    from hearfelt.rows import columns, table_row

    labels, names = recognizer.labels, _names(recognizer, why)
    print_csv_row(columns(labels, names))
    yield lambda result: print_csv_row(table_row({**result.row(), **result.cells()}, labels, names))


@contextmanager
def _table(recognizer: Recognizer, sources: Sequence[str]) -> Iterator[Show]:
    from hearfelt.cli.display.output import console
    from hearfelt.cli.display.prediction_table import PredictionTable

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
            from hearfelt.cli.display.explanations import why_chart

            screen.print(why_chart(result.explanation, screen.width))

    yield show
    if any(unsure):
        screen.print(f"? unsure: confidence under {recognizer.card.unsure_below:.0%}", style="dim")


def _names(recognizer: Recognizer, why: bool) -> Sequence[str]:
    from hearfelt.results.predictions import why_names
    from hearfelt.rows import PREDICTION_ROW

    return why_names(recognizer.card.input) if why else PREDICTION_ROW


def _print_error(error: AudioError | None) -> None:
    from hearfelt.cli.display.output import printable

    print(f"hearfelt: {printable(str(error))}", file=sys.stderr, flush=True)
