"""A segment and where it was heard: what every format writes, one after another."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hearfelt.audio.warnings import SoundWarning, codes_of
from hearfelt.errors import HearfeltError
from hearfelt.inference.label_columns import label_columns
from hearfelt.inference.timeline.segments import Segment, Timeline

__all__ = [
    "FACTS",
    "Heard",
    "column_names",
    "heard_in",
    "json_row",
    "only_source",
    "row_values",
    "seconds",
    "side_name",
]

FACTS: Final = ("source", "channel", "start_s", "end_s", "emotion", "confidence", "unsure", "model", "warnings")
"""Columns that every table begins with; the probabilities of the labels follow."""

_DIGITS: Final = 6  # of seconds: a microsecond, finer than any sampling rate can mean


@dataclass(frozen=True)
class Heard:
    """A segment and where it was heard.

    Attributes:
        source: the sound, as it was given.
        channel: ``None`` if the channels were mixed, or which one, counted from 0.
        segment: the segment.
        side: what people call the channel, such as ``"left"``; empty where there is only one.
        warnings: what is odd about the sound, as far as it is known.
    """

    source: str
    channel: int | None
    segment: Segment
    side: str = ""
    warnings: tuple[SoundWarning, ...] = ()


def side_name(channel: int | None, channels: int) -> str:
    """Name a channel for people: left and right of two, a number of more, nothing where there is only one.

    Args:
        channel: which one, counted from 0; ``None`` if they were mixed.
        channels: how many there are.

    Example:
        >>> side_name(None, 1), side_name(0, 1), side_name(1, 2), side_name(3, 6)
        ('', '', 'right', 'channel 3')
    """
    if channel is None or channels < 2:
        return ""
    return ("left", "right")[channel] if channels == 2 else f"channel {channel}"


def heard_in(timelines: Iterable[Timeline]) -> Iterator[Heard]:
    """Give all segments in the order in which they begin, one sound after another.

    Args:
        timelines: those of one sound stand one behind the other.
    """
    for of_one in _sounds(timelines):
        tracks = [
            [
                Heard(one.source, one.channel, segment, side_name(one.channel, len(of_one)), one.warnings)
                for segment in one.segments
            ]
            for one in of_one
        ]
        yield from heapq.merge(*tracks, key=lambda heard: heard.segment.start_s)


def only_source(timelines: Sequence[Timeline], form: str) -> str:
    """Give the one sound that timelines are about, for a format that describes one.

    Raises:
        HearfeltError: if there are several sounds, or none.
    """
    sources = {one.source for one in timelines}
    if len(sources) != 1:
        raise HearfeltError(f"{form} describes one sound, not {len(sources)}; write a file for each sound")
    return sources.pop()


def seconds(time_s: float) -> float:
    """Round a time to a microsecond, so that files hold no digits that only come of binary numbers.

    Example:
        >>> seconds(0.1 + 0.2)
        0.3
    """
    return round(time_s, _DIGITS)


def json_row(heard: Heard) -> dict[str, object]:
    """Give what JSON says of a segment; what is odd about its sound is left to whoever writes it."""
    segment = heard.segment
    return {
        "source": _in_utf8(heard.source),
        "channel": heard.channel,
        "start_s": seconds(segment.start_s),
        "end_s": seconds(segment.end_s),
        "emotion": segment.emotion,
        "confidence": segment.confidence,
        "probabilities": dict(segment.probabilities),
        "unsure": segment.unsure,
    }


def column_names(labels: Sequence[str]) -> list[str]:
    """Name a table's columns; a label that is called as another column is written ``p_label``.

    Example:
        >>> column_names(["calm", "source"])[-2:]
        ['calm', 'p_source']
    """
    return [*FACTS, *label_columns(labels)]


def row_values(heard: Heard) -> list[object]:
    """Give a segment's values for :func:`column_names` of its labels."""
    segment = heard.segment
    place = [_in_utf8(heard.source), heard.channel, seconds(segment.start_s), seconds(segment.end_s)]
    answer = [segment.emotion, segment.confidence, segment.unsure, segment.prediction.model]
    return [*place, *answer, codes_of(heard.warnings), *segment.probabilities.values()]


def _in_utf8(name: str) -> str:
    r"""Spell out the bytes of a file name that are no UTF-8, which no table can hold.

    Example:
        >>> _in_utf8("caf\udce9.wav")
        'caf\\udce9.wav'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _sounds(timelines: Iterable[Timeline]) -> Iterator[list[Timeline]]:
    """Divide timelines into those of one sound each; the same channel again is another sound."""
    of_one: list[Timeline] = []
    for one in timelines:
        if of_one and (one.source != of_one[0].source or one.channel in {other.channel for other in of_one}):
            yield of_one
            of_one = []
        of_one.append(one)
    if of_one:
        yield of_one
