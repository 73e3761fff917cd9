"""Routes about the service itself: models, health, metrics and documentation."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from hearfelt.reports.templating import render
from hearfelt.service.live.page import page_headers
from hearfelt.service.metrics import Metrics
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.problems import RETRY_AFTER_S, RefusedError
from hearfelt.service.routes.schemas import Card, problems_of
from hearfelt.service.workers import Workers

__all__ = ["docs_router", "health_router", "models_router"]


def models_router(models: ModelRegistry) -> APIRouter:
    """Create the routes of model cards."""
    router = APIRouter(prefix="/v1/models", tags=["models"], responses=problems_of(401, 403, 429))

    def card_of(name: str) -> dict[str, Any]:
        card: dict[str, Any] = json.loads(models.card(name).to_json())
        return card

    @router.get("", responses={200: {"model": dict[str, list[Card]]}}, summary="All models, the default first")
    async def list_models() -> Response:
        return JSONResponse({"models": [await run_in_threadpool(card_of, name) for name in models.files]})

    @router.get("/{name:path}", responses={200: {"model": Card}, **problems_of(404)}, summary="The card of a model")
    async def model(name: str) -> Response:
        return JSONResponse(await run_in_threadpool(card_of, name))

    return router


def health_router(workers: Workers) -> APIRouter:
    """Create the liveness and readiness probes."""
    router = APIRouter(prefix="/health", tags=["monitoring"])

    @router.get("/live", responses={200: {"model": dict[str, str]}}, summary="Whether the service runs")
    async def live() -> Response:
        return JSONResponse({"status": "live"})

    @router.get(
        "/ready", responses={200: {"model": dict[str, str]}, **problems_of(503)}, summary="Whether a model is loaded"
    )
    async def ready() -> Response:
        if not workers.is_ready:
            raise RefusedError(503, "the models are being loaded", {"Retry-After": str(RETRY_AFTER_S)})
        return JSONResponse({"status": "ready"})

    return router


def docs_router(app: FastAPI, metrics: Metrics) -> APIRouter:
    """Create ``/metrics``, and ``/docs``, which loads nothing from elsewhere."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        page = render("hearfelt.service", "docs.html", api=app.openapi(), address=str(request.base_url))
        return HTMLResponse(page, headers=page_headers(()))

    @router.get("/metrics")
    async def get_metrics() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return router
