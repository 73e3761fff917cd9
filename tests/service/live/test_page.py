from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.service.live_server import running

from hearfelt.emotions import look_of
from hearfelt.inference.recognizer import Recognizer
from hearfelt.reports.theme import TONES
from hearfelt.service.auth import Access
from hearfelt.service.live import page as page_module
from hearfelt.service.live.page import page_headers

PACKAGE = Path(page_module.__file__).parents[2]
STATIC = [*(PACKAGE / "service" / "static").iterdir(), *(PACKAGE / "reports" / "static").iterdir()]


@pytest.fixture(scope="module")
def page() -> Iterator[httpx.Client]:
    with running(access=Access(["mine"])) as service, httpx.Client(base_url=service.page) as client:
        yield client


def test_the_page_takes_its_theme_from_its_address(page: httpx.Client) -> None:
    assert '<html lang="en">' in page.get("/").text
    assert '<html lang="en" data-theme="dark" data-embed>' in page.get("/?theme=dark&embed=1").text
    assert page.get("/?theme=%22><script>").status_code == 422


def test_colours_emojis_and_words_are_those_of_the_package(page: httpx.Client) -> None:
    theme = page.get("/live/theme.json").json()
    assert [one["name"] for one in theme["emotions"]] == list(Recognizer.load("tiny").labels)
    colours = page.get("/live/colours.css").text
    assert all(f"{one['mark']}:{look_of(one['name']).colour};" in colours for one in theme["emotions"])
    assert theme["needs_key"] is True
    written = "".join(path.read_text(encoding="utf-8").casefold() for path in STATIC)
    assert not [tone.name for tone in TONES if tone.light in written or tone.dark in written]
    assert not [word for _, word in theme["sure_words"] if word in written]


def test_only_files_of_the_page_are_served(page: httpx.Client) -> None:
    served = [path.name for path in STATIC if path.suffix in (".css", ".js")]
    assert {page.get(f"/live/{name}").status_code for name in served} == {200}
    others = ("index.html", "nothing.js", "..%2Fapp.py", "%2e%2e/app.py", "live.js%00")
    assert {page.get(f"/live/{name}").status_code for name in others} == {404}


def test_a_page_that_nobody_may_embed_says_so() -> None:
    assert "frame-ancestors 'none'" in page_headers(())["Content-Security-Policy"]


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    for path in STATIC:
        text = re.sub(r"url\(data:[^)]*\)", "", path.read_text(encoding="utf-8"))  # a font
        assert "//" not in text.replace("// ", "").replace("https:", "").replace('"http', ""), path.name
