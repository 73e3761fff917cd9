"""``WS /v1/stream`` and the live page at ``/``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Protocol

from fastapi import APIRouter, FastAPI, WebSocket
from starlette.responses import JSONResponse

from hearfelt.inference.stream import Stream
from hearfelt.service.stream_admission import StreamPlaces, is_loopback, is_welcome
from hearfelt.service.stream_models import StreamModels
from hearfelt.service.stream_page import page_router
from hearfelt.service.stream_protocol import BUSY, NOT_ALLOWED, Opening, StreamError, error_text
from hearfelt.service.stream_session import StreamSession, close_with
from hearfelt.service.stream_settings import StreamSettings

__all__ = ["LiveSettings", "add_live"]

KeyCheck = Callable[[str | None], bool]


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


def add_live(app: FastAPI, settings: LiveSettings, *, allows: KeyCheck | None = None) -> None:
    """Give a service the live page and the socket that it speaks through.

    Args:
        app: the service.
        settings: its settings.
        allows: tells whether a key, or none, is good enough; left out, everybody is welcome.
    """
    models = StreamModels(settings.models)
    app.include_router(page_router(models, settings.streams.frame_ancestors, needs_key=allows is not None))
    app.include_router(_stream_router(models, settings, allows))


def _stream_router(models: StreamModels, settings: LiveSettings, allows: KeyCheck | None) -> APIRouter:
    limits = settings.streams
    places = StreamPlaces(limits.most)
    threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="stream")

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        threads.shutdown(wait=False, cancel_futures=True)

    router = APIRouter(lifespan=lifespan)

    @router.websocket("/v1/stream")
    async def stream(websocket: WebSocket) -> None:
        headers = websocket.headers
        if not is_welcome(
            headers.get("origin"),
            headers.get("host", ""),
            allowed=settings.cors_origins,
            is_local=is_loopback(settings.host),
        ):
            await websocket.send_denial_response(_foreign(headers["origin"]))
            return

        def begin(opening: Opening) -> Stream:
            key = opening.key if opening.key is not None else _key_in_headers(websocket)
            if allows is not None and not allows(key):
                wanted = "send one as the header Authorization: Bearer KEY, or as key in the first message"
                raise StreamError(f"{'no key came' if key is None else 'this key is not known'}; {wanted}", NOT_ALLOWED)
            return models.load(opening.model).stream(opening.rate_hz)

        with places.taken() as is_taken:
            await websocket.accept()
            if is_taken:
                await StreamSession(websocket, begin, threads, limits).run()
            else:
                await _refuse(websocket, f"{limits.most} streams are open, as many as may be; try again in a moment")

    return router


async def _refuse(websocket: WebSocket, detail: str) -> None:
    await websocket.send_text(error_text(detail))
    await close_with(websocket, BUSY)


def _foreign(origin: str) -> JSONResponse:
    detail = f"pages of {origin[:100]} may not listen here; whoever runs this service can allow their origin"
    problem = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": detail}
    return JSONResponse(problem, 403, media_type="application/problem+json")


def _key_in_headers(websocket: WebSocket) -> str | None:
    kind, _, key = websocket.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.casefold() == "bearer" else websocket.headers.get("x-api-key")
