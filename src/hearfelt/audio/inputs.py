"""Every kind of input: a path, bytes, an open file or a pipe as one seekable file; arrays and tensors as float32.

Nothing waits here for what may never come: a named pipe or a device given as a path is refused at once.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from hearfelt.errors import AudioError, AudioNotFoundError
from hearfelt.runtime.files import path_given

__all__ = [
    "MOST_CHANNELS",
    "MOST_PIPED_BYTES",
    "AudioTrack",
    "Pair",
    "Samples",
    "Source",
    "Tensor",
    "channels_of",
    "from_array",
    "name_of",
    "open_source",
    "open_stream",
    "pieces_of",
    "saved",
    "with_rate",
]

Samples = npt.NDArray[np.float32]

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

MOST_CHANNELS: Final = 64
MOST_PIPED_BYTES: Final = 4 << 30  # 4 GiB, two days of a call: a pipe that never ends must not fill the disk
_IN_MEMORY: Final = 16 << 20  # 16 MiB of a pipe are held in memory, the rest in a temporary file
_PART: Final = 1 << 20
_NO_FILES: Final = {
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


@dataclass(frozen=True, eq=False)
class AudioTrack:
    """One of several audio tracks of a file; accepted wherever a sound is.

    Attributes:
        source: a path, bytes or an open binary file.
        number: which audio track, counted from 0; None for the default one, or the first in which there is sound.
    """

    source: Source
    number: int | None

    @property
    def name(self) -> str:
        """Name for messages."""
        return name_of(self.source)


def name_of(source: object) -> str:
    """Name a path, bytes or an open file for messages.

    Example:
        >>> name_of("clip.wav"), name_of(b"RIFF")
        ('clip.wav', 'sound')
    """
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    if not isinstance(name, str):
        return "sound"
    return "standard input" if name == "<stdin>" else name


def pieces_of(file: BinaryIO, pieces: Sequence[bytes | tuple[int, int]], *, claimed: int | None = None) -> BinaryIO:
    """Present parts of a file, and bytes in between, as one file.

    It has no name: decoders would take a name for a format or an address.

    Args:
        file: holds the parts.
        pieces: bytes, or from which byte to which of the file.
        claimed: the length that is reported at a seek to the end; the true one by default.

    Example:
        >>> pieces_of(io.BytesIO(b"abcdef"), [b"x", (2, 4)]).read()
        b'xcd'
    """
    return cast(BinaryIO, _Pieces(file, pieces, claimed))


class _Pieces(io.RawIOBase):
    def __init__(self, file: BinaryIO, pieces: Sequence[bytes | tuple[int, int]], claimed: int | None) -> None:
        super().__init__()
        self._file, self._pieces, self._place = file, pieces, 0
        lengths = (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
        self._ends = list(accumulate(lengths))
        self._length = claimed or (self._ends[-1] if self._ends else 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = max(0, (0, self._place, self._length)[whence] + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and (read := self._next(len(view) - done)):
            view[done : done + len(read)] = read
            done += len(read)
            self._place += len(read)
        return done

    def _next(self, wanted: int) -> bytes:
        number = bisect_right(self._ends, self._place)
        if number < len(self._pieces):
            piece, left = self._pieces[number], self._ends[number] - self._place
            if isinstance(piece, bytes):
                return piece[len(piece) - left :][:wanted]
            self._file.seek(piece[1] - left)
            return self._file.read(min(wanted, left))
        # at a claimed end a tag is looked for, which is not there
        is_near_end = self._length - 128 <= self._place < self._length
        return bytes(wanted) if is_near_end else b""


class _Saved(tempfile.SpooledTemporaryFile[bytes]):
    def __init__(self, name: str) -> None:
        super().__init__(_IN_MEMORY)
        self._called = name

    @property
    def name(self) -> str:
        return self._called


@contextmanager
def open_source(source: Source, name: str) -> Iterator[BinaryIO]:
    """Open a source as a seekable file, at its beginning.

    A path is opened, and closed again. An open file is used as it is if it is at its beginning or at its end, and put
    back to the beginning; what stands elsewhere or is a pipe is saved aside first, from where it stands.

    Args:
        source: a path, the bytes of a file, or an open binary file.
        name: its name for messages.

    Raises:
        AudioError: if it is not there, not a file, not readable, or empty.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield _not_empty(io.BytesIO(source), name)
    elif isinstance(source, str | os.PathLike):
        with _opened(source, name) as file:
            yield _not_empty(file, name)
    elif _is_at_its_beginning(source, name):
        try:
            yield _not_empty(source, name)
        finally:
            with suppress(OSError, ValueError):
                source.seek(0)
    elif _is_at_its_end(source):
        source.seek(0)  # left at its end after writing
        yield _not_empty(source, name)
    else:
        with saved(source, name) as file:
            yield _not_empty(file, name)


