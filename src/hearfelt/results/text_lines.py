"""Formats of which every segment is a line or a few: JSON, CSV, WebVTT and Audacity's labels.

A file of these can be written while a sound is still being heard, and is whole after every segment.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Final

from hearfelt.results.segment_rows import Heard, column_names, json_row, row_values, seconds

__all__ = ["VTT_HEAD", "audacity_label", "csv_head", "csv_line", "json_line", "vtt_cue"]

VTT_HEAD: Final = "WEBVTT\n\n"


def json_line(heard: Heard) -> str:
    """Write a segment as one JSON object on a line of its own, in ASCII."""
    row = {**json_row(heard), "warnings": [warning.to_dict() for warning in heard.warnings]}
    return json.dumps(row, allow_nan=False) + "\n"


def csv_head(labels: Sequence[str]) -> str:
    """Write the line that names the columns.

    Example:
        >>> csv_head(["calm", "sad"])
        'source,channel,start_s,end_s,emotion,confidence,unsure,model,warnings,calm,sad\\n'
    """
    return _csv(column_names(labels))


def csv_line(heard: Heard) -> str:
    """Write a segment as one line of CSV; mixed channels leave the column ``channel`` empty."""
    return _csv(row_values(heard))


def vtt_cue(heard: Heard) -> str:
    """Write a segment as a cue of WebVTT, spoken by its side; a question mark says that the model is unsure."""
    segment = heard.segment
    voice = f"<v {_escaped(heard.side)}>" if heard.side else ""
    return f"{_clock(segment.start_s)} --> {_clock(segment.end_s)}\n{voice}{_escaped(_said(heard))}\n\n"


def audacity_label(heard: Heard) -> str:
    """Write a segment as a line of a label track: start, end and text, between tabs."""
    side = f"{heard.side}: " if heard.side else ""
    start_s, end_s = (f"{seconds(time_s):.6f}" for time_s in (heard.segment.start_s, heard.segment.end_s))
    return f"{start_s}\t{end_s}\t{side}{_said(heard)}\n"


def _csv(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _said(heard: Heard) -> str:
    """Say a segment in a few words; labels of one's own may hold anything, a line break too."""
    segment = heard.segment
    words = " ".join("".join(one if one.isprintable() else " " for one in segment.emotion).split())
    return f"{words}{'?' if segment.unsure else ''} {segment.confidence:.0%}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(time_s: float) -> str:
    """Write a time as WebVTT wants it.

    Example:
        >>> _clock(3_725.5)
        '01:02:05.500'
    """
    thousandths = round(time_s * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
