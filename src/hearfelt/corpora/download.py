"""Download a corpus by its name: RAVDESS, whole or some actors of it; the toy corpus is made on the spot."""

from __future__ import annotations

import difflib
import io
import os
import re
import shutil
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from hearfelt.corpora.ravdess import published_stems
from hearfelt.corpora.transfer import Client, RangesIgnoredError, RemoteFile, SeekableRemote, part_of, transfer
from hearfelt.errors import CorpusError, DownloadError, ExtraMissingError, HearfeltError
from hearfelt.runtime.execution import Progress, no_progress
from hearfelt.runtime.files import locked

__all__ = [
    "SONG",
    "SPEECH",
    "WORK",
    "Archive",
    "Channel",
    "Downloaded",
    "PublishedSource",
    "get_corpus",
    "get_ravdess",
    "parse_actors",
]

WORK: Final = ".hearfelt-download"  # folder for what is unfinished; hidden, so that no corpus looks into it

Channel = Literal["speech", "song", "both"]

_READ_AHEAD: Final = 1 << 21  # bytes of a remote zip asked for at once, 2 MiB: an actor's clips take four or five
_RANGE: Final = re.compile(r"(\d{1,2})(?:\s*[-–]\s*(\d{1,2}))?")
# What zipfile raises for damaged zips: some of it unwillingly, such as for a name that is no text.
_UNREADABLE: Final = (BadZipFile, EOFError, RuntimeError, ValueError, struct.error, zlib.error)


@dataclass(frozen=True)
class Archive:
    """One published zip.

    Attributes:
        channel: speech or song.
        name: of the zip; without its ending also the name of the folder that it is unpacked to.
        size: of the zip in bytes.
        md5: of the zip.
        unpacked: bytes that the clips need on the disk, rounded up.
        clips: for each actor, the names of the clips inside the zip.
    """

    channel: str
    name: str
    size: int
    md5: str
    unpacked: int
    clips: Mapping[int, tuple[str, ...]] = field(repr=False, hash=False)


@dataclass(frozen=True)
class PublishedSource:
    """Where RAVDESS comes from.

    Attributes:
        base: address of the folder with the zips; by default what the environment variable ``HEARFELT_ZENODO`` says
            (a mirror), else Zenodo's record.
        archives: the zips in it.
        client: how to ask.

    Example:
        >>> PublishedSource("https://mirror.example/ravdess").file(SPEECH).url
        'https://mirror.example/ravdess/Audio_Speech_Actors_01-24.zip?download=1'
    """

    base: str = field(
        default_factory=lambda: os.environ.get("HEARFELT_ZENODO") or "https://zenodo.org/records/1188976/files"
    )
    archives: tuple[Archive, ...] = field(default_factory=lambda: (SPEECH, SONG))
    client: Client = field(default_factory=Client)

    def file(self, archive: Archive) -> RemoteFile:
        """Name a zip as a file on the web."""
        return RemoteFile(f"{self.base.rstrip('/')}/{archive.name}?download=1", archive.size, archive.md5)


@dataclass(frozen=True)
class Downloaded:
    """What a folder holds now of what was asked for.

    Attributes:
        folder: where it is.
        clips: how many clips of each channel.
        fetched: bytes that came over the network for it; 0 if all was there.
        partial: True if only some actors were asked for.
        songless: True if actor 18, who did not sing, was named among those asked for song.
    """

    folder: Path
    clips: Mapping[str, int]
    fetched: int = 0
    partial: bool = False
    songless: bool = False


@dataclass(frozen=True)
class _Half:
    """What is wanted of one zip: some actors, and the folder they go to."""

    archive: Archive
    actors: frozenset[int]
    root: Path

    @property
    def is_all(self) -> bool:
        return self.actors == frozenset(self.archive.clips)

    @property
    def names(self) -> list[str]:
        return [name for actor in sorted(self.actors) for name in self.archive.clips[actor]]

    @property
    def folder(self) -> Path:
        return self.root / Path(self.archive.name).stem

    @property
    def zip_path(self) -> Path:
        return self.root / WORK / self.archive.name

    def missing(self) -> list[str]:
        return [name for name in self.names if not _is_whole(self.folder / name)]

    def needed(self) -> int:
        """Estimate how many bytes of the disk this half still takes at most."""
        share = len(self.missing()) / sum(map(len, self.archive.clips.values()))
        here = (self.root / self.archive.name, self.zip_path, part_of(self.zip_path))
        there = sum(path.stat().st_size for path in here if path.is_file())
        as_zip = max(0, self.archive.size - there) if share > 0 and self.is_all else 0
        return round(self.archive.unpacked * share) + as_zip


