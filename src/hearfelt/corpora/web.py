"""Requests over HTTP for parts of a file, and patience with faults that pass.

Only the standard library: downloading must not need a package that recognizing does not need.
"""

from __future__ import annotations

import email.utils
import errno
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL
from importlib.metadata import version
from typing import IO, Final
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from hearfelt.errors import DownloadError

__all__ = ["Patience", "RangesIgnoredError", "Reply", "TransientError", "Web"]

BLOCK: Final = 1 << 18  # bytes read at once, 256 KiB
ENOUGH: Final = 1 << 20  # bytes after which a fault is not counted as "again": 1 MiB came through
LONGEST_WAIT_S: Final = 120.0

# Too many requests, a time-out, and what a busy or restarting server answers; all others are here to stay.
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_UNREACHABLE: Final = frozenset(
    {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
)


class TransientError(DownloadError):
    """A fault that may be gone in a moment: asking again is worth while.

    Attributes:
        wait_s: how long the server asked to wait; None if it did not say.
        unreachable: True if there was no server to talk to at all.
    """

    def __init__(self, sentence: str, *, wait_s: float | None = None, unreachable: bool = False) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s
        self.unreachable = unreachable


class RangesIgnoredError(DownloadError):
    """The server sends whole files only."""


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    Attributes:
        start: place in the file of the first byte that comes; 0 if the server ignored the range.
        is_part: True if the server sends only the bytes asked for.
        total: size of the whole file in bytes; None if the server did not say.
        etag: the server's name for this version of the file; may be empty.
        blocks: the bytes, as they come in. They may end early: count them.
    """

    start: int
    is_part: bool
    total: int | None
    etag: str
    blocks: Iterator[bytes]


class _Redirects(request.HTTPRedirectHandler):
    """Follow redirects (the range goes along), but never from an encrypted to an open connection."""

    def redirect_request(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise DownloadError(f"{req.full_url}: sent on to {newurl}, which is not encrypted; not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True)
class Web:
    """How to talk to a server.

    Attributes:
        pause: waits for a number of seconds.
        tries: how often in a row the same thing is asked before giving up.
        timeout_s: how long a server may say nothing.
        place: the environment variable that can name another place, for messages.
    """

    pause: Callable[[float], None] = time.sleep
    tries: int = 6
    timeout_s: float = 30.0
    place: str = "HEARFELT_ZENODO"

    @contextmanager
    def get(self, url: str, start: int = 0, stop: int | None = None, *, etag: str = "") -> Iterator[Reply]:
        """Ask for the bytes from ``start`` to before ``stop`` of a file.

        Args:
            url: http or https.
            start: first byte wanted.
            stop: byte before which to stop; None for the end of the file.
            etag: of the version the bytes must belong to; the server sends the whole file if it has another.

        Yields:
            The reply; a server that ignores ranges sends the file from byte 0.

        Raises:
            TransientError: if asking again may help; also while the blocks are read.
            DownloadError: if it won't.
        """
        host = _host(url)
        ask = request.Request(url)  # noqa: S310 (the scheme was checked above)
        # A name of its own: Zenodo slows down programs that call themselves only Python.
        ask.add_header("User-Agent", f"hearfelt/{version('hearfelt')} (speech emotion recognition)")
        ask.add_header("Accept-Encoding", "identity")
        if start or stop is not None:
            ask.add_header("Range", f"bytes={start}-{'' if stop is None else stop - 1}")
            if etag and not etag.startswith("W/"):  # a weak one may not be compared byte by byte (RFC 9110, 13.1.5)
                ask.add_header("If-Range", etag)
        with self._open(ask, host) as response:
            yield _reply(response, url)

    def _open(self, ask: request.Request, host: str) -> HTTPResponse:
        try:
            response: HTTPResponse = _opener().open(ask, timeout=self.timeout_s)
        except HTTPError as error:
            with error:
                raise _refusal(error, ask.full_url, self.place) from None
        except URLError as error:
            raise _no_contact(error.reason, host) from error
        except DownloadError:
            raise
        except (InvalidURL, ValueError) as error:  # also a host name that no encoding fits
            raise DownloadError(f"{ask.full_url}: no address on the web ({error})") from error
        except (OSError, HTTPException) as error:
            raise _no_contact(error, host) from error
        return response


class Patience:
    """Counts what goes wrong in a row, waits a little longer each time, and gives up in the end."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._failures = 0
        self._contact = False

    def wait(self, fault: TransientError, arrived: int = 0) -> None:
        """Wait until it makes sense to ask again: as long as the server says, else 1, 2, 4, … seconds.

        Args:
            fault: what went wrong.
            arrived: bytes that had come before it did; a mebibyte or more wipes the slate.

        Raises:
            DownloadError: if there is nobody to talk to, the server asks for more than two minutes, or it went
                wrong too often.

        Example:
            >>> waits = []
            >>> patience = Patience(Web(pause=waits.append, tries=4))
            >>> for _ in range(3):
            ...     patience.wait(TransientError("busy"))
            >>> waits
            [1.0, 2.0, 4.0]
        """
        self._contact = self._contact or not fault.unreachable
        self._failures = 1 if arrived >= ENOUGH else self._failures + 1
        kept = "run this again later: what has arrived is kept"
        if not self._contact:
            raise DownloadError(f"{fault}; are you online? {kept[0].upper()}{kept[1:]}") from fault
        if self._failures >= self._web.tries:
            raise DownloadError(f"{fault}, {self._failures} times in a row; {kept}") from fault
        wait_s = 2.0 ** (self._failures - 1) if fault.wait_s is None else fault.wait_s
        if wait_s > LONGEST_WAIT_S:
            raise DownloadError(f"{fault} and asks to wait {wait_s:,.0f} s; {kept}") from fault
        self._web.pause(wait_s)


def _opener() -> request.OpenerDirector:
    # Built by hand: urllib's own opener would also follow a redirect to ftp.
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.UnknownHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPErrorProcessor,
        _Redirects,
    ):
        opener.add_handler(handler())
    return opener


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # unbalanced brackets
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DownloadError(f"{url}: not the address of a file on the web; https://… is wanted")
    return parts.hostname


