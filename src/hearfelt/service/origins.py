"""Cross-origin checks: which web pages may call a service."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

__all__ = ["is_allowed_origin", "is_loopback"]


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