class _DamagedMemberError(DownloadError):
    """A member of a zip that does not match its checksum."""


def get_corpus(
    name: str,
    folder: Path,
    *,
    channel: Channel | None = None,
    actors: str | None = None,
    progress: Progress = no_progress,
) -> Downloaded:
    """Download a corpus into a folder, by its name.

    Args:
        name: ``"ravdess"`` or ``"toy"``; the others have to be fetched by hand.
        folder: where to; made when it isn't there.
        channel: of RAVDESS; None for both.
        actors: of RAVDESS, such as ``"1,2,5-8"``; None for all.
        progress: shows each step.

    Raises:
        CorpusError: if the corpus is unknown or cannot be fetched, or has no such channel or actor.
        DownloadError: if it did not arrive.
        ExtraMissingError: if the extra ``download`` is not installed.
    """
    if name == "ravdess":
        chosen = None if actors is None else parse_actors(actors)
        return get_ravdess(folder, channel=channel or "both", actors=chosen, progress=progress)
    if name != "toy":
        raise CorpusError(_elsewhere(name))
    if channel is not None or actors is not None:
        raise CorpusError("toy: --channel and --actors are for ravdess; the toy corpus is made whole")
    _refuse_file(folder)
    from hearfelt.corpora.toy import TOY, write_toy  # not above: it needs soundfile, the download does not

    return Downloaded(write_toy(folder), {"speech": TOY.clips})


def get_ravdess(
    folder: Path,
    *,
    channel: Channel = "both",
    actors: Iterable[int] | None = None,
    source: PublishedSource | None = None,
    progress: Progress = no_progress,
) -> Downloaded:
    """Download RAVDESS, or some actors of it, into a folder; what is there already is kept.

    The whole of a half comes as its zip, verified by its MD5; some actors come out of the remote zip by range
    requests, each clip verified by its CRC-32, and so does what a nearly whole folder lacks. The clips go to
    ``folder/Audio_Speech_Actors_01-24/Actor_01/…`` and ``folder/Audio_Song_Actors_01-24/Actor_01/…``; a clip is under
    its own name only when it is whole. Stopped at any moment, the next call goes on. A zip that somebody put into
    ``folder`` by hand is used, and left there.

    Args:
        folder: where to; made when it isn't there.
        channel: speech, song or both.
        actors: numbers from 1 to 24; None for all.
        source: where from.
        progress: shows each step.

    Raises:
        CorpusError: if there is no such actor or channel, or only the song of actor 18 is asked for.
        DownloadError: if something did not arrive, is not what was published, or does not fit on the disk.
        ExtraMissingError: if something has to be downloaded and the extra ``download`` is not installed.
    """
    folder = Path(folder)
    source = source or PublishedSource()
    asked = None if actors is None else frozenset(actors)
    _refuse_file(folder)
    halves = _halves(folder, source, channel, asked)
    fetched = 0
    is_new = not folder.exists()
    try:
        if (folder / WORK).is_dir() or any(half.missing() for half in halves):
            folder.mkdir(parents=True, exist_ok=True)
            in_use = DownloadError(f"{folder}: another hearfelt is filling this folder; wait until it is done")
            with locked(folder, in_use):
                _require_space(folder, sum(half.needed() for half in halves))
                for half in halves:
                    fetched += _get_half(half, source, progress)
                _tidy(folder / WORK, halves)
    except (OSError, ExtraMissingError) as error:
        with suppress(OSError):  # nothing came: leave no trace
            (folder / WORK).rmdir()
            if is_new:
                folder.rmdir()
        if isinstance(error, HearfeltError):
            raise
        place = error.filename or folder
        raise DownloadError(f"{place}: {(error.strerror or str(error)).lower()}; nothing more was fetched") from error
    clips = {half.archive.channel: len(half.names) for half in halves}
    partial = not all(half.is_all for half in halves)
    return Downloaded(folder, clips, fetched, partial, songless=channel != "speech" and 18 in (asked or ()))


