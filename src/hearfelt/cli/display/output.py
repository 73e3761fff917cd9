"""Print tables, JSON and CSV on standard output."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from hearfelt.cli.options import Format

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "megabytes", "print_csv_row", "print_json", "print_rows", "printable"]


def console() -> Console:
    """Make the rich console for standard output: colours at a terminal, plain text elsewhere."""
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: object) -> None:
    """Print one JSON value on one line, in ASCII, which every terminal and every program can read.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have.

    Example:
        >>> print_json({"emotion": "calm", "confidence": 0.5})
        {"emotion": "calm", "confidence": 0.5}
    """
    print(json.dumps(value, allow_nan=False), flush=True)


def print_csv_row(values: Iterable[object]) -> None:
    """Print one line of CSV.

    Example:
        >>> print_csv_row(["a, b.wav", "calm", 0.5])
        "a, b.wav",calm,0.5
    """
    csv.writer(sys.stdout, lineterminator="\n").writerow(values)
    sys.stdout.flush()


def print_rows(rows: Iterable[Mapping[str, object]], form: Format, *, title: str = "") -> None:
    """Print rows with the same columns in the chosen ``--format``.

    Args:
        rows: one mapping each, all with the first one's keys.
        form: table, json (one object a line) or csv.
        title: printed above the table.

    Example:
        >>> print_rows([{"name": "toy", "clips": 96}], "csv")
        name,clips
        toy,96
    """
    rows = list(rows)
    if form == "json":
        for row in rows:
            print_json(dict(row))
    elif form == "csv":
        for line in (rows[0] if rows else (), *(row.values() for row in rows)):
            print_csv_row(line)
    else:
        _print_table(rows, title)


def _print_table(rows: list[Mapping[str, object]], title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name, value in rows[0].items() if rows else ():
        number = isinstance(value, int | float)
        table.add_column(name.replace("_", " "), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_shown(value)) for value in row.values()))
    console().print(table)


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else printable(str(value))


def megabytes(size: int) -> str:
    """Format a file's size in megabytes.

    Example:
        >>> megabytes(28_649_000), megabytes(845_000)
        ('28.6 MB', '0.8 MB')
    """
    return f"{size / 1e6:.1f} MB"


def printable(text: str) -> str:
    r"""Replace control characters, which could change the terminal; file names may hold anything.

    Example:
        >>> printable("a\x1b[31m.wav")
        'a�[31m.wav'
    """
    return "".join(character if character.isprintable() else "�" for character in text)
