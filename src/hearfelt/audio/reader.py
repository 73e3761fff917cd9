"""Reads sound from any source and format as one channel, with warnings."""

from __future__ import annotations

import errno
import hashlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import soxr

from hearfelt.audio.channels import LOUDEST, LevelMeter, decibels, mix_to_mono, rescale_floats
from hearfelt.audio.decoders.libsndfile import BLOCK, Decoded
from hearfelt.audio.decoders.pyav import SUFFIXES
from hearfelt.audio.decoders.raw import RawSound, decode_raw
from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.identify import open_decoder
from hearfelt.audio.inputs import (
    AudioTrack,
    Pair,
    Samples,
    Source,
    Tensor,
    channels_of,
    from_array,
    name_of,
    open_source,
    open_stream,
    with_rate,
)
from hearfelt.audio.warnings import FILE_FAULTS, SoundWarning
from hearfelt.errors import AudioError

__all__ = [
    "AUDIO_SUFFIXES",
    "BLOCK",
    "SHORTEST_S",
    "Audio",
    "AudioReader",
    "Samples",
    "Sound",
    "audio_files",
    "open_audio",
    "read_audio",
    "refuse_faults",
    "refuse_silence",
    "resample",
]


SHORTEST_S: Final = 0.1
SILENCE_DB: Final = -80.0  # a peak below this is under three steps of 16-bit sound: nothing was recorded
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000

