"""Fetch a file, or parts of one, over HTTP: resumed, retried when a server is busy, and verified."""

from __future__ import annotations

import email.utils
import hashlib
import io
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hearfelt.errors import DownloadError, require

if TYPE_CHECKING:
    import httpx

__all__ = ["Client", "RangesIgnoredError", "RemoteFile", "SeekableRemote", "part_of", "transfer"]

_ENOUGH: Final = 1 << 20  # 1 MiB: faults that far apart are not "in a row"
_TAIL: Final = 1 << 18  # 256 KiB at the end of a zip hold the directory of a few thousand files
_LONGEST_WAIT_S: Final = 120.0
_TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504})  # what a busy or restarting server answers
_KEPT: Final = "run this again later: what has arrived is kept"


class RangesIgnoredError(DownloadError):
    """The server sends whole files only."""


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its ``size`` in bytes, its ``md5`` as 32 hexadecimal digits."""

    url: str
    size: int
    md5: str

    def is_at(self, path: Path) -> bool:
        """Tell whether a local file has the same bytes."""
        return path.is_file() and path.stat().st_size == self.size and _md5(path) == self.md5


@dataclass(frozen=True)
class Client:
    """Reads bytes of a file from a server, and retries after temporary errors.

    Attributes:
        sleep: waits for a number of seconds.
        tries: how many faults in a row end the download.
        timeout_s: how long a server may send nothing.
    """

    sleep: Callable[[float], None] = time.sleep
    tries: int = 6
    timeout_s: float = 30.0

    def read(self, file: RemoteFile, start: int, stop: int, *, needs_ranges: bool = False) -> Iterator[bytes]:
        """Yield the bytes from ``start`` to before ``stop``.

        Args:
            file: which file.
            start: first byte wanted.
            stop: byte before which to end.
            needs_ranges: refuse a server that only sends whole files; else what comes before ``start`` is skipped.

        Raises:
            RangesIgnoredError: if the server is refused for that.
            DownloadError: if the server cannot be reached, refuses, has another file, or fails too often.
        """
        httpx: Any = require("httpx", "download")
        failures, reached = 0, False
        while start < stop:
            before, wait_s = start, None
            try:
                with _response(file.url, start, stop, self.timeout_s) as response:
                    reached = True
                    if response.status_code in _TRANSIENT:
                        fault, wait_s = _status(response), _seconds(response.headers.get("Retry-After"))
                    else:
                        for block in _body(response, file, start, needs_ranges=needs_ranges):
                            wanted = block[: stop - start]
                            start += len(wanted)
                            yield wanted
                            if start == stop:
                                return
                        fault = f"{file.url}: the connection ended early"
            except httpx.TransportError as error:
                fault = f"{file.url}: {str(error) or type(error).__name__}"
                if isinstance(error, httpx.UnsupportedProtocol):
                    raise DownloadError(f"{fault}; https://… is wanted") from error
                if isinstance(error, httpx.ConnectError) and not reached:
                    raise DownloadError(
                        f"{error.request.url.host} cannot be reached ({error}); are you online?"
                    ) from error
            except (httpx.InvalidURL, httpx.TooManyRedirects, ValueError) as error:
                raise DownloadError(f"{file.url}: no file at this address ({error})") from error
            failures = 1 if start - before >= _ENOUGH else failures + 1
            self._wait(fault, failures, wait_s)

    def _wait(self, fault: str, failures: int, wait_s: float | None) -> None:
        """Wait as long as the server asks, else 1, 2, 4, … seconds."""
        if failures >= self.tries:
            raise DownloadError(f"{fault}, {failures} times in a row; {_KEPT}")
        wait_s = 2.0 ** (failures - 1) if wait_s is None else wait_s
        if wait_s > _LONGEST_WAIT_S:
            raise DownloadError(f"{fault} and asks to wait {wait_s:,.0f} s; {_KEPT}")
        self.sleep(wait_s)


def part_of(path: Path) -> Path:
    """Name the file that holds what has arrived of an unfinished download.

    Example:
        >>> part_of(Path("a.zip")).name
        'a.zip.part'
    """
    return path.with_name(path.name + ".part")


def transfer(
    file: RemoteFile, path: Path, *, client: Client | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Fetch a file; under its own name it is only ever whole and verified.

    What arrives is kept in ``path.part``, so that a later call, also of another process, goes on behind the last byte.

    Args:
        file: what to fetch.
        path: where to put it; the folder is made.
        client: how to ask.
        progress: called with the number of bytes just gained; at first with those already there.

    Returns:
        How many bytes came over the network.

    Raises:
        DownloadError: if the file did not arrive. What did is kept, unless its MD5 is wrong.
    """
    done = progress or (lambda count: None)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    have = part.stat().st_size if part.is_file() else 0
    if have > file.size:
        part.unlink()
        have = 0
    done(have)
    try:
        with part.open("ab") as target:
            for block in (client or Client()).read(file, have, file.size):
                target.write(block)
                done(len(block))
            target.flush()
            os.fsync(target.fileno())
    finally:
        if not part.stat().st_size:  # nothing came: leave no trace
            part.unlink()
    if (md5 := _md5(part)) != file.md5:
        part.unlink()
        raise DownloadError(
            f"{file.url}: the MD5 of what arrived is {md5}, that of the published file {file.md5}; "
            "it was deleted, run this again to start over"
        )
    part.replace(path)
    return file.size - have


