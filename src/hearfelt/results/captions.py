"""Segments as text to read while listening: WebVTT and Audacity's labels."""

from __future__ import annotations

from typing import Final

from hearfelt.inference.prediction import percent_words
from hearfelt.inference.timeline.segments import SegmentRow, seconds

__all__ = ["VTT_HEAD", "audacity_label", "vtt_cue"]

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
