"""Check a built site: every link and picture is there, and nothing is loaded from another address.

python tools/check_site.py build/site
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("audio", "src")}


@dataclass
class Page(HTMLParser):
    """What a page defines and refers to."""

    ids: set[str] = field(default_factory=set)
    links: list[tuple[str, str]] = field(default_factory=list)  # tag, target

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect identifiers and targets."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif value and ((tag, name) in LOADED or (tag, name) == ("a", "href")):
                self.links.append((tag, value))


def faults_of(site: Path) -> Iterator[str]:
    """Say what is wrong in a folder of pages."""
    pages = {
        path: _read(path) for path in sorted(site.rglob("*.html")) if "try" not in path.relative_to(site).parts[:1]
    }
    for path, page in pages.items():
        where = path.relative_to(site)
        for tag, target in page.links:
            parts = urlsplit(target)
            if parts.scheme in ("http", "https") or parts.netloc:
                if tag != "a":
                    yield f"{where}: {tag} loads {target}"
                continue
            if parts.scheme or path.name == "404.html":
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if there.is_dir():
                there /= "index.html"
            if not there.exists():
                yield f"{where}: {target} is not there"
            elif parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].ids:
                yield f"{where}: {target} has no such place"


def _read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text("utf-8"))
    return page


if __name__ == "__main__":
    found = list(faults_of(Path(sys.argv[1]).resolve()))
    if found:
        raise SystemExit("\n".join(found))
