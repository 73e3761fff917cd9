"""The formats that a timeline can be written in, and their one door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hearfelt.errors import HearfeltError
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.results.elan import elan
from hearfelt.results.parquet import parquet
from hearfelt.results.segment_rows import Heard, heard_in, only_source
from hearfelt.results.text_lines import VTT_HEAD, audacity_label, csv_head, csv_line, json_line, vtt_cue
from hearfelt.results.textgrid import textgrid

__all__ = ["FORMATS", "Format", "format_called", "format_of", "write"]


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what ``--format`` calls it.
        suffix: how its files end.
        is_of_one_sound: whether a file describes one sound; a table holds any number.
        head: for what can be written segment by segment: the beginning, for a model's labels.
        entry: for what can be written segment by segment: one of them.
        document: for what can only be written as a whole: all of it, and where it will lie.
    """

    name: str
    suffix: str
    is_of_one_sound: bool = False
    head: Callable[[Sequence[str]], str] | None = None
    entry: Callable[[Heard], str] | None = None
    document: Callable[[Sequence[Timeline], Path | None], str | bytes] | None = None

    def whole(self, timelines: Sequence[Timeline], path: Path | None = None) -> str | bytes:
        """Write all of a file: text, or bytes for Parquet.

        Args:
            timelines: what it holds.
            path: where it will lie, for a format that links to the sound.

        Raises:
            HearfeltError: if it describes one sound and there are several.
        """
        if self.is_of_one_sound:
            only_source(timelines, self.name)
        if self.document is not None:
            return self.document(timelines, path)
        if self.head is None or self.entry is None:
            raise HearfeltError(f"{self.name}: a format is written by entries or as a document")
        labels = timelines[0].labels if timelines else ()
        return self.head(labels) + "".join(map(self.entry, heard_in(timelines)))


FORMATS: Final[dict[str, Format]] = {
    form.name: form
    for form in (
        Format("json", ".json", head=lambda _: "", entry=json_line),
        Format("jsonl", ".jsonl", head=lambda _: "", entry=json_line),
        Format("csv", ".csv", head=csv_head, entry=csv_line),
        Format("parquet", ".parquet", document=lambda timelines, _: parquet(timelines)),
        Format("textgrid", ".TextGrid", is_of_one_sound=True, document=lambda timelines, _: textgrid(timelines)),
        Format("vtt", ".vtt", is_of_one_sound=True, head=lambda _: VTT_HEAD, entry=vtt_cue),
        Format("audacity", ".txt", is_of_one_sound=True, head=lambda _: "", entry=audacity_label),
        Format("elan", ".eaf", is_of_one_sound=True, document=elan),
    )
}


def write(timelines: Iterable[Timeline], format: str, *, path: Path | None = None) -> str | bytes:
    """Write timelines in one of :data:`FORMATS`.

    Args:
        timelines: of one sound, a side each, or of several sounds one behind the other.
        format: ``json`` and ``jsonl`` (the same: one object a line), ``csv``, ``parquet``, ``textgrid``, ``vtt``,
            ``audacity`` or ``elan``.
        path: where it will lie, for ELAN, which links the sound from there; nothing is written. The working folder
            if left out.

    Returns:
        Text, or bytes for Parquet.

    Raises:
        HearfeltError: if there is no such format, or it describes one sound and there are several.
        ExtraMissingError: if Parquet is wanted and pyarrow is not installed.

    Example:
        >>> write([Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy")], "vtt")
        'WEBVTT\\n\\n'
    """
    return format_called(format).whole(list(timelines), path)


def format_called(name: str) -> Format:
    """Find a format by its name.

    Raises:
        HearfeltError: if there is none.

    Example:
        >>> format_called("elan").suffix
        '.eaf'
    """
    if name not in FORMATS:
        raise HearfeltError(f"{name}: no format of timelines; {', '.join(FORMATS)} are")
    return FORMATS[name]


def format_of(path: Path) -> Format:
    """Find the format that a file's ending means.

    Raises:
        HearfeltError: if it means none.

    Example:
        >>> format_of(Path("call.textgrid")).name
        'textgrid'
    """
    suffix = path.suffix.casefold()
    for form in FORMATS.values():
        if form.suffix.casefold() == suffix:
            return form
    known = ", ".join(form.suffix for form in FORMATS.values())
    raise HearfeltError(f"{path}: no ending of a timeline's file; {known} are, or say --format")
