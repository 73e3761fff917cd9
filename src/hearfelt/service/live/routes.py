"""Route ``WS /v1/stream``, and the live page."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from fastapi import APIRouter, FastAPI, WebSocket
from starlette.responses import JSONResponse

from hearfelt.inference.timeline.stream import Stream
from hearfelt.service.auth import Access, key_of
from hearfelt.service.live.page import page_router
from hearfelt.service.live.protocol import BUSY, NOT_ALLOWED, Opening, StreamError
from hearfelt.service.live.session import StreamSession
from hearfelt.service.metrics import Metrics
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.origins import is_allowed_origin
from hearfelt.service.problems import RefusedError, problem
from hearfelt.service.settings import ServiceSettings

__all__ = ["StreamAdmission", "add_live"]

_ROUTE: Final = "/v1/stream"


def add_live(
    app: FastAPI,
    settings: ServiceSettings,
    models: ModelRegistry,
    *,
    access: Access | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Add the live page and its WebSocket to a service.

    Args:
        app: the service.
        settings: limits on streams, and which origins are allowed.
        models: that clients may choose.
        access: checks keys and rates; by default everybody is accepted.
        metrics: count and log streams; by default they are logged only.
    """
    access = access or Access()
    frame_ancestors = settings.streams.frame_ancestors
    app.include_router(page_router(models, frame_ancestors, needs_key=bool(access.keys)))
    admission = StreamAdmission(settings.streams.most, access)
    app.include_router(_stream_router(settings, models, admission, metrics or Metrics()))


class StreamAdmission:
    """Admits streams after their first message, up to a limit.

    A client without a valid key, or one that has sent nothing yet, does not count towards the limit.

    Args:
        most: streams at once.
        access: a stream takes one request from its client's rate.
    """

    def __init__(self, most: int, access: Access) -> None:
        self._most, self._access, self._open = most, access, 0

    @contextmanager
    def admitted(self, websocket: WebSocket, key: str | None) -> Iterator[None]:
        """Admit a stream until the block ends.

        Args:
            websocket: whose headers may have a key.
            key: of the first message, which takes precedence.

        Raises:
            StreamError: if the key, the rate or the number of streams does not allow it.
        """
        try:
            self._access.check(websocket, key_of(websocket) if key is None else key)
        except RefusedError as error:
            if error.http_status == 401:
                raise StreamError(f"{error}, or as key in the first message", NOT_ALLOWED) from None
            raise StreamError(str(error), BUSY) from None
        if self._open >= self._most:
            raise StreamError(f"{self._most} streams are open, the most at once; try again in a moment", BUSY)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


def _stream_router(
    settings: ServiceSettings, models: ModelRegistry, admission: StreamAdmission, metrics: Metrics
) -> APIRouter:
    threads = ThreadPoolExecutor(settings.streams.threads, thread_name_prefix="stream")

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        threads.shutdown(wait=False, cancel_futures=True)

    router = APIRouter(lifespan=lifespan)

    def begin(opening: Opening) -> Stream:
        return models.recognizer(opening.model).stream(opening.rate_hz, reference=opening.reference)

    @router.websocket(_ROUTE)
    async def stream(websocket: WebSocket) -> None:
        begun, headers = time.monotonic(), websocket.headers
        origin, host = headers.get("origin"), headers.get("host", "")
        if not is_allowed_origin(origin, host, allowed=settings.cors_origins, is_local=settings.is_local):
            await websocket.send_denial_response(_foreign(str(origin)))
            metrics.count_request(_ROUTE, "GET", 403, begun)
            return

        @contextmanager
        def admit(opening: Opening) -> Iterator[None]:
            with admission.admitted(websocket, opening.key), metrics.open_stream():
                yield

        await websocket.accept()
        session = StreamSession(websocket, begin, threads, settings.streams, admit=admit)
        try:
            await session.run()
        except Exception as fault:
            metrics.count_fault(fault)
        finally:
            metrics.count_stream(session.code, session.sound_s, begun)

    @router.websocket("/{path:path}")
    async def not_found(websocket: WebSocket) -> None:
        begun = time.monotonic()
        await websocket.send_denial_response(problem(404, f"no WebSocket at this address; use {_ROUTE}"))
        metrics.count_request("other", "GET", 404, begun)

    return router


def _foreign(origin: str) -> JSONResponse:
    return problem(403, f"pages of {origin[:100]} may not open streams here; the operator can allow this origin")
