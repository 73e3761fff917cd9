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
    from hearfelt.inference.occlusion import Occlusion
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
    from hearfelt.cli.output import print_json

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            print_json({"source": answer.source, "error": str(answer.error)})
            return
        line = {"source": answer.source, **_fields(answer.prediction)}
        if answer.explanation is not None:
            line["why"] = answer.explanation.to_dict()
        print_json(line)

    yield show


@contextmanager
def _csv(recognizer: Recognizer, why: bool) -> Iterator[Show]:
    from hearfelt.cli.output import print_csv_row

    labels = recognizer.labels
    reasons = _reasons(recognizer.card.input) if why else []
    facts = ["emotion", "confidence", "unsure", "model", "duration_s"]
    print_csv_row(["source", *facts, *labels, *reasons, "error"])

    def show(answer: Answer) -> None:
        if answer.prediction is None:
            blanks = [""] * len([*facts, *labels, *reasons])
            print_csv_row([answer.source, *blanks, str(answer.error)])
            return
        values = _fields(answer.prediction)
        numbers = _numbers(answer.explanation) if answer.explanation is not None else ()
        probabilities = answer.prediction.probabilities.values()
        print_csv_row([answer.source, *(values[fact] for fact in facts), *probabilities, *numbers, ""])

    yield show


@contextmanager
def _table(recognizer: Recognizer, sources: Sequence[str]) -> Iterator[Show]:
    from hearfelt.cli.answer_table import AnswerTable
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
            from hearfelt.cli.why_chart import why_chart

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


def _reasons(kind: str) -> list[str]:
    """Name the columns of reasons for a model that takes this kind of input."""
    if kind == "sound":
        from hearfelt.inference.occlusion import BANDS_HZ

        bands = [f"without_{low:.0f}_{high:.0f}_hz" for low, high in BANDS_HZ]
        return [*bands, "without_start_s", "without_end_s", "without_effect"]
    from hearfelt.features.classic import GROUPS

    return [f"why_{group}" for group in GROUPS]


def _numbers(explanation: Explanation | Occlusion) -> list[float]:
    """Give what stands in the columns of reasons."""
    from hearfelt.inference.explain import Explanation

    if isinstance(explanation, Explanation):
        return list(explanation.contributions.values())
    place = explanation.strongest_time
    middle_s, half_s = explanation.times_s[place], explanation.window_s / 2
    start_s, end_s = max(0.0, middle_s - half_s), middle_s + half_s
    return [*explanation.band_effects, round(start_s, 6), round(end_s, 6), explanation.time_effects[place]]
