"""What the generated Markdown pages are written with: tables, a model's size, its speed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hearfelt.errors import CorpusError

__all__ = ["NONE", "SPEEDS", "count", "markdown_table", "megabytes", "read_speeds", "speed"]

NONE: Final = "–"
SPEEDS: Final = Path("benchmarks/model.json")  # written by benchmarks/model.py


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Write a table; the first ``left`` columns stand at the left, the others at the right.

    Example:
        >>> print(markdown_table(["emotion", "recall %"], [["calm", "61.0"]]))
        | emotion | recall % |
        |---|--:|
        | calm | 61.0 |
    """
    ruler = "|".join("---" if place < left else "--:" for place in range(len(header)))
    lines = [f"| {' | '.join(header)} |", f"|{ruler}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def count(parameters: int) -> str:
    """Write how many numbers a network learned, as papers do; a dash where nobody counted.

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
    """Write the size of a file in megabytes of a million bytes; a dash where it is unknown.

    Example:
        >>> megabytes(13_575_523), megabytes(0)
        ('13.6', '–')
    """
    return f"{size / 1e6:.1f}" if size > 0 else NONE


def speed(seconds_per_second: float | None) -> str:
    """Write how many seconds of sound are answered in a second; a dash where nobody measured it.

    Example:
        >>> speed(1234.4), speed(8.25), speed(None)
        ('1,234', '8.2', '–')
    """
    if seconds_per_second is None:
        return NONE
    return f"{seconds_per_second:,.{0 if seconds_per_second >= 9.95 else 1}f}"


def read_speeds(path: Path) -> dict[str, float]:
    """Read how many seconds of sound each model answers in a second on one core; none where nobody measured.

    Args:
        path: what ``benchmarks/model.py`` wrote: ``{"models": {"classic": {"seconds_per_second": 123.4}}}``.

    Raises:
        CorpusError: if the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        models: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {name: float(one["seconds_per_second"]) for name, one in models.items() if "seconds_per_second" in one}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: not as benchmarks/model.py writes it ({error!r}); run it again") from error
