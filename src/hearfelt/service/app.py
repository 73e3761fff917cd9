"""The service: every call in one place, and what each request goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import Depends, FastAPI

from hearfelt.service.auth import Keys, Rates
from hearfelt.service.info_routes import cards_router, docs_router, health_router
from hearfelt.service.live import add_live
from hearfelt.service.metrics import Measures
from hearfelt.service.middleware import CorsMiddleware, RequestMiddleware, Requests
from hearfelt.service.model_registry import offered_models
from hearfelt.service.problems import add_problems
from hearfelt.service.recognition_routes import hearing_router
from hearfelt.service.schemas import ErrorDocument
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.workers import Workers

__all__ = ["create_app"]

_ABOUT: Final = "Which emotion is heard in a voice, and how sure that is. No sound is kept, on disk or in logs."


def create_app(settings: ServiceSettings) -> FastAPI:
    """Make the service.

    Its processes start with it and end with it; ``app.state.workers`` are they, ``app.state.requests`` the requests
    that are being answered.

    Args:
        settings: what it offers, and to whom.

    Raises:
        ModelError: if a model cannot be loaded, or two have one name.
    """
    offered = offered_models(settings.models)
    workers, requests = Workers(list(offered.values()), settings=settings.workers), Requests()
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
    app.state.workers, app.state.requests = workers, requests
    add_problems(app)
    _add_middleware(app, settings, requests, measures)
    known = [Depends(keys.refuse_stranger), Depends(rates.refuse_hasty)]
    app.include_router(hearing_router(settings, offered, workers, measures), dependencies=known)
    app.include_router(cards_router(offered), dependencies=known)
    app.include_router(health_router(workers))
    app.include_router(docs_router(app, measures))
    add_live(app, settings, allows=keys.allow if keys else None, rates=rates, measures=measures)
    _describe_problems(app)
    return app


def _add_middleware(app: FastAPI, settings: ServiceSettings, requests: Requests, measures: Measures) -> None:
    """Let each request be counted, and refuse pages from elsewhere, which any browser would let ask."""
    app.add_middleware(
        RequestMiddleware,
        requests=requests,
        measures=measures,
        allowed=settings.cors_origins,
        is_local=not settings.is_open,
    )
    if settings.cors_origins:
        app.add_middleware(
            CorsMiddleware,
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
