"""Check that everything that names the version says the same before a release is built.

python tools/check_release.py v0.1.0
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def faults_of_release(tag: str, root: Path = ROOT) -> list[str]:
    """Say what does not fit a tag such as ``v0.1.0``."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    version = tag.removeprefix("v")
    faults = []
    if project["project"]["version"] != version:
        faults.append(f"pyproject.toml has version {project['project']['version']}, the tag is {tag}")
    if f"version: {version}" not in (root / "CITATION.cff").read_text("utf-8").splitlines():
        faults.append(f"CITATION.cff does not have version {version}")
    if not re.search(
        rf"^## {re.escape(version)}, \d{{4}}-\d\d-\d\d$", (root / "CHANGELOG.md").read_text("utf-8"), re.M
    ):
        faults.append(f"CHANGELOG.md has no heading '## {version}, YEAR-MONTH-DAY'")
    if not project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]:
        faults.append("pyproject.toml names no repository; docs/releasing.md says where")
    return faults


if __name__ == "__main__":
    if found := faults_of_release(sys.argv[1]):
        raise SystemExit("\n".join(found))
