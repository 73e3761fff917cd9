"""The live part of the service alone, run beside another program of this process, such as the page."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import uvicorn
from fastapi import FastAPI

from hearfelt.service.live import add_live
from hearfelt.service.stream_settings import StreamSettings

__all__ = ["live_beside"]

_HOST: Final = "127.0.0.1"
_ENDING_S: Final = 5.0  # streams that are open get this long


@dataclass(frozen=True)
class _Beside:
    """Settings of a service that only this computer reaches."""

    models: Sequence[str]
    host: str = _HOST
    cors_origins: tuple[str, ...] = ()
    streams: StreamSettings = field(default_factory=StreamSettings)


@contextmanager
def live_beside(models: Sequence[str]) -> Iterator[str]:
    """Serve the live page and its socket on a free port of loopback, in a thread, until the block ends.

    Args:
        models: that are offered, the default first. The first is loaded when somebody opens the live page.

    Yields:
        The address of the live page, such as ``"http://127.0.0.1:49152/"``. It takes connections already.
    """
    settings = _Beside(models)
    app = FastAPI(openapi_url=None)
    add_live(app, settings)
    listening = socket.create_server((_HOST, 0))
    options = settings.streams.for_uvicorn()
    ending_s = int(_ENDING_S)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=ending_s, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="live", daemon=True)
    thread.start()
    try:
        yield f"http://{_HOST}:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(2 * _ENDING_S)
        listening.close()
