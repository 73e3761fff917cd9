"""Sound: read anything that libsndfile reads, mix it to one channel, refuse what is broken."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from hearfelt.containers import refuse_cut_short
from hearfelt.errors import AudioError

__all__ = [
    "AUDIO_SUFFIXES",
    "SHORTEST_S",
    "Audio",
    "AudioReader",
    "Samples",
    "Sound",
    "audio_files",
    "open_audio",
    "read_audio",
    "refuse_silence",
    "resample",
]

Samples = npt.NDArray[np.float32]
Sound = Path | str | bytes | BinaryIO | npt.NDArray[np.generic]

SHORTEST_S: Final = 0.1
SILENCE_DB: Final = -80.0  # a peak below this is under three steps of 16-bit sound: nothing was recorded
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000
LOUDEST = 100.0  # 40 dB above full scale; beyond it somebody forgot to divide 16-bit numbers by 32,768
BLOCK = 1 << 18  # frames read at a time, 5 s at 48 kHz: a header that lies about its length costs no memory
MOST_CHANNELS = 64
STEP_16_BIT: Final = np.float32(1 / 32_768)

AUDIO_SUFFIXES: Final = frozenset(
    (".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".w64", ".wav")
)


@dataclass(frozen=True, eq=False)
class Audio:
    """A sound in memory.

    Attributes:
        samples: ``(n,)`` float32, one channel, full scale is -1 to 1.
        rate_hz: samples in a second, as stored.
        channels: how many channels the source had before they were mixed.
        name: what messages call it.
    """

    samples: Samples
    rate_hz: int
    channels: int = 1
    name: str = "sound"

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz

    @property
    def peak_db(self) -> float:
        """Largest deviation from the mean, in dB of full scale; -200 for digital silence."""
        swing = float(np.max(np.abs(self.samples - self.samples.mean(dtype=np.float64))))
        return _decibels(swing)

    def digest(self) -> str:
        """Name the sound by what is heard, whatever container it came in: 64 hexadecimal digits."""
        return hashlib.sha256(self.rate_hz.to_bytes(4, "little") + self.samples.astype("<f4").tobytes()).hexdigest()


class AudioReader:
    """A sound on its way in, one part after another, so that an hour needs no more memory than a minute.

    Args:
        parts: the samples as they are decoded, one channel, not checked yet.
        rate_hz: samples in a second.
        frames: how many samples are promised.
        channels: how many channels the source has.
        name: what messages call it.

    Attributes:
        heard: how many samples have gone by.
    """

    def __init__(self, parts: Iterator[Samples], rate_hz: int, frames: int, *, channels: int, name: str) -> None:
        self.rate_hz, self.frames, self.channels, self.name = rate_hz, frames, channels, name
        self.heard = 0
        self._parts = parts
        self._sum, self._lowest, self._highest = 0.0, math.inf, -math.inf

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the file promises it."""
        return self.frames / self.rate_hz

    @property
    def peak_db(self) -> float:
        """Largest deviation from the mean of what has gone by, in dB of full scale."""
        mean = self._sum / max(1, self.heard)
        return _decibels(max(self._highest - mean, mean - self._lowest))

    def whole(self) -> Audio:
        """Read everything at once.

        Raises:
            AudioError: as :func:`read_audio`.
        """
        parts = list(self._parts)
        samples = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts])
        audio = Audio(samples, self.rate_hz, self.channels, self.name)
        self.heard = len(samples)
        _check_level(samples, audio.name)
        _check_length(audio.duration_s, audio.name)
        return audio

    def parts(self) -> Iterator[Samples]:
        """Give the sound in parts of some seconds.

        Yields:
            ``(n,)`` float32, one after another.

        Raises:
            AudioError: as :func:`read_audio`, as soon as it shows.
        """
        for part in self._parts:
            _check_level(part, self.name, before=self.heard)
            self._lowest = min(self._lowest, float(part.min(initial=math.inf)))
            self._highest = max(self._highest, float(part.max(initial=-math.inf)))
            self._sum += float(part.sum(dtype=np.float64))
            self.heard += len(part)
            yield part
        _check_length(self.heard / self.rate_hz, self.name)


