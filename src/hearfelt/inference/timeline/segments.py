"""Segments of a recording, interim results of a stream, and the timeline of a whole sound."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from hearfelt.audio.notebook import WIDTH, svg
from hearfelt.audio.warnings import SoundWarning, codes_of, texts_of
from hearfelt.emotions import look_of
from hearfelt.errors import require
from hearfelt.inference.prediction import UNSURE_WORD, Prediction, label_html, percent_words
from hearfelt.rows import label_columns

__all__ = ["InterimResult", "Segment", "SegmentRow", "Timeline", "data_frame", "rows_of", "seconds", "side_name"]

_DIGITS: Final = 6  # of seconds: a microsecond, finer than any sampling rate can mean


@dataclass(frozen=True, repr=False)
class _Span:
    """A stretch of time and its prediction."""

    start_s: float
    end_s: float
    prediction: Prediction

    @property
    def emotion(self) -> str:
        """The most probable label."""
        return self.prediction.emotion

    @property
    def confidence(self) -> float:
        """Its probability, 0 to 1."""
        return self.prediction.confidence

    @property
    def probabilities(self) -> Mapping[str, float]:
        """For each of the model's labels, in its order; they add up to 1."""
        return self.prediction.probabilities

    @property
    def unsure(self) -> bool:
        """Whether the confidence is below the card's threshold."""
        return self.prediction.unsure

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON: ``start_s``, ``end_s`` and those of the prediction."""
        times = {"start_s": seconds(self.start_s), "end_s": seconds(self.end_s)}
        return {**times, **self.prediction.to_dict(), "duration_s": seconds(self.duration_s)}

    def __repr__(self) -> str:
        what = f"{self.emotion} {percent_words(self.confidence)}{', unsure' if self.unsure else ''}"
        return f"<{type(self).__name__} {self.start_s:.2f}-{self.end_s:.2f} s {what}>"


@dataclass(frozen=True, repr=False)
class Segment(_Span):
    """A stretch of speech with one emotion; final.

    Attributes:
        start_s: start, in seconds from the beginning of the sound.
        end_s: end.
        prediction: its probabilities are the mean over the stretch.

    Example:
        >>> segment = Segment(1.0, 3.5, Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.5, "classic"))
        >>> segment, segment.duration_s
        (<Segment 1.00-3.50 s sad 70%>, 2.5)
    """


@dataclass(frozen=True, repr=False)
class InterimResult(_Span):
    """A first result for the present of a stream, from at most its last 2 s; later sound does not change it.

    Attributes:
        start_s: start of the window, in seconds from the beginning of the stream.
        end_s: end of the window, the present.
        prediction: for the window by itself.
        is_early: whether there is too little speech, or confidence, to show an emotion already.
    """

    is_early: bool = False


@dataclass(frozen=True)
class SegmentRow:
    """A segment with its sound and channel, as files and tables have it.

    Attributes:
        source: name of the sound.
        channel: number of the channel, counted from 0; ``None`` if all were mixed.
        segment: the segment.
        side: name of the channel for people, such as ``"left"``; empty if there is only one.
        warnings: problems found in the sound, as far as they are known.
    """

    source: str
    channel: int | None
    segment: Segment
    side: str = ""
    warnings: tuple[SoundWarning, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON, named and ordered as :data:`hearfelt.rows.SEGMENT_ROW`."""
        row = {"source": _in_utf8(self.source), "channel": self.channel, **self.segment.to_dict()}
        return {**row, "warnings": [warning.to_dict() for warning in self.warnings]}


