"""Tables of corpora: the list of all, and the result of a check.

This module imports rich at its top; it is imported only by commands that print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hearfelt.cli.display.output import console, print_rows, printable
from hearfelt.cli.options import Format
from hearfelt.corpora.base import CorpusFormat
from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.check import CorpusCheck
from hearfelt.emotions import EMOTIONS, look_of

__all__ = ["print_check", "print_corpora"]

_SHOWN: Final = 8  # lines of each finding; --format json has them all
_LANGUAGES: Final = {"en": "English", "de": "German", "pl": "Polish"}
_GOOD, _BAD, _NOTE = "#009e73", "#d55e00", "#e69f00"


def print_corpora(form: Format) -> None:
    """Print every corpus that hearfelt reads."""
    if form == "table":
        _print_corpora_table(console())
        return
    rows = [
        {
            "name": corpus.name,
            "title": corpus.title,
            "licence": corpus.licence,
            "size_mb": corpus.megabytes or None,
            "hours": corpus.hours or None,
            "clips": corpus.clips or None,
            "speakers": corpus.speakers or None,
            "language": corpus.language or None,
            "emotions": list(corpus.emotions) if form == "json" else " ".join(corpus.emotions),
            "url": corpus.url,
        }
        for corpus in CORPORA.values()
    ]
    if form == "csv":
        rows = [{key: "" if value is None else value for key, value in row.items()} for row in rows]
    print_rows(rows, form)


def _print_corpora_table(screen: Console) -> None:
    """Print three lines for each corpus, because names, titles and addresses have no room in one."""
    screen.print(
        Text(f"{'corpus':<10}{'clips':>6}{'speakers':>10}{'hours':>7}{'size':>9}  {'language':<10}emotions", "bold")
    )
    for corpus in CORPORA.values():
        numbers = (
            f"{corpus.clips or 'any':>6,}" if corpus.clips else f"{'any':>6}",
            f"{corpus.speakers or 'any':>10}",
            f"{corpus.hours or '':>7}",
            f"{f'{corpus.megabytes} MB' if corpus.megabytes else '':>9}",
            f"  {_LANGUAGES.get(corpus.language, 'any'):<10}",
        )
        screen.print(Text(f"\n{corpus.name:<10}", "bold").append("".join(numbers), "not bold").append(_faces(corpus)))
        screen.print(_indented(corpus.title))
        screen.print(_indented(" · ".join(part for part in (corpus.licence, corpus.url) if part), "dim"))
    legend = [f"{look_of(name).emoji} {name}" for name in EMOTIONS] + [f"{look_of('').emoji} others"]
    screen.print(Text(f"\n{'  '.join(legend[:5])}\n{'  '.join(legend[5:])}", "dim"))
    screen.print(Text("hearfelt corpora get downloads ravdess and toy; get the others from their authors.", "dim"))


def _faces(corpus: CorpusFormat) -> str:
    """Show the emotions of a corpus, each in a fixed column; a dot for a missing one."""
    if not corpus.emotions:
        return "any"
    faces = [look_of(name).emoji if name in corpus.emotions else "· " for name in EMOTIONS]
    others = [look_of(name).emoji for name in corpus.emotions if name not in EMOTIONS]
    return "".join(faces + others)


def _indented(line: str, style: str = "") -> Padding:
    return Padding(Text(printable(line), style), (0, 0, 0, 2), expand=False)


def print_check(check: CorpusCheck) -> None:
    """Print the result of a check: the verdict, the counts, then all findings."""
    screen = console()
    screen.print(_verdict(check))
    screen.print(_counts_table(check, "emotion"))
    for line in _other_counts(check):
        screen.print(line)
    for title, colour, lines in _findings(check):
        _print_finding(screen, Text(title, f"bold {colour}"), lines)
    if check.remarks:
        screen.print(Text("\nnotes", "bold"))
    for remark in check.remarks:
        screen.print(_indented(remark))


def _verdict(check: CorpusCheck) -> Text:
    where = printable(str(check.path))
    half = f", {check.channel} alone" if check.channel else ""
    line = Text.assemble((check.corpus, "bold"), f" at {where}{half}: {check.clips:,} clips, {_speakers(check)}\n")
    if check.complete:
        return line.append("✔ complete" if check.published else "✔ nothing is wrong with it", _GOOD)
    return line.append(f"✘ not complete: {'; '.join(check.faults)}", _BAD)


def _speakers(check: CorpusCheck) -> str:
    known = sum(number > 0 and actor != "unknown" for actor, number in check.counts["actor"].items())
    return f"{known:,} speaker{'' if known == 1 else 's'}" if known else "unknown speakers"


def _counts_table(check: CorpusCheck, what: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(what)
    table.add_column("clips", justify="right")
    wanted = check.published.get(what, {})
    if wanted:
        table.add_column("published", justify="right")
    for value, number in check.counts[what].items():
        name = Text(f"{look_of(value).emoji} ").append(printable(value), look_of(value).colour)
        row: list[Text | str] = [name, _number(number, wanted.get(value, number))]
        table.add_row(*row, f"{wanted.get(value, 0):,}" if wanted else "")
    return table


def _number(number: int, wanted: int) -> Text:
    return Text(f"{number:,}", "" if number == wanted else _BAD)


def _other_counts(check: CorpusCheck) -> Iterator[Text]:
    """List channel and sex in one line each; of the actors, only those that differ from what was published."""
    for what in ("channel", "sex"):
        parts = [f"{number:,} {printable(value)}" for value, number in check.counts[what].items()]
        yield Text(f"{what}: {', '.join(parts)}")
    actors, wanted = check.counts["actor"], check.published.get("actor", {})
    if not wanted:
        some = [f"{printable(actor)} {number:,}" for actor, number in actors.items()]
        more = f" and {len(some) - 12:,} more" if len(some) > 12 else ""
        yield Text(f"speakers: {', '.join(some[:12])}{more}")
        return
    absent = [actor for actor in wanted if not actors[actor]]
    differ = [actor for actor, number in actors.items() if number and number != wanted.get(actor)]
    yield Text(f"speakers: {len(actors) - len(absent) - len(differ):,} of {len(wanted):,} as published")
    if differ:
        found = ", ".join(f"{printable(actor)} ({actors[actor]:,} of {wanted.get(actor, 0):,})" for actor in differ)
        yield Text(f"  incomplete: {found}", _BAD)
    if absent:
        yield Text(f"  without clips: {', '.join(absent)}", _BAD)


def _findings(check: CorpusCheck) -> Iterator[tuple[str, str, list[str]]]:
    """Give title, colour and lines of each kind of finding."""
    # Second copies are duplicates as well; a folder that holds everything twice would be listed twice.
    # A sentence about a contradiction names its files already.
    once = [
        group
        for group in check.duplicates
        if len({check.copies.get(name, name) for name in group}) > 1
        and not any(all(name in sentence for name in group) for sentence in check.contradictions)
    ]
    kinds: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("missing", _BAD, check.missing),
        ("cannot be read", _BAD, (sentence for sentence in check.unreadable.values())),
        ("contradictions", _BAD, check.contradictions),
        ("the same sound under several names", _NOTE, (" = ".join(group) for group in once)),
        ("second copies, not used", _NOTE, (f"{copy} (used: {kept})" for copy, kept in check.copies.items())),
        ("unknown files, not used", _NOTE, _with_reasons(check.unrecognized)),
        ("left out of training", _NOTE, _with_reasons(check.unfit)),
        ("labels that look misspelt", _NOTE, (f"{label}: {likely}?" for label, likely in check.mislabelled.items())),
        ("silent", _NOTE, check.silent),
        ("clipped", _NOTE, check.clipped),
        ("odd", _NOTE, _with_reasons(check.odd)),
    )
    for title, colour, lines in kinds:
        if found := list(lines):
            yield title, colour, found


def _with_reasons(reasons: Mapping[str, str]) -> Iterator[str]:
    return (f"{name}: {why}" for name, why in reasons.items())


def _print_finding(screen: Console, title: Text, lines: Sequence[str]) -> None:
    screen.print(Text("\n").append(title).append(f" ({len(lines):,})", "dim"))
    for line in lines[:_SHOWN]:
        screen.print(_indented(line))
    if len(lines) > _SHOWN:
        screen.print(_indented(f"and {len(lines) - _SHOWN:,} more; --format json names them all", "dim"))
