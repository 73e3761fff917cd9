"""Answers as they come, one source after another, printed in the form that ``--format`` asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hearfelt.cli.options import Format
from hearfelt.errors import AudioError

if TYPE_CHECKING:
    from hearfelt.inference.explain.occlusion import Occlusion
    from hearfelt.inference.explain.shapley import Explanation
    from hearfelt.inference.prediction import Prediction
    from hearfelt.inference.recognizer import Recognizer

__all__ = ["Answer", "printing"]


@dataclass(frozen=True)
class Answer:
    """What came of one source.

    Attributes:
        source: the file, as it was given.
        prediction: the answer, if there is one.
        explanation: what it depends on, if that was asked.
        error: what stood in the way, if there is no answer.
    """

    source: str
    prediction: Prediction | None = None
    explanation: Explanation | Occlusion | None = None
    error: AudioError | None = None


Show = Callable[[Answer], None]


def printing(
    form: Format, recognizer: Recognizer, sources: Sequence[str], *, why: bool = False
) -> AbstractContextManager[Show]:
    """Make ready to print answers on standard output, each as soon as it is there.

    Args:
        form: table, json (one object a line) or csv.
        recognizer: who answers; its labels are the columns of probabilities.
        sources: everything that will be answered, for the widths of a table.
        why: whether the answers come with explanations.

    Returns:
        A context manager; inside it, call what it gives with each :class:`Answer`.
    """
    if form == "json":
        return _json()
    if form == "csv":
        return _csv(recognizer, why)
    return _table(recognizer, sources)


@contextmanager
def _json() -> Iterator[Show]:
    from hearfelt.cli.display.output import print_json
    from hearfelt.results.prediction_rows import answer_object, refusal_object

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            print_json(refusal_object(answer.source, str(answer.error)))
        else:
            print_json(answer_object(answer.source, answer.prediction, answer.explanation))

    yield show


@contextmanager
def _csv(recognizer: Recognizer, why: bool) -> Iterator[Show]:
    from hearfelt.cli.display.output import print_csv_row
    from hearfelt.results.prediction_rows import answer_columns, answer_row, refusal_row

    columns = answer_columns(recognizer.labels, reasons_of=recognizer.card.input if why else "")
    print_csv_row(columns)

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            print_csv_row(refusal_row(answer.source, str(answer.error), columns))
        else:
            print_csv_row(answer_row(answer.source, answer.prediction, answer.explanation))

    yield show


@contextmanager
def _table(recognizer: Recognizer, sources: Sequence[str]) -> Iterator[Show]:
    from hearfelt.cli.display.output import console, printable
    from hearfelt.cli.display.prediction_table import PredictionTable

    screen = console()
    table = PredictionTable(screen, sources, recognizer.labels)
    unsure: list[bool] = []

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            print(f"hearfelt: {printable(str(answer.error))}", file=sys.stderr, flush=True)
            return
        if not unsure:
            table.header()
        unsure.append(answer.prediction.unsure and not answer.prediction.has_no_speech)
        table.row(answer.source, answer.prediction)
        if answer.explanation is not None:
            from hearfelt.cli.display.explanations import why_chart

            screen.print(why_chart(answer.explanation, screen.width))

    yield show
    if any(unsure):
        screen.print(f"? unsure: confidence under {recognizer.card.unsure_below:.0%}", style="dim")
