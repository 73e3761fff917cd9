"""What a service offers, and to whom: every limit in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from hearfelt.service.stream_limits import is_loopback
from hearfelt.service.stream_settings import StreamSettings
from hearfelt.service.workers import WorkerSettings

__all__ = ["ServiceSettings"]


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of one service.

    Attributes:
        models: names or files that are offered, the default first.
        host: the address it listens at; loopback unless told otherwise.
        port: the port; 0 for any that is free.
        keys: whoever sends none of these is turned away; empty for everybody.
        cors_origins: pages from elsewhere that may use it, such as ``"https://example.org"``.
        body_bytes: the largest body.
        held_bytes: of all bodies that are being received or answered at the same time.
        arriving_s: how long a body may take to come, so that slow senders don't fill that room.
        files: how many sounds one request may bring.
        longest_s: seconds of sound in one file.
        explain_s: seconds of sound in one file that is to be explained, which costs many times its answer.
        per_minute: requests that one key, or one address where there are no keys, may make in a minute; 0 for any.
        grace_s: how long running requests get when the service ends.
        workers: limits on the processes that decode and answer.
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
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    streams: StreamSettings = field(default_factory=StreamSettings)

    @property
    def is_open(self) -> bool:
        """Whether others than this computer reach it."""
        return not is_loopback(self.host)
