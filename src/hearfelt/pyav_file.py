"""What libsndfile does not read and FFmpeg does, through PyAV: m4a, AAC, WebM, WMA, AC-3, AMR, and a video's sound.

A file is taken for one of these by its first bytes, and FFmpeg is told which: it never guesses, never opens another
file and never goes to a network, as it would for a playlist. The extra ``formats`` brings PyAV.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from hearfelt.containers import changed, id3_length
from hearfelt.errors import AudioError, ExtraMissingError, require
from hearfelt.gaps import Gaps
from hearfelt.sample_arrays import MOST_CHANNELS
from hearfelt.sound_file import BLOCK, Block, Decoded

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

__all__ = ["SUFFIXES", "Container", "container_of", "is_installed", "open_pyav_file"]

SUFFIXES: Final = frozenset(
    (".3gp", ".aac", ".ac3", ".amr", ".asf", ".avi", ".awb", ".eac3", ".flv", ".m4a", ".m4b", ".m4v", ".mka", ".mkv",
     ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wma", ".wmv")
)  # fmt: skip
"""Endings of these files; no ``.ts``, which more often is a program."""


@dataclass(frozen=True)
class Container:
    """A kind of file that FFmpeg reads.

    Attributes:
        demuxer: what FFmpeg calls it.
        says: what messages call it.
        has_length: whether its header says how long it lasts.
        is_timed: whether its sound has time stamps that can be relied on, instead of following on.
        restarts: whether these begin anew when what is broadcast changes.
    """

    demuxer: str
    says: str
    has_length: bool = True
    is_timed: bool = False
    restarts: bool = False


_MP4: Final = Container("mov", "an MP4, M4A or QuickTime file", is_timed=True)
_AAC: Final = Container("aac", "an AAC stream", has_length=False)
_AC3: Final = Container("ac3", "an AC-3 stream", has_length=False)
_EAC3: Final = Container("eac3", "an E-AC-3 stream", has_length=False)
_TRANSPORT: Final = Container("mpegts", "an MPEG transport stream", has_length=False, is_timed=True, restarts=True)
_BY_FIRST_BYTES: Final = {
    b"\x1a\x45\xdf\xa3": Container("matroska", "a Matroska or WebM file", is_timed=True),
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": Container("asf", "a Windows Media file"),
    b"#!AMR": Container("amr", "an AMR file", has_length=False),
    b"FLV\x01": Container("flv", "a Flash video", is_timed=True),
    b"\0\0\x01\xba": Container("mpeg", "an MPEG program stream", has_length=False, is_timed=True, restarts=True),
}
_BOXES: Final = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"))  # an MP4 file begins with one
_PACKET: Final = 188  # bytes of a transport stream, each beginning with 0x47
# libsndfile reads these too; what it does not know in them, such as Speex in Ogg or AAC in CAF, FFmpeg may.
_SHARED: Final = {b"OggS": Container("ogg", "an Ogg file"), b"caff": Container("caf", "a CAF file")}
_FAULTS: Final = (OSError, RuntimeError, ValueError, MemoryError)  # what PyAV raises beside its own errors
_MOST_SILENT: Final = 10_000  # frames without a sample in a row, after which a file is given up


def container_of(file: BinaryIO, *, shared: bool = False) -> Container | None:
    """Tell by its first bytes what PyAV is for, or give None.

    Args:
        file: at its beginning, where it is left.
        shared: ask about what libsndfile reads as well.

    Example:
        >>> import io
        >>> container_of(io.BytesIO(bytes(4) + b"ftypM4A ")).says
        'an MP4, M4A or QuickTime file'
    """
    head = file.read(2 * _PACKET + 1)
    if length := id3_length(head):
        file.seek(length)
        head = file.read(2 * _PACKET + 1)
        tagged = True
    else:
        tagged = False
    file.seek(0)
    if shared:
        return _SHARED.get(head[:4])
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0:  # ADTS; MP3 has a layer in these bits
        return _AAC
    if tagged:
        return None
    if head[4:8] in _BOXES:
        return _MP4
    if head[:2] == b"\x0b\x77" and len(head) > 5:
        return _EAC3 if head[5] >> 3 > 10 else _AC3
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Container("avi", "an AVI file")
    if len(head) > 2 * _PACKET and head[0] == head[_PACKET] == head[2 * _PACKET] == 0x47:
        return _TRANSPORT
    return next((kind for mark, kind in _BY_FIRST_BYTES.items() if head.startswith(mark)), None)


def is_installed() -> bool:
    """Tell whether PyAV is there."""
    try:
        require("av", "formats")
    except ExtraMissingError:
        return False
    return True


@contextmanager
def open_pyav_file(file: BinaryIO, container: Container, name: str) -> Iterator[Decoded]:
    """Open the first audio stream of a file with FFmpeg.

    The rate and the channels are those of the first frame that is decoded, since headers of AAC say half the rate of
    what comes out. Time counts from where the container begins, as players show it: a late start and gaps of 50 ms and
    more are silence. A damaged packet is an error, not a click.

    Args:
        file: seekable.
        container: which kind it is.
        name: what messages call it.

    Raises:
        AudioError: if PyAV is missing, there is no sound in it, it is encrypted or damaged.
    """
    try:
        av: Any = require("av", "formats")
    except ExtraMissingError as error:
        raise AudioError(
            f"{name}: this is {container.says}, which PyAV reads and which is not installed;"
            " pip install 'hearfelt[formats]'"
        ) from error
    with _demuxed(av, file, container, name) as (source, stream):
        length_s = _promised(av, source, stream, container) if container.has_length else 0.0
        length_s = length_s or _counted(av, source, stream, container, name)
    with _demuxed(av, file, container, name) as (source, stream):
        frames = _frames(av, source, stream, name)
        first = next(frames, None)
        if first is None:
            raise AudioError(f"{name}: no sound in it; its audio track is empty")
        rate_hz, channels = first.sample_rate, len(first.layout.channels)
        if not 1 <= channels <= MOST_CHANNELS:
            raise AudioError(f"{name}: {channels} channels; 1 to {MOST_CHANNELS} are wanted")
        gaps = _gaps(av, source, container, name)
        yield Decoded(rate_hz, channels, round(length_s * rate_hz), _blocks(first, frames, gaps, container, name))


@contextmanager
def _demuxed(av: Any, file: BinaryIO, container: Container, name: str) -> Iterator[tuple[InputContainer, AudioStream]]:
    file.seek(0)
    # Not the file itself: PyAV would take its name for an address, and fail over one that is not UTF-8.
    plain = SimpleNamespace(read=file.read, seek=file.seek, tell=file.tell)
    with _words(av, name, "this is no sound that can be read"):
        source = av.open(plain, "r", format=container.demuxer, metadata_errors="replace", io_open=_open_nothing)
    try:
        stream = _audio_stream(source, container, name)
        yield source, stream
    finally:
        with contextlib.suppress(av.FFmpegError, ValueError):
            source.close()


def _audio_stream(source: InputContainer, container: Container, name: str) -> AudioStream:
    if not source.streams.audio:
        seen = "a video without sound" if source.streams.video else f"{container.says} without sound"
        raise AudioError(f"{name}: {seen}; a file with an audio track is wanted")
    stream = source.streams.audio[0]
    context: Any = stream.codec_context  # None if there is no decoder
    if "enc_key_id" in stream.metadata:  # Matroska's way of saying so; the others are told by their bytes
        raise AudioError(f"{name}: encrypted (DRM); a copy without protection is wanted")
    if context is None:
        raise AudioError(f"{name}: its sound is stored in a way that FFmpeg does not know; convert it to WAV or FLAC")
    context.thread_count = 1  # a process works with one thread; codecs of sound gain nothing from more
    return stream


def _open_nothing(url: str, flags: int, options: dict[str, str]) -> Any:
    raise PermissionError(f"no other file is opened, such as {url[:80]}")


def _promised(av: Any, source: InputContainer, stream: AudioStream, container: Container) -> float:
    start_s = (source.start_time or 0) / float(av.time_base) if container.is_timed else 0.0
    if stream.duration is not None and stream.time_base is not None:
        starts_at = (stream.start_time or 0) if container.is_timed else 0
        late_s = max(0.0, float(starts_at * stream.time_base) - start_s)
        return max(0.0, late_s + float(stream.duration * stream.time_base))
    return max(0.0, (source.duration or 0) / float(av.time_base) - max(0.0, start_s))


def _counted(av: Any, source: InputContainer, stream: AudioStream, container: Container, name: str) -> float:
    """Sum up how long all packets last: where no header says it that is the only way, and it is fast."""
    gaps = _gaps(av, source, container, name)
    with _words(av, name, "damaged"):
        for packet in source.demux(stream):
            if packet.duration and packet.time_base:
                gaps.before(_time_of(packet, container), float(packet.duration * packet.time_base))
        return max(0.0, gaps.total_s)


def _gaps(av: Any, source: InputContainer, container: Container, name: str) -> Gaps:
    start_s = None if source.start_time is None else source.start_time / float(av.time_base)
    return Gaps(start_s, restarts=container.restarts, name=name)


def _frames(av: Any, source: InputContainer, stream: AudioStream, name: str) -> Iterator[AudioFrame]:
    """Decode, and make one error of all that PyAV raises."""
    decoded = source.decode(stream)
    heard, empty = 0.0, 0
    while True:
        try:
            frame = next(decoded, None)
        except (av.FFmpegError, *_FAULTS) as error:
            raise _refused(error, name, f"cut short or damaged after {heard:.2f} s") from error
        if frame is None:
            return
        if not frame.samples or not frame.sample_rate:
            empty += 1
            if empty > _MOST_SILENT:
                raise AudioError(f"{name}: damaged after {heard:.2f} s; copy or record the file again")
            continue
        empty = 0
        heard += frame.samples / frame.sample_rate
        yield frame


def _blocks(
    first: AudioFrame, frames: Iterator[AudioFrame], gaps: Gaps, container: Container, name: str
) -> Iterator[Block]:
    rate_hz, channels = first.sample_rate, len(first.layout.channels)
    held: list[Block] = []
    size = 0
    for frame in chain([first], frames):
        now = frame.sample_rate, len(frame.layout.channels)
        if now != (rate_hz, channels):
            raise changed(name, gaps.total_s, (rate_hz, channels), now)
        silent = round(gaps.before(_time_of(frame, container), frame.samples / rate_hz) * rate_hz)
        if held and (silent or size >= BLOCK):
            yield _joined(held)
            held, size = [], 0
        for start in range(0, silent, BLOCK):
            yield np.zeros((min(BLOCK, silent - start), channels), np.int16)
        held.append(_samples(frame, name))
        size += frame.samples
    yield _joined(held)


def _time_of(stamped: AudioFrame | Packet[AudioStream], container: Container) -> float | None:
    if not container.is_timed or stamped.pts is None or not stamped.time_base:
        return None
    return float(stamped.pts * stamped.time_base)


def _joined(held: list[Block]) -> Block:
    alike = held if len({block.dtype for block in held}) == 1 else [_as_float(block) for block in held]
    return np.concatenate(alike)


def _as_float(block: Block) -> Block:
    return block * np.float32(1 / 32_768) if block.dtype == np.int16 else block


def _samples(frame: AudioFrame, name: str) -> Block:
    """Give a frame as ``(n, channels)``, int16 or float32."""
    try:
        stored = frame.to_ndarray()  # (channels, n), or (1, n * channels) if they are interleaved
    except ValueError as error:
        raise AudioError(f"{name}: samples of kind {frame.format.name} cannot be read; convert it to WAV") from error
    sides: Block = stored.T if frame.format.is_planar else stored.reshape(-1, len(frame.layout.channels))
    if sides.dtype == np.int16:
        return sides
    if sides.dtype == np.uint8:
        return (sides.astype(np.float32) - 128) / 128
    if sides.dtype.kind == "i":
        return (sides / 2.0 ** (8 * sides.dtype.itemsize - 1)).astype(np.float32)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused when it is read
        return sides.astype(np.float32)


@contextmanager
def _words(av: Any, name: str, what: str) -> Iterator[None]:
    try:
        yield
    except AudioError:
        raise
    except (av.FFmpegError, *_FAULTS) as error:
        raise _refused(error, name, what) from error


def _refused(error: BaseException, name: str, what: str) -> AudioError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return AudioError(f"{name}: {what} ({reason}); copy or record the file again")