def parse_actors(text: str) -> frozenset[int]:
    """Read actor numbers: single ones and ranges, with commas between.

    Raises:
        CorpusError: if it says anything else.

    Example:
        >>> sorted(parse_actors("1, 2,5-7"))
        [1, 2, 5, 6, 7]
    """
    actors: set[int] = set()
    for piece in text.split(","):
        match = _RANGE.fullmatch(piece.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise CorpusError(f"actors {text!r}: write numbers from 1 to 24 and ranges, such as 1,2 or 1-4,7")
        actors.update(range(first, last + 1))
    return frozenset(actors)


def _elsewhere(name: str) -> str:
    """Say where a corpus is published that is not fetched, or what a wrong name may mean."""
    from hearfelt.corpora.catalog import CORPORA

    if name in CORPORA:
        form = CORPORA[name]
        if not form.url:
            return f"{name}: that is what your own recordings are called; there is nothing to get"
        return (
            f"{name}: it is published at {form.url} ({form.licence}); hearfelt reads it but does not fetch it: "
            "unpack it anywhere and give that folder to the other commands"
        )
    near = difflib.get_close_matches(name.casefold(), ["ravdess", "toy", *CORPORA], n=1)
    hint = f"did you mean {near[0]}?" if near else "get knows ravdess and toy"
    return f"{name}: no such corpus; {hint}"


def _refuse_file(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CorpusError(f"{folder}: this is a file; a folder is wanted here")


def _halves(folder: Path, source: PublishedSource, channel: str, actors: frozenset[int] | None) -> list[_Half]:
    everyone = frozenset[int]().union(*(archive.clips for archive in source.archives))
    unknown = sorted((actors or frozenset()) - everyone)
    if unknown or (actors is not None and not actors):
        said = ", ".join(map(str, unknown)) or "none given"
        raise CorpusError(f"actors: {said}; RAVDESS has the actors {min(everyone)} to {max(everyone)}")
    chosen = [archive for archive in source.archives if channel in (archive.channel, "both")]
    if not chosen:
        raise CorpusError(f"channel {channel!r}: RAVDESS has speech and song; ask for one of them, or for both")
    halves = [_Half(archive, frozenset(archive.clips) & (actors or everyone), folder) for archive in chosen]
    if not any(half.actors for half in halves):
        raise CorpusError("actor 18 did not sing: RAVDESS has no song of that actor; ask for the speech")
    return [half for half in halves if half.actors]


def _get_half(half: _Half, source: PublishedSource, progress: Progress) -> int:
    """Download what is missing of one half; return how many bytes came over the network."""
    missing, archive, file = half.missing(), half.archive, source.file(half.archive)
    if not missing:
        return 0
    half.zip_path.parent.mkdir(parents=True, exist_ok=True)
    fetched = 0
    here = (half.root / archive.name, half.zip_path)  # put there by hand; left when unpacking was stopped
    path = next((path for path in here if file.is_at(path)), None)
    if path is None:
        if not half.is_all or 2 * len(missing) < len(half.names):
            try:
                return _get_clips(half, file, source.client, progress)
            except RangesIgnoredError as error:
                if not half.is_all:
                    raise DownloadError(f"{error}; ask for all actors, or use another mirror") from error
        path = half.zip_path
        with progress(f"fetching {archive.channel}", archive.size, unit="bytes") as done:
            fetched = transfer(file, path, client=source.client, progress=done)
    with ZipFile(path) as opened, progress(f"unpacking {archive.channel}", len(missing)) as done:
        _unpack(half, opened, missing, done)
    return fetched


def _get_clips(half: _Half, file: RemoteFile, client: Client, progress: Progress) -> int:
    """Download the missing clips of a zip, without the rest of it."""
    fetched = 0
    with progress(f"fetching {half.archive.channel}", len(half.missing())) as done:
        for is_last in (False, True):
            remote = SeekableRemote(file, client)
            try:
                with _opened(remote, file.url) as opened:
                    _unpack(half, opened, half.missing(), done)
            except _DamagedMemberError as error:
                if is_last:  # once it may be the network's fault; twice it is the zip's
                    raise DownloadError(f"{error}; run this again later or use another mirror") from error
            else:
                return fetched + remote.fetched
            fetched += remote.fetched
    return fetched


def _opened(remote: SeekableRemote, url: str) -> ZipFile:
    try:
        return ZipFile(io.BufferedReader(remote, _READ_AHEAD))
    except _UNREADABLE as error:
        raise DownloadError(f"{url}: what is there is no zip ({error})") from error


def _unpack(half: _Half, opened: ZipFile, names: Iterable[str], done: Callable[[int], None]) -> None:
    """Unpack clips by their published names, so that no other name in a zip can lead out of the folder."""
    members = sorted(_members(half.archive, opened, names), key=lambda member: member.header_offset)
    for member in members:
        _unpack_member(opened, member, half)
        done(1)


def _members(archive: Archive, opened: ZipFile, names: Iterable[str]) -> list[ZipInfo]:
    try:
        members = [opened.getinfo(name) for name in names]
    except KeyError as error:
        raise DownloadError(f"{archive.name}: a clip that was published is missing: {error.args[0]}") from error
    for member in members:
        if member.compress_type not in (ZIP_DEFLATED, ZIP_STORED):
            raise DownloadError(f"{archive.name}: {member.filename} is compressed in a way that hearfelt cannot unpack")
    if (total := sum(member.file_size for member in members)) > 2 * archive.unpacked:
        raise DownloadError(f"{archive.name}: it would unpack to {total:,} bytes, far more than was published")
    return members


def _unpack_member(opened: ZipFile, member: ZipInfo, half: _Half) -> None:
    """Unpack one clip; under its own name it is only ever whole.

    Nothing is flushed to the disk clip by clip, which would take minutes for thousands of them. A process that is
    killed leaves no half clip this way; after a power cut a shortened one is found by its header.
    """
    target = half.folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = half.zip_path.with_name(f"clip-{os.getpid()}.part")
    try:
        # zipfile gives no more than file_size bytes and compares the CRC-32 at the last one
        with opened.open(member) as packed, scratch.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        if scratch.stat().st_size != member.file_size:
            raise BadZipFile(f"{scratch.stat().st_size:,} of {member.file_size:,} bytes")
        scratch.replace(target)
    except _UNREADABLE as error:
        raise _DamagedMemberError(f"{half.archive.name}: {member.filename} is damaged in the zip ({error})") from error
    finally:
        scratch.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    """Tell whether a WAV file is there with as many bytes as its header says."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            return head[:4] == b"RIFF" and file.seek(0, io.SEEK_END) >= 8 + int.from_bytes(head[4:], "little")
    except FileNotFoundError:
        return False


def _tidy(work: Path, halves: Iterable[_Half]) -> None:
    """Remove what is unfinished and no longer of use; a part of a zip may still be if only some actors were asked."""
    useless = ("clip-", *(half.archive.name for half in halves if half.is_all))
    for path in work.glob("*"):
        if path.name.startswith(useless):
            path.unlink(missing_ok=True)
    with suppress(OSError):
        work.rmdir()


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(
            f"{folder}: {needed / 1e6:,.0f} MB are needed for the download and the clips, {free / 1e6:,.0f} MB are free"
        )


def _published(channel: str) -> dict[int, tuple[str, ...]]:
    """List the clips of a channel by actor, as the zips name them."""
    clips: dict[int, tuple[str, ...]] = {}
    for stem in published_stems():
        if stem[3:5] == channel:
            actor = int(stem[-2:])
            clips[actor] = (*clips.get(actor, ()), f"Actor_{actor:02d}/{stem}.wav")
    return clips


# Zenodo record 1188976 (Livingstone and Russo 2018). Unpacked: 1.48 h and 1.31 h of 96,000 bytes a second.
SPEECH: Final[Archive] = Archive(
    "speech",
    "Audio_Speech_Actors_01-24.zip",
    208_468_073,
    "bc696df654c87fed845eb13823edef8a",
    unpacked=520_000_000,
    clips=_published("01"),
)
SONG: Final[Archive] = Archive(
    "song",
    "Audio_Song_Actors_01-24.zip",
    225_505_317,
    "5411230427d67a21e18aa4d466e6d1b9",
    unpacked=460_000_000,
    clips=_published("02"),
)