def read_audio(
    sound: Sound, rate_hz: int | None = None, *, name: str | None = None, channel: int | None = None
) -> Audio:
    """Read a sound from wherever it is, as one channel at its own sampling rate.

    Args:
        sound: a path, the bytes of a file, an open binary file, or samples: ``(n,)`` or ``(channels, n)``,
            int16, int32, float32 or float64.
        rate_hz: the rate of samples; must be left out for files, which say it themselves.
        name: what messages call the sound; by default the path.
        channel: the one that is taken, counted from 0; by default all are mixed.

    Raises:
        AudioError: if there is no such file, it is no sound, was cut short, holds NaN or infinite samples, or
            lasts less than 0.1 s, or there is no such channel.

    Example:
        >>> read_audio(np.zeros((2, 8000), np.int16), 16000).duration_s
        0.5
        >>> read_audio(np.array([0, 16384] * 800, np.int16), 8000).samples[:2].tolist()
        [0.0, 0.5]
    """
    with open_audio(sound, rate_hz, name=name, channel=channel) as reader:
        return reader.whole()


@contextmanager
def open_audio(
    sound: Sound, rate_hz: int | None = None, *, name: str | None = None, channel: int | None = None
) -> Iterator[AudioReader]:
    """Open a sound from wherever it is, to read it part by part.

    Args:
        sound: as for :func:`read_audio`.
        rate_hz: the rate of samples; must be left out for files.
        name: what messages call the sound.
        channel: the one that is taken, counted from 0; by default all are mixed.

    Raises:
        AudioError: if there is no such file, it is no sound, a WAV or Ogg file was cut short, or there is no such
            channel.

    Example:
        >>> with open_audio(np.zeros((2, 8000), np.int16), 16000) as reader:
        ...     sum(len(part) for part in reader.parts())
        8000
    """
    if isinstance(sound, np.ndarray):
        label = name or "samples"
        if rate_hz is None:
            raise AudioError(f"{label}: samples come without a rate; give it as the second argument, in Hz")
        audio = _from_samples(sound, rate_hz, label, channel)
        _check_rate(rate_hz, label)
        slices = (audio.samples[start : start + BLOCK] for start in range(0, len(audio.samples), BLOCK))
        yield AudioReader(slices, rate_hz, len(audio.samples), channels=audio.channels, name=label)
        return
    if not isinstance(sound, str | Path | bytes) and not hasattr(sound, "read"):
        kind = type(sound).__name__
        raise AudioError(f"{name or 'sound'}: a {kind}; a path, bytes, an open file or a numpy array is wanted")
    label = name or (str(sound) if isinstance(sound, str | Path) else "sound")
    if rate_hz is not None:
        raise AudioError(f"{label}: a file says its own rate; give a rate with samples only")
    with _file_of(sound, label) as file, _sound_file(file, label) as opened:
        _check_rate(opened.samplerate, label)
        _check_channel(channel, opened.channels, label)
        parts = _decoded(opened, label, channel)
        yield AudioReader(parts, opened.samplerate, opened.frames, channels=opened.channels, name=label)


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
    return np.pad(changed[:length], (0, max(0, length - len(changed))))


