"""RAVDESS from where it was published into a folder: the whole of it, or some actors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol
from zipfile import ZipFile, ZipInfo

from hearfelt.corpora.disk import alone_in, require_space
from hearfelt.corpora.ravdess_zips import Archive, Source
from hearfelt.corpora.receipt import Receipt, read_receipt
from hearfelt.corpora.remote_zip import RemoteZip, Run, open_remote_zip
from hearfelt.corpora.transfer import is_whole, part_of, transfer
from hearfelt.corpora.unpack import DamagedMemberError, crc_of, safe_members, unpack_member
from hearfelt.corpora.web import RangesIgnoredError
from hearfelt.errors import CorpusError, DownloadError

__all__ = ["WORK", "Channel", "Got", "Meter", "get_ravdess"]

WORK: Final = ".hearfelt-download"  # folder for what is unfinished; hidden, so that no corpus looks into it

Channel = Literal["speech", "song", "both"]

_CLIP: Final = re.compile(r"Actor_(\d\d)/[^/]+\.wav", re.IGNORECASE)


class Meter(Protocol):
    """Makes something that shows progress, such as :func:`hearfelt.cli.options.progress`."""

    def __call__(
        self, label: str, total: int | None, *, unit: Literal["items", "bytes"] = "items"
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a step of so many items or bytes; the function given is called with those just done."""


@dataclass(frozen=True)
class Got:
    """What a folder holds now of what was asked for.

    Attributes:
        folder: where it is.
        clips: how many clips of each channel.
        fetched: bytes that came over the wire for it; 0 if all was there.
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
    """One zip's share of what is asked for: these actors of it, below this folder."""

    archive: Archive
    wanted: frozenset[int]
    root: Path

    @property
    def folder(self) -> Path:
        return self.root / Path(self.archive.name).stem

    @property
    def zip_path(self) -> Path:
        return self.root / WORK / self.archive.name

    @property
    def scratch(self) -> Path:
        return self.root / WORK / f"clip-{os.getpid()}.part"

    @property
    def receipt(self) -> Receipt:
        return read_receipt(self.folder, self.archive.name)

    def missing(self) -> frozenset[int]:
        return self.wanted - self.receipt.whole_actors(self.folder, self.archive.clips_each)

    def mostly_there(self) -> bool:
        clips = sum(1 for _ in self.folder.glob("Actor_*/*.wav"))
        return 2 * clips > len(self.archive.actors) * self.archive.clips_each


def get_ravdess(
    folder: Path,
    *,
    channel: Channel = "both",
    actors: Iterable[int] | None = None,
    source: Source | None = None,
    progress: Meter | None = None,
) -> Got:
    """Bring RAVDESS, or some actors of it, into a folder; what is there already is not asked for again.

    The whole of a half comes as its zip, verified by its MD5; some actors come out of the remote zip by range
    requests, each clip verified by its CRC, and so does what a nearly whole folder lacks. The clips go to
    ``folder/Audio_Speech_Actors_01-24/Actor_01/…`` and ``folder/Audio_Song_Actors_01-24/Actor_01/…``; a clip is under
    its own name only when it is whole. Stopped at any moment, the next call goes on. A zip that somebody put into
    ``folder`` by hand is used, and left there.

    Args:
        folder: where to; made when it isn't there.
        channel: speech, song or both.
        actors: numbers from 1 to 24; None for all.
        source: where from.
        progress: makes a progress bar for each step.

    Returns:
        What is there now.

    Raises:
        CorpusError: if there is no such actor or channel, or only the song of actor 18 is asked for.
        DownloadError: if something did not arrive, is not what was published, or does not fit on the disk.
    """
    folder = Path(folder)
    source = source or Source()
    asked = None if actors is None else frozenset(actors)
    halves = _halves(folder, source, channel, asked)
    fetched = 0
    new = not folder.exists()
    try:
        if any(half.missing() for half in halves):
            folder.mkdir(parents=True, exist_ok=True)
            with alone_in(folder):
                require_space(folder, sum(_needed(half) for half in halves))
                for half in halves:
                    fetched += _get_half(half, source, progress or _silent)
        _tidy(folder, halves)
    except DownloadError:
        with suppress(OSError):  # nothing came: leave no trace
            (folder / WORK).rmdir()
            if new:
                folder.rmdir()
        raise
    except OSError as error:
        place = error.filename or folder
        raise DownloadError(f"{place}: {(error.strerror or str(error)).lower()}; nothing more was fetched") from error
    clips = {half.archive.channel: len(half.wanted) * half.archive.clips_each for half in halves}
    partial = any(half.wanted < half.archive.actors for half in halves)
    return Got(folder, clips, fetched, partial, songless=channel != "speech" and 18 in (asked or ()))


