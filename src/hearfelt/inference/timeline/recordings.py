"""Segments and timelines of whole recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from hearfelt.audio.reader import AudioReader, Sound, open_audio
from hearfelt.inference.speech_check import speech_warnings
from hearfelt.inference.timeline.segmenter import Segmenter
from hearfelt.inference.timeline.segments import Segment, Timeline
from hearfelt.inference.windowing import resampled

if TYPE_CHECKING:
    from hearfelt.inference.recognizer import Recognizer

__all__ = ["segments_of", "timelines_of"]

Progress = Callable[[float], None]


def segments_of(reader: AudioReader, segmenter: Segmenter, progress: Progress | None = None) -> Iterator[Segment]:
    """Give the segments of an open sound one after another, while it is read.

    Args:
        reader: an open sound.
        segmenter: a new one.
        progress: is called with the seconds read so far.

    Yields:
        Segments in their order.

    Raises:
        AudioError: if the sound cannot be read to its end, or is shorter than 0.1 s.
    """
    for part in resampled(reader, is_centred=False):  # as in a stream
        yield from (one for one in segmenter.feed(part) if isinstance(one, Segment))
        if progress is not None:
            progress(reader.samples_read / reader.rate_hz)
    yield from (one for one in segmenter.finish() if isinstance(one, Segment))


def timelines_of(
    recognizer: Recognizer,
    sound: Sound,
    rate_hz: int | None = None,
    *,
    is_separate: bool = False,
    progress: Progress | None = None,
) -> list[Timeline]:
    """Make the timelines of a sound: one of all channels mixed, or one for each channel.

    Returns:
        One timeline, or one for each channel.

    Raises:
        AudioError: if the sound cannot be read to its end, or is shorter than 0.1 s.
    """
    if is_separate and hasattr(sound, "read"):
        sound = sound.read()  # an open file may be read once only, and each channel is read by itself
    timelines: list[Timeline] = []
    channels = 1
    while len(timelines) < channels:
        channel = len(timelines) if is_separate else None
        with open_audio(sound, rate_hz, channel=channel) as reader:
            channels = reader.channels if is_separate else 1
            segments = tuple(segments_of(reader, recognizer.segmenter(), progress))
            duration_s = reader.samples_read / reader.rate_hz
            card = recognizer.card
            timeline = Timeline(reader.name, channel, duration_s, segments, card.labels, card.name, reader.warnings)
            about_speech = speech_warnings(timeline.speech_s, duration_s)
            timelines.append(replace(timeline, warnings=(*timeline.warnings, *about_speech)))
    return timelines
