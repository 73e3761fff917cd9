"""Some tensors out of a ``.safetensors`` file on the web, without the rest of it.

Such a file begins with a table of what lies where (https://huggingface.co/docs/safetensors), so only the bytes of
the tensors wanted are asked for: a fifth of Whisper base. A server that knows no ranges sends the whole, of which
the rest is thrown away as it comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hearfelt.corpora.disk import alone_in
from hearfelt.corpora.transfer import part_of
from hearfelt.corpora.web import Patience, Reply, TransientError, Web
from hearfelt.errors import DownloadError
from hearfelt.runtime.files import atomic_write

__all__ = ["fetch_tensors"]

LENGTH_BYTES: Final = 8  # the file begins with the length of its table
LONGEST_TABLE: Final = 1 << 22  # 4 MiB: hundreds of times what a real model needs
GAP: Final = 1 << 16  # bytes that nobody wants but that are cheaper than another request, 64 KiB


@dataclass(frozen=True)
class _Stored:
    """One tensor: its entry in the table, and where its bytes are in the whole file."""

    name: str
    kind: str
    shape: list[int]
    start: int
    stop: int


@dataclass(frozen=True)
class _Remote:
    """A file whose table has been read: the tensors wanted in the order of their bytes, and the file's version."""

    url: str
    etag: str
    wanted: tuple[_Stored, ...]

    @property
    def size(self) -> int:
        return sum(one.stop - one.start for one in self.wanted)

    def missing(self, have: int) -> Iterator[tuple[int, int]]:
        """Name the stretches of the file that are still to come when the first ``have`` wanted bytes are here."""
        for one in self.wanted:
            length = one.stop - one.start
            if have < length:
                yield one.start + have, one.stop
            have = max(0, have - length)

    def next_run(self, have: int) -> tuple[int, int]:
        """Join the next missing stretches that lie so close that one request is cheaper."""
        stretches = self.missing(have)
        start, stop = next(stretches)
        for first, last in stretches:
            if first - stop > GAP:
                break
            stop = last
        return start, stop


