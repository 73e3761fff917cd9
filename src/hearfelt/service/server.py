"""The service as a program: it runs until it is told to end, and then finishes what it has begun."""

from __future__ import annotations

import asyncio
import math
import socket
import sys
from collections.abc import Callable
from typing import Final

import uvicorn
from fastapi import FastAPI

from hearfelt.errors import HearfeltError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.app import create_app
from hearfelt.service.logs import log_as_json
from hearfelt.service.settings import ServiceSettings

__all__ = ["serve"]

_LATER_S: Final = 5.0  # for the answers to what was given up; then what is left is cut


def serve(settings: ServiceSettings, *, told: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; running requests are finished first, for ``grace_s``, and then given up.

    Args:
        settings: what is offered, and to whom.
        told: is given the address as soon as connections are taken.

    Raises:
        ModelError: if a model cannot be loaded, or two have one name.
        HearfeltError: if the address cannot be listened at.
    """
    for model in settings.models:
        Recognizer.load(model, threads=1)
    app = create_app(settings)
    listening = _listening(settings)
    host, port = listening.getsockname()[:2]
    log_as_json(sys.stderr)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=math.ceil(settings.grace_s + _LATER_S),
        server_header=False,
        **settings.streams.for_uvicorn(),
    )
    told(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    _Server(config, app, grace_s=settings.grace_s).run([listening])


class _Server(uvicorn.Server):
    """uvicorn's, which answers the requests that are not done when it has to end."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, grace_s: float) -> None:
        super().__init__(config)
        self._app, self._grace_s = app, grace_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new, and let what is running be finished, for a while."""
        giving_up = asyncio.get_running_loop().call_later(self._grace_s, self._give_up)
        try:
            await super().shutdown(sockets)
        finally:
            giving_up.cancel()

    def _give_up(self) -> None:
        self._app.state.workers.end()
        self._app.state.requests.give_up()


def _listening(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        place = f"{settings.host}:{settings.port}"
        raise HearfeltError(f"{place}: nothing can listen there ({reason}); choose another --port or --host") from error