AUDIO_SUFFIXES: Final = SUFFIXES | frozenset(
    (".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".w64", ".wav")
)


@dataclass(frozen=True, eq=False, repr=False)
class Audio:
    """A sound in memory.

    Attributes:
        samples: ``(n,)`` float32, one channel, full scale is -1 to 1.
        rate_hz: samples in a second, as stored.
        channels: number of channels of the source before they were mixed.
        name: name of the sound in messages.
        warnings: problems found in the sound; empty for a clean recording.

    Example:
        >>> sound = Audio(np.zeros(8_000, np.float32), 16_000, name="pause.wav")
        >>> sound, sound.duration_s
        (<Audio pause.wav: 0.50 s at 16000 Hz>, 0.5)
    """

    samples: Samples
    rate_hz: int
    channels: int = 1
    name: str = "sound"
    warnings: tuple[SoundWarning, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz

    @property
    def peak_db(self) -> float:
        """Largest deviation from the mean, in dB of full scale; -200 for digital silence."""
        return decibels(float(np.max(np.abs(self.samples - self.samples.mean(dtype=np.float64)))))

    def digest(self) -> str:
        """Compute the SHA-256 of rate and samples, whatever the container: 64 hexadecimal digits."""
        return hashlib.sha256(self.rate_hz.to_bytes(4, "little") + self.samples.astype("<f4").tobytes()).hexdigest()

    def _repr_html_(self) -> str:
        from hearfelt.audio.notebook import audio_html

        return audio_html(self.samples, self.rate_hz, f"{self.name}: {self.duration_s:.2f} s at {self.rate_hz} Hz")

    def __repr__(self) -> str:
        return f"<Audio {self.name}: {self.duration_s:.2f} s at {self.rate_hz} Hz>"


class AudioReader:
    """Reads a sound part by part, so that an hour needs no more memory than a minute.

    Args:
        parts: the samples as they are decoded, one channel, not checked yet.
        rate_hz: samples in a second.
        frames: how many samples are promised or estimated; 0 if unknown.
        channels: how many channels the source has.
        name: its name for messages.
        warnings: what is odd about it; may grow until the last part is given.

    Attributes:
        on_part: called with the seconds that were read so far, before :meth:`parts` gives the last of them; it may
            raise an error to end the reading.
    """

    def __init__(
        self,
        parts: Iterator[Samples],
        rate_hz: int,
        frames: int,
        *,
        channels: int,
        name: str,
        warnings: list[SoundWarning] | None = None,
    ) -> None:
        self.rate_hz, self.frames, self.channels, self.name = rate_hz, frames, channels, name
        self._warnings = [] if warnings is None else warnings
        self._parts = parts
        self._meter = LevelMeter()
        self.on_part: Callable[[float], None] | None = None

    @property
    def warnings(self) -> tuple[SoundWarning, ...]:
        """Warnings about the sound so far; complete after the last part."""
        return tuple(self._warnings)

    @property
    def samples_read(self) -> int:
        """How many samples were read."""
        return self._meter.samples

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the file promises it; of what was read, where nothing is promised."""
        return (self.frames or self.samples_read) / self.rate_hz

    @property
    def peak_db(self) -> float:
        """Largest deviation from the mean of what was read, in dB of full scale."""
        return self._meter.peak_db

    def lasts_longer_than(self, seconds: float) -> bool:
        """Check whether there is more sound than this, by decoding it instead of trusting a header.

        What is decoded for that is held, and given by :meth:`parts` and :meth:`whole` as usual.
        Afterwards :attr:`frames` is right if the sound is not longer, and 0 if it was promised to be shorter.

        Raises:
            AudioError: if the sound is broken before that.
        """
        begun: list[Samples] = []
        held, enough = 0, seconds * self.rate_hz
        while held <= enough and (part := next(self._parts, None)) is not None:
            begun.append(part)
            held += len(part)
        self._parts = chain(begun, self._parts)
        if held <= enough:
            self.frames = held
        elif self.frames < held:
            self.frames = 0
        return held > enough

    def whole(self) -> Audio:
        """Read everything at once.

        Raises:
            AudioError: as :func:`read_audio`.
        """
        parts = list(self._parts)
        samples = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts])
        self._meter.add(samples, _checked_range(samples, self.name))
        self._finish()
        return Audio(samples, self.rate_hz, self.channels, self.name, self.warnings)

    def parts(self) -> Iterator[Samples]:
        """Yield the sound in parts of some seconds.

        Yields:
            ``(n,)`` float32, one after another.

        Raises:
            AudioError: as :func:`read_audio`, as soon as it shows.
        """
        for part in self._parts:
            self._meter.add(part, _checked_range(part, self.name, before=self.samples_read))
            if self.on_part is not None:
                self.on_part(self.samples_read / self.rate_hz)
            yield part
        self._finish()

    def _finish(self) -> None:
        _check_length(self.samples_read / self.rate_hz, self.name)
        known = {warning.code for warning in self._warnings}
        self._warnings += [warning for warning in self._meter.warnings() if warning.code not in known]


_Decodable = Source | AudioTrack | RawSound | npt.NDArray[np.generic]
Sound = Source | AudioTrack | RawSound | Excerpt | Audio | AudioReader | npt.NDArray[np.generic] | Tensor | Pair


def read_audio(
    sound: Sound,
    rate_hz: int | None = None,
    *,
    name: str | None = None,
    channel: int | None = None,
    strict: bool = False,
) -> Audio:
    """Read a sound from any source as one channel at its own sampling rate.

    Args:
        sound: a path, the bytes of a file, an open binary file or a pipe, a :class:`RawSound`, an :class:`AudioTrack`,
            an :class:`Excerpt` of one of these, an :class:`Audio`, an unread :class:`AudioReader`, or samples:
            ``(n,)`` or ``(channels, n)``, int16, int32, float32 or float64, as an array or a tensor of torch, or with
            their rate as in :data:`hearfelt.audio.inputs.Pair`.
        rate_hz: the rate of samples; must be left out for files, which say it themselves.
        name: name for messages; by default the path.
        channel: the one that is taken, counted from 0; by default all are mixed.
        strict: refuse a file that is cut short, damaged, or has a wrong header, instead of reading what is there.

    Raises:
        AudioError: if nothing can be decoded, samples are NaN or infinite, it lasts less than 0.1 s, there is no such
            channel or track, or the file is faulty and ``strict`` is set. For a missing file it is also a
            FileNotFoundError.

    Example:
        >>> read_audio(np.zeros((2, 8000), np.int16), 16000).duration_s
        0.5
        >>> read_audio(np.array([0, 16384] * 800, np.int16), 8000).samples[:2].tolist()
        [0.0, 0.5]
    """
    with open_audio(sound, rate_hz, name=name, channel=channel) as reader:
        audio = reader.whole()
    if strict:
        refuse_faults(audio)
    return audio


@contextmanager
def open_audio(
    sound: Sound, rate_hz: int | None = None, *, name: str | None = None, channel: int | None = None
) -> Iterator[AudioReader]:
    """Open a sound from any source to read it part by part.

    Args:
        sound: as for :func:`read_audio`.
        rate_hz: the rate of samples; must be left out for files.
        name: name for messages.
        channel: the one that is taken, counted from 0; by default all are mixed.

    Raises:
        AudioError: if there is no such file, it is no sound, or there is no such channel or track.

    Example:
        >>> with open_audio(np.zeros((2, 8000), np.int16), 16000) as reader:
        ...     sum(len(part) for part in reader.parts())
        8000
    """
    if isinstance(sound, AudioReader):
        yield sound
        return
    sound, rate_hz = with_rate(sound, rate_hz)
    label = name or ("samples" if isinstance(sound, np.ndarray) else name_of(sound))
    if isinstance(sound, Audio):
        if rate_hz is not None and rate_hz != sound.rate_hz:
            raise AudioError(f"{label}: a rate of {rate_hz} Hz for sound at {sound.rate_hz} Hz; leave the rate out")
        yield _reader_of(sound, channel, label)
        return
    whole = sound.source if isinstance(sound, Excerpt) else sound
    source = whole.source if isinstance(whole, RawSound | AudioTrack) else whole
    if not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview | np.ndarray) and not hasattr(
        source, "read"
    ):
        kind = type(source).__name__
        raise AudioError(f"{label}: a {kind}; a path, bytes, an open file or a numpy array is wanted")
    with _decoded(cast("_Decodable", whole), rate_hz, label, channel) as decoded:
        _check_rate(decoded.rate_hz, label)
        _check_channel(channel, decoded.channels, label)
        # in a file nobody can mend it; whoever gives an array can
        blocks = decoded.blocks if isinstance(sound, np.ndarray) else rescale_floats(decoded.blocks, decoded.warnings)
        parts, frames = mix_to_mono(blocks, channel, decoded.rate_hz, decoded.warnings), decoded.frames
        if isinstance(sound, Excerpt):
            frames = sound.frames_of(frames, decoded.rate_hz)
            parts = sound.cut(parts, decoded.rate_hz, label, decoded.warnings)
        yield AudioReader(
            parts, decoded.rate_hz, frames, channels=decoded.channels, name=label, warnings=decoded.warnings
        )


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Change the sampling rate with soxr's high quality setting.

    Args:
        samples: ``(n,)`` float32.
        from_hz: their rate.
        to_hz: the rate wanted.

    Returns:
        ``(ceil(n * to_hz / from_hz),)`` float32.

    Example:
        >>> resample(np.zeros(441, np.float32), 44100, 16000).shape
        (160,)
    """
    if from_hz == to_hz:
        return samples
    length = math.ceil(len(samples) * to_hz / from_hz)
    changed = soxr.resample(samples, from_hz, to_hz, quality="HQ").astype(np.float32, copy=False)
    # soxr rounds the last sample up or down
    return changed[:length] if len(changed) >= length else np.pad(changed, (0, length - len(changed)))


def refuse_faults(audio: Audio | AudioReader) -> None:
    """Raise an error for a file that is cut, damaged or has a wrong header, which otherwise is a warning.

    Args:
        audio: a sound, or one that has been read to its end.

    Raises:
        AudioError: if one of its warnings has a code in :data:`hearfelt.audio.warnings.FILE_FAULTS`.
    """
    fault = next((warning for warning in audio.warnings if warning.code in FILE_FAULTS), None)
    if fault is not None:
        raise AudioError(f"{audio.name}: {fault.text}; copy or record the file again")


def refuse_silence(audio: Audio | AudioReader) -> None:
    """Raise an error for a silent sound.

    Args:
        audio: a sound, or one that has been read to its end.

    Raises:
        AudioError: if no sample swings more than -80 dB of full scale around the mean.
    """
    if audio.peak_db < SILENCE_DB:
        raise AudioError(
            f"{audio.name}: only silence (peak {audio.peak_db:.0f} dB); a voice needs more than {SILENCE_DB:.0f} dB"
        )


def audio_files(folder: Path) -> list[Path]:
    """List the sound files below a folder by their endings, sorted by path; hidden files are left out."""
    found: list[Path] = []
    waiting = [folder]  # no recursion: folders may lie deeper than Python calls
    try:
        while waiting:
            inside = waiting.pop()
            with os.scandir(inside) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    path = inside / entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif path.suffix.casefold() in AUDIO_SUFFIXES and path.is_file():
                        found.append(path)
        return sorted(found, key=lambda path: path.as_posix())
    except FileNotFoundError:
        raise AudioError(f"{folder}: there is no such folder; check the path") from None
    except NotADirectoryError:
        raise AudioError(f"{folder}: this is a file; a folder is wanted here") from None
    except PermissionError as error:
        raise AudioError(f"{error.filename}: no permission to read this folder; make it readable first") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _too_deep(inside) from None
        raise AudioError(f"{inside}: cannot be read ({error.strerror})") from error


@contextmanager
def _decoded(sound: _Decodable, rate_hz: int | None, name: str, channel: int | None) -> Iterator[Decoded]:
    if isinstance(sound, np.ndarray):
        if rate_hz is None:
            raise AudioError(f"{name}: samples come without a rate; give it as the second argument, in Hz")
        rate_hz = _whole_rate(rate_hz, name)
        channels = channels_of(sound, name)
        _check_channel(channel, channels, name)
        samples = from_array(sound, name)
        slices = (samples[start : start + BLOCK] for start in range(0, len(samples), BLOCK))  # (n, channels)
        yield Decoded(rate_hz, channels, len(samples), slices)
        return
    if rate_hz is not None:
        raise AudioError(f"{name}: a file says its own rate; give a rate with samples only")
    if isinstance(sound, RawSound):
        with open_stream(sound.source, name) as file:
            yield decode_raw(file, sound.format, name)
        return
    opened = sound if isinstance(sound, AudioTrack) else AudioTrack(sound, None)
    with open_source(opened.source, name) as file, open_decoder(file, name, opened.number) as decoded:
        yield decoded


def _reader_of(audio: Audio, channel: int | None, name: str) -> AudioReader:
    _check_channel(channel, 1, name)
    parts = (audio.samples[start : start + BLOCK] for start in range(0, len(audio.samples), BLOCK))
    known = list(audio.warnings)
    return AudioReader(parts, audio.rate_hz, len(audio.samples), channels=audio.channels, name=name, warnings=known)


def _too_deep(folder: Path) -> AudioError:
    shown = str(folder)
    return AudioError(
        f"{shown[:120]}…: folders within folders, {len(folder.parts):,} of them, deeper than paths may be long;"
        " move what is inside further up"
    )


def _whole_rate(rate_hz: object, name: str) -> int:
    """Convert a rate such as 22050.0 to a whole number."""
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, int | float | np.integer | np.floating):
        raise AudioError(f"{name}: a rate of {rate_hz!r}; a whole number in Hz is wanted")
    if not math.isfinite(rate_hz) or rate_hz != int(rate_hz):
        raise AudioError(f"{name}: a rate of {rate_hz!r}; a whole number in Hz is wanted")
    return int(rate_hz)


def _check_rate(rate_hz: int, name: str) -> None:
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(f"{name}: a rate of {rate_hz} Hz; {LOWEST_RATE_HZ:,} to {HIGHEST_RATE_HZ:,} Hz is wanted")


def _check_channel(channel: int | None, channels: int, name: str) -> None:
    if channel is None or (isinstance(channel, int | np.integer) and 0 <= channel < channels):
        return
    there = "one, channel 0" if channels == 1 else f"{channels}, channels 0 to {channels - 1}"
    raise AudioError(f"{name}: there is no channel {channel}; this sound has {there}")


def _checked_range(samples: Samples, name: str, *, before: int = 0) -> tuple[float, float]:
    """Give the lowest and the highest sample, or refuse samples that are not finite or not scaled."""
    if not samples.size:
        return 0.0, 0.0
    lowest, highest = float(samples.min()), float(samples.max())
    peak = max(highest, -lowest)  # NaN if one sample is
    if not math.isfinite(peak):
        first = int(np.argmin(np.isfinite(samples)))
        raise AudioError(f"{name}: sample {before + first} is {samples[first]}; every sample has to be a finite number")
    if peak > LOUDEST:
        raise AudioError(f"{name}: samples reach {peak:.0f}; floats have to be scaled to -1 to 1")
    return lowest, highest


def _check_length(duration_s: float, name: str) -> None:
    if duration_s < SHORTEST_S:
        shown = math.floor(duration_s * 10_000) / 10_000  # 1,599 samples at 16 kHz must not read as 0.1 s
        raise AudioError(f"{name}: {shown:g} s of sound; a clip needs at least {SHORTEST_S} s")
