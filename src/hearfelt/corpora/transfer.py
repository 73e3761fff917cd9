"""One file from the web: whole and verified, or not there; a download that was cut goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hearfelt.corpora.web import Patience, Reply, TransientError, Web
from hearfelt.errors import DownloadError

__all__ = ["RemoteFile", "is_whole", "part_of", "transfer"]


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web, as it was published.

    Attributes:
        url: where it is.
        size: in bytes.
        md5: of its bytes, 32 hexadecimal digits.
    """

    url: str
    size: int
    md5: str


def part_of(path: Path) -> Path:
    """Tell where the bytes of an unfinished download wait.

    Example:
        >>> part_of(Path("a.zip")).name
        'a.zip.part'
    """
    return path.with_name(path.name + ".part")


def is_whole(file: RemoteFile, path: Path) -> bool:
    """Tell whether the published file is at ``path``, byte for byte."""
    return path.is_file() and path.stat().st_size == file.size and _md5(path) == file.md5


def transfer(
    file: RemoteFile, path: Path, *, web: Web | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Bring a file from the web; under its own name it is only ever whole and verified.

    What arrives waits in ``path.part``, and the server's name for this version of the file in ``path.etag``, so that
    a later call, also of another process, goes on behind the last byte. If the server has another version by then,
    or ignores ranges, it starts over.

    Args:
        file: what to bring.
        path: where to put it; the folder is made.
        web: how to ask.
        progress: called with the number of bytes just gained; at first with those already there, and with a
            negative number when it starts over.

    Returns:
        How many bytes came over the wire; 0 if the file was there.

    Raises:
        DownloadError: if the file did not arrive. What did is kept, unless its MD5 is wrong.
    """
    web = web or Web()
    done = progress or (lambda count: None)
    if is_whole(file, path):
        done(file.size)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    if _size(part) > file.size:
        part.unlink()
    done(_size(part))
    patience = Patience(web)
    came = 0

    def count(arrived: int) -> None:
        nonlocal came
        came += max(0, arrived)
        done(arrived)

    while (have := _size(part)) < file.size:
        before = came
        try:
            _go_on(file, path, web, have, count)
            if _size(part) < file.size:
                raise TransientError(f"the connection ended after {_size(part):,} of {file.size:,} bytes")
        except TransientError as fault:
            patience.wait(fault, came - before)
    _keep(file, path)
    return came


def _go_on(file: RemoteFile, path: Path, web: Web, have: int, done: Callable[[int], None]) -> None:
    etag_path = path.with_name(path.name + ".etag")
    etag = etag_path.read_text(encoding="utf-8") if have and etag_path.is_file() else ""
    with web.get(file.url, have, etag=etag) as reply:
        if reply.total not in (None, file.size):
            raise DownloadError(
                f"{file.url}: {reply.total:,} bytes are there and {file.size:,} were published; it is another file"
            )
        if reply.start == 0:
            done(-have)
            etag_path.write_text(reply.etag, encoding="utf-8")
            _save(reply, part_of(path), 0, file.size, done)
        elif reply.start != have:
            raise DownloadError(f"{file.url}: asked for the bytes from {have:,}, got those from {reply.start:,}")
        elif etag and reply.etag != etag:  # another version, from a server that does not know If-Range
            part_of(path).unlink()
            done(-have)
            raise TransientError(f"{file.url}: the file changed while it was fetched")
        else:
            _save(reply, part_of(path), have, file.size, done)


def _save(reply: Reply, part: Path, have: int, size: int, done: Callable[[int], None]) -> None:
    with part.open("ab" if have else "wb") as target:
        for block in reply.blocks:
            target.write(block[: size - have])  # a server that goes on and on fills no disk
            done(min(len(block), size - have))
            have += len(block)
            if have >= size:
                break


def _keep(file: RemoteFile, path: Path) -> None:
    part = part_of(path)
    md5 = _md5(part)
    path.with_name(path.name + ".etag").unlink(missing_ok=True)
    if md5 != file.md5:
        part.unlink()
        raise DownloadError(
            f"{file.url}: the MD5 of what arrived is {md5}, that of the published file {file.md5}; "
            "it was deleted, run this again to start over"
        )
    with part.open("rb") as whole:
        os.fsync(whole.fileno())
    part.replace(path)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        # MD5 is what the record publishes; it finds damage and is no protection against an attacker.
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
