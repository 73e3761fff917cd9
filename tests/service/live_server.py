"""A real server on loopback for the tests of live streams and of the page."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from hearfelt.service.auth import Access
from hearfelt.service.live.routes import add_live
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.settings import ServiceSettings


def live_settings(**changes: Any) -> ServiceSettings:
    """Settings with one small model."""
    return ServiceSettings(**{"models": ("tiny",), **changes})


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
def running(settings: ServiceSettings | None = None, *, access: Access | None = None) -> Iterator[Running]:
    """Run the live part of a service on a free port of loopback."""
    settings = settings or live_settings()
    app = FastAPI()
    add_live(app, settings, ModelRegistry(settings.models), access=access or Access(settings.keys))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=2, **settings.uvicorn_options()))
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
