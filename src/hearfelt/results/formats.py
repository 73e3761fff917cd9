"""The formats of timelines: JSON, CSV, Parquet, TextGrid, WebVTT, Audacity and ELAN."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hearfelt.errors import HearfeltError
from hearfelt.inference.prediction import percent_words
from hearfelt.inference.timeline.segments import SegmentRow, Timeline, rows_of, seconds
from hearfelt.results.elan import elan
from hearfelt.results.tables import csv_line, json_line, write_rows
from hearfelt.results.textgrid import textgrid
from hearfelt.rows import SEGMENT_ROW, columns, table_row

__all__ = ["FORMATS", "VTT_HEAD", "Format", "audacity_label", "format_named", "format_of", "vtt_cue", "write"]

VTT_HEAD: Final = "WEBVTT\n\n"


def vtt_cue(row: SegmentRow) -> str:
    """Write a segment as a cue of WebVTT, spoken by its side; a question mark means unsure."""
    segment = row.segment
    voice = f"<v {_escaped(row.side)}>" if row.side else ""
    return f"{_clock(segment.start_s)} --> {_clock(segment.end_s)}\n{voice}{_escaped(_caption(row))}\n\n"


def audacity_label(row: SegmentRow) -> str:
    """Write a segment as a line of a label track: start, end and text, between tabs."""
    side = f"{row.side}: " if row.side else ""
    start_s, end_s = (f"{seconds(time_s):.6f}" for time_s in (row.segment.start_s, row.segment.end_s))
    return f"{start_s}\t{end_s}\t{side}{_caption(row)}\n"


def _caption(row: SegmentRow) -> str:
    """Write emotion and confidence in one line; a user's labels may hold anything, also a line break."""
    segment = row.segment
    words = " ".join("".join(one if one.isprintable() else " " for one in segment.emotion).split())
    return f"{words}{'?' if segment.unsure else ''} {percent_words(segment.confidence)}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(time_s: float) -> str:
    """Write a time as WebVTT has it.

    Example:
        >>> _clock(3_725.5)
        '01:02:05.500'
    """
    thousandths = round(time_s * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: value of ``--format``.
        suffix: ending of its files.
        is_of_one_sound: whether a file describes one sound; a table holds any number.
        head: for a format that grows by segments: the beginning, given the model's labels.
        entry: for a format that grows by segments: one segment.
        document: for a format that is written as a whole: the document, given the path that it will have.
    """

    name: str
    suffix: str
    is_of_one_sound: bool = False
    head: Callable[[Sequence[str]], str] | None = None
    entry: Callable[[SegmentRow], str] | None = None
    document: Callable[[Sequence[Timeline], Path | None], str | bytes] | None = None

    def whole(self, timelines: Sequence[Timeline], path: Path | None = None) -> str | bytes:
        """Write a whole file: text, or bytes for Parquet.

        Args:
            timelines: its content.
            path: the path that it will have, for a format that links to the sound.

        Raises:
            HearfeltError: if it describes one sound and there are several.
        """
        if self.is_of_one_sound:
            _check_one_source(timelines, self.name)
        if self.document is not None:
            return self.document(timelines, path)
        if self.head is None or self.entry is None:
            raise HearfeltError(f"{self.name}: a format is written by entries or as a document")
        labels = timelines[0].labels if timelines else ()
        return self.head(labels) + "".join(map(self.entry, rows_of(timelines)))


def _csv_head(labels: Sequence[str]) -> str:
    return csv_line(columns(labels, SEGMENT_ROW))


def _csv_entry(row: SegmentRow) -> str:
    return csv_line(table_row(row.to_dict(), list(row.segment.probabilities), SEGMENT_ROW))


def _json_entry(row: SegmentRow) -> str:
    return json_line(row.to_dict())


def _parquet(timelines: Sequence[Timeline], _: Path | None) -> bytes:
    labels = timelines[0].labels if timelines else ()
    if other := next((one for one in timelines if one.labels != labels), None):
        raise HearfeltError(f"{other.source}: other labels than the first timeline's; one table holds one model's")
    file = io.BytesIO()
    write_rows((row.to_dict() for row in rows_of(timelines)), labels, SEGMENT_ROW, file, "parquet")
    return file.getvalue()


FORMATS: Final[dict[str, Format]] = {
    form.name: form
    for form in (
        Format("json", ".json", head=lambda _: "", entry=_json_entry),
        Format("jsonl", ".jsonl", head=lambda _: "", entry=_json_entry),
        Format("csv", ".csv", head=_csv_head, entry=_csv_entry),
        Format("parquet", ".parquet", document=_parquet),
        Format("textgrid", ".TextGrid", is_of_one_sound=True, document=lambda timelines, _: textgrid(timelines)),
        Format("vtt", ".vtt", is_of_one_sound=True, head=lambda _: VTT_HEAD, entry=vtt_cue),
        Format("audacity", ".txt", is_of_one_sound=True, head=lambda _: "", entry=audacity_label),
        Format("elan", ".eaf", is_of_one_sound=True, document=elan),
    )
}


def _check_one_source(timelines: Sequence[Timeline], form: str) -> None:
    if (count := len({one.source for one in timelines})) != 1:
        raise HearfeltError(f"{form} describes one sound, not {count}; write a file for each sound")


def write(timelines: Iterable[Timeline], format: str, *, path: Path | None = None) -> str | bytes:
    """Write timelines in one of :data:`FORMATS`.

    Args:
        timelines: of one sound, a side each, or of several sounds one behind the other.
        format: ``json`` and ``jsonl`` (the same: one object a line), ``csv``, ``parquet``, ``textgrid``, ``vtt``,
            ``audacity`` or ``elan``.
        path: the path that the file will have, for ELAN, which links the sound relative to it; nothing is written.
            By default in the working folder.

    Returns:
        Text, or bytes for Parquet.

    Raises:
        HearfeltError: if there is no such format, or it describes one sound and there are several.
        ExtraMissingError: if Parquet is wanted and pyarrow is not installed.

    Example:
        >>> write([Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy")], "vtt")
        'WEBVTT\\n\\n'
    """
    return format_named(format).whole(list(timelines), path)


def format_named(name: str) -> Format:
    """Find a format by its name.

    Raises:
        HearfeltError: if there is none.

    Example:
        >>> format_named("elan").suffix
        '.eaf'
    """
    if name not in FORMATS:
        raise HearfeltError(f"{name}: not a format of timelines; these are: {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of(path: Path) -> Format:
    """Find a format by the ending of a file.

    Raises:
        HearfeltError: if there is none.

    Example:
        >>> format_of(Path("call.textgrid")).name
        'textgrid'
    """
    suffix = path.suffix.casefold()
    for form in FORMATS.values():
        if form.suffix.casefold() == suffix:
            return form
    known = ", ".join(form.suffix for form in FORMATS.values())
    raise HearfeltError(f"{path}: not the ending of a timeline's file; use {known}, or --format")
