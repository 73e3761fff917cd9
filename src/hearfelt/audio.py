"""Sound: read anything that libsndfile reads, mix it to one channel, refuse what is broken."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
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
    "Samples",
    "Sound",
    "audio_files",
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
        return 20 * math.log10(max(swing, 1e-10))

    def digest(self) -> str:
        """Name the sound by what is heard, whatever container it came in: 64 hexadecimal digits."""
        return hashlib.sha256(self.rate_hz.to_bytes(4, "little") + self.samples.astype("<f4").tobytes()).hexdigest()


def read_audio(sound: Sound, rate_hz: int | None = None, *, name: str | None = None) -> Audio:
    """Read a sound from wherever it is, mixed to one channel at its own sampling rate.

    Args:
        sound: a path, the bytes of a file, an open binary file, or samples: ``(n,)`` or ``(channels, n)``,
            int16, int32, float32 or float64.
        rate_hz: the rate of samples; must be left out for files, which say it themselves.
        name: what messages call the sound; by default the path.

    Raises:
        AudioError: if there is no such file, it is no sound, was cut short, holds NaN or infinite samples, or
            lasts less than 0.1 s.

    Example:
        >>> read_audio(np.zeros((2, 8000), np.int16), 16000).duration_s
        0.5
        >>> read_audio(np.array([0, 16384] * 800, np.int16), 8000).samples[:2].tolist()
        [0.0, 0.5]
    """
    if isinstance(sound, np.ndarray):
        label = name or "samples"
        if rate_hz is None:
            raise AudioError(f"{label}: samples come without a rate; give it as the second argument, in Hz")
        audio = _from_samples(sound, rate_hz, label)
    else:
        if not isinstance(sound, str | Path | bytes) and not hasattr(sound, "read"):
            kind = type(sound).__name__
            raise AudioError(f"{name or 'sound'}: a {kind}; a path, bytes, an open file or a numpy array is wanted")
        if rate_hz is not None:
            label = name or (str(sound) if isinstance(sound, str | Path) else "sound")
            raise AudioError(f"{label}: a file says its own rate; give a rate with samples only")
        audio = _from_file(sound, name)
    return _checked(audio)


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


def refuse_silence(audio: Audio) -> None:
    """Raise an error for sound in which nothing can be heard: no answer about it would be true.

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


def _from_samples(samples: npt.NDArray[np.generic], rate_hz: int, name: str) -> Audio:
    if samples.ndim == 2 and not 1 <= samples.shape[0] <= min(MOST_CHANNELS, samples.shape[1]):
        raise AudioError(
            f"{name}: samples of shape {samples.shape}; (n,) or (channels, n) with fewer channels than samples is"
            " wanted, so transpose them if they are (n, channels)"
        )
    if samples.ndim not in (1, 2):
        raise AudioError(f"{name}: samples with {samples.ndim} axes; (n,) or (channels, n) is wanted")
    if samples.dtype in (np.int16, np.int32):
        scaled = samples.astype(np.float64) / (2.0 ** (8 * samples.dtype.itemsize - 1))
    elif samples.dtype in (np.float32, np.float64):
        scaled = samples.astype(np.float64)
    else:
        raise AudioError(f"{name}: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    mono = scaled.mean(axis=0) if scaled.ndim == 2 else scaled  # (channels, n) -> (n,)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
        return Audio(mono.astype(np.float32), rate_hz, 1 if samples.ndim == 1 else samples.shape[0], name)


def _from_file(sound: Path | str | bytes | BinaryIO, name: str | None) -> Audio:
    if isinstance(sound, str | Path):
        path = Path(sound).expanduser()
        label = name or str(sound)
        if not str(sound):
            raise AudioError("an empty path; the path of a sound file is wanted")
        try:
            with path.open("rb") as file:
                return _decoded(file, label)
        except FileNotFoundError:
            raise AudioError(f"{label}: there is no such file; check the path") from None
        except IsADirectoryError:
            raise AudioError(f"{label}: this is a folder; a sound file is wanted here") from None
        except PermissionError:
            raise AudioError(f"{label}: no permission to read this file; make it readable first") from None
        except (OSError, ValueError) as error:
            if isinstance(error, AudioError):
                raise
            raise AudioError(f"{label}: cannot be read ({error})") from error
    label = name or "sound"
    return _decoded(io.BytesIO(sound if isinstance(sound, bytes) else sound.read()), label)


def _decoded(file: BinaryIO, name: str) -> Audio:
    if not file.read(1):
        raise AudioError(f"{name}: the file is empty; a sound file is wanted")
    file.seek(0)
    refuse_cut_short(file, name)
    file.seek(0)
    parts: list[Samples] = []
    try:
        with soundfile.SoundFile(file) as opened:
            rate_hz, channels, promised = opened.samplerate, opened.channels, opened.frames
            # 16-bit sound is scaled here: the same numbers as libsndfile's own, four times as fast
            stored = "int16" if opened.subtype == "PCM_16" else "float32"
            while len(block := opened.read(BLOCK, dtype=stored, always_2d=True)):  # (n, channels)
                scaled = block * STEP_16_BIT if stored == "int16" else block
                parts.append(scaled.mean(axis=1) if channels > 1 else scaled[:, 0])
    except (soundfile.LibsndfileError, RuntimeError) as error:
        reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").strip().rstrip(".")
        raise AudioError(
            f"{name}: this is no sound that can be read ({reason}); WAV, FLAC, OGG, Opus, MP3 and AIFF can"
        ) from error
    samples = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts])
    if parts and len(samples) < promised:
        raise AudioError(
            f"{name}: cut short, {len(samples) / rate_hz:.2f} s of {promised / rate_hz:.2f} s are there;"
            " copy or record the file again"
        )
    return Audio(samples, rate_hz, channels, name)


def _checked(audio: Audio) -> Audio:
    name, samples = audio.name, audio.samples
    if not LOWEST_RATE_HZ <= audio.rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(
            f"{name}: a rate of {audio.rate_hz} Hz; {LOWEST_RATE_HZ:,} to {HIGHEST_RATE_HZ:,} Hz is wanted"
        )
    peak = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))  # NaN if one sample is
    if not math.isfinite(peak):
        first = int(np.argmin(np.isfinite(samples)))
        raise AudioError(f"{name}: sample {first} is {samples[first]}; every sample has to be a finite number")
    if audio.duration_s < SHORTEST_S:
        raise AudioError(f"{name}: {audio.duration_s:.2f} s of sound; a clip needs at least {SHORTEST_S} s")
    if peak > LOUDEST:
        raise AudioError(f"{name}: samples reach {peak:.0f}; floats have to be scaled to -1 to 1")
    return audio