class SeekableRemote(io.RawIOBase):
    """A remote file that can be read anywhere, such as by ``zipfile``; each read is one request.

    Wrap it in ``io.BufferedReader``, which asks for more at once. The end of the file is asked for only once.

    Args:
        file: which file.
        client: how to ask.

    Attributes:
        fetched: how many bytes have come over the network.
    """

    def __init__(self, file: RemoteFile, client: Client) -> None:
        self.fetched = 0
        self._file, self._client, self._place = file, client, 0
        self._tail_start = max(0, file.size - _TAIL)
        self._tail = b""
        self._tail = self._bytes(self._tail_start, file.size)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte of the file."""
        self._place = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence] + offset
        if self._place < 0:
            raise OSError("there is nothing before the start of a file")  # as a real file says
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from where the file stands."""
        view = memoryview(buffer).cast("B")
        stop = max(self._place, min(self._place + len(view), self._file.size))
        data = self._bytes(self._place, stop)
        view[: len(data)] = data
        self._place = stop
        return len(data)

    def _bytes(self, start: int, stop: int) -> bytes:
        if self._tail and start >= self._tail_start:
            return self._tail[start - self._tail_start : stop - self._tail_start]
        data = b"".join(self._client.read(self._file, start, stop, needs_ranges=True))
        self.fetched += len(data)
        return data


@cache
def _certificates() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()  # takes a tenth of a second, so not for every request


@contextmanager
def _response(url: str, start: int, stop: int, timeout_s: float) -> Iterator[httpx.Response]:
    import httpx

    headers = {
        "User-Agent": f"hearfelt/{version('hearfelt')}",  # Zenodo slows down programs without a name of their own
        "Accept-Encoding": "identity",
        "Range": f"bytes={start}-{stop - 1}",
    }
    hooks = {"response": [_refuse_open_redirect]}
    with (
        httpx.Client(verify=_certificates(), follow_redirects=True, timeout=timeout_s, event_hooks=hooks) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        yield response


def _refuse_open_redirect(response: httpx.Response) -> None:
    place = response.headers.get("Location", "")
    if response.url.scheme == "https" and urlsplit(place).scheme not in ("", "https"):
        raise DownloadError(f"{response.url}: sent on to {place}, which is not encrypted; not followed")


def _body(response: httpx.Response, file: RemoteFile, start: int, *, needs_ranges: bool) -> Iterator[bytes]:
    """Yield the file from ``start`` on, if it is the published one as far as the answer tells."""
    begins, total = 0, response.headers.get("Content-Length", "")
    if response.status_code == 206:
        place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if place is None or int(place[1]) != start:
            raise DownloadError(f"{file.url}: asked for the bytes from {start:,} on, the server sent others")
        begins, total = start, place[2]
    elif response.status_code != 200:
        moved = "; if it has moved, HEARFELT_ZENODO can name its new place" if response.status_code == 404 else ""
        raise DownloadError(_status(response) + moved)
    if total.isdecimal() and int(total) != file.size:
        raise DownloadError(
            f"{file.url}: {int(total):,} bytes are there and {file.size:,} were published; it is another file"
        )
    if needs_ranges and response.status_code == 200:
        raise RangesIgnoredError(f"{file.url}: the server sends whole files only, no parts")
    skip = start - begins
    for block in response.iter_raw():
        yield block[skip:]
        skip = max(0, skip - len(block))


def _status(response: httpx.Response) -> str:
    return f"{response.url}: the server answered {response.status_code} ({response.reason_phrase})"


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, 10.2.3).

    Example:
        >>> _seconds("7"), _seconds("Fri, 31 Dec 1999 23:59:59 GMT"), _seconds("soon")
        (7.0, 0.0, None)
    """
    text = (retry_after or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, when.timestamp() - time.time())


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        # MD5 is what the record publishes; it finds damage and is no protection against an attacker.
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
