"""What every request goes through: its origin is checked, it is counted, and every error becomes a document."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hearfelt.service.logs import LOG
from hearfelt.service.metrics import Measures
from hearfelt.service.problems import RETRY_AFTER_S, RefusedError, of_error, of_fault, problem
from hearfelt.service.stream_limits import is_welcome

__all__ = ["CorsMiddleware", "RequestMiddleware", "Requests"]

_ENDING: Final = "the service ends before this could be answered; try again in a moment"


class Requests:
    """The requests that are being answered, so that they can be given up when the service ends."""

    def __init__(self) -> None:
        self.is_over = False
        self.tasks: set[asyncio.Task[object]] = set()

    def give_up(self) -> None:
        """Answer with 503 whatever is not answered yet, and whatever still comes."""
        self.is_over = True
        if self.tasks:
            LOG.warning("requests were given up, because the service ends", extra={"facts": {"count": len(self.tasks)}})
        for task in self.tasks:
            task.cancel()


class RequestMiddleware:
    """Answers what comes from pages of other origins, what fails, and what takes too long when the service ends.

    Args:
        app: what answers all else.
        requests: those that are being answered.
        measures: count and log them.
        allowed: origins of other pages that may ask.
        is_local: whether the service listens on loopback only.
    """

    def __init__(
        self, app: ASGIApp, *, requests: Requests, measures: Measures, allowed: Collection[str], is_local: bool
    ) -> None:
        self._app, self._requests, self._measures = app, requests, measures
        self._allowed, self._is_local = allowed, is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; sockets are another matter."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.monotonic()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        response: ASGIApp | None = self._refusal(scope)
        if response is None:
            response = await self._tried(scope, receive, noting)
        if response is not None and not status:
            await response(scope, receive, noting)
        self._measures.note(getattr(scope.get("route"), "path", "other"), scope["method"], status, begun)

    def _refusal(self, scope: Scope) -> Response | None:
        if self._requests.is_over:
            return _given_up()
        headers = Headers(scope=scope)
        origin, host = headers.get("origin"), headers.get("host", "")
        if is_welcome(origin, host, allowed=self._allowed, is_local=self._is_local):
            return None
        return _foreign(origin)

    async def _tried(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """Let a request be answered; gives the answer to what was not, if nothing was sent yet."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is answered in a task")
        self._requests.tasks.add(task)
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self._requests.is_over:
                raise
            task.uncancel()
            return _given_up()
        except Exception as fault:  # it is answered and told of like everything else
            self._measures.note_fault(fault)
            return of_fault()
        finally:
            self._requests.tasks.discard(task)
        return None


class CorsMiddleware(CORSMiddleware):
    """Starlette's, which refuses a preflight with a problem document, too."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks whether a page may ask."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            return _foreign(origin)
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        wanted = f"methods {', '.join(self.allow_methods)}, headers {', '.join(self.allow_headers)}"
        return problem(400, f"a page may not ask with this method or these headers; there are {wanted}", headers)


def _given_up() -> Response:
    return problem(503, _ENDING, {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"})


def _foreign(origin: str | None) -> Response:
    whose = f"pages of {str(origin)[:100]} may not ask here"
    return of_error(RefusedError(403, f"{whose}; whoever runs this service can allow their origin"))
