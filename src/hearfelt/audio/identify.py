"""Chooses the decoder of a file by its first bytes, whatever its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Final

from hearfelt.audio.decoders.libsndfile import Block, Decoded, mp3_in, open_mp3, open_sound_file, unreadable
from hearfelt.audio.decoders.pyav import Container, container_of, is_installed, open_pyav_file
from hearfelt.audio.decoders.raw import RawFormat, decode_samples
from hearfelt.audio.integrity import Contents, inspect_file
from hearfelt.audio.warnings import SoundWarning, cut_short, damaged
from hearfelt.errors import AudioError

__all__ = ["open_decoder"]

_NEAR_S: Final = 0.5  # what is decoded last may be some packets long
_MATTERS_S: Final = 0.1  # less than the shortest clip is no loss: headers are often wrong by a few bytes


@contextmanager
def open_decoder(file: BinaryIO, name: str, track: int | None = None) -> Iterator[Decoded]:
    """Open a file with the decoder that reads it: libsndfile, or PyAV from an extra.

    What is missing or damaged is added to the warnings, at the latest with the last block.

    Args:
        file: at its beginning, and seekable.
        name: its name for messages.
        track: which audio track, counted from 0; None for the default one.

    Raises:
        AudioError: if nothing in it can be decoded, there is no such track, or what reads it is not installed.
    """
    try:
        contents = inspect_file(file, name)
        file.seek(0)
        container = container_of(file)
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error
    if contents.plain and not track:
        rate_hz, channels = contents.plain
        decoded = decode_samples(contents.streams[0], RawFormat("s16le", rate_hz, channels), name)
        yield _with_warnings(decoded, decoded.blocks, contents)
        return
    with ExitStack() as stack:
        if container is not None and not container.is_fallback:
            decoded = stack.enter_context(open_pyav_file(contents.streams[0], container, name, track))
            yield _with_warnings(decoded, decoded.blocks, contents)
            return
        if track:
            raise AudioError(f"{name}: there is no track {track}; this sound has one, track 0")
        try:
            decoded = stack.enter_context(_libsndfile(file, contents, name))
        except AudioError as error:
            decoded = stack.enter_context(_pyav_instead(file, contents, container, name, error))
            yield _with_warnings(decoded, decoded.blocks, contents)
            return
        yield _with_warnings(decoded, _to_the_end(decoded, contents, container, name), contents)


@contextmanager
def _libsndfile(file: BinaryIO, contents: Contents, name: str) -> Iterator[Decoded]:
    with ExitStack() as stack:
        mp3 = mp3_in(file, name)
        if mp3 is None:
            try:
                file.seek(0)
                if _looks_like_mp3(file.read(2)):
                    raise unreadable(ValueError("no frames of an MP3 follow each other"), name)
                decoded = stack.enter_context(open_sound_file(contents.streams, name))
            except AudioError:
                mp3 = mp3_in(file, name, search=True)
                if mp3 is None:
                    raise
        if mp3 is not None:
            decoded = stack.enter_context(open_mp3(file, mp3, name))
        yield decoded


def _looks_like_mp3(head: bytes) -> bool:
    """Check whether libsndfile would take a file for an MP3, as it does for quiet samples without a header."""
    return len(head) == 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


@contextmanager
def _pyav_instead(
    file: BinaryIO, contents: Contents, container: Container | None, name: str, error: AudioError
) -> Iterator[Decoded]:
    """Open with PyAV what libsndfile refuses; if that is no use either, libsndfile's error stands."""
    if container is None:
        raise error
    if not is_installed():
        raise AudioError(f"{error}; PyAV may read it: pip install 'hearfelt[formats]'") from error
    with ExitStack() as stack:
        try:
            stream = contents.streams[0] if len(contents.streams) == 1 else file
            decoded = stack.enter_context(open_pyav_file(stream, container, name))
        except AudioError:
            raise error from None
        yield decoded


def _to_the_end(decoded: Decoded, contents: Contents, container: Container | None, name: str) -> Iterator[Block]:
    """Yield all blocks; where libsndfile stops at damage, PyAV goes on behind it."""
    frames = 0
    try:
        for block in decoded.blocks:
            frames += len(block)
            yield block
        return
    except AudioError as error:
        if decoded.promised and frames >= decoded.promised:
            return
        fault = error
    after_s, more = frames / decoded.rate_hz, 0
    is_cut = contents.is_cut or bool(decoded.promised)
    if container is not None and is_installed() and len(contents.streams) == 1:
        with _unless_refused(contents.streams[0], container, name) as rest:
            if rest is not None and (rest.rate_hz, rest.channels) == (decoded.rate_hz, decoded.channels):
                for block in _behind(rest.blocks, frames):
                    more += len(block)
                    yield block
                is_cut = any(warning.code == "cut_short" for warning in rest.warnings)
    if not frames + more:
        raise fault
    if not is_cut:
        decoded.warnings.append(damaged(after_s))


@contextmanager
def _unless_refused(stream: BinaryIO, container: Container, name: str) -> Iterator[Decoded | None]:
    with ExitStack() as stack:
        try:
            decoded = stack.enter_context(open_pyav_file(stream, container, name))
        except AudioError:
            decoded = None
        yield decoded


def _behind(blocks: Iterator[Block], frames: int) -> Iterator[Block]:
    skipped = 0
    for block in blocks:
        rest = block[max(0, frames - skipped) :]
        skipped += len(block)
        if len(rest):
            yield rest


def _with_warnings(decoded: Decoded, blocks: Iterator[Block], contents: Contents) -> Decoded:
    warnings = decoded.warnings
    if contents.fault:
        warnings.append(SoundWarning("wrong_header", f"a wrong header: {contents.fault}; all that is there is used"))

    def counted() -> Iterator[Block]:
        frames = 0
        for block in blocks:
            frames += len(block)
            yield block
        there_s = frames / decoded.rate_hz
        if contents.is_cut:  # a decoder takes the last packet, which is not whole, for damaged
            warnings[:] = [
                one for one in warnings if one.code != "damaged" or one.numbers["after_s"] < there_s - _NEAR_S
            ]
        codes = {warning.code for warning in warnings}
        if codes.isdisjoint(("cut_short", "damaged")):
            missing = _missing(there_s, decoded, contents)
            warnings.extend([] if missing is None else [missing])

    return Decoded(decoded.rate_hz, decoded.channels, decoded.frames, counted(), decoded.promised, warnings)


def _missing(there_s: float, decoded: Decoded, contents: Contents) -> SoundWarning | None:
    exact_s = max(contents.length_s, decoded.promised / decoded.rate_hz)
    estimated_s = decoded.frames / decoded.rate_hz
    by_bytes_s = there_s / contents.share if contents.share else 0.0
    # libsndfile and FFmpeg may take what is there for all, so what the header says of bytes counts, too
    promises = (exact_s, estimated_s, by_bytes_s) if contents.is_cut else (exact_s,)
    promised_s = max(promises) if max(promises) - there_s > _MATTERS_S else 0.0
    if promised_s or (contents.is_cut and not contents.share):
        return cut_short(there_s, promised_s)
    return None
