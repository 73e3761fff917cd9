"""A recording whose segments are found while it is read: its channels mixed, or each by itself."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from hearfelt.audio.reader import AudioReader, Sound, open_audio
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError
from hearfelt.inference.speech_check import speech_warnings
from hearfelt.inference.timeline.segmenter import Segmenter, WindowClassifier
from hearfelt.inference.timeline.segments import Segment, SegmentRow, Timeline, side_name
from hearfelt.inference.windowing import resampled

__all__ = ["Recording", "open_recording", "segments_of"]

Progress = Callable[[float], None]


@contextmanager
def open_recording(
    sound: Sound,
    classifier: WindowClassifier,
    *,
    source: str | None = None,
    rate_hz: int | None = None,
    is_separate: bool = False,
    progress: Progress | None = None,
) -> Iterator[Recording]:
    """Open a sound to find its segments, in memory that does not grow with its length.

    Args:
        sound: the sound; for separate channels it must be possible to open it several times.
        classifier: the model.
        source: name of the sound in rows, ``-`` for standard input; by default the path.
        rate_hz: sampling rate of samples, in Hz.
        is_separate: whether each channel gets segments of its own; otherwise all are mixed.
        progress: is called with the seconds read so far, the mean over channels.

    Raises:
        AudioError: if it cannot be opened; while segments are taken also if it cannot be read to its end.
    """
    if is_separate and not isinstance(sound, (str, bytes, tuple)) and hasattr(sound, "read"):
        sound = sound.read()  # an open file can be read once only, and each channel is read by itself
    name = "standard input" if source == "-" else source
    with ExitStack() as opened:

        def reader_of(channel: int | None) -> AudioReader:
            return opened.enter_context(open_audio(sound, rate_hz, name=name, channel=channel))

        readers: dict[int | None, AudioReader] = {}
        if is_separate:
            readers[0] = reader_of(0)
            readers |= {channel: reader_of(channel) for channel in range(1, readers[0].channels)}
        else:
            readers[None] = reader_of(None)
        yield Recording(readers, classifier, source=source, progress=progress)


class Recording:
    """Finds the segments of an open sound; iterate over it once.

    Args:
        readers: an open reader for each channel; the channel ``None`` stands for all of them mixed.
        classifier: the model.
        source: name of the sound in rows.
        progress: is called with the seconds read so far, the mean over channels.

    Attributes:
        name: name of the sound in messages.
        source: name of the sound in rows.
        channels: numbers of the channels; ``(None,)`` for all of them mixed.
        expected_s: length of the sound in seconds, as its file says; 0 if it is unknown.
    """

    def __init__(
        self,
        readers: Mapping[int | None, AudioReader],
        classifier: WindowClassifier,
        *,
        source: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        first = next(iter(readers.values()))
        self.name, self.source = first.name, source or first.name
        self.channels, self.expected_s = tuple(readers), first.duration_s
        self._readers, self._classifier, self._progress = readers, classifier, progress
        self._segments: dict[int | None, list[Segment]] = {channel: [] for channel in readers}
        self._about_speech: dict[int | None, tuple[SoundWarning, ...]] = dict.fromkeys(readers, ())

    @property
    def reached_s(self) -> float:
        """Seconds of the sound that were read so far."""
        return max(map(_reached_s, self._readers.values()))

    def warnings_of(self, channel: int | None) -> tuple[SoundWarning, ...]:
        """Give the warnings about one channel; complete when its last segment was taken."""
        return (*self._readers[channel].warnings, *self._about_speech[channel], *self._classifier.warnings)

    @property
    def warnings(self) -> tuple[SoundWarning, ...]:
        """The warnings about any channel, each once."""
        return tuple(dict.fromkeys(one for channel in self.channels for one in self.warnings_of(channel)))

    def timelines(self) -> list[Timeline]:
        """Give a timeline for each channel, up to where the sound was read."""
        labels, model = self._classifier.labels, self._classifier.model
        return [
            Timeline(
                self.source,
                channel,
                _reached_s(reader),
                tuple(self._segments[channel]),
                labels,
                model,
                self.warnings_of(channel),
            )
            for channel, reader in self._readers.items()
        ]

    def __iter__(self) -> Iterator[SegmentRow]:
        """Give the segments of all channels by the time at which they begin, each as soon as it is final.

        What is known when an error or Ctrl-C ends the reading is given first.
        """
        tracks = {channel: self._track(channel) for channel in self.channels}
        waiting: list[tuple[float, int, SegmentRow]] = []

        def take(index: int) -> None:
            for row in tracks[self.channels[index]]:
                heapq.heappush(waiting, (row.segment.start_s, index, row))
                return

        try:
            for index in range(len(tracks)):
                take(index)
            while waiting:
                _, index, row = heapq.heappop(waiting)
                yield row
                take(index)
        except (AudioError, KeyboardInterrupt):
            yield from (row for _, _, row in sorted(waiting))
            raise

    def _track(self, channel: int | None) -> Iterator[SegmentRow]:
        reader, side = self._readers[channel], side_name(channel, len(self.channels))
        speech_s = 0.0
        for segment in segments_of(reader, Segmenter(self._classifier), self._report):
            speech_s += segment.duration_s
            self._segments[channel].append(segment)
            yield SegmentRow(self.source, channel, segment, side, reader.warnings)
        self._about_speech[channel] = speech_warnings(speech_s, _reached_s(reader))

    def _report(self, _: float) -> None:
        if self._progress is not None:
            self._progress(sum(map(_reached_s, self._readers.values())) / len(self._readers))


def segments_of(reader: AudioReader, segmenter: Segmenter, progress: Progress | None = None) -> Iterator[Segment]:
    """Give the segments of an open sound one after another, while it is read.

    Args:
        reader: an open sound.
        segmenter: a new one.
        progress: is called with the seconds read so far.

    Yields:
        Segments by time.

    Raises:
        AudioError: if the sound cannot be read to its end, or is shorter than 0.1 s.
    """
    for part in resampled(reader, is_centred=False):  # as in a stream
        yield from (one for one in segmenter.feed(part) if isinstance(one, Segment))
        if progress is not None:
            progress(_reached_s(reader))
    yield from (one for one in segmenter.finish() if isinstance(one, Segment))


def _reached_s(reader: AudioReader) -> float:
    return reader.samples_read / reader.rate_hz