def _reply(response: HTTPResponse, url: str) -> Reply:
    etag = response.headers.get("ETag", "")
    blocks = _blocks(response, _host(url))
    if response.status == 206:
        place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if place is None:
            raise DownloadError(f"{url}: the server sent a part of the file without saying which part")
        total = None if place[2] == "*" else int(place[2])
        return Reply(int(place[1]), True, total, etag, blocks)
    if response.status != 200:
        raise DownloadError(f"{url}: the server answered {response.status}; 200 or 206 would bring the file")
    length = response.headers.get("Content-Length", "")
    return Reply(0, False, int(length) if length.isdecimal() else None, etag, blocks)


def _blocks(response: HTTPResponse, host: str) -> Iterator[bytes]:
    try:
        while block := response.read1(BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise TransientError(f"the connection to {host} broke off ({_reason(error)})") from error


def _refusal(error: HTTPError, url: str, place: str) -> DownloadError:
    sentence = f"{url}: the server answered {error.code} ({error.reason})"
    if error.code in _PASSING:
        return TransientError(sentence, wait_s=_seconds(error.headers.get("Retry-After")))
    if error.code in {404, 410}:
        return DownloadError(f"{sentence}; if it has moved, put its new place into {place}")
    return DownloadError(f"{sentence}; it does not give this file away")


def _no_contact(reason: BaseException | str, host: str) -> DownloadError:
    if isinstance(reason, ssl.SSLError):
        return DownloadError(f"{host}: no safe connection ({_reason(reason)}); check the clock and the network")
    away = isinstance(reason, socket.gaierror) or getattr(reason, "errno", None) in _UNREACHABLE
    return TransientError(f"{host} cannot be reached ({_reason(reason)})", unreachable=away)


def _reason(error: BaseException | str) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


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
