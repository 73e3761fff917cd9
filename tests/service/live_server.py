"""A real server on loopback for the tests of live streams and of the page."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI

from hearfelt.service.live import add_live
from hearfelt.service.stream_settings import StreamSettings


@dataclass(frozen=True)
class Settings:
    models: tuple[str, ...] = ("tiny",)
    host: str = "127.0.0.1"
    cors_origins: tuple[str, ...] = ()
    streams: StreamSettings = field(default_factory=StreamSettings)


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    port: int
    server: uvicorn.Server

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def stream(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/stream"


@contextmanager
def running(
    settings: Settings | None = None, *, allows: Callable[[str | None], bool] | None = None
) -> Iterator[Running]:
    """Run the live part of a service on a free port of loopback."""
    settings = settings or Settings()
    app = FastAPI()
    add_live(app, settings, allows=allows)
    listening = socket.create_server(("127.0.0.1", 0))
    options = settings.streams.for_uvicorn()
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2, **options))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        until(lambda: server.started)
        yield Running(listening.getsockname()[1], server)
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def until(happened: Callable[[], bool], patience_s: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.01)
