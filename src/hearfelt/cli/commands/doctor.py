"""``hearfelt doctor``: what this installation stands on, and whether its models still answer as they did."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.options import TableOrJsonOption, examples
from hearfelt.errors import EXIT_CODES, ModelError

if TYPE_CHECKING:
    from hearfelt.inference.doctor import Health, Installation

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command ``doctor``."""
    app.command(
        "doctor",
        epilog=examples(
            "hearfelt doctor                  # the models that ship with hearfelt",
            "hearfelt doctor my.onnx          # one of your own",
            "hearfelt doctor --format json    # for a report of a fault",
        ),
    )(_doctor)


def _doctor(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|FILE]...", help="Models to examine; else all that ship."),
    ] = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Show versions, providers and cores, and whether each model file answers a known clip as its card says.

    The exit code is 6 if a model does not load, or answers otherwise by more than 0.02.
    """
    from hearfelt.inference.doctor import check_model, installation
    from hearfelt.inference.recognizer import shipped_models

    found = installation()
    health = [check_model(model) for model in models or shipped_models()]
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json({**asdict(found), "models": [asdict(one) for one in health]})
    else:
        _print_table(found, health)
    if not all(one.is_well for one in health):
        raise typer.Exit(EXIT_CODES[ModelError])


def _print_table(found: Installation, health: list[Health]) -> None:
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
        mark = Text("✓ " if one.is_well else "✗ ", "green" if one.is_well else "red")
        screen.print(mark.append(printable(one.model), "bold").append(printable(f"  {size}{one.said}"), "not bold"))
