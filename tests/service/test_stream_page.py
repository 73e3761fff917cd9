from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hearfelt.emotions import look_of
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service import stream_page
from hearfelt.service.stream_page import page_headers

server = runpy.run_path(str(Path(__file__).with_name("live_server.py")))
STATIC = Path(stream_page.__file__).with_name("static")


@pytest.fixture(scope="module")
def page() -> Iterator[httpx.Client]:
    with server["running"](allows=lambda key: key == "mine") as service, httpx.Client(base_url=service.page) as client:
        yield client


def test_the_page_takes_its_theme_from_its_address(page: httpx.Client) -> None:
    assert '<html lang="en">' in page.get("/").text
    assert '<html lang="en" data-theme="dark" data-embed>' in page.get("/?theme=dark&embed=1").text
    assert page.get("/?theme=%22><script>").status_code == 422


def test_colours_signs_and_words_come_from_the_house(page: httpx.Client) -> None:
    looks = page.get("/live/looks.json").json()
    assert [one["name"] for one in looks["emotions"]] == list(Recognizer.load("tiny").labels)
    assert all(one["colour"] == look_of(one["name"]).colour for one in looks["emotions"])
    assert looks["needs_key"] is True
    written = "".join(path.read_text(encoding="utf-8").casefold() for path in STATIC.iterdir())
    assert not [one["colour"] for one in looks["emotions"] if one["colour"] in written]
    assert not [word for _, word in looks["sure_words"] if word in written]


def test_only_files_of_the_page_are_served(page: httpx.Client) -> None:
    served = [path.name for path in STATIC.iterdir() if path.suffix in (".css", ".js")]
    assert {page.get(f"/live/{name}").status_code for name in served} == {200}
    others = ("index.html", "nothing.js", "..%2Flive.py", "%2e%2e/live.py", "live.js%00")
    assert {page.get(f"/live/{name}").status_code for name in others} == {404}


def test_a_page_that_nobody_may_embed_says_so() -> None:
    assert "frame-ancestors 'none'" in page_headers(())["Content-Security-Policy"]


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "//" not in text.replace("// ", "").replace("https:", "").replace('"http', ""), path.name
