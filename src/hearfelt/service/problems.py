"""Errors as problem documents (RFC 9457): what a program reads, and a sentence for a person."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from hearfelt.errors import HearfeltError, http_status
from hearfelt.service.workers import FAULT, BusyError, WorkerFaultError

__all__ = ["RETRY_AFTER_S", "RefusedError", "add_problems", "of_error", "of_fault", "problem"]

RETRY_AFTER_S: Final = 2
_PLAIN: Final = {
    404: "there is nothing at this address; /docs lists what there is",
    405: "this address takes other methods; /docs lists them",
}


class RefusedError(HearfeltError):
    """A request that is refused before any sound is looked at.

    Args:
        status: of the answer.
        sentence: what is wrong, and what would be right.
        headers: of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, headers or {}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Make a problem document.

    Example:
        >>> problem(413, "too much").body
        b'{"type":"about:blank","title":"Request Entity Too Large","status":413,"detail":"too much"}'
    """
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def of_error(error: HearfeltError) -> JSONResponse:
    """Make the problem document of an error."""
    if isinstance(error, RefusedError):
        return problem(error.status, str(error), error.headers)
    if isinstance(error, BusyError):
        return problem(503, str(error), {"Retry-After": str(RETRY_AFTER_S)})
    return of_fault() if isinstance(error, WorkerFaultError) else problem(http_status(error), str(error))


def of_fault() -> JSONResponse:
    """Make the problem document of an error that nobody foresaw; what it is, only the log says."""
    return problem(500, FAULT)


def add_problems(app: FastAPI) -> None:
    """Let every error of a service be a problem document."""

    @app.exception_handler(HearfeltError)
    async def _known(_: Request, error: HearfeltError) -> JSONResponse:
        return of_error(error)

    @app.exception_handler(HTTPException)
    async def _plain(_: Request, error: HTTPException) -> JSONResponse:
        detail = _PLAIN.get(error.status_code, str(error.detail))
        return problem(error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = first["loc"][-1]
        return problem(400, f"{place}: {str(first.get('input'))[:60]!r}; {first['msg'][:1].lower()}{first['msg'][1:]}")
