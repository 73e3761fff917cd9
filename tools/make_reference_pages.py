"""Write the pages of the reference that follow from the code: recipes, and errors with exit codes and statuses.

python tools/make_reference_pages.py                  # docs/recipes.md and docs/errors.md
python tools/make_reference_pages.py --constraints    # also constraints.txt, from this environment
python tools/make_reference_pages.py --sizes          # also the table of extras in docs/installation.md (15 min)
"""

from __future__ import annotations

import argparse
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, get_type_hints
from venv import EnvBuilder

from hearfelt import errors
from hearfelt.runtime.files import atomic_write
from hearfelt.training.recipe import Recipe, read_recipe, shipped_recipes
from hearfelt.training.settings import NETWORKS, TABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PIP: Final = (sys.executable, "-m", "pip")
BEGIN, END = "<!-- extras:begin -->", "<!-- extras:end -->"

RECIPES = """\
# Recipes

`make docs` generates this page from the code. A recipe is a TOML file with all settings of a training: which network,
which augmented copies, how long. `hearfelt train`, `tune` and `evaluate` take the name of a shipped recipe, or the path
of a file of your own:

<!-- not run: trains for minutes -->
```sh
hearfelt recipes                                   # the shipped recipes
hearfelt recipes classic > mine.toml               # one of them, to be changed
hearfelt train mine.toml --corpus folder=~/mine --out runs/mine
```

Every key has a default, except `name` and `network`. An unknown key, and a value outside its range, is refused with one
sentence before the training starts.

## Shipped recipes

| recipe | network | trains |
|---|---|---|
"""
ERRORS = """\
# Errors

`make docs` generates this page from the code. Every error is one sentence with what is wrong, the value, and what would
be right. At the command line it is printed after `hearfelt:`, and the exit code gives its kind
([all codes](cli.md#exit-codes)). In Python it is an exception; all can be imported from `hearfelt`. The service answers
with the status, and the sentence in `detail`.

| error | is also a | raised for | exit code | HTTP status |
|---|---|---|--:|--:|
"""
EXTRAS = {
    "": "recognizing, timelines, batches, corpora",
    "plots": "pictures and HTML reports",
    "map": "the map of clips in `hearfelt explore`",
    "parquet": "Parquet tables",
    "pandas": "`to_frame`",
    "listen": "the microphone",
    "download": "`hearfelt corpora get`",
    "formats": "M4A, WebM, MP4, AMR …",
    "s3": "batches on S3",
    "gcs": "batches on Google Cloud Storage",
    "ray": "batches and trainings on a Ray cluster",
    "page": "the page in the browser, with the service",
    "serve": "the service over HTTP and WebSocket",
    "teach": "models with your own labels",
    "train": "training and evaluating recipes (torch)",
    "tensorboard": "epochs in TensorBoard",
    "mlflow": "epochs in MLflow",
    "tune": "`hearfelt tune`",
    "notebooks": "running the notebooks",
}


def recipes_page() -> str:
    """The text of docs/recipes.md."""
    recipes = [read_recipe(name) for name in shipped_recipes()]
    rows = "".join(f"| `{one.name}` | `{one.network}` | {one.description} |\n" for one in recipes)
    return RECIPES + rows + "".join(_tables())


def _tables() -> Iterator[str]:
    yield "\n## Keys outside tables\n\n" + _rows(Recipe)
    for one in fields(Recipe):
        kind = get_type_hints(Recipe)[one.name]
        if not is_dataclass(kind):
            continue
        networks = ", ".join(f"`{network}`" for network in NETWORKS if one.name in TABLES[network])
        about = inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:")[0].replace("``", "`")
        yield f"\n## [{one.name}]\n\n{' '.join(about.split())} For {networks}.\n\n{_rows(kind)}"


def _rows(kind: Any) -> str:
    hints, meanings = get_type_hints(kind), attributes_of(kind)
    rows = [
        f"| `{one.name}` | {_meaning(meanings[one.name])} | {_default(one)} | {_allowed(hint, one.metadata)} |\n"
        for one in fields(kind)
        if not is_dataclass(hint := hints[one.name])
    ]
    return "| key | meaning | default | allowed |\n|---|---|---|---|\n" + "".join(rows)


def attributes_of(kind: type[Any]) -> dict[str, str]:
    """Read the Attributes of a docstring, by name.

    Example:
        >>> attributes_of(Recipe)["name"]
        'what the model will be called.'
    """
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2].partition("\n\nExample:")[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _meaning(text: str) -> str:
    plain = text.replace("``", "`").replace("|", r"\|")
    return plain[0].upper() + plain[1:]


