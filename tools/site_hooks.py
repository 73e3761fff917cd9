"""Hooks of the documentation site: pages from outside docs/, and links that leave it."""

from __future__ import annotations

import posixpath
import re
import tomllib
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = ("MODEL_CARD.md", "CHANGELOG.md", "CONTRIBUTING.md")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def repository() -> str:
    """Give the one address in pyproject.toml, or an empty text."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return str(project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]).rstrip("/")


def on_config(config: Any) -> None:
    """Link to the repository, where there is one."""
    config.repo_url = repository() or None


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie beside docs/."""
    for name in OUTSIDE:
        text = moved((ROOT / name).read_text("utf-8"), "", f"docs/{name}")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links out of docs/ to pages of the site, to the repository, or nowhere."""
    uri = page.file.src_uri
    return markdown if uri in OUTSIDE else moved(markdown, posixpath.dirname(f"docs/{uri}"), f"docs/{uri}")


def moved(markdown: str, folder: str, page: str) -> str:
    """Rewrite the links of a page.

    Args:
        markdown: its text.
        folder: where its links start, below the repository.
        page: where it lies on the site, as a path below the repository.

    Example:
        >>> moved("[the card](../MODEL_CARD.md#x), [a file](../results/x.json)", "docs", "docs/index.md")
        '[the card](MODEL_CARD.md#x), a file'
    """

    def rewritten(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, sign, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(folder, path))
        if place == "README.md":
            place = "docs/index.md"
        if place in OUTSIDE:
            place = f"docs/{place}"
        if place.startswith("docs/"):
            return f"{mark}[{text}]({posixpath.relpath(place, posixpath.dirname(page))}{sign}{anchor})"
        if not repository():
            return text
        return f"{mark}[{text}]({repository()}/{'raw' if mark else 'blob'}/main/{place}{sign}{anchor})"

    pieces = re.split(r"(```.*?```)", markdown, flags=re.DOTALL)
    return "".join(piece if piece.startswith("```") else LINK.sub(rewritten, piece) for piece in pieces)