@contextmanager
def open_stream(source: Source, name: str) -> Iterator[BinaryIO]:
    """Open a source to be read once from where it stands; a pipe is not saved.

    An open file that can be sought in is put back to where it stood.

    Args:
        source: as for :func:`open_source`.
        name: its name for messages.

    Raises:
        AudioError: if it is not there, not a file or not readable.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        with _opened(source, name) as file:
            yield file
    else:
        place = _place_of(source)
        try:
            yield source
        finally:
            if place is not None:
                with suppress(OSError, ValueError):
                    source.seek(place)


@contextmanager
def saved(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Save what comes through a pipe to a temporary file; it is removed when this ends.

    Up to 16 MiB are held in memory, more in the folder for temporary files.

    Args:
        stream: read from where it stands to its end.
        name: its name for messages.

    Raises:
        AudioError: if it holds more than 4 GiB, or cannot be read or saved.
    """
    with cast(BinaryIO, _Saved(name)) as file:
        try:
            size = 0
            while part := stream.read(_PART):
                size += len(part)
                if size > MOST_PIPED_BYTES:
                    raise AudioError(
                        f"{name}: more than {MOST_PIPED_BYTES:,} bytes came through the pipe; save the sound as a file,"
                        " or pipe raw samples, which are read as they come"
                    )
                file.write(part)
            file.seek(0)
        except (OSError, TypeError, ValueError) as error:
            raise error if isinstance(error, AudioError) else _unread(name, error) from error
        yield file