@dataclass(frozen=True, repr=False)
class Timeline:
    """All segments of one sound, or of one of its channels; between them there is no speech.

    Its length is the number of segments, and iterating gives them by time.

    Attributes:
        source: name of the sound, such as its path.
        channel: number of the channel, counted from 0; None if all were mixed.
        duration_s: length of the sound, in seconds.
        segments: by time, without overlap; empty if nobody speaks.
        labels: the model's emotions, in its order.
        model: name of the model.
        warnings: problems found in the sound; empty for a clean recording.

    Example:
        >>> sad = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.5, "classic")
        >>> timeline = Timeline("call.wav", None, 12.0, (Segment(1.0, 3.5, sad),), ("calm", "sad"), "classic")
        >>> len(timeline), [segment.emotion for segment in timeline], timeline.speech_s
        (1, ['sad'], 2.5)
    """

    source: str
    channel: int | None
    duration_s: float
    segments: tuple[Segment, ...]
    labels: tuple[str, ...]
    model: str
    warnings: tuple[SoundWarning, ...] = ()

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return float(sum(segment.duration_s for segment in self.segments))

    def durations(self) -> dict[str, float]:
        """Add up the seconds of each emotion, the longest first; unsure segments stand under ``"unsure"``.

        Example:
            >>> sad = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.5, "classic")
            >>> Timeline("a.wav", None, 9.0, (Segment(1.0, 3.5, sad), Segment(4.0, 5.0, sad)), (), "").durations()
            {'sad': 3.5}
        """
        sums: dict[str, float] = {}
        for one in self.segments:
            name = UNSURE_WORD if one.unsure else one.emotion
            sums[name] = sums.get(name, 0.0) + one.duration_s
        return dict(sorted(sums.items(), key=lambda pair: -pair[1]))

    def __len__(self) -> int:
        return len(self.segments)

    def __bool__(self) -> bool:
        return True  # a timeline without speech is one, too

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def to_frame(self) -> Any:
        """Give the segments as a ``pandas.DataFrame``, as :func:`data_frame` does.

        Raises:
            ExtraMissingError: if pandas is not installed.
        """
        return data_frame([self])

    def _repr_html_(self) -> str:
        return _html(self)

    def __repr__(self) -> str:
        channel = "" if self.channel is None else f" channel {self.channel}"
        segments = "1 segment" if len(self) == 1 else f"{len(self)} segments"
        return f"<Timeline {self.source}{channel}: {segments} in {self.duration_s:.2f} s>"


def side_name(channel: int | None, channels: int) -> str:
    """Name a channel for people: left and right of two, a number of more, nothing if there is only one.

    Args:
        channel: its number, counted from 0; ``None`` if they were mixed.
        channels: how many there are.

    Example:
        >>> side_name(None, 1), side_name(0, 1), side_name(1, 2), side_name(3, 6)
        ('', '', 'right', 'channel 3')
    """
    if channel is None or channels < 2:
        return ""
    return ("left", "right")[channel] if channels == 2 else f"channel {channel}"


def rows_of(timelines: Iterable[Timeline]) -> Iterator[SegmentRow]:
    """Give the rows of all segments: sound after sound, and by time within a sound.

    Args:
        timelines: those of one sound stand one behind the other.
    """
    for of_one in _sounds(timelines):
        tracks = [
            [
                SegmentRow(one.source, one.channel, segment, side_name(one.channel, len(of_one)), one.warnings)
                for segment in one
            ]
            for one in of_one
        ]
        yield from heapq.merge(*tracks, key=lambda row: row.segment.start_s)


def seconds(time_s: float) -> float:
    """Round a time to a microsecond, so that files have no meaningless digits.

    Example:
        >>> seconds(0.1 + 0.2)
        0.3
    """
    return round(time_s, _DIGITS)


