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
    from hearfelt.inference.explain import Explanation
    from hearfelt.inference.prediction import Prediction
    from hearfelt.inference.recognizer import Recognizer

__all__ = ["Answer", "printing"]


@dataclass(frozen=True)
class Answer:
    """What came of one source.

    Attributes:
        source: the file, as it was given.
        prediction: the answer, if there is one.
        explanation: what spoke for it, if that was asked.
        error: what stood in the way, if there is no answer.
    """

    source: str
    prediction: Prediction | None = None
    explanation: Explanation | None = None
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
        return _csv(recognizer.labels, why)
    return _table(recognizer, sources)


@contextmanager
def _json() -> Iterator[Show]:
    from hearfelt.cli.output import print_json

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            print_json({"source": answer.source, "error": str(answer.error)})
            return
        line = {"source": answer.source, **_fields(answer.prediction)}
        if answer.explanation is not None:
            line["why"] = {
                "log_odds": answer.explanation.log_odds,
                "base_log_odds": answer.explanation.base_log_odds,
                "contributions": dict(answer.explanation.contributions),
            }
        print_json(line)

    yield show


@contextmanager
def _csv(labels: Sequence[str], why: bool) -> Iterator[Show]:
    from hearfelt.cli.output import print_csv_row
    from hearfelt.features.classic import GROUPS

    reasons = [f"why_{group}" for group in GROUPS] if why else []
    facts = ["emotion", "confidence", "unsure", "model", "duration_s"]
    print_csv_row(["source", *facts, *labels, *reasons, "error"])

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            blanks = [""] * len([*facts, *labels, *reasons])
            print_csv_row([answer.source, *blanks, str(answer.error)])
            return
        values = _fields(answer.prediction)
        shares = answer.explanation.contributions.values() if answer.explanation is not None else ()
        probabilities = answer.prediction.probabilities.values()
        print_csv_row([answer.source, *(values[fact] for fact in facts), *probabilities, *shares, ""])

    yield show


@contextmanager
def _table(recognizer: Recognizer, sources: Sequence[str]) -> Iterator[Show]:
    from hearfelt.cli.answer_table import AnswerTable, why_chart
    from hearfelt.cli.output import console, printable

    screen = console()
    table = AnswerTable(screen, sources, recognizer.labels)
    unsure: list[bool] = []

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            print(f"hearfelt: {printable(str(answer.error))}", file=sys.stderr, flush=True)
            return
        if not unsure:
            table.header()
        unsure.append(answer.prediction.is_unsure)
        table.row(answer.source, answer.prediction)
        if answer.explanation is not None:
            screen.print(why_chart(answer.explanation, screen.width))

    yield show
    if any(unsure):
        screen.print(f"? unsure: confidence under {recognizer.card.unsure_below:.0%}", style="dim")


def _fields(prediction: Prediction) -> dict[str, object]:
    return {
        "emotion": prediction.emotion,
        "confidence": prediction.confidence,
        "probabilities": dict(prediction.probabilities),
        "unsure": prediction.is_unsure,
        "model": prediction.model,
        "duration_s": prediction.duration_s,
    }
