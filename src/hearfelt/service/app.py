"""The FastAPI application: routes, middleware, and its OpenAPI description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import Depends, FastAPI

from hearfelt.service.auth import Access
from hearfelt.service.live.routes import add_live
from hearfelt.service.metrics import Metrics
from hearfelt.service.middleware import CorsMiddleware, RequestMiddleware, RunningRequests
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.problems import add_problems
from hearfelt.service.routes.info import docs_router, health_router, models_router
from hearfelt.service.routes.recognition import recognition_router
from hearfelt.service.routes.schemas import ErrorDocument
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.workers import Workers

__all__ = ["create_app"]

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
