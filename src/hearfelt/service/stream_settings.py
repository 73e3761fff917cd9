"""How live streams are run: limits, times, and whose pages may use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hearfelt.service.connections import Patience, protocols

__all__ = ["StreamSettings"]


@dataclass(frozen=True)
class StreamSettings:
    """Limits on live streams.

    Attributes:
        most: streams at once; one more is told that the service is busy. Two cores hear ten in real time.
        longest_s: of sound in one stream, and of time that it may stay open.
        message_bytes: the largest message a client may send.
        opening_s: how long the first message may take, or the head of a request.
        idle_s: how long a client may send nothing, or not take what it is sent.
        closing_s: how long a client may take to close; then its connection is cut.
        ping_s: how often a ping keeps the connection open. Its answer may come late, behind sound that waits.
        threads: streams that are computed for at the same time; the others wait their turn.
        frame_ancestors: pages that may embed the live page, as in Content-Security-Policy; by default those of
            this computer, such as ``hearfelt app``.
    """

    most: int = 10
    longest_s: float = 3600.0
    message_bytes: int = 1_000_000
    opening_s: float = 10.0
    idle_s: float = 30.0
    closing_s: float = 5.0
    ping_s: float = 20.0
    threads: int = 2
    frame_ancestors: tuple[str, ...] = ("'self'", "http://localhost:*", "http://127.0.0.1:*")

    def for_uvicorn(self) -> dict[str, Any]:
        """Give the options that a server needs for the limits to hold below this program as well.

        Sound does not become smaller by compression, which would only cost memory for each stream.
        """
        return {
            **protocols(Patience(self.opening_s, self.idle_s, self.closing_s)),
            "ws_max_size": self.message_bytes,
            "ws_ping_interval": self.ping_s,
            "ws_ping_timeout": None,
            "ws_per_message_deflate": False,
            "proxy_headers": False,  # anybody could write another address there, and so have another rate
        }
