"""The service: every call in one place, and what each request goes through on its way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import Depends, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from hearfelt.service.about import cards_router, docs_router, health_router
from hearfelt.service.hearing import hearing_router
from hearfelt.service.keys import Keys, Rates
from hearfelt.service.live import add_live
from hearfelt.service.measures import Measures
from hearfelt.service.offered import offered_models
from hearfelt.service.problems import RefusedError, add_problems, of_error, of_fault
from hearfelt.service.schemas import ErrorDocument
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.stream_admission import is_welcome
from hearfelt.service.workers import Workers

__all__ = ["create_app"]

_ABOUT: Final = "Which emotion is heard in a voice, and how sure that is. No sound is kept, on disk or in logs."


def create_app(settings: ServiceSettings) -> FastAPI:
    """Make the service.

    Its processes start with it and end with it; ``app.state.workers`` are they.

    Args:
        settings: what it offers, and to whom.

    Raises:
        ModelError: if a model cannot be loaded, or two have one name.
    """
    offered = offered_models(settings.models)
    workers = Workers(list(offered.values()), settings=settings.workers)
    measures, keys = Measures(workers), Keys(settings.keys)
    rates = Rates(settings.per_minute, by_key=bool(keys))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await workers.start()
        yield
        await workers.close(grace_s=settings.grace_s)

    app = FastAPI(
        title="hearfelt",
        version=version("hearfelt"),
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.workers = workers
    add_problems(app)
    _add_way(app, settings, measures)
    known = [Depends(keys.refuse_stranger), Depends(rates.refuse_hasty)]
    app.include_router(hearing_router(settings, offered, workers, measures), dependencies=known)
    app.include_router(cards_router(offered), dependencies=known)
    app.include_router(health_router(workers))
    app.include_router(docs_router(app, measures))
    add_live(app, settings, allows=keys.allow if keys else None, rates=rates, measures=measures)
    _describe_problems(app)
    return app


def _add_way(app: FastAPI, settings: ServiceSettings, measures: Measures) -> None:
    """Let each request be counted, and refuse pages from elsewhere, which any browser would let ask."""
    is_local = not settings.is_open

    @app.middleware("http")
    async def on_its_way(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        begun = time.monotonic()
        headers = request.headers
        origin, host = headers.get("origin"), headers.get("host", "")
        if is_welcome(origin, host, allowed=settings.cors_origins, is_local=is_local):
            try:
                response = await go_on(request)
            except Exception as fault:  # it is answered and told of like everything else
                measures.note_fault(fault)
                response = of_fault()
        else:
            whose = f"pages of {str(origin)[:100]} may not ask here"
            response = of_error(RefusedError(403, f"{whose}; whoever runs this service can allow their origin"))
        route = getattr(request.scope.get("route"), "path", "other")
        measures.note(route, request.method, response.status_code, begun)
        return response

    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type"],
        )


def _describe_problems(app: FastAPI) -> None:
    """Add what problem documents look like to the description, and take out FastAPI's own errors."""
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
                    status: answer
                    for status, answer in call["responses"].items()
                    if "HTTPValidationError" not in str(answer)
                }
        return document

    app.openapi = openapi  # type: ignore[method-assign]
