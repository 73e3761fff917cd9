"""Uploads never touch the disk."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hearfelt.page.app import keep_uploads_in_memory


async def _where(request: Request) -> PlainTextResponse:
    async with request.form() as form:
        rolled = form["file"].file._rolled  # type: ignore[union-attr]
        return PlainTextResponse("disk" if rolled else "memory")


async def _sent(sound: bytes) -> str:
    app = Starlette(routes=[Route("/", _where, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
        return (await client.post("/", files={"file": sound})).text


@pytest.mark.parametrize(("kept", "where"), [(False, "disk"), (True, "memory")])
def test_a_large_upload_is_in_memory_alone(kept: bool, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 2**20)  # as it comes, and so again after this test
    if kept:
        keep_uploads_in_memory()
    assert asyncio.run(_sent(bytes(3 * 2**20))) == where
