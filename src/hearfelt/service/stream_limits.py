"""Who may open a live stream: how many at once, and pages of which origin."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

__all__ = ["StreamPlaces", "is_loopback", "is_welcome"]


class StreamPlaces:
    """Counts streams; used by one event loop.

    Args:
        most: how many there may be at once.

    Example:
        >>> places = StreamPlaces(1)
        >>> with places.taken() as first, places.taken() as second:
        ...     (first, second)
        (True, False)
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.streams = 0

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Take a place for a while; False if there is none."""
        if self.streams >= self.most:
            yield False
            return
        self.streams += 1
        try:
            yield True
        finally:
            self.streams -= 1


def is_welcome(origin: str | None, host: str, *, allowed: Collection[str] = (), is_local: bool = True) -> bool:
    """Tell whether a page of this origin may use the service's sockets.

    Browsers let any page of the web connect to any socket, also on this computer, and only tell where the page came
    from. Programs send no origin.

    Args:
        origin: the header ``Origin``.
        host: the header ``Host``: by which name the service was reached.
        allowed: other origins that are welcome, such as ``"https://example.org"``; ``"*"`` for all.
        is_local: whether the service listens on loopback only. Then a page of the same name is welcome only if that
            name is this computer's: any other may have been pointed here by a stranger's name server.

    Example:
        >>> is_welcome(None, "127.0.0.1:8000"), is_welcome("http://127.0.0.1:8000", "127.0.0.1:8000")
        (True, True)
        >>> is_welcome("https://example.org", "127.0.0.1:8000")
        False
    """
    if origin is None or origin in allowed or "*" in allowed:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:  # no browser sends such a one
        return False
    if parts.scheme not in ("http", "https") or parts.netloc.casefold() != host.casefold():
        return False
    return not is_local or is_loopback(parts.hostname or "")


def is_loopback(name: str) -> bool:
    """Tell whether a name or address is this computer's own, reached from nowhere else.

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