def _opened(path: str | os.PathLike[str], name: str) -> BinaryIO:
    if not os.fspath(path):
        raise AudioError("an empty path; the path of a sound file is wanted")
    try:
        place = path_given(path)
        mode = place.stat().st_mode  # asked before it is opened: to open a pipe is to wait for who writes into it
        for is_kind, kind in _NO_FILES.items():
            if is_kind(mode):
                raise AudioError(f"{name}: this is {kind}; a sound file is wanted, or - for what is piped in")
        return place.open("rb")
    except FileNotFoundError:
        raise AudioNotFoundError(f"{name}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise AudioError(f"{name}: this is a folder; a sound file is wanted here") from None
    except PermissionError:
        raise AudioError(f"{name}: no permission to read this file; make it readable first") from None
    except (OSError, ValueError) as error:
        raise error if isinstance(error, AudioError) else _unread(name, error) from error


def _is_at_its_beginning(file: BinaryIO, name: str) -> bool:
    try:
        if isinstance(file.read(0), str):
            raise AudioError(f"{name}: a file opened as text; open it as bytes, with mode 'rb'")
        return bool(getattr(file, "seekable", bool)()) and file.tell() == 0
    except (OSError, TypeError, ValueError) as error:
        raise error if isinstance(error, AudioError) else _unread(name, error) from error


def _is_at_its_end(file: BinaryIO) -> bool:
    place = _place_of(file)
    if not place:
        return False
    end = file.seek(0, os.SEEK_END)
    file.seek(place)
    return place == end


def _place_of(file: BinaryIO) -> int | None:
    try:
        return file.tell() if file.seekable() else None
    except (AttributeError, OSError, ValueError):
        return None


def _not_empty(file: BinaryIO, name: str) -> BinaryIO:
    try:
        if not file.read(1):
            raise AudioError(f"{name}: the file is empty; a sound file is wanted")
        file.seek(0)
    except IsADirectoryError:  # some systems open a folder, and only refuse to read it
        raise AudioError(f"{name}: this is a folder; a sound file is wanted here") from None
    except OSError as error:
        raise _unread(name, error) from error
    return file


def _unread(name: str, error: Exception) -> AudioError:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return AudioError(f"{name}: cannot be read ({reason})")


class Tensor(Protocol):
    """A tensor of torch; named by what is asked of it, so that torch need not be installed."""

    def detach(self) -> Any:
        """Give the tensor without its gradient."""


Pair = tuple[int, npt.NDArray[np.generic] | Tensor] | tuple[npt.NDArray[np.generic] | Tensor, int] | Mapping[str, Any]
"""Samples with their rate: ``(rate_hz, samples)`` as SciPy and Gradio have it, ``(samples, rate_hz)`` as soundfile and
torchaudio do, or a mapping with ``array`` (or ``raw``) and ``sampling_rate`` as in Hugging Face's data sets."""


def with_rate(sound: object, rate_hz: int | None) -> tuple[Any, int | None]:
    """Take apart samples that come with their rate, and make an array of a tensor; leave everything else alone.

    In a pair, ``(n, channels)`` is transposed to ``(channels, n)``, since it is known that nobody has more channels
    than samples.

    Args:
        sound: of any kind.
        rate_hz: the rate that was given beside it.

    Returns:
        The sound, and its rate.

    Raises:
        AudioError: if two rates were given, or a pair has none.

    Example:
        >>> samples, rate_hz = with_rate((16_000, np.zeros((8_000, 2))), None)
        >>> samples.shape, rate_hz
        ((2, 8000), 16000)
    """
    if isinstance(sound, Mapping):
        samples, found = sound.get("array", sound.get("raw")), sound.get("sampling_rate")
        if samples is None or found is None:
            raise AudioError(
                f"a mapping with {', '.join(map(str, sound)) or 'nothing'}; array and sampling_rate are wanted"
            )
    elif isinstance(sound, tuple):
        rates = [one for one in sound if isinstance(one, int | float | np.integer | np.floating)]
        if len(sound) != 2 or len(rates) != 1:
            raise AudioError(f"a tuple of {len(sound)}; a pair of samples and their rate in Hz is wanted")
        samples, found = next(one for one in sound if one is not rates[0]), cast(int, rates[0])  # checked later
    else:
        return _array_of(sound), rate_hz
    if rate_hz is not None and rate_hz != found:
        raise AudioError(f"a rate of {rate_hz} Hz for samples at {found} Hz; leave the rate out")
    array = np.asarray(_array_of(samples))
    is_transposed = array.ndim == 2 and array.shape[0] > array.shape[1]
    return (array.T if is_transposed else array), found


def _array_of(sound: Any) -> Any:
    """Make an array of a tensor, wherever it is; leave everything else alone."""
    if not (hasattr(sound, "detach") and hasattr(sound, "cpu")):
        return sound
    try:
        return sound.detach().cpu().numpy()
    except TypeError as error:  # a type that numpy lacks, such as bfloat16
        raise AudioError(f"a tensor of type {sound.dtype}; int16, int32, float32 or float64 is wanted") from error


def channels_of(samples: npt.NDArray[np.generic], name: str) -> int:
    """Count the channels of an array, and refuse an ambiguous shape.

    Args:
        samples: ``(n,)`` or ``(channels, n)``.
        name: their name for messages.

    Raises:
        AudioError: if the shape is another one, or nothing is in it.

    Example:
        >>> channels_of(np.zeros((2, 8000)), "call")
        2
    """
    shape: tuple[int, ...] = samples.shape
    if samples.ndim == 1:
        return 1
    if samples.ndim != 2:
        raise AudioError(f"{name}: samples with {samples.ndim} axes; (n,) or (channels, n) is wanted")
    if not samples.size:
        raise AudioError(f"{name}: samples of shape {shape}, with nothing in them; (n,) or (channels, n) is wanted")
    if not shape[0] < shape[1] or shape[0] > MOST_CHANNELS:
        raise AudioError(
            f"{name}: samples of shape {shape}; (n,) or (channels, n) with fewer channels than samples is wanted, so"
            " transpose them if they are (n, channels)"
        )
    return shape[0]


def from_array(samples: npt.NDArray[np.generic], name: str) -> Samples:
    """Scale samples to -1 to 1.

    Args:
        samples: ``(n,)`` or ``(channels, n)``, int16, int32, float32 or float64.
        name: their name for messages.

    Returns:
        ``(n, channels)`` float32.

    Raises:
        AudioError: if they are of another kind.

    Example:
        >>> from_array(np.array([[0, 16384], [0, 0]], np.int16), "call").tolist()
        [[0.0, 0.0], [0.5, 0.0]]
    """
    kind = samples.dtype.newbyteorder("=")
    sides: npt.NDArray[Any] = samples[:, None] if samples.ndim == 1 else samples.T  # (n, channels)
    if kind in (np.int16, np.int32):
        sides = sides / (2.0 ** (8 * kind.itemsize - 1))
    elif kind not in (np.float32, np.float64):
        raise AudioError(f"{name}: samples of type {samples.dtype}; int16, int32, float32 or float64 is wanted")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused when it is read
        return np.ascontiguousarray(sides, np.float32)