def fetch_tensors(
    url: str, names: Sequence[str], path: Path, *, web: Web | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Bring some tensors of a remote file into a smaller ``.safetensors`` file of their own.

    What arrives waits in ``path.part``, so that a later call goes on behind the last byte, unless the server has
    another version of the file by then. Whether the numbers are right is for the caller to check.

    Args:
        url: where the file is.
        names: of the tensors wanted.
        path: where to put them; the folder is made.
        web: how to ask.
        progress: called with the number of bytes just gained.

    Returns:
        How many wanted bytes came over the wire.

    Raises:
        DownloadError: if they did not arrive, or what is there is no such file or lacks one of the tensors.
    """
    web = web or Web()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone_in(path.parent):
            remote = _looked_up(url, names, web)
            came = _collect(remote, path, web, progress or (lambda count: None))
            _write(remote, path)
            return came
    except DownloadError:
        raise
    except OSError as error:
        place = error.filename or path
        raise DownloadError(f"{place}: {(error.strerror or str(error)).lower()}; nothing more was fetched") from error


def _looked_up(url: str, names: Sequence[str], web: Web) -> _Remote:
    """Read the table of the remote file."""
    head, _ = _first_bytes(url, LENGTH_BYTES, web)
    length = int.from_bytes(head, "little")
    if not 2 <= length <= LONGEST_TABLE:
        raise DownloadError(f"{url}: what is there is no .safetensors file (its table would have {length:,} bytes)")
    content, etag = _first_bytes(url, LENGTH_BYTES + length, web)
    try:
        table = json.loads(content[LENGTH_BYTES:])
        stored = [_entry(name, table[name], LENGTH_BYTES + length) for name in names if name in table]
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{url}: what is there is no .safetensors file ({error})") from error
    if missing := sorted(set(names) - {one.name for one in stored}):
        raise DownloadError(f"{url}: there is no tensor {missing[0]} in it; it is another file")
    return _Remote(url, etag, tuple(sorted(stored, key=lambda one: one.start)))


def _entry(name: str, entry: dict[str, Any], behind: int) -> _Stored:
    start, stop = (int(place) for place in entry["data_offsets"])
    if not 0 <= start <= stop:
        raise ValueError(f"{name} lies from byte {start} to {stop}")
    return _Stored(name, str(entry["dtype"]), [int(size) for size in entry["shape"]], behind + start, behind + stop)


def _first_bytes(url: str, count: int, web: Web) -> tuple[bytes, str]:
    patience = Patience(web)
    while True:
        data = bytearray()
        try:
            with web.get(url, 0, count) as reply:
                for block in reply.blocks:
                    data += block[: count - len(data)]
                    if len(data) == count:
                        return bytes(data), reply.etag
                if reply.total is not None and reply.total < count:
                    raise DownloadError(f"{url}: only {reply.total:,} bytes are there; that is no .safetensors file")
            raise TransientError(f"{url}: the connection ended early")
        except TransientError as fault:
            patience.wait(fault, len(data))


def _collect(remote: _Remote, path: Path, web: Web, done: Callable[[int], None]) -> int:
    """Fill the part until all wanted bytes are there; tells how many came."""
    part, etag_path = part_of(path), path.with_name(path.name + ".etag")
    known = etag_path.read_text(encoding="utf-8") if etag_path.is_file() else None
    if known != remote.etag or _size(part) > remote.size:  # of another version
        part.unlink(missing_ok=True)
        etag_path.write_text(remote.etag, encoding="utf-8")
    done(_size(part))
    patience = Patience(web)
    came = 0
    while (have := _size(part)) < remote.size:
        before = came
        try:
            with web.get(remote.url, *remote.next_run(have), etag=remote.etag) as reply:
                if reply.etag != remote.etag:
                    part.unlink(missing_ok=True)
                    raise DownloadError(f"{remote.url}: the file changed while it was fetched; run this again")
                with part.open("ab") as target:
                    for piece in _wanted_pieces(reply, remote, have):
                        target.write(piece)
                        came += len(piece)
                        done(len(piece))
            if came == before:
                raise TransientError(f"{remote.url}: the connection ended early")
        except TransientError as fault:
            patience.wait(fault, came - before)
    return came


def _wanted_pieces(reply: Reply, remote: _Remote, have: int) -> Iterator[bytes]:
    """Pick the bytes still missing, in order, out of a part of the file or the whole of it."""
    stretches = remote.missing(have)
    start, stop = next(stretches)
    if reply.start > start:
        raise DownloadError(f"{remote.url}: asked for the bytes from {start:,}, got those from {reply.start:,}")
    place = reply.start
    for block in reply.blocks:
        while start < place + len(block):
            piece = block[start - place : stop - place]
            yield piece
            start += len(piece)
            if start == stop:
                following = next(stretches, None)
                if following is None:
                    return
                start, stop = following
        place += len(block)


def _write(remote: _Remote, path: Path) -> None:
    """Make a file of the collected bytes; what was collected is then no longer needed."""
    table: dict[str, Any] = {"__metadata__": {"source": remote.url}}
    place = 0
    for one in remote.wanted:
        stop = place + one.stop - one.start
        table[one.name] = {"dtype": one.kind, "shape": one.shape, "data_offsets": [place, stop]}
        place = stop
    head = json.dumps(table, separators=(",", ":")).encode()
    head += b" " * (-len(head) % LENGTH_BYTES)  # so that the tensors begin at a multiple of 8
    with part_of(path).open("rb") as collected, atomic_write(path, "wb") as file:
        file.write(len(head).to_bytes(LENGTH_BYTES, "little") + head)
        while block := collected.read(1 << 20):
            file.write(block)
    part_of(path).unlink()
    path.with_name(path.name + ".etag").unlink(missing_ok=True)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
