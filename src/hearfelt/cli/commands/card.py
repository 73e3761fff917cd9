"""``hearfelt card``: what a model file says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.options import TableOrJsonOption, examples

if TYPE_CHECKING:
    from hearfelt.inference.card import ModelCard

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command ``card``."""
    app.command(
        "card",
        epilog=examples(
            "hearfelt card                          # the model that ships with hearfelt",
            "hearfelt card svm                      # another one that ships",
            "hearfelt card my.onnx --format json    # the whole card of your own",
        ),
    )(_card)


def _card(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FILE]", help="A shipped model or an .onnx file; else the default."),
    ] = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Show what a model answers, what it was trained on, how well it did, and what it cannot do."""
    from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, model_path

    card, size = Recognizer.load(model).card, model_path(model or DEFAULT_MODEL).stat().st_size
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json({**json.loads(card.to_json()), "file_bytes": size})
    else:
        _print_table(card, size)


def _print_table(card: ModelCard, size: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from hearfelt.cli.display.output import console, printable

    screen = console()
    screen.print(Text(f"{printable(card.name)}", "bold").append(f"  hearfelt {printable(card.version)}", "dim"))
    if card.description:
        screen.print(Text(f"{printable(card.description)}\n"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(card, size):
        facts.add_row(name, value)
    screen.print(facts)


def _facts(card: ModelCard, size: int) -> Iterator[tuple[str, str]]:
    from rich.markup import escape

    from hearfelt.cli.display.output import megabytes, printable
    from hearfelt.emotions import look_of

    def said(value: object) -> str:
        return escape(printable(str(value)))

    yield "answers", ", ".join(f"[{look_of(label).colour}]{said(label)}[/]" for label in card.labels)
    yield "listens to", "162 numbers taken from the sound" if card.input == "classic-162" else "the sound itself"
    if card.input == "sound":
        yield "", _at_once(card.window_s)
    yield "size", (f"{card.parameters:,} parameters, " if card.parameters else "") + megabytes(size)
    for name, facts in card.corpora.items():
        clips = facts.get("clips", "?")
        clips = f"{clips:,}" if isinstance(clips, int) else clips
        licence = facts.get("licence", "unknown")
        yield "trained on", f"{said(name)}, {said(clips)} clips, licence {said(licence)}"
    if card.training_speakers:
        yield "has heard", said(f"{len(card.training_speakers)} speakers: {_abridged(card.training_speakers)}")
    for protocol, scores in card.scores.items():
        figures = ", ".join(f"{name} {_figure(value)}" for name, value in scores.items())
        yield "measured", said(f"{protocol}: {figures}")
    yield "unsure", f"below {card.unsure_below:.0%} confidence"
    if card.known_answer:
        yield "known answer", said(f"for {card.known_answer['example']}; hearfelt doctor compares")
    yield "licence", said(_licence(card.licence))
    for limit in card.limits:
        yield "limit", said(limit)


def _at_once(window_s: float) -> str:
    return f"at most {window_s:g} s at once; longer sound in equal blocks" if window_s else "all of it at once"


def _licence(licence: str) -> str:
    """Say of the weights' licence in words what its letters mean."""
    is_non_commercial = re.search(r"\bNC\b", licence) and "non-commercial" not in licence.casefold()
    if not is_non_commercial:
        return licence or "unknown"
    return f"{licence} (of the weights: for non-commercial use only; the code is MIT)"


def _abridged(names: tuple[str, ...], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} … {names[-1]}"


def _figure(value: object) -> str:
    # Scores are shares of 1; a count, such as that of seeds, is a whole number.
    return f"{value:.1%}" if isinstance(value, float) else str(value)
