"""The docs are true: generated pages are up to date, links work, terms are those of the glossary."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from code_blocks import PAGES, ROOT
from hearfelt.audio.reader import audio_files
from hearfelt.audio.warnings import CODES
from hearfelt.corpora.catalog import CORPORA
from hearfelt.inference.timeline.segmenter import HOP_S, LOOK_AHEAD_S, SMOOTHING, STEP_S, WINDOW_S
from hearfelt.inference.voice_activity import BEGINS_AT, GOES_ON_AT, MIN_PAUSE, SHORTEST_SPEECH
from hearfelt.inference.windowing import RATE_HZ
from hearfelt.results.formats import FORMATS
from hearfelt.rows import SEGMENT_ROW

README = ROOT / "README.md"
INSTALLATION = ROOT / "docs" / "installation.md"
RECORDINGS = ROOT / "docs" / "recordings.md"
GENERATED = {
    "CHANGELOG",
    "MODEL_CARD",
    "cli",
    "errors",
    "recipes",
    "results",
}  # the first is written by hand, but about the past
RETIRED = re.compile(r"\b(strangers?|(?<!no speech )heard|unheard|taught|told|ears?|learn(?:ed|s)? from|worn)\b")


def script(name: str) -> ModuleType:
    """Load one of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look it up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "sentence",
    [
        f"never looks more than {LOOK_AHEAD_S:g} s ahead",
        f"A speech region begins at {BEGINS_AT:g} and goes on while the probability is at least {GOES_ON_AT:g}",
        f"A pause of less than {MIN_PAUSE / RATE_HZ:.2f} s does not end it",
        f"a region of less than {SHORTEST_SPEECH / RATE_HZ:.2f} s is ignored",
        f"the last {WINDOW_S:g} s: first when {LOOK_AHEAD_S:g} s are available, every {HOP_S:g} s after that",
        f"Every {STEP_S:g} s of a region is a step",
        f"times {SMOOTHING.weight:g}, because",
        f"staying is {SMOOTHING.stay:g} times as likely as changing",
    ],
)
def test_the_description_of_timelines_has_the_numbers_of_the_code(sentence: str) -> None:
    assert sentence in " ".join(RECORDINGS.read_text(encoding="utf-8").split())


def test_the_page_of_warnings_lists_every_code_with_its_meaning() -> None:
    page = (ROOT / "docs" / "warnings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)
    assert rows == list(CODES.items())


def test_the_page_of_commands_is_fresh() -> None:
    page = ROOT / "docs" / "cli.md"
    assert page.read_text(encoding="utf-8") == script("make_cli_page").cli_page(), "run make docs"


def test_the_pages_of_recipes_and_errors_are_fresh() -> None:
    pages = script("make_reference_pages")
    assert (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8") == pages.recipes_page(), "run make docs"
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == pages.errors_page(), "run make docs"


def test_the_docs_list_every_extra_and_every_variable() -> None:
    page = INSTALLATION.read_text(encoding="utf-8")
    variables_page = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"]) - {"test", "docs"}
    assert set(re.findall(r"^\| `\[(\w+)\]`", page, re.MULTILINE)) == extras
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    variables = {name for source in sources for name in re.findall(r"\bHEARFELT_[A-Z_]+", source)}
    assert variables
    assert [name for name in sorted(variables) if f"`{name}`" not in variables_page] == []


def test_the_page_of_formats_lists_every_name_and_every_format() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\.\w+)` \|", page, re.MULTILINE)
    assert rows == [(one.name, one.suffix) for one in FORMATS.values()]
    names = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| [^`]", page, re.MULTILINE)))
    assert [name for name in (*SEGMENT_ROW, "plausible", "why") if name not in names] == []


def test_the_page_of_corpora_has_a_row_for_each_of_them() -> None:
    page = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| .+ \| .+ \|", page.partition("## ")[0], re.MULTILINE) == list(CORPORA)


def test_the_demo_in_the_readme_is_fresh() -> None:
    text, demo = README.read_text(encoding="utf-8"), script("make_readme_demo")
    assert text == demo.with_demo(text, demo.demo_block()), "run make docs"


@pytest.mark.parametrize(
    ("said", "is_fresh"),
    [
        ("even.wav  😠 angry  ██████▉  70%  disgust  10%", True),
        ("even.wav  😠 angry  ███████▏  72%  disgust  8%", True),
        ("even.wav  😠 angry  ███████▎  73%  disgust  9%", False),
        ("even.wav  😠 angry  ███████  71%  neutral  9%", False),
        ("even.wav  😢 sad    ███████  71%  disgust  9%", False),
        ("odd.wav   😠 angry  ███████  71%  disgust  9%", False),
        ("", False),
    ],
)
def test_a_demo_with_the_same_words_whose_percents_differ_by_one_is_not_written_anew(said: str, is_fresh: bool) -> None:
    demo = script("make_readme_demo")
    text = f"a\n{demo.BEGIN}\neven.wav  😠 angry  ███████  71%  disgust  9%\n{demo.END}\nb\n"
    assert demo.with_demo(text, said) == (text if is_fresh else f"a\n{demo.BEGIN}\n{said}\n{demo.END}\nb\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    local = [target.partition("#")[0] for target in targets if not target.startswith(("http", "#"))]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in GENERATED], ids=lambda page: page.name)
def test_a_page_uses_the_terms_of_the_glossary(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)|<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert RETIRED.findall(text) == []


def test_make_alone_lists_every_command() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    said = subprocess.run([make], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    commands = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"make ([\w-]+) ", said)) == set(commands) >= {"demo", "test", "check", "docs"}


def test_continuous_integration_runs_all_tests_and_then_the_lowest_versions() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert run.read_text(encoding="utf-8").splitlines()[-2:] == ["make test", "make test-lowest"]


def test_the_bundled_clips_can_be_made_again(tmp_path: Path) -> None:
    pytest.importorskip("parselmouth")
    for program in ("espeak-ng", "flite"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    examples = script("make_examples")
    for run in ("first", "second"):
        examples.write(tmp_path / run)
    first, second = (audio_files(tmp_path / run) for run in ("first", "second"))
    shipped = audio_files(ROOT / "src" / "hearfelt" / "examples")
    assert [path.name for path in first] == [path.name for path in shipped]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
