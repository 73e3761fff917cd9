"""The service's own live page: files of our own, served with headers that let nothing else in."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final, Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from hearfelt.emotions import look_of
from hearfelt.inference.prediction import SURE_WORDS, UNSURE_WORD
from hearfelt.service.stream_models import StreamModels

__all__ = ["page_headers", "page_router"]

_KINDS: Final = {".css": "text/css", ".js": "text/javascript"}
_HERE: Final = "hearfelt.service"


def page_headers(frame_ancestors: tuple[str, ...]) -> dict[str, str]:
    """Give the headers of the page: everything from here, nothing inline, the microphone for this page alone.

    Args:
        frame_ancestors: pages that may embed it.
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "worker-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(frame_ancestors) or "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }


def page_router(models: StreamModels, frame_ancestors: tuple[str, ...], *, needs_key: bool) -> APIRouter:
    """Make the routes ``/`` and ``/live/…``.

    Args:
        models: the first of them answers, and its labels are the legend.
        frame_ancestors: pages that may embed the page.
        needs_key: whether the page has to ask its reader for a key.
    """
    router = APIRouter(include_in_schema=False)
    headers = page_headers(frame_ancestors)
    files = {one.name: one.read_bytes() for one in (resources.files(_HERE) / "static").iterdir() if one.is_file()}

    @router.get("/")
    async def page(theme: Literal["light", "dark", ""] = "", embed: Literal["0", "1", ""] = "") -> Response:
        marks = (f' data-theme="{theme}"' if theme else "") + (" data-embed" if embed == "1" else "")
        text = files["index.html"].decode().replace('<html lang="en">', f'<html lang="en"{marks}>', 1)
        return HTMLResponse(text, headers=headers)

    @router.get("/live/looks.json")
    async def looks() -> Response:
        labels = (await run_in_threadpool(models.load, None)).labels
        return JSONResponse(_looks(labels, needs_key=needs_key), headers=headers)

    @router.get("/live/{name}")
    async def file(name: str) -> Response:
        kind = _KINDS.get(f".{name.rpartition('.')[2]}")
        if kind is None or name not in files:
            raise HTTPException(404, "there is no such file of the live page")
        return Response(files[name], media_type=kind, headers=headers)

    return router


def _looks(labels: tuple[str, ...], *, needs_key: bool) -> dict[str, Any]:
    looks = [look_of(label) for label in labels]
    return {
        "emotions": [{"name": look.name, "emoji": look.emoji, "colour": look.colour} for look in looks],
        "sure_words": SURE_WORDS,
        "unsure_word": UNSURE_WORD,
        "needs_key": needs_key,
    }
