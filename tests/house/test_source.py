"""What every source file keeps to."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "hearfelt"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(module.relative_to(PACKAGE)) for module in MODULES]
DANGEROUS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "_pickle"}
MOST_FUNCTION_LINES = 70
# docs/glossary.md has the words that are used instead
GIVEN_UP_NAMES = {
    *("Moment", "Now", "Follower", "Judge", "is_unsure", "heard_speakers"),
    *("Admitted", "Lesson", "Taught", "Teacher", "TinyEar", "WhiteNoise"),
    *("PitchEar", "SoundFacts", "meant_by", "survey"),
    *("Bodies", "Measures", "for_strangers", "offered_models"),
    *("Answered", "Followed", "Gathering", "Heard", "emotion_called", "followed", "judged_until", "with_now"),
}
GIVEN_UP_MODULES = {
    "admission",
    "away",
    "beside",
    "computed",
    "described",
    "follower",
    "hearing",
    "lesson",
    "looks",
    "members",
    "telling",
    "ways",
}
OF_SEVERAL = {"models/networks", "inference/same_answer", "page/ending"}  # what several modules promise together


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    """Every file of the repository; all but tools' folders where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not any(part[0] == "." for part in path.parts[1:])]


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_a_module_says_what_it_is(module: Path) -> None:
    assert (ast.get_docstring(tree(module)) or "").strip()


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_a_module_has_no_pickle_no_assert_and_no_eval(module: Path) -> None:
    for node in ast.walk(tree(module)):
        imported = {alias.name.partition(".")[0] for alias in node.names} if isinstance(node, ast.Import) else set()
        if isinstance(node, ast.ImportFrom):
            imported = {(node.module or "").partition(".")[0]}
        assert not imported & DANGEROUS, f"line {node.lineno}"  # type: ignore[attr-defined]
        assert not isinstance(node, ast.Assert), f"line {node.lineno}"
        called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        assert called not in ("eval", "exec"), f"line {node.lineno}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_what_torch_loads_is_weights_only(module: Path) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}["weights_only"] == "True"


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_functions_stay_short(module: Path) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            documented = ast.get_docstring(node, clean=False) or ""
            length = node.end_lineno - node.lineno + 1 - len(documented.splitlines())
            assert length <= MOST_FUNCTION_LINES, node.name


def test_home_is_put_into_paths_in_one_place() -> None:
    callers = {
        str(module.relative_to(PACKAGE))
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr == "expanduser"
    }
    assert callers == {"runtime/files.py"}


@pytest.mark.parametrize("module", [path for path in MODULES if path.name == "__init__.py" and path.parent != PACKAGE])
def test_a_package_file_holds_a_docstring_and_nothing_else(module: Path) -> None:
    assert len(tree(module).body) == 1


def test_no_name_is_one_that_was_given_up_for_the_fields_own_word() -> None:
    assert not {module.stem for module in MODULES} & GIVEN_UP_MODULES
    names = {
        name
        for module in MODULES
        for node in ast.walk(tree(module))
        for name in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "name", None))
    }
    assert not names & GIVEN_UP_NAMES


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not {module.stem for module in MODULES} & {"utils", "helpers", "common", "misc", "core", "tools"}


def test_every_test_of_a_module_has_a_module() -> None:
    known = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in MODULES}
    folders = {"benchmarks", "browser", "house", "journey", "notebooks", "tools"}
    lost = []
    for test in (ROOT / "tests").rglob("test_*.py"):
        place = test.relative_to(ROOT / "tests")
        mirrored = place.with_name(place.stem.removeprefix("test_")).as_posix()
        # tests of one module may be several files, such as test_workers_faults.py beside test_workers.py
        has_module = mirrored in OF_SEVERAL or any(mirrored == one or mirrored.startswith(f"{one}_") for one in known)
        if place.parts[0] not in folders and not has_module:
            lost.append(str(place))
    assert lost == []


def test_no_file_has_the_marks_of_an_unfinished_merge() -> None:
    marks = ("<" * 7 + " ", "=" * 7 + "\n", ">" * 7 + " ")
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = text.splitlines(keepends=True)
        assert not any(line.startswith((marks[0], marks[2])) or line == marks[1] for line in lines), path


def test_there_is_no_recording_of_a_person_and_no_pickle_in_the_repository() -> None:
    sounds = [path for path in tracked() if path.suffix.casefold() in {".wav", ".mp3", ".flac", ".ogg", ".opus"}]
    assert all(path.parent == PACKAGE / "examples" and path.name.startswith("synthetic-") for path in sounds)
    assert not [path for path in tracked() if path.suffix in {".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npy"}]


def test_nothing_is_left_to_do_in_a_comment() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" * 3)
    for module in MODULES:
        text = module.read_text(encoding="utf-8")
        assert not any(mark in text for mark in marks), module
