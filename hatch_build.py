"""Metadata that pyproject.toml cannot state: addresses, and the README as a package index shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class MetadataHook(MetadataHookInterface):
    """Fill in the readme and the URLs from the one address in pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both to the metadata."""
        repository = str(self.config.get("repository", "")).rstrip("/")
        readme = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": portable(readme, repository)}
        metadata["urls"] = urls_of(repository)


def urls_of(repository: str) -> dict[str, str]:
    """Name the addresses of a repository; none while there is no repository."""
    if not repository:
        return {}
    return {
        "Repository": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
    }


def portable(readme: str, repository: str) -> str:
    """Let the README stand alone: no comments, and no path that leads nowhere outside the repository.

    Args:
        readme: Markdown with paths relative to the repository.
        repository: its address; if empty, links become plain text, and pictures their descriptions.
    """

    def replaced(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        if target.startswith(("http:", "https:", "#")):
            return match[0]
        if not repository:
            return f"*{text}*" if mark else text
        return f"{mark}[{text}]({repository}/{'raw' if mark else 'blob'}/main/{target})"

    plain = re.sub(r"<!--.*?-->\n?", "", readme, flags=re.DOTALL)
    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", replaced, plain)
