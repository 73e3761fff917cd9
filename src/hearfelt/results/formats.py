"""The formats of timelines: JSON, CSV, Parquet, TextGrid, WebVTT, Audacity and ELAN."""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes
from xml.etree import ElementTree

from hearfelt.errors import HearfeltError
from hearfelt.inference.prediction import percent_words
from hearfelt.inference.timeline.segments import Segment, SegmentRow, Timeline, rows_of, seconds, side_name
from hearfelt.results.tables import csv_line, json_line, write_rows
from hearfelt.rows import SEGMENT_ROW, columns, table_row
from hearfelt.runtime.files import path_given

__all__ = [
    "FORMATS",
    "VTT_HEAD",
    "Format",
    "audacity_label",
    "elan",
    "format_named",
    "format_of",
    "textgrid",
    "vtt_cue",
    "write",
]


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


_TOUCHING_S: Final = 1e-6  # what is closer is no gap


def textgrid(timelines: Sequence[Timeline]) -> str:
    """Write the timelines of one sound as Praat's TextGrid: a tier of emotions and a tier of confidence for each side.

    The long text form of https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html, in UTF-8. Intervals
    follow each other without a gap there, so a pause is an interval without text.

    Args:
        timelines: one, or one for each side.

    Example:
        >>> print(textgrid([Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy")]).splitlines()[4])
        xmax = 2.0
    """
    end_s = max(_end_of(one) for one in timelines)
    tiers = [tier for one in timelines for tier in _tiers(one, len(timelines), end_s)]
    head = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end_s}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    lines = [line for place, tier in enumerate(tiers, start=1) for line in (f"    item [{place}]:", *tier)]
    return "\n".join([*head, *lines]) + "\n"


def _end_of(timeline: Timeline) -> float:
    return seconds(max([timeline.duration_s, *(segment.end_s for segment in timeline.segments[-1:])]))


def _tiers(timeline: Timeline, sides: int, end_s: float) -> Iterator[list[str]]:
    side = side_name(timeline.channel, sides)
    yield _tier(side or "emotion", timeline.segments, end_s, lambda segment: segment.emotion)
    yield _tier(f"{side} confidence".strip(), timeline.segments, end_s, lambda segment: f"{segment.confidence:.4f}")


def _tier(name: str, segments: Sequence[Segment], end_s: float, text_of: Callable[[Segment], str]) -> list[str]:
    intervals = list(_intervals(segments, end_s, text_of))
    lines = [
        '        class = "IntervalTier"',
        f"        name = {_quoted(name)}",
        "        xmin = 0",
        f"        xmax = {end_s}",
        f"        intervals: size = {len(intervals)}",
    ]
    for place, (start_s, until_s, text) in enumerate(intervals, start=1):
        lines += [
            f"        intervals [{place}]:",
            f"            xmin = {start_s}",
            f"            xmax = {until_s}",
            f"            text = {_quoted(text)}",
        ]
    return lines


def _intervals(
    segments: Sequence[Segment], end_s: float, text_of: Callable[[Segment], str]
) -> Iterator[tuple[float, float, str]]:
    """Give the segments, and the gaps between them as intervals without text."""
    reached_s = 0.0
    for segment in segments:
        start_s, until_s = seconds(segment.start_s), seconds(segment.end_s)
        if start_s - reached_s > _TOUCHING_S:
            yield reached_s, start_s, ""
            reached_s = start_s
        yield reached_s, until_s, text_of(segment)
        reached_s = until_s
    if end_s - reached_s > _TOUCHING_S or not segments:
        yield reached_s, end_s, ""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


_SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SYMBOLIC: Final = "Symbolic_Association"


