"""``WS /v1/stream`` and the live page at ``/``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol

from fastapi import APIRouter, FastAPI, WebSocket
from starlette.responses import JSONResponse

from hearfelt.inference.timeline.stream import Stream
from hearfelt.service.auth import Rates
from hearfelt.service.metrics import Measures
from hearfelt.service.problems import problem
from hearfelt.service.stream_auth import KeyCheck, StreamDoor
from hearfelt.service.stream_limits import is_loopback, is_welcome
from hearfelt.service.stream_models import StreamModels
from hearfelt.service.stream_page import page_router
from hearfelt.service.stream_protocol import Opening
from hearfelt.service.stream_session import StreamSession
from hearfelt.service.stream_settings import StreamSettings

__all__ = ["LiveSettings", "add_live"]

_ROUTE: Final = "/v1/stream"


class LiveSettings(Protocol):
    """What the live part needs of a service's settings."""

    @property
    def models(self) -> Sequence[str]:
        """Models that are offered, the default first."""

    @property
    def host(self) -> str:
        """The address that the service listens at."""

    @property
    def cors_origins(self) -> Collection[str]:
        """Origins of other pages that may use the service."""

    @property
    def streams(self) -> StreamSettings:
        """Limits on live streams."""


def add_live(
    app: FastAPI,
    settings: LiveSettings,
    *,
    allows: KeyCheck | None = None,
    rates: Rates | None = None,
    measures: Measures | None = None,
) -> None:
    """Give a service the live page and the socket that it speaks through.

    Args:
        app: the service.
        settings: its settings.
        allows: tells whether a key, or none, is good enough; left out, everybody is welcome.
        rates: how often each may come.
        measures: count and tell of streams; left out, there is the log alone.
    """
    models = StreamModels(settings.models)
    door = StreamDoor(settings.streams.most, allows=allows, rates=rates)
    app.include_router(page_router(models, settings.streams.frame_ancestors, needs_key=allows is not None))
    app.include_router(_stream_router(models, settings, door, measures or Measures()))


def _stream_router(models: StreamModels, settings: LiveSettings, door: StreamDoor, measures: Measures) -> APIRouter:
    limits = settings.streams
    threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="stream")

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        threads.shutdown(wait=False, cancel_futures=True)

    router = APIRouter(lifespan=lifespan)

    def begin(opening: Opening) -> Stream:
        return models.load(opening.model).stream(opening.rate_hz)

    @router.websocket(_ROUTE)
    async def stream(websocket: WebSocket) -> None:
        begun, headers = time.monotonic(), websocket.headers
        if not is_welcome(
            headers.get("origin"),
            headers.get("host", ""),
            allowed=settings.cors_origins,
            is_local=is_loopback(settings.host),
        ):
            await websocket.send_denial_response(_foreign(headers["origin"]))
            measures.note(_ROUTE, "GET", 403, begun)
            return

        @contextmanager
        def admitted(opening: Opening) -> Iterator[None]:
            with door.entered(websocket, opening.key), measures.hearing_stream():
                yield

        await websocket.accept()
        session = StreamSession(websocket, begin, threads, limits, admit=admitted)
        try:
            await session.run()
        except Exception as fault:  # told of like those of requests
            measures.note_fault(fault)
        finally:
            measures.note_stream(session.code, session.heard_s, begun)

    @router.websocket("/{elsewhere:path}")
    async def nothing(websocket: WebSocket) -> None:
        begun = time.monotonic()
        await websocket.send_denial_response(problem(404, f"there is no socket at this address; {_ROUTE} is one"))
        measures.note("other", "GET", 404, begun)

    return router


def _foreign(origin: str) -> JSONResponse:
    detail = f"pages of {origin[:100]} may not listen here; whoever runs this service can allow their origin"
    return problem(403, detail)
