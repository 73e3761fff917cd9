"""Commands about model files: ``hearfelt card`` and ``hearfelt doctor``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.options import TableOrJsonOption, complete_model, examples
from hearfelt.errors import ModelError

if TYPE_CHECKING:
    from hearfelt.inference.card import ModelCard
    from hearfelt.inference.doctor import Health, Installation

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands ``card`` and ``doctor``."""
    app.command(
        "card",
        epilog=examples(
            "hearfelt card                          # the default model",
            "hearfelt card svm                      # another shipped model",
            "hearfelt card my.onnx --format json    # the whole card of your own model",
        ),
    )(_card)
    app.command(
        "doctor",
        epilog=examples(
            "hearfelt doctor                  # the shipped models",
            "hearfelt doctor my.onnx          # your own model",
            "hearfelt doctor --format json    # for a bug report",
        ),
    )(_doctor)


def _card(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            autocompletion=complete_model,
            help="A shipped model or an .onnx file; default: the shipped default.",
        ),
    ] = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Show the model card: labels, training data, scores and limits."""
    from hearfelt.inference.recognizer import DEFAULT_MODEL, Recognizer, model_path

    card, size = Recognizer.load(model).card, model_path(model or DEFAULT_MODEL).stat().st_size
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json({**json.loads(card.to_json()), "file_bytes": size})
    else:
        _print_card(card, size)


def _print_card(card: ModelCard, size: int) -> None:
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

    yield "labels", ", ".join(f"[{look_of(label).colour}]{said(label)}[/]" for label in card.labels)
    yield "input", "162 features of the sound" if card.input == "classic-162" else "the sound itself"
    if card.input == "sound":
        yield "", _at_once(card.window_s)
    yield "size", (f"{card.parameters:,} parameters, " if card.parameters else "") + megabytes(size)
    for name, facts in card.corpora.items():
        clips = facts.get("clips", "?")
        clips = f"{clips:,}" if isinstance(clips, int) else clips
        licence = facts.get("licence", "unknown")
        yield "trained on", f"{said(name)}, {said(clips)} clips, licence {said(licence)}"
    if card.training_speakers:
        yield "speakers", said(f"{len(card.training_speakers)} speakers: {_abridged(card.training_speakers)}")
    for protocol, scores in card.scores.items():
        figures = ", ".join(f"{name} {_figure(value)}" for name, value in scores.items())
        yield "measured", said(f"{protocol}: {figures}")
    for band in card.bands:
        ends = f"{band.low:.0%} to {band.high:.0%} confidence"
        yield "outside", f"with {ends}, {band.right:,} of {band.answers:,} predictions were correct"
    for coverage, quantile in card.plausible.items():
        yield "plausible", f"in {float(coverage):.0%} of cases: the emotions with at least {1 - quantile:.0%}"
    yield "unsure", f"below {card.unsure_below:.0%} confidence"
    if card.known_answer:
        yield "known answer", said(f"for {card.known_answer['example']}; checked by hearfelt doctor")
    yield "licence", said(_licence(card.licence))
    for limit in card.limits:
        yield "limit", said(limit)


def _at_once(window_s: float) -> str:
    return f"at most {window_s:g} s at once; longer sound in equal blocks" if window_s else "all of it at once"


def _licence(licence: str) -> str:
    """Describe the licence of the weights in words."""
    is_non_commercial = re.search(r"\bNC\b", licence) and "non-commercial" not in licence.casefold()
    if not is_non_commercial:
        return licence or "unknown"
    return f"{licence} (of the weights: for non-commercial use only; the code is MIT)"


def _abridged(names: tuple[str, ...], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} … {names[-1]}"


def _figure(value: object) -> str:
    # Scores are fractions; a count, such as that of seeds, is a whole number.
    return f"{value:.1%}" if isinstance(value, float) else str(value)


def _doctor(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME|FILE", autocompletion=complete_model, help="Models to check; default: all that ship."
        ),
    ] = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Show versions, providers and cores, and check whether each model file gives its known answer.

    Each model file is run on a bundled clip, and its probabilities are compared with those in its card. The exit code
    is 6 if a model does not load, or differs by more than 0.02.
    """
    from hearfelt.inference.doctor import check_model, installation
    from hearfelt.inference.recognizer import shipped_models

    found = installation()
    health = [check_model(model) for model in models or shipped_models()]
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json({**asdict(found), "models": [asdict(one) for one in health]})
    else:
        _print_installation(found, health)
    if not all(one.ok for one in health):
        raise typer.Exit(ModelError.exit_code)


def _print_installation(found: Installation, health: list[Health]) -> None:
    from rich.table import Table
    from rich.text import Text

    from hearfelt.cli.display.output import console, megabytes, printable
    from hearfelt.inference.session import PROVIDER as USED

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, version in found.versions.items():
        facts.add_row(name, version)
    facts.add_row("runs on", f"{found.system}, {found.cores} core{'' if found.cores == 1 else 's'}")
    others = [provider for provider in found.providers if provider != USED]
    facts.add_row("providers", f"{USED} is used" + (f"; there too: {', '.join(others)}" if others else ""))
    for extra, packages in found.extras.items():
        known = [f"{package} {version}" for package, version in packages.items() if version]
        missing = [package for package, version in packages.items() if not version]
        facts.add_row(Text(f"[{extra}]"), ", ".join(known + [f"no {package}" for package in missing]))
    screen = console()
    screen.print(facts, "")
    for one in health:
        size = f"{megabytes(one.file_bytes)}, " if one.file_bytes is not None else ""
        mark = Text("✓ " if one.ok else "✗ ", "green" if one.ok else "red")
        screen.print(mark.append(printable(one.model), "bold").append(printable(f"  {size}{one.message}"), "not bold"))
