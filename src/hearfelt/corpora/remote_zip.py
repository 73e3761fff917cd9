"""Single files out of a zip on the web, without the rest of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final, cast
from zipfile import ZipFile, ZipInfo

from hearfelt.corpora.unpack import UNREADABLE
from hearfelt.corpora.web import Patience, RangesIgnoredError, TransientError, Web
from hearfelt.errors import DownloadError

__all__ = ["RemoteZip", "Run", "open_remote_zip"]

TAIL: Final = 1 << 18  # bytes of the end asked for first, 256 KiB: holds the directory of a few thousand files
GAP: Final = 1 << 16  # bytes that nobody wants but that are cheaper than another request, 64 KiB
LONGEST_RUN: Final = 1 << 24  # bytes held in memory at once, 16 MiB


@dataclass(frozen=True)
class Run:
    """Members that lie together in the zip, fetched in one go.

    Attributes:
        start: place of the first byte.
        stop: place behind the last byte.
        members: what lies there, in the order of the zip.
    """

    start: int
    stop: int
    members: tuple[ZipInfo, ...]


class _Window(io.RawIOBase):
    """A remote file to be read and seeked in like a local one; asks for what it does not hold.

    The standard library's zipfile reads through it, so that the directory, zip64 and checksums are its business.
    """

    def __init__(self, url: str, size: int, web: Web) -> None:
        self.url = url
        self.size = size
        self.fetched = 0  # bytes over the wire
        self._web = web
        self._place = 0
        self._held: dict[str, tuple[int, bytes]] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence] + offset
        if self._place < 0:
            raise OSError("there is nothing before the start of a file")  # as a real file says
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        start = min(self._place, self.size)
        stop = self.size if size < 0 else min(start + size, self.size)
        data = self._found(start, stop)
        if data is None:
            data = self.hold("latest", start, stop)
        self._place = stop
        return data

    def hold(self, name: str, start: int, stop: int, progress: Callable[[int], None] = lambda count: None) -> bytes:
        """Bring the bytes from ``start`` to before ``stop``; they replace what is held under ``name``."""
        data = bytearray()
        patience = Patience(self._web)
        while len(data) < stop - start:
            before = len(data)
            try:
                self._add(data, start, stop, progress)
                if len(data) < stop - start:
                    raise TransientError(f"{self.url}: the connection ended early")
            except TransientError as fault:
                patience.wait(fault, len(data) - before)
        self._held.pop(name, None)
        self._held = {name: (start, bytes(data)), **self._held}  # looked through from the newest on
        return self._held[name][1]

    def holds(self, start: int, stop: int) -> bool:
        """Tell whether these bytes can be read without a request."""
        return self._found(start, stop) is not None

    def _found(self, start: int, stop: int) -> bytes | None:
        for first, held in self._held.values():
            if first <= start and stop <= first + len(held):
                return held[start - first : stop - first]
        return None

    def _add(self, data: bytearray, start: int, stop: int, progress: Callable[[int], None]) -> None:
        here = start + len(data)
        with self._web.get(self.url, here, stop) as reply:
            if not reply.is_part:
                raise RangesIgnoredError(f"{self.url}: the server sends whole files only, no parts")
            if reply.total not in (None, self.size):
                raise DownloadError(
                    f"{self.url}: {reply.total:,} bytes are there and {self.size:,} were published; it is another file"
                )
            if reply.start != here:
                raise DownloadError(f"{self.url}: asked for the bytes from {here:,}, got those from {reply.start:,}")
            for block in reply.blocks:
                wanted = block[: stop - start - len(data)]
                data += wanted
                self.fetched += len(wanted)
                progress(len(wanted))
                if len(wanted) < len(block):
                    break


class RemoteZip:
    """A zip on the web of which only the directory has been read.

    Attributes:
        archive: reads members; those of the run loaded last without another request.
    """

    def __init__(self, archive: ZipFile, window: _Window) -> None:
        self.archive = archive
        self._window = window

    @property
    def fetched(self) -> int:
        """How many bytes have come over the wire."""
        return self._window.fetched

    def runs(self, members: Iterable[ZipInfo]) -> list[Run]:
        """Divide members into stretches of the zip that are worth one request each."""
        starts = sorted({member.header_offset for member in self.archive.infolist()})
        # A member ends where the next one, whichever that is, or the directory begins.
        behind = dict(zip(starts, [*starts[1:], self.archive.start_dir], strict=True))
        runs: list[Run] = []
        for member in sorted(members, key=lambda member: member.header_offset):
            start = member.header_offset
            # Header, name and extra field, data, data descriptor (APPNOTE.TXT 4.3): never more than this.
            stop = min(behind[start], start + 30 + 2 * 0xFFFF + member.compress_size + 24)
            last = runs[-1] if runs else None
            if last and start - last.stop <= GAP and stop - last.start <= LONGEST_RUN:
                runs[-1] = Run(last.start, stop, (*last.members, member))
            else:
                runs.append(Run(start, stop, (member,)))
        return runs

    def load(self, run: Run, progress: Callable[[int], None] | None = None, *, again: bool = False) -> None:
        """Fetch a run, so that its members can be read; the run before it is forgotten.

        Args:
            run: one of :meth:`runs`.
            progress: called with the number of bytes just gained.
            again: True to fetch it even if its bytes are at hand, because they are damaged.

        Raises:
            DownloadError: if it did not arrive.
        """
        done = progress or (lambda count: None)
        if not again and self._window.holds(run.start, run.stop):  # it lies beside the directory
            done(run.stop - run.start)
            return
        self._window.hold("run", run.start, run.stop, done)


@contextmanager
def open_remote_zip(url: str, size: int, *, web: Web | None = None) -> Iterator[RemoteZip]:
    """Read the directory of a zip on the web: one request, two if it is very long.

    Args:
        url: where the zip is.
        size: its published size in bytes.
        web: how to ask.

    Yields:
        The zip.

    Raises:
        RangesIgnoredError: if the server cannot send parts of a file.
        DownloadError: if it cannot be had, has another size or is no zip.
    """
    window = _Window(url, size, web or Web())
    window.hold("tail", max(0, size - TAIL), size)
    try:
        archive = ZipFile(cast("IO[bytes]", window))
    except UNREADABLE as error:
        raise DownloadError(f"{url}: what is there is no zip ({error})") from error
    with archive:
        yield RemoteZip(archive, window)