def refuse_silence(audio: Audio | AudioReader) -> None:
    """Raise an error for sound in which nothing can be heard: no answer about it would be true.

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
    """List the sound files below a folder by their endings, sorted by path; hidden files are passed over."""

    def walk(inside: Path) -> Iterator[Path]:
        for entry in inside.iterdir():
            if entry.name.startswith("."):
                continue
            if entry.is_dir() and not entry.is_symlink():
                yield from walk(entry)
            elif entry.suffix.casefold() in AUDIO_SUFFIXES and entry.is_file():
                yield entry

    try:
        return sorted(walk(folder), key=lambda path: path.as_posix())
    except FileNotFoundError:
        raise AudioError(f"{folder}: there is no such folder; check the path") from None
    except NotADirectoryError:
        raise AudioError(f"{folder}: this is a file; a folder is wanted here") from None
    except PermissionError as error:
        raise AudioError(f"{error.filename}: no permission to read this folder; make it readable first") from None


def _from_samples(samples: npt.NDArray[np.generic], rate_hz: int, name: str, channel: int | None) -> Audio:
    if samples.ndim == 2 and not 1 <= samples.shape[0] <= min(MOST_CHANNELS, samples.shape[1]):
        raise AudioError(
            f"{name}: samples of shape {samples.shape}; (n,) or (channels, n) with fewer channels than samples is"
            " wanted, so transpose them if they are (n, channels)"
        )
    if samples.ndim not in (1, 2):
        raise AudioError(f"{name}: samples with {samples.ndim} axes; (n,) or (channels, n) is wanted")
    channels = 1 if samples.ndim == 1 else samples.shape[0]
    _check_channel(channel, channels, name)
    if channel is not None and samples.ndim == 2:
        samples = samples[channel]  # (channels, n) -> (n,)
    if samples.dtype in (np.int16, np.int32):
        scaled = samples.astype(np.float64) / (2.0 ** (8 * samples.dtype.itemsize - 1))
    elif samples.dtype in (np.float32, np.float64):
        scaled = samples.astype(np.float64)
    else:
        raise AudioError(f"{name}: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    mono = scaled.mean(axis=0) if scaled.ndim == 2 else scaled  # (channels, n) -> (n,)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
        return Audio(mono.astype(np.float32), rate_hz, channels, name)


@contextmanager
def _file_of(sound: Path | str | bytes | BinaryIO, name: str) -> Iterator[BinaryIO]:
    if not isinstance(sound, str | Path):
        yield io.BytesIO(sound if isinstance(sound, bytes) else sound.read())
        return
    if not str(sound):
        raise AudioError("an empty path; the path of a sound file is wanted")
    try:
        file = Path(sound).expanduser().open("rb")
    except FileNotFoundError:
        raise AudioError(f"{name}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise AudioError(f"{name}: this is a folder; a sound file is wanted here") from None
    except PermissionError:
        raise AudioError(f"{name}: no permission to read this file; make it readable first") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise AudioError(f"{name}: cannot be read ({error})") from error
    with file:
        yield file


@contextmanager
def _sound_file(file: BinaryIO, name: str) -> Iterator[soundfile.SoundFile]:
    try:
        if not file.read(1):
            raise AudioError(f"{name}: the file is empty; a sound file is wanted")
        file.seek(0)
        refuse_cut_short(file, name)
        file.seek(0)
        opened = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise _unreadable(error, name) from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error})") from error
    with opened:
        yield opened


def _decoded(opened: soundfile.SoundFile, name: str, channel: int | None) -> Iterator[Samples]:
    rate_hz, promised, heard = opened.samplerate, opened.frames, 0
    # 16-bit sound is scaled here: the same numbers as libsndfile's own, four times as fast
    stored = "int16" if opened.subtype == "PCM_16" else "float32"
    while True:
        try:
            block = opened.read(BLOCK, dtype=stored, always_2d=True)  # (n, channels)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise _unreadable(error, name) from error
        if not len(block):
            break
        heard += len(block)
        if channel is not None:
            block = block[:, channel : channel + 1]  # (n, channels) -> (n, 1)
        scaled = block * STEP_16_BIT if stored == "int16" else block
        yield scaled.mean(axis=1) if scaled.shape[1] > 1 else np.ascontiguousarray(scaled[:, 0])
    if 0 < heard < promised:
        raise AudioError(
            f"{name}: cut short, {heard / rate_hz:.2f} s of {promised / rate_hz:.2f} s are there;"
            " copy or record the file again"
        )


def _unreadable(error: Exception, name: str) -> AudioError:
    reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").strip().rstrip(".")
    return AudioError(f"{name}: this is no sound that can be read ({reason}); WAV, FLAC, OGG, Opus, MP3 and AIFF can")


def _check_rate(rate_hz: int, name: str) -> None:
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(f"{name}: a rate of {rate_hz} Hz; {LOWEST_RATE_HZ:,} to {HIGHEST_RATE_HZ:,} Hz is wanted")


def _check_channel(channel: int | None, channels: int, name: str) -> None:
    if channel is None or 0 <= channel < channels:
        return
    there = "one, channel 0" if channels == 1 else f"{channels}, channels 0 to {channels - 1}"
    raise AudioError(f"{name}: there is no channel {channel}; this sound has {there}")


def _check_level(samples: Samples, name: str, *, before: int = 0) -> None:
    peak = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))  # NaN if one sample is
    if not math.isfinite(peak):
        first = int(np.argmin(np.isfinite(samples)))
        raise AudioError(f"{name}: sample {before + first} is {samples[first]}; every sample has to be a finite number")
    if peak > LOUDEST:
        raise AudioError(f"{name}: samples reach {peak:.0f}; floats have to be scaled to -1 to 1")


def _check_length(duration_s: float, name: str) -> None:
    if duration_s < SHORTEST_S:
        raise AudioError(f"{name}: {duration_s:.2f} s of sound; a clip needs at least {SHORTEST_S} s")


def _decibels(swing: float) -> float:
    return 20 * math.log10(max(swing, 1e-10))