def elan(timelines: Sequence[Timeline], path: Path | None = None) -> str:
    """Write the timelines of one sound as an ELAN document: for each side a tier of emotions and one of confidence.

    The annotation format 3.0 of https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf. Times are whole
    milliseconds; a confidence belongs to its emotion (symbolic association), so that moving one moves the other.

    Args:
        timelines: one, or one for each side.
        path: the path that the document will have: the sound is linked relative to it, and by its absolute path.
            By default in the working folder.

    Example:
        >>> elan([Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy")]).count("<TIER ")
        2
    """
    ElementTree.register_namespace("xsi", _INSTANCE)
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "hearfelt",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_INSTANCE}}}noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    _add_header(document, timelines[0].source, Path() if path is None else path.parent)
    order = ElementTree.SubElement(document, "TIME_ORDER")
    for one in timelines:
        _add_tiers(document, order, one, len(timelines))
    _add_types(document)
    ElementTree.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(document, encoding="unicode") + "\n"


def _add_header(document: ElementTree.Element, source: str, folder: Path) -> None:
    header = ElementTree.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    media = path_given(source)
    if media.is_file():  # ELAN plays it; standard input and samples cannot be played
        kind = mimetypes.guess_type(media.name)[0] or "audio/x-wav"
        place = media.parent.resolve() / media.name  # a link keeps its own name: ELAN looks at the ending
        where = {"MEDIA_URL": place.as_uri(), "MIME_TYPE": kind, **_relative_url(place, folder.resolve())}
        ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", where)


def _relative_url(place: Path, folder: Path) -> dict[str, str]:
    """Give the URL of a file relative to a folder, escaped; nothing between two drives of Windows."""
    try:
        way = Path(os.path.relpath(place, folder)).as_posix()
    except ValueError:
        return {}
    url = quote_from_bytes(os.fsencode(way))
    return {"RELATIVE_MEDIA_URL": url if url.startswith("../") else f"./{url}"}


def _add_tiers(document: ElementTree.Element, order: ElementTree.Element, timeline: Timeline, sides: int) -> None:
    side = side_name(timeline.channel, sides)
    name = side or "emotion"
    emotions = ElementTree.SubElement(document, "TIER", {"LINGUISTIC_TYPE_REF": "emotion", "TIER_ID": name})
    below = {"LINGUISTIC_TYPE_REF": "confidence", "PARENT_REF": name, "TIER_ID": f"{side} confidence".strip()}
    sureness = ElementTree.SubElement(document, "TIER", below)
    track = "mix" if timeline.channel is None else str(timeline.channel)
    for place, segment in enumerate(timeline.segments):
        slots = [f"ts-{track}-{place}-{edge}" for edge in ("start", "end")]
        for slot, time_s in zip(slots, (segment.start_s, segment.end_s), strict=True):
            ElementTree.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(round(time_s * 1000))})
        emotion, confidence = f"a-{track}-{place}", f"c-{track}-{place}"
        times = {"TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]}
        _annotate(emotions, "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": emotion, **times}, segment.emotion)
        reference = {"ANNOTATION_ID": confidence, "ANNOTATION_REF": emotion}
        _annotate(sureness, "REF_ANNOTATION", reference, f"{segment.confidence:.4f}")


def _annotate(tier: ElementTree.Element, kind: str, attributes: dict[str, str], value: str) -> None:
    annotation = ElementTree.SubElement(ElementTree.SubElement(tier, "ANNOTATION"), kind, attributes)
    ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = _legal(value)


def _add_types(document: ElementTree.Element) -> None:
    for name, extra in (("emotion", {"TIME_ALIGNABLE": "true"}), ("confidence", {"TIME_ALIGNABLE": "false"})):
        reference = {"CONSTRAINTS": _SYMBOLIC} if name == "confidence" else {}
        attributes = {**reference, "GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": name, **extra}
        ElementTree.SubElement(document, "LINGUISTIC_TYPE", attributes)
    described = {"DESCRIPTION": "1-1 association with a parent annotation", "STEREOTYPE": _SYMBOLIC}
    ElementTree.SubElement(document, "CONSTRAINT", described)


def _legal(text: str) -> str:
    """Replace what XML cannot hold: control characters, and half a character of a name that is not UTF-8."""
    return "".join(one if one.isprintable() or one in "\t\n" else "�" for one in text)


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
