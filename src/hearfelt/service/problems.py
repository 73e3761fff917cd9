"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from hearfelt.errors import HearfeltError
from hearfelt.service.workers import FAULT, BusyError, WorkerFaultError

__all__ = ["RETRY_AFTER_S", "RefusedError", "add_problems", "fault_response", "problem"]

RETRY_AFTER_S: Final = 2
_PLAIN: Final = {
    404: "no such address; /docs lists all of them",
    405: "this address has other methods; /docs lists them",
}


class RefusedError(HearfeltError):
    """A request that is refused before any sound is decoded.

    Args:
        status: of the response.
        message: what is wrong, and what would be right.
        headers: of the response.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.http_status, self.headers = status, headers or {}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Create a problem document.

    Example:
        >>> problem(413, "too much").body
        b'{"type":"about:blank","title":"Request Entity Too Large","status":413,"detail":"too much"}'
    """
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def fault_response() -> JSONResponse:
    """Create the problem document of an unexpected error; only the log says more."""
    return problem(500, FAULT)


def add_problems(app: FastAPI) -> None:
    """Add exception handlers that turn every error into a problem document."""

    @app.exception_handler(HearfeltError)
    async def _known(_: Request, error: HearfeltError) -> JSONResponse:
        if isinstance(error, RefusedError):
            return problem(error.http_status, str(error), error.headers)
        if isinstance(error, BusyError):
            return problem(error.http_status, str(error), {"Retry-After": str(RETRY_AFTER_S)})
        return fault_response() if isinstance(error, WorkerFaultError) else problem(error.http_status, str(error))

    @app.exception_handler(HTTPException)
    async def _plain(_: Request, error: HTTPException) -> JSONResponse:
        detail = _PLAIN.get(error.status_code, str(error.detail))
        return problem(error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = first["loc"][-1]
        return problem(400, f"{place}: {str(first.get('input'))[:60]!r}; {first['msg'][:1].lower()}{first['msg'][1:]}")
