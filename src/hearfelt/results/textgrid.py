"""Praat's TextGrid: a tier of emotions and a tier of confidence for each side.

The long text form of https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html, in UTF-8. Intervals
follow each other without a gap there, so a pause is an interval without text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from hearfelt.inference.timeline.segments import Segment, Timeline, seconds, side_name

__all__ = ["textgrid"]

_TOUCHING_S: Final = 1e-6  # what is closer is no gap


def textgrid(timelines: Sequence[Timeline]) -> str:
    """Write the timelines of one sound as a TextGrid.

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
