"""Settings of a service: models, address, access, and every limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hearfelt.service.auth import is_loopback
from hearfelt.service.recognition import WorkerSettings

__all__ = ["ServiceSettings", "StreamSettings"]


@dataclass(frozen=True)
class StreamSettings:
    """Limits on live streams.

    Attributes:
        most: streams at once; one more is refused as busy. Two cores follow ten in real time.
        longest_s: of sound in one stream, and of time that it may stay open.
        message_bytes: the largest message a client may send.
        opening_s: how long the first message may take.
        idle_s: how long a client may send nothing, or not receive what it is sent.
        ping_s: how often a ping keeps the connection open. Its answer may come late, behind sound that waits.
        threads: streams that are computed at the same time; the others wait their turn.
        frame_ancestors: pages that may embed the live page, as in Content-Security-Policy; by default those of
            this computer, such as ``hearfelt app``.
    """

    most: int = 10
    longest_s: float = 3600.0
    message_bytes: int = 1_000_000
    opening_s: float = 10.0
    idle_s: float = 30.0
    ping_s: float = 20.0
    threads: int = 2
    frame_ancestors: tuple[str, ...] = ("'self'", "http://localhost:*", "http://127.0.0.1:*")


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of one service.

    Attributes:
        models: names or files that are offered, the default first.
        host: the address it listens at.
        port: the port; 0 for any that is free.
        keys: API keys that are accepted; empty to accept everybody.
        cors_origins: other origins whose pages may call it, such as ``"https://example.org"``.
        body_bytes: the largest body.
        held_bytes: of all bodies that are being received or answered at the same time.
        arriving_s: how long a body may take to arrive, so that slow clients don't fill that room.
        files: sounds in one request.
        longest_s: seconds of sound in one file.
        explain_s: seconds of sound in one file that is explained, which costs many times its prediction.
        per_minute: requests per minute of one key, or of one address where there are no keys; 0 for no limit.
        grace_s: how long running requests may take when the service ends.
        connections: open at once; above this, requests are refused with 503.
        keep_alive_s: how long a connection may stay open between two requests.
        workers: limits on the processes that decode and predict.
        streams: limits on live streams.
    """

    models: tuple[str, ...] = ("hearfelt", "tiny", "classic", "svm")
    host: str = "127.0.0.1"
    port: int = 8000
    keys: tuple[str, ...] = field(default=(), repr=False)
    cors_origins: tuple[str, ...] = ()
    body_bytes: int = 50_000_000
    held_bytes: int = 500_000_000
    arriving_s: float = 120.0
    files: int = 100
    longest_s: float = 3600.0
    explain_s: float = 30.0
    per_minute: int = 0
    grace_s: float = 30.0
    connections: int = 1_000
    keep_alive_s: int = 10
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    streams: StreamSettings = field(default_factory=StreamSettings)

    @property
    def is_local(self) -> bool:
        """Whether the service can be reached from this computer only."""
        return is_loopback(self.host)

    def uvicorn_options(self) -> dict[str, Any]:
        """Return the options of ``uvicorn.Config`` that put these limits into effect."""
        return {
            "http": "h11",
            "ws": "websockets-sansio",
            "limit_concurrency": self.connections,
            "timeout_keep_alive": self.keep_alive_s,
            "ws_max_size": self.streams.message_bytes,
            "ws_ping_interval": self.streams.ping_s,
            "ws_ping_timeout": None,
            "ws_per_message_deflate": False,  # sound does not get smaller, and each stream would need memory for it
            "proxy_headers": False,  # anybody could claim another address there, and so evade the rate limit
            "server_header": False,
            "access_log": False,
            "log_config": None,
        }