def _default(one: Any) -> str:
    value = one.default
    if type(value).__name__ == "_MISSING_TYPE":
        return "required"
    if isinstance(value, tuple):
        return "all"
    if value == "":
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!r}`" if isinstance(value, str) else f"`{value:g}`"


def _allowed(hint: Any, limits: Any) -> str:
    if "among" in limits:
        return ", ".join(f"`{name}`" for name in limits["among"])
    if hint is bool:
        return "`true`, `false`"
    if "low" not in limits:
        return "text"
    kind = "whole number" if hint is int else "number"
    return f"{kind} {'above' if limits['above'] else 'from'} {limits['low']:g} to {limits['high']:g}"


def errors_page() -> str:
    """The text of docs/errors.md."""
    kinds = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    rows = "".join(
        f"| `{kind.__name__}` | {_parents(kind)} | {_said(kind)} | {kind.exit_code} | {kind.http_status} |\n"
        for kind in kinds
    )
    return ERRORS + rows + "\nProblems that do not prevent a prediction are [warnings](warnings.md).\n"


def _said(kind: type[Exception]) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0].rstrip(".").replace("|", r"\|")


def _parents(kind: type[Exception]) -> str:
    names = [f"`{base.__name__}`" for base in kind.__bases__ if base is not Exception]
    return ", ".join(names) or "`Exception`"


def extras_table() -> str:
    """Install each extra into a fresh environment, and count what lies there: packages and megabytes."""
    lines = ["| extra | for | packages | MB |\n|---|---|--:|--:|\n"]
    packages = size = 0
    with TemporaryDirectory() as folder:
        wheel = _wheel(Path(folder))
        for name, purpose in EXTRAS.items():
            now, here = _installed(wheel, name, Path(folder) / "environment")
            if name:
                lines.append(f"| `[{name}]` | {purpose} | +{now - packages} | +{(here - size) / 1e6:,.0f} |\n")
            else:
                packages, size = now, here
                lines.append(f"| none | {purpose} | {packages} | {size / 1e6:,.0f} |\n")
    return "".join(lines)


def _wheel(folder: Path) -> Path:
    subprocess.run([*PIP, "wheel", "-q", "--no-deps", "-w", folder, ROOT], check=True)
    return next(folder.glob("*.whl"))


def _installed(wheel: Path, extra: str, folder: Path) -> tuple[int, int]:
    """Install the wheel with an extra and the versions of constraints.txt; give packages and bytes."""
    EnvBuilder(clear=True).create(folder)
    python, wanted = folder / "bin" / "python", f"{wheel}[{extra}]" if extra else str(wheel)
    subprocess.run([*PIP, "--python", python, "install", "-q", "-c", ROOT / "constraints.txt", wanted], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file()]
    return len(list(packages.glob("*.dist-info"))), sum(path.stat().st_size for path in files)


def constraints(project: dict[str, Any]) -> str:
    """List the version of every package of base and extras in this environment, as pip's constraints."""
    wanted = [one for name, extra in project["optional-dependencies"].items() if name in EXTRAS for one in extra]
    packages = sorted(filter(_is_installed, _closure([*project["dependencies"], *wanted])))
    lines = (f"{name}=={metadata.version(name).partition('+')[0]}\n" for name in packages)
    return "# Versions that the tests ran with; tools/make_reference_pages.py --constraints writes them.\n" + "".join(
        lines
    )


def _closure(requirements: Iterable[str]) -> set[str]:
    """Follow requirements to the names of all packages that are installed for them."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(one), "") for one in requirements]
    while waiting:
        one, extra = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(one.name)
        for wanted in ("", *one.extras):
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            try:
                inner = metadata.requires(name) or []
            except metadata.PackageNotFoundError:
                continue
            waiting += [(Requirement(text), wanted) for text in inner]
        found.add(name)
    return found - {"hearfelt"}


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--constraints", action="store_true", help="also write the versions of this environment")
    parser.add_argument("--sizes", action="store_true", help="also measure every extra, each in a fresh environment")
    options = parser.parse_args()
    pages = {"recipes.md": recipes_page(), "errors.md": errors_page()}
    if options.constraints:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        pages["../constraints.txt"] = constraints(project)
    if options.sizes:
        text = (DOCS / "installation.md").read_text("utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        pages["installation.md"] = f"{before}{BEGIN}\n{extras_table()}{END}{after}"
    for name, text in pages.items():
        with atomic_write((DOCS / name).resolve()) as file:
            file.write(text)


if __name__ == "__main__":
    main()
