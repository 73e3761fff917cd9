"""The service's own page of docs in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from tests.service.http_server import serving


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(models=("tiny",)) as service:
        yield service.address


@pytest.fixture(scope="module")
def browser(start_browser: Any) -> Iterator[Browser]:
    with start_browser() as one:
        yield one


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_it_fits_asks_nobody_else_and_axe_finds_nothing_serious(
    browser: Browser, address: str, theme: Any, width: int
) -> None:
    page = browser.new_page(color_scheme=theme, viewport={"width": width, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/docs")
    assert page.locator("h3").count() >= 7
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(one.startswith(address) for one in asked)
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    page.close()
