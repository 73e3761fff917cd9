"""Decode a visitor's sound once: its outline, and a copy that every browser plays."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from hearfelt.audio.reader import AudioReader, Samples, open_audio, refuse_silence
from hearfelt.errors import AudioError
from hearfelt.features.display import mel_spectrogram
from hearfelt.features.outline import Outline, outline
from hearfelt.results.clock import time_words

__all__ = ["SHORT_S", "NamedSound", "Playable", "read_playable"]

SHORT_S: Final = 60.0
"""Up to here a sound is played as it is, and has a spectrogram; a longer one is played as an MP3 of 24 kHz."""

_COLUMNS: Final = 900
_FRAMES: Final = 640
_LONG_HZ: Final = 24_000
_RANGE_DB: Final = 70.0  # below the loudest; what is softer is drawn as nothing


class NamedSound(io.BytesIO):
    """A sound file in memory, with a name for messages.

    Args:
        data: the whole file.
        name: the visitor's file name.
    """

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name
        self._size = max(1, len(data))

    @property
    def share(self) -> float:
        """The share of the file that was read; any thread may ask."""
        return 1.0 if self.closed else min(1.0, self.tell() / self._size)


@dataclass(frozen=True, eq=False)
class Playable:
    """The data of a player.

    Attributes:
        outline: lowest and highest sample over time.
        copy: a sound file that browsers play.
        kind: its media type.
        levels: ``(bands, frames)`` uint8, 0 is 70 dB below the loudest, low frequencies first; None for long sounds.
    """

    outline: Outline
    copy: bytes
    kind: str
    levels: NDArray[np.uint8] | None


def read_playable(
    data: bytes, name: str, *, longest_s: float, progress: Callable[[float, float], None] | None = None
) -> Playable:
    """Decode a sound.

    Args:
        data: the whole file.
        name: for messages.
        longest_s: the longest that is accepted, in seconds.
        progress: called with the seconds that were read, and those of the whole sound; 0 if unknown.

    Raises:
        AudioError: if it cannot be read, is too short, too long, or only silence.
    """
    with open_audio(NamedSound(data, name), name=name) as reader:
        _refuse_length(reader.duration_s, longest_s, name)
        is_long = reader.lasts_longer_than(SHORT_S)
        parts = _watched(reader, longest_s, progress)
        if is_long:
            writer = _LongWriter(reader.rate_hz)
            found = outline(writer.write_and_pass(parts), reader.rate_hz, columns=_COLUMNS)
            copy, levels = writer.finish(), None
        else:
            samples = np.concatenate([np.zeros(0, np.float32), *parts])
            found = outline([samples], reader.rate_hz, columns=_COLUMNS)
            copy, levels = _wav(samples, reader.rate_hz), _levels(samples, reader.rate_hz)
        refuse_silence(reader)
    return Playable(found, copy, "audio/mpeg" if is_long else "audio/wav", levels)


def _watched(
    reader: AudioReader, longest_s: float, progress: Callable[[float, float], None] | None
) -> Iterator[Samples]:
    for part in reader.parts():
        heard_s = reader.samples_read / reader.rate_hz
        _refuse_length(heard_s, longest_s, reader.name)
        if progress is not None:
            progress(heard_s, reader.frames / reader.rate_hz)
        yield part


def _refuse_length(seconds: float, longest_s: float, name: str) -> None:
    if seconds > longest_s:
        raise AudioError(
            f"{name}: {time_words(seconds)} of sound; this page accepts up to {time_words(longest_s)},"
            " and hearfelt timeline any length"
        )


class _LongWriter:
    """Writes a sound as MP3, block by block."""

    def __init__(self, rate_hz: int) -> None:
        self._stream = soxr.ResampleStream(rate_hz, _LONG_HZ, 1, dtype="float32", quality="MQ")
        self._buffer = io.BytesIO()
        self._file = soundfile.SoundFile(
            self._buffer, "w", _LONG_HZ, 1, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.7
        )

    def write_and_pass(self, parts: Iterator[Samples]) -> Iterator[Samples]:
        for part in parts:
            self._file.write(np.clip(self._stream.resample_chunk(part), -1, 1))
            yield part

    def finish(self) -> bytes:
        self._file.write(np.clip(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), -1, 1))
        self._file.close()
        return self._buffer.getvalue()


def _wav(samples: Samples, rate_hz: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), rate_hz, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _levels(samples: Samples, rate_hz: int) -> NDArray[np.uint8]:
    shown = mel_spectrogram(samples, rate_hz, frames=_FRAMES).level_db
    loudest_db = float(shown.max(initial=-90.0))
    share = np.clip((shown - (loudest_db - _RANGE_DB)) / _RANGE_DB, 0, 1)
    return np.asarray(np.round(255 * share), np.uint8)  # (bands, frames)
