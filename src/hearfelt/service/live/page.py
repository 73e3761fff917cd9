"""The live page: its files, its theme, and the headers that keep everything else out."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final, Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from hearfelt.emotions import look_of
from hearfelt.inference.card import ModelCard
from hearfelt.inference.prediction import UNSURE_WORD, sure_words
from hearfelt.reports.formatting import share_words
from hearfelt.reports.templating import render
from hearfelt.reports.theme import style_variables, tone_of
from hearfelt.reports.translation import ENGLISH, LANGUAGES, _, in_language
from hearfelt.service.live.words import live_words
from hearfelt.service.model_registry import ModelRegistry

__all__ = ["page_headers", "page_router"]

_MEDIA_TYPES: Final = {"css": "text/css", "js": "text/javascript"}


def page_headers(frame_ancestors: tuple[str, ...]) -> dict[str, str]:
    """Return headers of a page: all content from this service, nothing inline, the microphone for this page alone.

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
        "font-src": "data:",
        "media-src": "blob:",
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


def page_router(models: ModelRegistry, frame_ancestors: tuple[str, ...], *, needs_key: bool) -> APIRouter:
    """Create the routes ``/`` and ``/live/…``.

    Args:
        models: the first of them predicts, and its labels are the legend.
        frame_ancestors: pages that may embed the page.
        needs_key: whether the page has to ask for a key.
    """
    router = APIRouter(include_in_schema=False)
    headers = page_headers(frame_ancestors)
    files = _static_files()

    @router.get("/")
    async def page(
        theme: Literal["light", "dark", ""] = "", embed: Literal["0", "1", ""] = "", language: str = ENGLISH
    ) -> Response:
        with in_language(language if language in LANGUAGES else ENGLISH):
            text = render("hearfelt.service", "live.html", theme=theme, is_embedded=embed == "1", words=live_words())
        return HTMLResponse(text, headers=headers)

    @router.get("/live/theme.json")
    async def theme_of_page(language: str = ENGLISH) -> Response:
        card = (await run_in_threadpool(models.recognizer)).card
        with in_language(language if language in LANGUAGES else ENGLISH):
            return JSONResponse(_theme(card, needs_key=needs_key), headers=headers)

    @router.get("/live/{name}")
    async def file(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "the live page has no such file")
        return Response(files[name], media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)

    return router


def _static_files() -> dict[str, bytes]:
    folders = (resources.files("hearfelt.service") / "static", resources.files("hearfelt.reports") / "static")
    files = {one.name: one.read_bytes() for folder in folders for one in folder.iterdir() if one.is_file()}
    return {
        "colours.css": style_variables().encode(),
        **{name: content for name, content in files.items() if name.rpartition(".")[2] in _MEDIA_TYPES},
    }


def _theme(card: ModelCard, *, needs_key: bool) -> dict[str, Any]:
    looks = [look_of(label) for label in card.labels]
    return {
        "emotions": [
            {"name": look.name, "shown": _(look.name), "emoji": look.emoji, "mark": f"--{tone_of(look.name)}"}
            for look in looks
        ],
        "sure_words": [(least, _(word)) for least, word in sure_words(card.bands)],
        "unsure_word": _(UNSURE_WORD),
        "nearly_all": share_words(1.0),
        "needs_key": needs_key,
    }
