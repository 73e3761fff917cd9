"""The service as a program: it runs until it is told to end, and then finishes what it has begun."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import uvicorn

from hearfelt.errors import HearfeltError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.app import create_app
from hearfelt.service.logs import log_as_json
from hearfelt.service.settings import ServiceSettings

__all__ = ["serve"]


def serve(settings: ServiceSettings, *, told: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; running requests are finished first.

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
        timeout_graceful_shutdown=int(settings.grace_s),
        server_header=False,
        **settings.streams.for_uvicorn(),
    )
    told(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    uvicorn.Server(config).run([listening])


def _listening(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        place = f"{settings.host}:{settings.port}"
        raise HearfeltError(f"{place}: nothing can listen there ({reason}); choose another --port or --host") from error