def _silent(
    label: str, total: int | None, *, unit: Literal["items", "bytes"] = "items"
) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def _halves(folder: Path, source: Source, channel: str, actors: frozenset[int] | None) -> list[_Half]:
    everyone = frozenset[int]().union(*(archive.actors for archive in source.archives))
    strangers = sorted((actors or frozenset()) - everyone)
    if strangers or (actors is not None and not actors):
        said = ", ".join(map(str, strangers)) or "none given"
        raise CorpusError(f"actors: {said}; RAVDESS has the actors {min(everyone)} to {max(everyone)}")
    chosen = [archive for archive in source.archives if channel in (archive.channel, "both")]
    if not chosen:
        raise CorpusError(f"channel {channel!r}: RAVDESS has speech and song; ask for one of them, or for both")
    if folder.exists() and not folder.is_dir():
        raise CorpusError(f"{folder}: this is a file; a folder is wanted here")
    halves = [_Half(archive, archive.actors & (actors or everyone), folder) for archive in chosen]
    if not any(half.wanted for half in halves):
        raise CorpusError("actor 18 did not sing: RAVDESS has no song of that actor; ask for the speech")
    return [half for half in halves if half.wanted]


def _get_half(half: _Half, source: Source, meter: Meter) -> int:
    missing = half.missing()
    if not missing:
        return 0
    half.zip_path.parent.mkdir(parents=True, exist_ok=True)
    file = source.file(half.archive)
    by_hand = half.root / half.archive.name
    for path in (by_hand, half.zip_path):  # the second one: stopped while it was being unpacked
        if is_whole(file, path):
            _unpack_whole(half, path, missing, meter)
            return 0
    some = half.wanted < half.archive.actors
    if some or half.mostly_there():
        try:
            return _get_parts(half, source, missing, meter)
        except RangesIgnoredError as error:
            if some:
                raise DownloadError(f"{error}; ask for all actors, or use another mirror") from error
    with meter(f"fetching {half.archive.channel}", half.archive.size, unit="bytes") as done:
        fetched = transfer(file, half.zip_path, web=source.web, progress=done)
    _unpack_whole(half, half.zip_path, missing, meter)
    return fetched


def _unpack_whole(half: _Half, path: Path, missing: frozenset[int], meter: Meter) -> None:
    with ZipFile(path) as archive:
        members = _clips_of(half, archive, missing)
        with meter(f"unpacking {half.archive.channel}", len(members)) as done:
            for member in members:
                unpack_member(archive, member, half.folder, half.scratch)
                done(1)
    half.receipt.plus(members).write(half.folder)


def _get_parts(half: _Half, source: Source, missing: frozenset[int], meter: Meter) -> int:
    file = source.file(half.archive)
    with open_remote_zip(file.url, file.size, web=source.web) as remote:
        members = _clips_of(half, remote.archive, missing)
        runs = remote.runs(member for member in members if not _is_there(half.folder, member))
        total = sum(run.stop - run.start for run in runs)
        with meter(f"fetching {half.archive.channel}", total, unit="bytes") as done:
            for run in runs:
                _unpack_run(half, remote, run, done)
        half.receipt.plus(members).write(half.folder)
        return remote.fetched


def _unpack_run(half: _Half, remote: RemoteZip, run: Run, done: Callable[[int], None]) -> None:
    remote.load(run, done)
    try:
        for member in run.members:
            unpack_member(remote.archive, member, half.folder, half.scratch)
    except DamagedMemberError:
        # The wire may have done it, so once more; a second time it is the zip itself.
        remote.load(run, again=True)
        try:
            for member in run.members:
                unpack_member(remote.archive, member, half.folder, half.scratch)
        except DamagedMemberError as error:
            raise DownloadError(f"{half.archive.name}: {error}; run this again later or use another mirror") from error


def _clips_of(half: _Half, archive: ZipFile, actors: frozenset[int]) -> list[ZipInfo]:
    name = half.archive.name
    clips = []
    for member in safe_members(archive, name, most_bytes=2 * half.archive.unpacked):
        match = _CLIP.fullmatch(member.filename)
        if match and int(match[1]) in actors:
            clips.append(member)
    expected = len(actors) * half.archive.clips_each
    if len(clips) != expected:
        raise DownloadError(f"{name}: it holds {len(clips):,} clips of these actors, {expected:,} were published")
    return clips


def _is_there(folder: Path, member: ZipInfo) -> bool:
    path = folder / member.filename
    return path.is_file() and path.stat().st_size == member.file_size and crc_of(path) == member.CRC


def _needed(half: _Half) -> int:
    """Tell how many bytes of the disk this half still takes at most while it comes."""
    share = len(half.missing()) / len(half.archive.actors)
    here = (half.root / half.archive.name, half.zip_path, part_of(half.zip_path))
    there = sum(path.stat().st_size for path in here if path.is_file())
    as_zip = share > 0 and half.wanted == half.archive.actors
    return round(half.archive.unpacked * share) + (max(0, half.archive.size - there) if as_zip else 0)


def _tidy(folder: Path, halves: Iterable[_Half]) -> None:
    """Take away what is unfinished and no longer of use, unless another process is at work here."""
    work = folder / WORK
    if not work.is_dir():
        return
    with suppress(DownloadError), alone_in(folder):
        for half in halves:
            if half.wanted == half.archive.actors:  # else a part of the zip may still be of use
                for path in work.glob(f"{half.archive.name}*"):
                    path.unlink(missing_ok=True)
        for path in work.glob("clip-*.part"):  # of a process that was killed
            path.unlink(missing_ok=True)
        with suppress(OSError):
            work.rmdir()
