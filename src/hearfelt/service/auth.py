"""Who may ask, and how often."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from starlette.requests import HTTPConnection, Request

from hearfelt.errors import HearfeltError
from hearfelt.service.problems import RefusedError

__all__ = ["Keys", "Rates", "key_of", "read_keys", "split_keys"]

_SHORTEST: Final = 16  # characters; what is shorter can be guessed
_REMEMBERED: Final = 10_000  # askers; the one that was quiet longest is forgotten first


class Keys:
    """The keys of a service, compared in a time that says nothing about them.

    Args:
        keys: empty to let everybody in.

    Example:
        >>> keys = Keys(["a key of enough letters"])
        >>> keys.allow("a key of enough letters"), keys.allow(None), Keys([]).allow(None)
        (True, False, True)
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def allow(self, key: str | None) -> bool:
        """Tell whether a key is one of them; every one is compared, whatever the first ones say."""
        given = _digest(key or "")
        found = [hmac.compare_digest(given, known) for known in self._digests]
        return not self._digests or (key is not None and any(found))

    async def refuse_stranger(self, request: Request) -> None:
        """Turn away who brings no key that is known.

        Raises:
            RefusedError: 401.
        """
        key = key_of(request)
        if not self.allow(key):
            came = "no key came" if key is None else "this key is not known"
            sentence = f"{came}; send one as the header Authorization: Bearer KEY"
            raise RefusedError(401, sentence, {"WWW-Authenticate": "Bearer"})


class Rates:
    """Counts requests: each asker has a bucket that fills evenly and is a minute's worth deep.

    Args:
        per_minute: 0 for any number.
        by_key: whether an asker is a key; otherwise an address, since anybody can make up keys that nobody checks.
        clock: seconds.

    Example:
        >>> rates = Rates(1, clock=lambda: 0.0)
        >>> rates.wait_s("somebody"), rates.wait_s("somebody"), rates.wait_s("somebody else")
        (0, 60, 0)
    """

    def __init__(self, per_minute: int, *, by_key: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._by_key, self._clock = per_minute, by_key, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, asker: str) -> int:
        """Take one request out of an asker's bucket; whole seconds to wait if there is none, else 0."""
        if not self._per_minute:
            return 0
        now = self._clock()
        left, then = self._left.pop(asker, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - then) * self._per_minute / 60)
        may = left >= 1
        self._left[asker] = (left - 1 if may else left, now)
        while len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return 0 if may else max(1, math.ceil((1 - left) * 60 / self._per_minute))

    async def refuse_hasty(self, request: Request) -> None:
        """Turn away who asks too often.

        Raises:
            RefusedError: 429.
        """
        if wait_s := self.wait_s(self.asker(request, key_of(request))):
            raise RefusedError(429, self.sentence(wait_s), {"Retry-After": str(wait_s)})

    def asker(self, connection: HTTPConnection, key: str | None) -> str:
        """Tell whose bucket a connection with this key takes from."""
        address = connection.client.host if connection.client else ""
        return _digest((key if self._by_key else None) or address).hex()

    def sentence(self, wait_s: int) -> str:
        """Say to somebody that it was too often."""
        return f"more than {self._per_minute} requests in a minute; try again in {wait_s} s"


def key_of(connection: HTTPConnection) -> str | None:
    """Find the key that a request or a socket brings in its head."""
    kind, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.casefold() == "bearer" else connection.headers.get("x-api-key")


def read_keys(path: Path) -> tuple[str, ...]:
    """Read keys from a file, one a line; empty lines and what begins with # are passed over.

    Raises:
        HearfeltError: if there is none, or one that can be guessed.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise HearfeltError(f"{path}: no keys can be read ({error}); a text file with a key on each line") from error
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise HearfeltError(f"{path}: there is no key in it; write one on a line of its own")
    return _long_enough(keys, str(path))


def split_keys(text: str, source: str) -> tuple[str, ...]:
    """Find the keys in a text, between commas.

    Args:
        text: empty for no keys at all.
        source: where it stands, for messages.

    Raises:
        HearfeltError: if there is a text and no key in it, or one that can be guessed.

    Example:
        >>> split_keys("one-key-of-enough-letters, another-key-of-letters", "here")
        ('one-key-of-enough-letters', 'another-key-of-letters')
    """
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if text and not keys:
        raise HearfeltError(f"{source}: there is no key in it; write keys between commas, or leave it empty")
    return _long_enough(keys, source)


def _long_enough(keys: tuple[str, ...], source: str) -> tuple[str, ...]:
    if not all(key.isascii() for key in keys):
        raise HearfeltError(f"{source}: a key with letters beyond ASCII, which no header can carry; choose another")
    if short := [key for key in keys if len(key) < _SHORTEST]:
        raise HearfeltError(f"{source}: a key of {len(short[0])} characters; {_SHORTEST} or more are wanted")
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
