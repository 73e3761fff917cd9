"""Run the service: as a program until SIGINT or SIGTERM, or its live part in a thread."""

from __future__ import annotations

import asyncio
import math
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from hearfelt.errors import HearfeltError
from hearfelt.service.app import create_app
from hearfelt.service.live.routes import add_live
from hearfelt.service.logs import log_as_json
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.settings import ServiceSettings

__all__ = ["live_server", "serve"]

_LATER_S: Final = 5.0  # for the responses to cancelled requests; then connections are closed
_LIVE_GRACE_S: Final = 1  # for open streams when a live server ends


def serve(settings: ServiceSettings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; running requests may finish for ``grace_s`` and are then cancelled.

    Args:
        settings: models, address and limits.
        on_ready: called with the address as soon as connections are accepted.

    Raises:
        ModelError: if a model cannot be loaded, or two have one name.
        HearfeltError: if the address cannot be bound.
    """
    app = create_app(settings)
    for name in app.state.models.files:
        app.state.models.card(name)  # a file that cannot be loaded is reported now
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    log_as_json(sys.stderr)
    grace_s = math.ceil(settings.grace_s + _LATER_S)
    config = uvicorn.Config(app, timeout_graceful_shutdown=grace_s, **settings.uvicorn_options())
    on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    _Server(config, app, grace_s=settings.grace_s).run([listening])


@contextmanager
def live_server(models: Sequence[str]) -> Iterator[str]:
    """Serve the live page and its WebSocket on a free port of loopback, in a thread, until the block ends.

    Args:
        models: that are offered, the default first; it is loaded when the live page is first opened.

    Yields:
        The address of the live page, such as ``"http://127.0.0.1:49152/"``. It accepts connections already.
    """
    settings = ServiceSettings(models=tuple(models))
    app = FastAPI(openapi_url=None)
    add_live(app, settings, ModelRegistry(models))
    listening = socket.create_server((settings.host, 0))
    config = uvicorn.Config(app, timeout_graceful_shutdown=_LIVE_GRACE_S, **settings.uvicorn_options())
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="live", daemon=True)
    thread.start()
    try:
        yield f"http://{settings.host}:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(2 * _LIVE_GRACE_S)
        listening.close()


class _Server(uvicorn.Server):
    """uvicorn's server, which answers unfinished requests with 503 when it has to end."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, grace_s: float) -> None:
        super().__init__(config)
        self._app, self._grace_s = app, grace_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing new, and let running requests finish for ``grace_s``."""
        cancelling = asyncio.get_running_loop().call_later(self._grace_s, self._cancel_requests)
        try:
            await super().shutdown(sockets)
        finally:
            cancelling.cancel()

    def _cancel_requests(self) -> None:
        self._app.state.workers.end()
        self._app.state.requests.cancel_all()


def _listen(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        address = f"{settings.host}:{settings.port}"
        raise HearfeltError(f"{address}: cannot listen there ({reason}); choose another --port or --host") from error