def data_frame(timelines: Iterable[Timeline]) -> Any:
    """Put the segments of timelines into a ``pandas.DataFrame``, a row for each.

    The index is a segmented index as https://audeering.github.io/audformat/data-tables.html defines it: ``file`` as
    strings, ``start`` and ``end`` as ``timedelta64[ns]``. The columns are those of every table of segments:
    ``channel`` (empty if the channels were mixed), ``emotion``, ``confidence``, a probability for each label (named as
    :func:`hearfelt.rows.label_columns` does), ``unsure``, ``warnings`` (codes joined with ``;``), ``model`` and
    ``duration_s``.

    Args:
        timelines: of any number of sounds.

    Raises:
        ExtraMissingError: if pandas is not installed.
    """
    pandas = require("pandas", "pandas")
    timelines = list(timelines)
    rows = [(one, segment) for one in timelines for segment in one]
    index = pandas.MultiIndex.from_arrays(
        [
            pandas.Index([one.source for one, _ in rows], dtype="string"),
            _timedeltas(pandas, [segment.start_s for _, segment in rows]),
            _timedeltas(pandas, [segment.end_s for _, segment in rows]),
        ],
        names=["file", "start", "end"],
    )
    labels = list(dict.fromkeys(label for one in timelines for label in one.labels))
    shares = {
        name: pandas.array([segment.probabilities.get(label) for _, segment in rows], dtype="float64")
        for label, name in zip(labels, label_columns(labels), strict=True)
    }
    columns = {
        "channel": pandas.array([one.channel for one, _ in rows], dtype="Int64"),
        "emotion": pandas.array([segment.emotion for _, segment in rows], dtype="string"),
        "confidence": pandas.array([segment.confidence for _, segment in rows], dtype="float64"),
        **shares,
        "unsure": pandas.array([segment.unsure for _, segment in rows], dtype="bool"),
        "warnings": pandas.array([codes_of(one.warnings) for one, _ in rows], dtype="string"),
        "model": pandas.array([one.model for one, _ in rows], dtype="string"),
        "duration_s": pandas.array([seconds(segment.duration_s) for _, segment in rows], dtype="float64"),
    }
    return pandas.DataFrame(columns, index=index)


def _timedeltas(pandas: Any, times_s: list[float]) -> Any:
    # Whole microseconds: as a float a time would get nanoseconds that mean nothing.
    return pandas.to_timedelta([round(time_s * 1e6) for time_s in times_s], unit="us").astype("timedelta64[ns]")


def _in_utf8(name: str) -> str:
    r"""Escape the bytes of a file name that are no UTF-8, which no table can hold.

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


_LONGEST_TABLE: Final = 50  # segments


def _html(timeline: Timeline) -> str:
    """Draw the segments over time, and list the first of them below.

    Example:
        >>> sad = Prediction("sad", 0.7, {"calm": 0.3, "sad": 0.7}, False, 2.5, "classic")
        >>> timeline = Timeline("call.wav", None, 12.0, (Segment(1.0, 3.5, sad),), ("calm", "sad"), "classic")
        >>> _html(timeline).count("<rect")
        2
    """
    scale = WIDTH / max(timeline.duration_s, 1e-3)
    drawn = [f'<rect x="0" y="10" width="{WIDTH}" height="30" fill="currentColor" opacity="0.08"/>']
    drawn += [
        f'<rect x="{one.start_s * scale:.1f}" y="10" width="{max(1, one.duration_s * scale):.1f}" height="30"'
        f' fill="{look_of(one.emotion).colour}" opacity="{0.5 if one.unsure else 1}">'
        f"<title>{escape(one.emotion)} {percent_words(one.confidence)},"
        f" {one.start_s:.1f} to {one.end_s:.1f} s</title></rect>"
        for one in timeline
    ]
    drawn.append(
        f'<text x="0" y="56">0 s</text><text x="{WIDTH}" y="56" text-anchor="end">{timeline.duration_s:.1f} s</text>'
    )
    rows = "".join(
        f"<tr><td>{one.start_s:.1f}–{one.end_s:.1f} s</td><td>{label_html(one.emotion)}{'?' if one.unsure else ''}</td>"
        f"<td>{percent_words(one.confidence)}</td></tr>"
        for one in timeline.segments[:_LONGEST_TABLE]
    )
    more = len(timeline) - _LONGEST_TABLE
    rest = f"<div>and {more:,} more; to_frame() has all</div>" if more > 0 else ""
    title = (
        f"<div><b>{escape(timeline.source)}</b>, {len(timeline):,} segments, {timeline.speech_s:.1f} s of speech</div>"
    )
    warnings = texts_of(timeline.warnings)
    about = f"<div>{escape(warnings)}</div>" if warnings else ""
    picture = svg("".join(drawn), 60, f"segments of {timeline.source}")
    return f"<div>{title}{picture}{about}<table>{rows}</table>{rest}</div>"
