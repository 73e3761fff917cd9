"""The FastAPI application: routes, middleware, its OpenAPI description; and what runs it.

It runs as a program until SIGINT or SIGTERM, or its live part in a thread.

Middleware for every request: origin check, metrics, and errors as problem documents.
"""

from __future__ import annotations

import asyncio
import math
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.metadata import version
from typing import Final

import uvicorn
from fastapi import Depends, FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hearfelt.errors import HearfeltError
from hearfelt.service.auth import Access, is_allowed_origin
from hearfelt.service.live.routes import add_live
from hearfelt.service.logs import LOG, log_as_json
from hearfelt.service.metrics import Metrics
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.problems import RETRY_AFTER_S, add_problems, fault_response, problem
from hearfelt.service.routes.info import docs_router, health_router, models_router
from hearfelt.service.routes.recognition import recognition_router
from hearfelt.service.routes.schemas import ErrorDocument
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.workers import Workers

__all__ = ["CorsMiddleware", "RequestMiddleware", "RunningRequests", "create_app", "live_server", "serve"]


_DESCRIPTION: Final = (
    "Speech emotion recognition: a label with calibrated confidence for a recording, or segments over time. Sound is"
    " held in memory only; it is neither stored nor logged."
)


def create_app(settings: ServiceSettings) -> FastAPI:
    """Create the service.

    Its worker processes start and end with it. ``app.state`` has ``workers``, ``requests`` (those that are running)
    and ``models``.

    Args:
        settings: models, access and limits.

    Raises:
        ModelError: if a model's file cannot be loaded, or two have one name.
    """
    models = ModelRegistry(settings.models)
    workers, requests = Workers(list(models.files.values()), settings=settings.workers), RunningRequests()
    metrics, access = Metrics(workers), Access(settings.keys, settings.per_minute)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await workers.start()
        yield
        await workers.close(grace_s=settings.grace_s)

    app = FastAPI(
        title="hearfelt",
        version=version("hearfelt"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.workers, app.state.requests, app.state.models = workers, requests, models
    add_problems(app)
    _add_middleware(app, settings, requests, metrics)
    checked = [Depends(access.check_request)]
    app.include_router(recognition_router(settings, models, workers, metrics), dependencies=checked)
    app.include_router(models_router(models), dependencies=checked)
    app.include_router(health_router(workers))
    app.include_router(docs_router(app, metrics))
    add_live(app, settings, models, access=access, metrics=metrics)
    _describe_problems(app)
    return app


def _add_middleware(app: FastAPI, settings: ServiceSettings, requests: RunningRequests, metrics: Metrics) -> None:
    app.add_middleware(RequestMiddleware, settings=settings, requests=requests, metrics=metrics)
    if settings.cors_origins:
        app.add_middleware(
            CorsMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type"],
        )


def _describe_problems(app: FastAPI) -> None:
    """Add the schema of problem documents to the OpenAPI description, and remove FastAPI's own errors."""
    described = app.openapi

    def openapi() -> dict[str, object]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["ErrorDocument"] = ErrorDocument.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for methods in document["paths"].values():
            for call in methods.values():
                call["responses"] = {
                    status: response
                    for status, response in call["responses"].items()
                    if "HTTPValidationError" not in str(response)
                }
        return document

    app.openapi = openapi  # type: ignore[method-assign]


_LATER_S: Final = 5.0  # for the responses to cancelled requests; then connections are closed
_LIVE_GRACE_S: Final = 1  # for open streams when a live server ends


def serve(settings: ServiceSettings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; running requests may finish for ``grace_s`` and are then cancelled.

    Args:
        settings: models, address and limits.
        on_ready: called with the address as soon as requests are answered.

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
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    _Server(config, app, grace_s=settings.grace_s, on_ready=lambda: on_ready(address)).run([listening])


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

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, grace_s: float, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app, self._grace_s, self._on_ready = app, grace_s, on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the workers and listen."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

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


_ENDING: Final = "the service is shutting down; try again in a moment"


class RunningRequests:
    """The requests that are running, so that they can be cancelled when the service ends."""

    def __init__(self) -> None:
        self.is_over = False
        self.tasks: set[asyncio.Task[object]] = set()

    def cancel_all(self) -> None:
        """Answer every unfinished request, and each new one, with 503."""
        self.is_over = True
        if self.tasks:
            LOG.warning("requests cancelled: the service is shutting down", extra={"facts": {"count": len(self.tasks)}})
        for task in self.tasks:
            task.cancel()


_DISCARDING_S: Final = 5.0


class _Body:
    """The body of a request, of which the rest is received if it was refused early.

    Without that, the connection would be reset while the client still sends, and a proxy would answer 502.

    Attributes:
        is_wanted: whether the connection stays open after the response.
    """

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self._is_read = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        self._waits = headers.get("expect") is not None  # such a client sends nothing before it is told to
        self.is_wanted = True

    @property
    def is_arriving(self) -> bool:
        """Whether the client is sending something that nobody will read."""
        return self.is_wanted and not self._is_read and not self._waits

    async def receive(self) -> Message:
        """Receive a message for the application."""
        message = await self._receive()
        self._is_read = not message.get("more_body", False)
        return message

    async def discard(self, most: int) -> None:
        """Receive the rest, but not more than so many bytes, and not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARDING_S):
                while not self._is_read and most > 0:
                    most -= len((await self.receive()).get("body", b""))


class RequestMiddleware:
    """Refuses pages of other origins, counts requests, and answers unexpected errors and shutdown.

    Args:
        app: the application.
        settings: which origins are allowed.
        requests: those that are running.
        metrics: count and log them.
    """

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings, requests: RunningRequests, metrics: Metrics) -> None:
        self._app, self._settings, self._requests, self._metrics = app, settings, requests, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an HTTP request; WebSockets pass through."""
        if scope["type"] == "http":
            await self._handle(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.monotonic()
        status = 0
        body = _Body(Headers(scope=scope), receive)

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                body.is_wanted = Headers(raw=message.get("headers", ())).get("connection") != "close"
            elif not message.get("more_body", False) and body.is_arriving:
                await send({**message, "more_body": True})
                await body.discard(self._settings.body_bytes)
                message = {"type": "http.response.body"}
            await send(message)

        response: ASGIApp | None = self._refusal(scope)
        if response is None:
            response = await self._run(scope, body.receive, send_and_note)
        if response is not None and not status:
            await response(scope, body.receive, send_and_note)
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.count_request(route, scope["method"], status, begun)

    def _refusal(self, scope: Scope) -> Response | None:
        if self._requests.is_over:
            return _shutting_down()
        headers, settings = Headers(scope=scope), self._settings
        origin, host = headers.get("origin"), headers.get("host", "")
        if is_allowed_origin(origin, host, allowed=settings.cors_origins, is_local=settings.is_local):
            return None
        return _foreign(origin)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """Run the application; return the response to an error, which is sent if nothing was sent before."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled in a task")
        self._requests.tasks.add(task)
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self._requests.is_over:
                raise
            task.uncancel()
            return _shutting_down()
        except Exception as fault:
            self._metrics.count_fault(fault)
            return fault_response()
        finally:
            self._requests.tasks.discard(task)
        return None


class CorsMiddleware(CORSMiddleware):
    """Starlette's CORS middleware, which here refuses a preflight with a problem document."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight request."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            return _foreign(origin)
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        allowed = f"methods {', '.join(self.allow_methods)}, headers {', '.join(self.allow_headers)}"
        return problem(400, f"a page may not use this method or these headers; allowed are {allowed}", headers)


def _shutting_down() -> Response:
    return problem(503, _ENDING, {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"})


def _foreign(origin: str | None) -> Response:
    refused = f"pages of {str(origin)[:100]} may not call this service"
    return problem(403, f"{refused}; the operator can allow this origin")
