"""Middleware for every request: origin check, metrics, and errors as problem documents."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hearfelt.service.auth import is_allowed_origin
from hearfelt.service.logs import LOG
from hearfelt.service.metrics import Metrics
from hearfelt.service.problems import RETRY_AFTER_S, fault_response, problem
from hearfelt.service.settings import ServiceSettings

__all__ = ["CorsMiddleware", "RequestMiddleware", "RunningRequests"]

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

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        response: ASGIApp | None = self._refusal(scope)
        if response is None:
            response = await self._run(scope, receive, send_and_note)
        if response is not None and not status:
            await response(scope, receive, send_and_note)
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
