"""Who may use a service: API keys, request rates, and which web pages may call it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request

from hearfelt.errors import HearfeltError
from hearfelt.service.problems import RefusedError

__all__ = ["Access", "ApiKeys", "RateLimit", "is_allowed_origin", "is_loopback", "key_of", "read_keys", "split_keys"]


_SHORTEST_KEY: Final = 16  # characters; a shorter key can be guessed
_MOST_CLIENTS: Final = 10_000  # that a rate limit remembers; the one idle for longest is dropped first


class Access:
    """Checks the API key and the request rate of each client.

    Args:
        keys: keys that are accepted; empty to accept everybody.
        per_minute: requests and streams per client and minute; 0 for no limit. A client is a key or, where there are
            no keys, an address, since anybody can make up keys that nobody checks.
    """

    def __init__(self, keys: Iterable[str] = (), per_minute: int = 0) -> None:
        self.keys, self._limit = ApiKeys(keys), RateLimit(per_minute)

    async def check_request(self, request: Request) -> None:
        """Check the key in a request's headers.

        Raises:
            RefusedError: 401 or 429.
        """
        self.check(request, key_of(request))

    def check(self, connection: HTTPConnection, key: str | None) -> None:
        """Check a key, and count one request of its client.

        Raises:
            RefusedError: 401 for a missing or unknown key; 429 above the rate.
        """
        if not self.keys.allow(key):
            problem = "no API key was sent" if key is None else "the API key is unknown"
            message = f"{problem}; send one as the header Authorization: Bearer KEY"
            raise RefusedError(401, message, {"WWW-Authenticate": "Bearer"})
        address = connection.client.host if connection.client else ""
        client = (key if self.keys else None) or address
        if wait_s := self._limit.wait_s(_digest(client).hex()):
            message = f"more than {self._limit.per_minute} requests in a minute; try again in {wait_s} s"
            raise RefusedError(429, message, {"Retry-After": str(wait_s)})


class ApiKeys:
    """The API keys that a service accepts, compared in constant time.

    Args:
        keys: empty to accept everybody.

    Example:
        >>> keys = ApiKeys(["a key of enough letters"])
        >>> keys.allow("a key of enough letters"), keys.allow(None), ApiKeys([]).allow(None)
        (True, False, True)
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def allow(self, key: str | None) -> bool:
        """Return whether a key is accepted; all keys are compared, so that the time taken reveals nothing."""
        given = _digest(key or "")
        found = [hmac.compare_digest(given, known) for known in self._digests]
        return not self._digests or (key is not None and any(found))


class RateLimit:
    """A token bucket for each client: it refills evenly and holds one minute's worth.

    Args:
        per_minute: 0 for no limit.
        clock: seconds.

    Example:
        >>> limit = RateLimit(1, clock=lambda: 0.0)
        >>> limit.wait_s("somebody"), limit.wait_s("somebody"), limit.wait_s("somebody else")
        (0, 60, 0)
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute, self._clock = per_minute, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> int:
        """Take one token from a client's bucket; return the whole seconds to wait if it is empty, else 0."""
        if not self.per_minute:
            return 0
        now = self._clock()
        left, then = self._left.pop(client, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - then) * self.per_minute / 60)
        may = left >= 1
        self._left[client] = (left - 1 if may else left, now)
        while len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0 if may else max(1, math.ceil((1 - left) * 60 / self.per_minute))


def key_of(connection: HTTPConnection) -> str | None:
    """Return the API key in the headers of a request or WebSocket, if any."""
    kind, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.casefold() == "bearer" else connection.headers.get("x-api-key")


def read_keys(path: Path) -> tuple[str, ...]:
    """Read API keys from a file, one a line; empty lines and lines that begin with # are ignored.

    Raises:
        HearfeltError: if there is no key, or one that is too short.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise HearfeltError(f"{path}: cannot read keys ({error}); a text file with a key on each line") from error
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise HearfeltError(f"{path}: no key in this file; write each key on a line of its own")
    return _checked(keys, str(path))


def split_keys(text: str, source: str) -> tuple[str, ...]:
    """Split comma-separated API keys.

    Args:
        text: empty for no keys.
        source: where the text comes from, for messages.

    Raises:
        HearfeltError: if the text is not empty and has no key, or one that is too short.

    Example:
        >>> split_keys("one-key-of-enough-letters, another-key-of-letters", "here")
        ('one-key-of-enough-letters', 'another-key-of-letters')
    """
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if text and not keys:
        raise HearfeltError(f"{source}: no key in it; write keys between commas, or leave it empty")
    return _checked(keys, source)


def _checked(keys: tuple[str, ...], source: str) -> tuple[str, ...]:
    if not all(key.isascii() for key in keys):
        raise HearfeltError(f"{source}: a key has characters beyond ASCII, which a header cannot carry; choose another")
    if short := [key for key in keys if len(key) < _SHORTEST_KEY]:
        raise HearfeltError(f"{source}: a key of {len(short[0])} characters; use {_SHORTEST_KEY} or more")
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def is_allowed_origin(origin: str | None, host: str, *, allowed: Collection[str] = (), is_local: bool = True) -> bool:
    """Return whether a page of this origin may call the service.

    Browsers let any page of the web connect to any socket, also on this computer, and only say where the page came
    from. Programs send no origin.

    Args:
        origin: the header ``Origin``.
        host: the header ``Host``: by which name the service was reached.
        allowed: other origins that are accepted, such as ``"https://example.org"``; ``"*"`` for all.
        is_local: whether the service listens on loopback only. Then a page of the same name is accepted only if that
            name is this computer's: another name may have been pointed here by a foreign name server (DNS rebinding).

    Example:
        >>> is_allowed_origin(None, "127.0.0.1:8000")
        True
        >>> is_allowed_origin("http://127.0.0.1:8000", "127.0.0.1:8000")
        True
        >>> is_allowed_origin("https://example.org", "127.0.0.1:8000")
        False
    """
    if origin is None or origin in allowed or "*" in allowed:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:  # no browser sends this
        return False
    if parts.scheme not in ("http", "https") or parts.netloc.casefold() != host.casefold():
        return False
    return not is_local or is_loopback(parts.hostname or "")


def is_loopback(name: str) -> bool:
    """Return whether a host name or address can be reached from this computer only.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
