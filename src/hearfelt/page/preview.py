"""Decode a visitor's sound once: its outline, and a copy that every browser plays."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import AudioReader, Samples, open_audio, refuse_silence
from hearfelt.errors import AudioError
from hearfelt.features.display import Outline, OutlineBuilder, mel_spectrogram
from hearfelt.reports.formatting import time_words

__all__ = ["SHORT_S", "NamedSound", "Playable", "PlayableWriter", "read_playable", "smaller"]

SHORT_S: Final = 60.0
"""Up to here a sound is played as it is, and has a spectrogram; a longer one is played as FLAC of 16 kHz."""

_COLUMNS: Final = 900
_FRAMES: Final = 640
_LONG_HZ: Final = 16_000
_FLAC: Final = "audio/flac"
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


class PlayableWriter:
    """Makes what a player needs while something else reads the sound: :meth:`parts` records what it passes on.

    Args:
        reader: an open sound.
        longest_s: the longest that is accepted, in seconds.

    Attributes:
        expected_s: length of the sound as its file says, in seconds; 0 if unknown.
        is_long: whether it is longer than :data:`SHORT_S`.

    Raises:
        AudioError: if the file says that it is too long, or it is broken.
    """

    def __init__(self, reader: AudioReader, *, longest_s: float) -> None:
        _refuse_length(reader.duration_s, longest_s, reader.name)
        self.expected_s = reader.duration_s
        self.is_long = reader.lasts_longer_than(SHORT_S)
        self._reader, self._longest_s = reader, longest_s
        self._outline = OutlineBuilder(reader.rate_hz, columns=_COLUMNS)
        self._flac: _FlacWriter | None = None
        self._held: list[Samples] = []

    def parts(self) -> Iterator[Samples]:
        """Give the sound part by part.

        Raises:
            AudioError: if it is too long, cannot be read to its end, or is too short.
        """
        if self.is_long:
            self._flac = _FlacWriter(self._reader.rate_hz)
        for part in self._reader.parts():
            _refuse_length(self._reader.samples_read / self._reader.rate_hz, self._longest_s, self._reader.name)
            self._outline.add(part)
            if self._flac is None:
                self._held.append(part)
            else:
                self._flac.write(part)
            yield part

    def outline(self) -> Outline:
        """Give the outline of what was read so far; any thread may ask."""
        return self._outline.outline()

    def finish(self) -> Playable:
        """Give the player's data, when the last part was read.

        Raises:
            AudioError: if it is only silence.
        """
        copy = b"" if self._flac is None else self._flac.finish()
        refuse_silence(self._reader)
        if copy:
            return Playable(self.outline(), copy, _FLAC, None)
        samples, rate_hz = np.concatenate([np.zeros(0, np.float32), *self._held]), self._reader.rate_hz
        return Playable(self.outline(), _wav(samples, rate_hz), "audio/wav", _levels(samples, rate_hz))


def read_playable(sound: bytes | NamedSound | Excerpt, name: str, *, longest_s: float) -> Playable:
    """Decode a sound.

    Args:
        sound: the bytes of a file, a file, or a part of one.
        name: for messages.
        longest_s: the longest that is accepted, in seconds.

    Raises:
        AudioError: if it cannot be read, is too short, too long, or only silence.
    """
    with open_audio(NamedSound(sound, name) if isinstance(sound, bytes) else sound, name=name) as reader:
        writer = PlayableWriter(reader, longest_s=longest_s)
        deque(writer.parts(), maxlen=0)
        return writer.finish()


def smaller(playable: Playable) -> Playable:
    """Return the data of a long sound with an MP3, a fifth as large, in place of the FLAC; a short one as it is."""
    if playable.kind != _FLAC:
        return playable
    buffer = io.BytesIO()
    with (
        soundfile.SoundFile(io.BytesIO(playable.copy)) as copy,
        soundfile.SoundFile(
            buffer, "w", copy.samplerate, 1, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.7
        ) as mp3,
    ):
        for block in copy.blocks(_LONG_HZ, dtype="float32"):
            mp3.write(block)
    return replace(playable, copy=buffer.getvalue(), kind="audio/mpeg")


def _refuse_length(seconds: float, longest_s: float, name: str) -> None:
    if seconds > longest_s:
        raise AudioError(
            f"{name}: {time_words(seconds)} of sound; this page accepts up to {time_words(longest_s)},"
            " and hearfelt timeline any length"
        )


class _FlacWriter:
    """Writes a sound as FLAC, block by block: larger than MP3, but in 1 % of the time of recognizing it, not 30 %."""

    def __init__(self, rate_hz: int) -> None:
        self._stream = soxr.ResampleStream(rate_hz, _LONG_HZ, 1, dtype="float32", quality="MQ")
        self._buffer = io.BytesIO()
        self._file = soundfile.SoundFile(
            self._buffer, "w", _LONG_HZ, 1, format="FLAC", subtype="PCM_16", compression_level=0.0
        )

    def write(self, part: Samples, *, is_last: bool = False) -> None:
        self._file.write(np.clip(self._stream.resample_chunk(part, last=is_last), -1, 1))

    def finish(self) -> bytes:
        self.write(np.zeros(0, np.float32), is_last=True)
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
