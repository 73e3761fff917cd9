"""Markdown tables, marked parts of pages, and the format of parameters, file sizes and speeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hearfelt.errors import CorpusError

__all__ = ["NONE", "SPEEDS", "count", "markdown_table", "megabytes", "read_speeds", "replace_between", "speed"]

NONE: Final = "–"
SPEEDS: Final = Path("benchmarks/model.json")  # written by benchmarks/model.py


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Write a table; the first ``left`` columns are left-aligned, the others right-aligned.

    Example:
        >>> print(markdown_table(["emotion", "recall %"], [["calm", "61.0"]]))
        | emotion | recall % |
        |---|--:|
        | calm | 61.0 |
    """
    ruler = "|".join("---" if place < left else "--:" for place in range(len(header)))
    lines = [f"| {' | '.join(header)} |", f"|{ruler}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def replace_between(text: str, begin: str, end: str, new: str) -> str:
    """Replace the lines between two marks, which stay.

    Example:
        >>> replace_between("a <b> old <e> c", "<b>", "<e>", "new")
        'a <b>\\nnew\\n<e> c'
    """
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{new}\n{end}{rest.partition(end)[2]}"


def count(parameters: int) -> str:
    """Write a number of parameters as papers do; a dash if unknown.

    Example:
        >>> count(3_376_968), count(47_000), count(637_000_000), count(0)
        ('3.4 M', '47 k', '637 M', '–')
    """
    if parameters <= 0:
        return NONE
    if parameters < 999_500:
        return f"{parameters / 1e3:.0f} k"
    return f"{parameters / 1e6:.{0 if parameters >= 99_950_000 else 1}f} M"


def megabytes(size: int) -> str:
    """Write a file size in megabytes (10^6 bytes); a dash if unknown.

    Example:
        >>> megabytes(13_575_523), megabytes(0)
        ('13.6', '–')
    """
    return f"{size / 1e6:.1f}" if size > 0 else NONE


def speed(seconds_per_second: float | None) -> str:
    """Write how many seconds of sound are processed per second; a dash if unknown.

    Example:
        >>> speed(1234.4), speed(8.25), speed(None)
        ('1,234', '8.2', '–')
    """
    if seconds_per_second is None:
        return NONE
    return f"{seconds_per_second:,.{0 if seconds_per_second >= 9.95 else 1}f}"


def read_speeds(path: Path) -> dict[str, float]:
    """Read how many seconds of sound each model processes per second on one core; empty without the file.

    Args:
        path: written by ``benchmarks/model.py``: ``{"models": {"classic": {"seconds_per_second": 123.4}}}``.

    Raises:
        CorpusError: if the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        models: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {name: float(one["seconds_per_second"]) for name, one in models.items() if "seconds_per_second" in one}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: not the format of benchmarks/model.py ({error!r}); run it again") from error
