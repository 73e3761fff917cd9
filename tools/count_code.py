"""Count the code of the package: modules, lines, docstrings, functions, importers, import cycles.

    python tools/count_code.py                      # the working tree
    python tools/count_code.py --at HEAD~20         # one revision beside the working tree

Lines of code are lines with a token other than comments and docstrings. A module's importers are the modules of the
package that import it, anywhere in the file. A module is in a cycle if its imports lead back to it: those at the top
only, or also deferred ones, that is inside functions and under ``TYPE_CHECKING``.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import sys
import tarfile
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[1]
PACKAGE = "hearfelt"
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
DOCUMENTED = ast.Module | ast.ClassDef | FUNCTION
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER
}  # fmt: skip


@dataclass
class Module:
    """What is counted in one file."""

    code: int = 0
    docstrings: int = 0
    functions: list[int] = field(default_factory=list)
    public: int = 0
    undocumented: int = 0
    imports: set[str] = field(default_factory=set)
    deferred: set[str] = field(default_factory=set)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--at", metavar="REVISION", action="append", default=[], help="a git revision to compare with")
    parser.add_argument("--tree", type=Path, default=HERE, help="the checkout (%(default)s)")
    parser.add_argument("--names", action="store_true", help="list modules with one importer and modules in cycles")
    options = parser.parse_args()
    columns = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, revision in enumerate(options.at):
            columns[revision] = counts(unpacked(options.tree, revision, Path(folder) / str(number)))
    columns["working tree"] = counts(options.tree, names=options.names)
    print(f"| | {' | '.join(columns)} |\n|---|{'--:|' * len(columns)}")
    for name in columns["working tree"]:
        print(f"| {name} | {' | '.join(column[name] for column in columns.values())} |")


def unpacked(tree: Path, revision: str, folder: Path) -> Path:
    """Write the Python files of a revision below a folder."""
    command = ["git", "-C", str(tree), "archive", revision, "src", "tests"]
    archive = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, [one for one in files if one.name.endswith(".py")], filter="data")
    return folder


def counts(tree: Path, *, names: bool = False) -> dict[str, str]:
    """The rows of the table; with ``names``, print the modules with one importer and those in cycles."""
    source = tree / "src"
    modules = {name_of(path, source): read(path) for path in sorted((source / PACKAGE).rglob("*.py"))}
    for name, module in modules.items():
        module.imports = {found for one in module.imports if (found := known(one, modules)) and found != name}
        module.deferred = {found for one in module.deferred if (found := known(one, modules)) and found != name}
    importers = dict.fromkeys(modules, 0)
    for module in modules.values():
        for name in module.imports | module.deferred:
            importers[name] += 1
    real = {name: one for name, one in modules.items() if one.code > 0}  # without __init__ files of a docstring only
    functions = sorted(length for one in real.values() for length in one.functions)
    code, documentation = (sum(getattr(one, what) for one in real.values()) for what in ("code", "docstrings"))
    tests = sum(read(path).code for path in (tree / "tests").rglob("*.py"))
    public, undocumented = (sum(getattr(one, what) for one in real.values()) for what in ("public", "undocumented"))
    top = in_cycles({name: one.imports for name, one in modules.items()})
    every = in_cycles({name: one.imports | one.deferred for name, one in modules.items()})
    single = [name for name in real if importers[name] == 1]
    if names:
        print(*(f"one importer: {name}" for name in single), *(f"in a cycle: {name}" for name in every), sep="\n")
    return {
        "modules": f"{len(real):,}",
        "lines of code": f"{code:,}",
        "lines of docstrings": f"{documentation:,}",
        "lines in all": f"{sum(len(lines(path)) for path in (source / PACKAGE).rglob('*.py')):,}",
        "median module, lines of code": f"{median(one.code for one in real.values()):.0f}",
        "longest module, lines of code": f"{max(one.code for one in real.values()):,}",
        "9 of 10 functions have at most, lines": f"{functions[int(0.9 * (len(functions) - 1))]}",
        "longest function, lines": f"{functions[-1]}",
        "modules with exactly one importer": f"{len(single):,}",
        "public names without docstring": f"{undocumented:,} of {public:,}",
        "lines of tests per line of code": f"{tests / code:.2f}",
        "modules in import cycles, at the top": f"{len(top):,}",
        "modules in import cycles, with deferred imports": f"{len(every):,}",
    }


def name_of(path: Path, source: Path) -> str:
    return ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def known(name: str, modules: dict[str, Module]) -> str:
    """The module that an import names, itself or by a name in it; empty if it is not in the package."""
    return next((one for one in (name, name.rpartition(".")[0]) if one in modules), "")


def read(path: Path) -> Module:
    """Count one file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    strings = {line for node in docstrings(tree) for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    module = Module(docstrings=len(strings))
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    module.code = len(code - strings)
    for node in ast.walk(tree):
        if isinstance(node, FUNCTION):
            own = ast.get_docstring(node, clean=False) or ""
            module.functions.append((node.end_lineno or 0) - node.lineno + 1 - len(own.splitlines()))
    for node in public_nodes(tree):
        module.public += 1
        module.undocumented += ast.get_docstring(node) is None
    for node, is_deferred in imports(tree):
        (module.deferred if is_deferred else module.imports).update(imported(node))
    return module


def docstrings(tree: ast.Module) -> Iterator[ast.Expr]:
    """Docstrings, and strings that stand alone, such as those below constants."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if (
                isinstance(child, ast.Expr)
                and isinstance(child.value, ast.Constant)
                and isinstance(child.value.value, str)
            ):
                yield child


def public_nodes(tree: ast.Module) -> Iterator[DOCUMENTED]:
    """The module, and its public classes, functions and methods; an overload is described by what it overloads."""
    yield tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | FUNCTION) and is_public(node):
            yield node
            for child in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(child, FUNCTION) and is_public(child):
                    yield child


def is_public(node: ast.ClassDef | FUNCTION) -> bool:
    return not node.name.startswith("_") and "overload" not in map(ast.unparse, node.decorator_list)


def imports(node: ast.AST, is_deferred: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """All imports, and whether each is inside a function or under ``TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, is_deferred
        else:
            is_checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from imports(child, is_deferred or is_checked or isinstance(child, FUNCTION))


def imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The full names that an absolute import may mean."""
    before = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return {before + alias.name for alias in node.names}


def in_cycles(graph: dict[str, set[str]]) -> list[str]:
    """The modules from which a path of imports leads back to themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    return [name for name in graph if name in reached(name)]


if __name__ == "__main__":
    sys.exit(main())
