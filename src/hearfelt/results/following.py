"""One sound on its way into a file: its channels mixed or side by side, segment by segment."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from hearfelt.audio.reader import AudioReader, Sound, open_audio
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.speech_check import speech_warnings
from hearfelt.inference.timeline.recordings import segments_of
from hearfelt.results.segment_rows import Heard, side_name
from hearfelt.results.writer import Gathering

__all__ = ["Followed", "called", "followed"]

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Followed:
    """A sound that is being followed.

    Attributes:
        segments: what is heard, in the order in which it begins; listening goes on while they are taken.
        gathering: whatever was taken, and how far the sound was listened to.
    """

    segments: Iterator[Heard]
    gathering: Gathering


def called(source: str) -> str:
    """Tell what messages and pictures call a source; ``-`` says little there.

    Example:
        >>> called("-"), called("call.wav")
        ('standard input', 'call.wav')
    """
    return "standard input" if source == "-" else source


@contextmanager
def followed(
    recognizer: Recognizer,
    sound: Sound,
    *,
    source: str,
    is_separate: bool = False,
    progress: Progress | None = None,
) -> Iterator[Followed]:
    """Open a sound and get ready to hear it, in memory that does not grow with its length.

    Args:
        recognizer: who answers.
        sound: the sound; if its channels are heard separately, one that can be opened several times.
        source: what files call it.
        is_separate: whether each channel gets segments of its own; otherwise they are mixed.
        progress: is called with the seconds that were heard so far, of every channel.

    Raises:
        AudioError: if it cannot be opened; while segments are taken also if it cannot be read to its end.
    """
    with ExitStack() as opened:

        def reader_of(channel: int | None) -> AudioReader:
            return opened.enter_context(open_audio(sound, name=called(source), channel=channel))

        first = reader_of(0 if is_separate else None)
        channels: tuple[int | None, ...] = tuple(range(first.channels)) if is_separate else (None,)
        readers = [first, *(reader_of(channel) for channel in channels[1:])]
        labels, model = recognizer.labels, recognizer.card.name
        gathering = Gathering(source, channels, labels, model, promised_s=first.duration_s)

        def tell(_: float) -> None:
            reached = [reader.samples_read / reader.rate_hz for reader in readers]
            gathering.reached_s = max(gathering.reached_s, *reached)
            if progress is not None:
                progress(sum(reached) / len(reached))

        def track(channel: int | None, reader: AudioReader) -> Iterator[Heard]:
            side = side_name(channel, len(channels))
            speech_s = 0.0
            about_speech: tuple[SoundWarning, ...] = ()
            try:
                for segment in segments_of(reader, recognizer.segmenter(), tell):
                    speech_s += segment.duration_s
                    gathering.warnings[channel] = reader.warnings
                    yield Heard(source, channel, segment, side, reader.warnings)
                about_speech = speech_warnings(speech_s, reader.samples_read / reader.rate_hz)
            finally:  # all is known only now, also where the sound broke off
                gathering.warnings[channel] = (*reader.warnings, *about_speech)

        tracks = [track(channel, reader) for channel, reader in zip(channels, readers, strict=True)]
        yield Followed(_gathered(_side_by_side(tracks), gathering), gathering)


def _gathered(segments: Iterator[Heard], gathering: Gathering) -> Iterator[Heard]:
    for heard in segments:
        gathering.add(heard)
        yield heard


def _side_by_side(tracks: Sequence[Iterator[Heard]]) -> Iterator[Heard]:
    """Merge tracks by the time at which segments begin; what is known when listening stops is given, too."""
    waiting: list[tuple[float, int, Heard]] = []

    def take(place: int) -> None:
        for heard in tracks[place]:
            heapq.heappush(waiting, (heard.segment.start_s, place, heard))
            return

    try:
        for place in range(len(tracks)):
            take(place)
        while waiting:
            _, place, heard = heapq.heappop(waiting)
            yield heard
            take(place)
    except (AudioError, KeyboardInterrupt):
        yield from (heard for _, _, heard in sorted(waiting))
        raise
