"""What the service says of itself: its models, its health, its counts and its description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.docs_page import docs_page
from hearfelt.service.metrics import Measures
from hearfelt.service.problems import RETRY_AFTER_S, RefusedError
from hearfelt.service.schemas import Card, problems_of
from hearfelt.service.stream_page import page_headers
from hearfelt.service.workers import Workers

__all__ = ["cards_router", "docs_router", "health_router"]


def cards_router(offered: Mapping[str, str]) -> APIRouter:
    """Make the routes of models; cards are read once.

    Args:
        offered: for each name what is to be loaded.
    """
    router = APIRouter(prefix="/v1/models", tags=["models"], responses=problems_of(401, 403, 429))
    cards: dict[str, dict[str, Any]] = {}

    def read(name: str) -> dict[str, Any]:
        if name not in cards:
            cards[name] = json.loads(Recognizer.load(offered[name], threads=1).card.to_json())
        return cards[name]

    @router.get("", responses={200: {"model": dict[str, list[Card]]}}, summary="The models, the default first")
    async def models() -> Response:
        return JSONResponse({"models": [await run_in_threadpool(read, name) for name in offered]})

    @router.get("/{name:path}", responses={200: {"model": Card}, **problems_of(404)}, summary="The card of a model")
    async def model(name: str) -> Response:
        if name not in offered:
            raise RefusedError(404, f"model {name[:40]!r} is not offered here; there is {', '.join(offered)}")
        return JSONResponse(await run_in_threadpool(read, name))

    return router


def health_router(workers: Workers) -> APIRouter:
    """Make the routes for whoever watches over the service."""
    router = APIRouter(prefix="/health", tags=["watch"])

    @router.get("/live", responses={200: {"model": dict[str, str]}}, summary="Whether it runs")
    async def live() -> Response:
        return JSONResponse({"status": "live"})

    @router.get(
        "/ready", responses={200: {"model": dict[str, str]}, **problems_of(503)}, summary="Whether it can answer"
    )
    async def ready() -> Response:
        if not workers.is_ready:
            raise RefusedError(503, "the models are being loaded", {"Retry-After": str(RETRY_AFTER_S)})
        return JSONResponse({"status": "ready"})

    return router


def docs_router(app: FastAPI, measures: Measures) -> APIRouter:
    """Make ``/metrics``, and ``/docs``, which asks nothing of anybody else."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(app.openapi(), str(request.base_url)), headers=page_headers(()))

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(measures.text(), media_type="text/plain; version=0.0.4")

    return router
