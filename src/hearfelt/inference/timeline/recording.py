"""Segments found while a sound is read: a recording, its channels mixed or each by itself, or a live stream."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import numpy.typing as npt
import soxr

from hearfelt.audio.channels import LOUDEST
from hearfelt.audio.reader import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, AudioReader, Samples, Sound, open_audio
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError
from hearfelt.inference.timeline.segmenter import Segmenter, WindowClassifier
from hearfelt.inference.timeline.segments import InterimResult, Segment, SegmentRow, Timeline, side_name
from hearfelt.inference.voice_activity import speech_warnings
from hearfelt.inference.windowing import RATE_HZ, resampled

__all__ = ["Recording", "Stream", "open_recording", "segments_of"]

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


class Stream:
    """One live sound; :meth:`hearfelt.inference.recognizer.Recognizer.stream` makes it.

    Args:
        segmenter: divides the sound into segments.
        rate_hz: samples in a second.

    Attributes:
        rate_hz: samples in a second.
        duration_s: seconds of sound fed so far.

    Example:
        >>> from hearfelt import Recognizer
        >>> stream = Recognizer.load("tiny").stream(16_000)
        >>> for _ in range(10):
        ...     results = stream.feed(np.zeros(1_600, np.float32))  # 0.1 s
        >>> stream, stream.finish()
        (<Stream at 16000 Hz, 1.00 s>, [])
    """

    def __init__(self, segmenter: Segmenter, rate_hz: int) -> None:
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise AudioError(f"a stream of {rate_hz} Hz; {LOWEST_RATE_HZ:,} to {HIGHEST_RATE_HZ:,} Hz is wanted")
        self.rate_hz = rate_hz
        self._segmenter = segmenter
        self._fed = 0
        self._is_over = False
        self._resampler = (
            soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ") if rate_hz != RATE_HZ else None
        )

    @property
    def duration_s(self) -> float:
        """Seconds of sound fed so far."""
        return self._fed / self.rate_hz

    def feed(self, samples: npt.NDArray[np.generic]) -> list[Segment | InterimResult]:
        """Add the next block of sound.

        Args:
            samples: ``(n,)`` int16, int32, float32 or float64, one channel; any n, also 0.

        Returns:
            Segments that are now final, and interim results, in order.

        Raises:
            AudioError: if the stream was finished, or these are no samples; then nothing of the block was used.
        """
        if self._is_over:
            raise AudioError("stream: it was finished; begin a new one")
        block = _checked(samples, self._fed)
        self._fed += len(block)
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        return self._segmenter.feed(block)

    def finish(self) -> list[Segment | InterimResult]:
        """End the stream.

        Returns:
            The segments that were still open; nothing if it was finished before.
        """
        if self._is_over:
            return []
        self._is_over = True
        results: list[Segment | InterimResult] = []
        if self._resampler is not None:
            results += self._segmenter.feed(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        return results + self._segmenter.finish()

    def __repr__(self) -> str:
        return f"<Stream at {self.rate_hz} Hz, {self.duration_s:.2f} s>"


def _checked(samples: npt.NDArray[np.generic], before: int) -> Samples:
    if not isinstance(samples, np.ndarray) or samples.ndim != 1:
        shape = samples.shape if isinstance(samples, np.ndarray) else type(samples).__name__
        raise AudioError(f"stream: a block of {shape}; an array of shape (n,) is wanted, one channel")
    if samples.dtype in (np.int16, np.int32):
        return (samples.astype(np.float64) / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype(np.float32)
    if samples.dtype not in (np.float32, np.float64):
        raise AudioError(f"stream: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
        block = np.ascontiguousarray(samples, np.float32)
    peak = float(np.abs(block).max(initial=0))
    if not np.isfinite(peak):
        first = int(np.argmin(np.isfinite(block)))
        raise AudioError(f"stream: sample {before + first} is {block[first]}; every sample has to be a finite number")
    if peak > LOUDEST:
        raise AudioError(f"stream: samples reach {peak:.0f}; floats have to be scaled to -1 to 1")
    return block
