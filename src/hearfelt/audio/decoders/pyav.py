"""Decoder PyAV (FFmpeg): m4a, AAC, WebM, WMA, AC-3, AMR, and the sound of videos.

The container is identified by its first bytes, and FFmpeg gets its name: it never guesses, never opens another file
and never goes to a network, as it would for a playlist. The extra ``formats`` brings PyAV.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from hearfelt.audio.channels import converted
from hearfelt.audio.decoders.libsndfile import BLOCK, Block, Decoded
from hearfelt.audio.inputs import MOST_CHANNELS
from hearfelt.audio.integrity import id3_length
from hearfelt.audio.warnings import SoundWarning, cut_short, damaged
from hearfelt.errors import AudioError, ExtraMissingError, require

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

__all__ = ["SUFFIXES", "Container", "Gaps", "container_of", "is_installed", "open_pyav_file"]

SUFFIXES: Final = frozenset(
    (".3gp", ".aac", ".ac3", ".amr", ".asf", ".avi", ".awb", ".eac3", ".flv", ".m4a", ".m4b", ".m4v", ".mka", ".mkv",
     ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wma", ".wmv")
)  # fmt: skip
"""Endings of these files; no ``.ts``, which more often is a program."""


@dataclass(frozen=True)
class Container:
    """A container format that FFmpeg reads.

    Attributes:
        demuxer: what FFmpeg calls it.
        title: its name for messages.
        has_length: whether its header says how long it lasts.
        is_timed: whether its sound has time stamps that can be relied on, instead of following on.
        restarts: whether these begin anew when what is broadcast changes.
        is_fallback: whether libsndfile reads it too, and is asked first.
        is_exact: whether its length is exact, so that less is a loss.
    """

    demuxer: str
    title: str
    has_length: bool = True
    is_timed: bool = False
    restarts: bool = False
    is_fallback: bool = False
    is_exact: bool = False


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
# libsndfile reads these too; what it does not know in them, such as Speex in Ogg or AAC in WAV, FFmpeg may.
_WAV: Final = Container("wav", "a WAV file", is_fallback=True)
_MP3: Final = Container("mp3", "an MP3", has_length=False, is_fallback=True)
_SHARED: Final = {
    b"RIFF": _WAV,
    b"RF64": _WAV,
    b"BW64": _WAV,
    b"riff": Container("w64", "a Wave64 file", is_fallback=True),
    b"OggS": Container("ogg", "an Ogg file", is_fallback=True, is_exact=True),
    b"caff": Container("caf", "a CAF file", is_fallback=True),
    b"fLaC": Container("flac", "a FLAC file", is_timed=True, is_fallback=True, is_exact=True),
    b"FORM": Container("aiff", "an AIFF file", is_fallback=True),
    b".snd": Container("au", "an AU file", is_fallback=True),
}
_FAULTS: Final = (OSError, RuntimeError, ValueError, MemoryError)  # what PyAV raises beside its own errors
_MOST_EMPTY: Final = 10_000  # packets in a row without a sample, after which a file is given up
_AUDIBLE: Final = 1e-4  # of full scale, -80 dB
_SHORTEST_S: Final = 0.05  # what is less is how exactly recorders tell the time; two frames of most codecs are longer
_RESTART_S: Final = 10.0  # from here on FFmpeg's own programs take a jump for another recording (dts_delta_threshold)
_MOST_S: Final = 24 * 3600.0  # of silence in one file; more is a damaged time stamp


class Gaps:
    """Finds gaps in time stamps, which become silence.

    A recorder stores nothing while a microphone is muted or packets are lost, and a video's sound may begin after its
    pictures. Without the silence, every segment behind a gap would come too early.

    A frame whose time stamp is too early follows those before it; nothing is cut off. A jump back by more
    than 10 s is another recording, whose time goes on where the one before it ended.

    Args:
        start_s: the time stamp of the container's beginning; that of the first frame if unknown.
        restarts: whether a jump forward by more than 10 s is another recording too, as in what is broadcast.
        name: its name for messages.

    Attributes:
        total_s: how long everything has lasted so far, with gaps.

    Example:
        >>> gaps = Gaps(0.0, restarts=False, name="a.webm")
        >>> gaps.before(0.0, 1.0), gaps.before(1.01, 1.0), gaps.before(5.0, 1.0)
        (0.0, 0.0, 3.0)
    """

    def __init__(self, start_s: float | None, *, restarts: bool, name: str) -> None:
        self.total_s = 0.0
        self._start_s, self._restarts, self._name = start_s, restarts, name
        self._silent_s = 0.0

    def before(self, at_s: float | None, lasts_s: float) -> float:
        """Compute how many seconds of silence stand before the next frame.

        Args:
            at_s: the frame's time stamp, if it has one.
            lasts_s: how long the frame is.

        Raises:
            AudioError: if the silence of the whole file would be longer than a day.
        """
        gap_s = self._jump_s(at_s)
        if gap_s < -_RESTART_S or (self._restarts and gap_s > _RESTART_S):
            self._start_s, gap_s = (self._start_s or 0.0) + gap_s, 0.0
        if gap_s < _SHORTEST_S:
            gap_s = 0.0
        self._silent_s += gap_s
        if self._silent_s > _MOST_S:
            raise AudioError(
                f"{self._name}: after {self.total_s:.2f} s a time stamp that cannot be right, {gap_s / 3600:,.0f} hours"
                " later; copy or record the file again"
            )
        self.total_s += gap_s + lasts_s
        return gap_s

    def _jump_s(self, at_s: float | None) -> float:
        if at_s is None:
            return 0.0
        if self._start_s is None:
            self._start_s = at_s - self.total_s
        return at_s - self._start_s - self.total_s


def container_of(file: BinaryIO) -> Container | None:
    """Identify a container by its first bytes; None if PyAV reads none.

    Args:
        file: at its beginning, where it is left.

    Example:
        >>> import io
        >>> container_of(io.BytesIO(bytes(4) + b"ftypM4A ")).title
        'an MP4, M4A or QuickTime file'
    """
    head = file.read(2 * _PACKET + 1)
    is_tagged = id3_length(head) > 0
    if is_tagged:
        file.seek(id3_length(head))
        head = file.read(2 * _PACKET + 1)
    if _is_adts(head) and _is_adts(_at(file, file.tell() - len(head) + _adts_length(head))):
        file.seek(0)
        return _AAC
    file.seek(0)
    if is_tagged:
        return _SHARED[b"fLaC"] if head[:4] == b"fLaC" else _MP3
    if head[:2] != b"\xff\xff" and head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 > 0xE0:
        return _MP3
    if head[4:8] in _BOXES:
        return _MP4
    if head[:2] == b"\x0b\x77" and len(head) > 5:
        return _EAC3 if head[5] >> 3 > 10 else _AC3
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Container("avi", "an AVI file")
    if head[:4] in _SHARED:
        return _SHARED[head[:4]]
    if len(head) > 2 * _PACKET and head[0] == head[_PACKET] == head[2 * _PACKET] == 0x47:
        return _TRANSPORT
    return next((kind for mark, kind in _BY_FIRST_BYTES.items() if head.startswith(mark)), None)


def _at(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(7)


def _is_adts(head: bytes) -> bool:
    """Check for an AAC frame (ISO 13818-7, section 6.2); MP3 has a layer in two of these bits."""
    return len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and _adts_length(head) >= 7


def _adts_length(head: bytes) -> int:
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def is_installed() -> bool:
    """Check whether PyAV is installed."""
    try:
        require("av", "formats")
    except ExtraMissingError:
        return False
    return True


@contextmanager
def open_pyav_file(file: BinaryIO, container: Container, name: str, track: int | None = None) -> Iterator[Decoded]:
    """Open an audio track of a file with FFmpeg: the one asked for, else the default one, else the first with sound.

    The rate and the channels are those of the first frame that is decoded, since headers of AAC say half the rate of
    what comes out. Time counts from where the container begins, as players show it: a late start and gaps of 50 ms and
    more are silence. A damaged packet is left out, and said in the warnings.

    Args:
        file: seekable.
        container: which kind it is.
        name: its name for messages.
        track: which audio track, counted from 0; None to choose one.

    Raises:
        AudioError: if PyAV is missing, there is no such track, no sound in it, or it is encrypted.
    """
    try:
        av: Any = require("av", "formats")
    except ExtraMissingError as error:
        raise AudioError(
            f"{name}: this is {container.title}, which PyAV reads and which is not installed;"
            " pip install 'hearfelt[formats]'"
        ) from error
    warnings: list[SoundWarning] = []
    track = _chosen(av, file, container, name, track, warnings)
    with _demuxed(av, file, container, name, track) as (source, stream):
        length_s = _promised(av, source, stream, container) if container.has_length else 0.0
        length_s = length_s or _counted(av, source, stream, container, name)
    with _demuxed(av, file, container, name, track) as (source, stream):
        frames = _frames(av, source, stream, warnings, length_s if container.has_length else 0.0)
        first = next(frames, None)
        if first is None:
            raise AudioError(f"{name}: no sound in it; its audio track is empty")
        rate_hz, channels = first.sample_rate, len(first.layout.channels)
        if not 1 <= channels <= MOST_CHANNELS:
            raise AudioError(f"{name}: {channels} channels; 1 to {MOST_CHANNELS} are wanted")
        gaps = _gaps(av, source, container, name)
        blocks = _in_first_format(_blocks(first, frames, gaps, container, name), (rate_hz, channels), warnings)
        length = round(length_s * rate_hz)
        yield Decoded(rate_hz, channels, length, blocks, length if container.is_exact else 0, warnings)


def _chosen(
    av: Any, file: BinaryIO, container: Container, name: str, track: int | None, warnings: list[SoundWarning]
) -> int:
    """Choose a track, and warn if there are others."""
    with _demuxed(av, file, container, name, 0) as (source, _):
        tracks = len(source.streams.audio)
        default = av.stream.Disposition.default
        flagged = [number for number, one in enumerate(source.streams.audio) if one.disposition & default]
    if track is not None and not 0 <= track < tracks:
        there = "one, track 0" if tracks == 1 else f"{tracks}, tracks 0 to {tracks - 1}"
        raise AudioError(f"{name}: there is no track {track}; this file has {there}")
    if tracks == 1:
        return 0
    if track is None:
        others = (number for number in range(tracks) if number not in flagged)
        ordered = [*flagged, *others]
        track = next((one for one in ordered if _has_sound(av, file, container, name, one)), ordered[0])
        text = f"the file has {tracks} audio tracks, 0 to {tracks - 1}; track {track} is used"
        warnings.append(SoundWarning("other_tracks", text, {"tracks": tracks, "track": track}))
    return track


def _has_sound(av: Any, file: BinaryIO, container: Container, name: str, track: int) -> bool:
    try:
        with _demuxed(av, file, container, name, track) as (source, stream):
            for frame in _frames(av, source, stream, [], 0.0):
                samples = _samples(frame, name)
                loudest = np.abs(_as_float(samples)).max(initial=0.0)
                if loudest > _AUDIBLE:
                    return True
    except AudioError:
        return False
    return False


@contextmanager
def _demuxed(
    av: Any, file: BinaryIO, container: Container, name: str, track: int
) -> Iterator[tuple[InputContainer, AudioStream]]:
    file.seek(0)
    # Not the file itself: PyAV would take its name for an address, and fail over one that is not UTF-8.
    plain = SimpleNamespace(read=file.read, seek=file.seek, tell=file.tell)
    with _as_audio_errors(av, name, "this is no sound that can be read"):
        source = av.open(plain, "r", format=container.demuxer, metadata_errors="replace", io_open=_open_nothing)
    try:
        stream = _audio_stream(source, container, name, track)
        yield source, stream
    finally:
        with contextlib.suppress(av.FFmpegError, ValueError):
            source.close()


def _audio_stream(source: InputContainer, container: Container, name: str, track: int) -> AudioStream:
    if not source.streams.audio:
        seen = "a video without sound" if source.streams.video else f"{container.title} without sound"
        raise AudioError(f"{name}: {seen}; a file with an audio track is wanted")
    stream = source.streams.audio[track]
    context: Any = stream.codec_context  # None if there is no decoder
    if "enc_key_id" in stream.metadata:  # Matroska's mark; the other containers are checked by their bytes
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
    """Sum up the durations of all packets, where no header holds the length; that is fast."""
    gaps = _gaps(av, source, container, name)
    with _as_audio_errors(av, name, "damaged"):
        for packet in source.demux(stream):
            if packet.duration and packet.time_base:
                gaps.before(_time_of(packet, container), float(packet.duration * packet.time_base))
        return max(0.0, gaps.total_s)


def _gaps(av: Any, source: InputContainer, container: Container, name: str) -> Gaps:
    start_s = None if source.start_time is None else source.start_time / float(av.time_base)
    return Gaps(start_s, restarts=container.restarts, name=name)


def _frames(
    av: Any, source: InputContainer, stream: AudioStream, warnings: list[SoundWarning], promised_s: float
) -> Iterator[AudioFrame]:
    """Decode packet by packet; damaged ones are left out, and a warning follows the last one."""
    read_s, empty, bad = 0.0, 0, 0
    damaged_s: float | None = None  # where the first damaged packet is that others follow
    for packet in _packets(av, source, stream):
        try:
            frames = [frame for frame in packet.decode() if frame.samples and frame.sample_rate]
        except (av.FFmpegError, *_FAULTS):
            bad, frames = bad + 1, []
        empty = 0 if frames else empty + 1
        if empty > _MOST_EMPTY:
            break
        for frame in frames:
            damaged_s = read_s if bad and damaged_s is None else damaged_s
            bad = 0
            read_s += frame.samples / frame.sample_rate
            yield frame
    if damaged_s is not None:
        warnings.append(damaged(damaged_s))
    elif bad and read_s:
        warnings.append(cut_short(read_s, promised_s if promised_s > read_s else 0.0))


def _packets(av: Any, source: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream]]:
    packets = source.demux(stream)
    with contextlib.suppress(av.FFmpegError, *_FAULTS):  # the end of what can be read
        yield from packets


def _in_first_format(
    blocks: Iterator[tuple[Block, int]], form: tuple[int, int], warnings: list[SoundWarning]
) -> Iterator[Block]:
    """Convert what follows a change of the rate or the channels to those of the beginning."""
    frames = 0
    for now, alike in groupby(blocks, key=lambda each: (each[1], each[0].shape[1])):
        for block in converted((block for block, _ in alike), now, form, warnings, after_s=frames / form[0]):
            frames += len(block)
            yield block


def _blocks(
    first: AudioFrame, frames: Iterator[AudioFrame], gaps: Gaps, container: Container, name: str
) -> Iterator[tuple[Block, int]]:
    """Join frames to blocks of one rate and channel count; gaps become silence."""
    form = first.sample_rate, len(first.layout.channels)
    held: list[Block] = []
    size = 0
    for frame in chain([first], frames):
        now = frame.sample_rate, len(frame.layout.channels)
        silent = round(gaps.before(_time_of(frame, container), frame.samples / now[0]) * now[0])
        if held and (silent or size >= BLOCK or now != form):
            joined, held, size = _joined(held), [], 0
            yield joined, form[0]
        form = now
        for start in range(0, silent, BLOCK):
            yield np.zeros((min(BLOCK, silent - start), now[1]), np.int16), now[0]
        held.append(_samples(frame, name))
        size += frame.samples
    yield _joined(held), form[0]


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
    """Return a frame as ``(n, channels)``, int16 or float32."""
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
def _as_audio_errors(av: Any, name: str, what: str) -> Iterator[None]:
    try:
        yield
    except AudioError:
        raise
    except (av.FFmpegError, *_FAULTS) as error:
        raise _refused(error, name, what) from error


def _refused(error: BaseException, name: str, what: str) -> AudioError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return AudioError(f"{name}: {what} ({reason}); copy or record the file again")
