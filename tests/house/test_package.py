"""The package as it is published: its metadata, its licences, and what the check of the archives would find."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from hearfelt.inference.recognizer import Recognizer, shipped_models

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
README = """<!-- made by a script -->
# A tool

[Docs](docs/cli.md#x) and [the web](https://example.org/a). ![A page](docs/page.webp)
"""


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look it up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("repository", "text"),
    [
        ("", "Docs and [the web](https://example.org/a). *A page*"),
        (
            "https://example.org/h",
            "[Docs](https://example.org/h/blob/main/docs/cli.md#x) and [the web](https://example.org/a)."
            " ![A page](https://example.org/h/raw/main/docs/page.webp)",
        ),
    ],
)
def test_the_description_has_no_path_that_leads_nowhere(repository: str, text: str) -> None:
    pytest.importorskip("hatchling")
    assert loaded("hatch_build.py").portable(README, repository) == f"# A tool\n\n{text}\n"


def test_the_description_of_this_readme_stands_alone() -> None:
    pytest.importorskip("hatchling")
    text = loaded("hatch_build.py").portable((ROOT / "README.md").read_text("utf-8"), "")
    assert re.findall(r"\]\((?!https?:|#)[^)]*\)", text) == []
    assert "<!--" not in text


def test_the_licence_says_both_and_names_files_that_are_there() -> None:
    licenses = pytest.importorskip("packaging.licenses")
    assert licenses.canonicalize_license_expression(PROJECT["license"]) == PROJECT["license"]
    assert {"MIT", "LicenseRef-hearfelt-weights"} == set(PROJECT["license"].split(" AND "))
    files = [path for pattern in PROJECT["license-files"] for path in ROOT.glob(pattern)]
    assert {path.name for path in files} == {"LICENSE", "LicenseRef-hearfelt-weights.txt", "Whisper-MIT.txt"}


def test_the_licence_of_the_weights_names_every_corpus_on_a_card() -> None:
    text = re.sub(r"[^a-z]", "", (ROOT / "LICENSES" / "LicenseRef-hearfelt-weights.txt").read_text("utf-8").casefold())
    named = {corpus for model in shipped_models() for corpus in Recognizer.load(model, threads=1).card.corpora}
    assert named >= {"ravdess"}
    assert [corpus for corpus in sorted(named - {"folder"}) if corpus not in text] == []


def test_the_citation_has_the_version_and_the_authors_of_the_package() -> None:
    lines = (ROOT / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {PROJECT['version']}" in lines
    assert f"  - name: {PROJECT['authors'][0]['name']}" in lines


def test_the_check_of_archives_misses_what_is_missing_and_finds_what_is_too_much() -> None:
    check = loaded("tools/check_dist.py")
    info = "hearfelt-0.1.0.dist-info"
    whole = {*check.REQUIRED, f"{info}/METADATA", *(f"{info}/licenses/{name}" for name in check.LICENCES)}
    assert check.faults_of_wheel(whole, 30_000_000) == []
    lacking = whole - {"hearfelt/recipes/classic.toml"} | {"hearfelt/voice.wav", "tests/test_x.py"}
    assert len(check.faults_of_wheel(lacking, 200_000_000)) == 4
    sources = {f"h-1/{name}" for name in (*(f"src/{one}" for one in check.REQUIRED), *check.LICENCES)}
    assert check.faults_of_sdist(sources | {f"h-1/{one}" for one in ("pyproject.toml", "hatch_build.py")}) == [
        "CITATION.cff is missing"
    ]
    assert all((ROOT / "src" / name).is_file() for name in check.REQUIRED)


def test_the_cards_name_licences_without_commercial_use() -> None:
    cards = [json.loads(Recognizer.load(model, threads=1).card.to_json()) for model in shipped_models()]
    assert all("non-commercial" in card["licence"] for card in cards)


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_gives_no_more_rights_than_it_needs_and_names_what_is_there(workflow: Path) -> None:
    yaml = pytest.importorskip("yaml")
    text = workflow.read_text("utf-8")
    whole = yaml.safe_load(text)
    assert whole["permissions"] == {"contents": "read"}
    assert all(re.search(r"@[0-9a-f]{40}$|@v\d+$|@release/v1$", use) for use in re.findall(r"uses: (\S+)", text))
    scripts = re.findall(r"(?:tools|scripts|\.ci)/[\w./]+", text)
    assert [script for script in scripts if not (ROOT / script).exists()] == []


def test_a_release_needs_one_version_everywhere_a_date_and_an_address(tmp_path: Path) -> None:
    check = loaded("tools/check_release.py").faults_of_release
    assert len(check("v9.9.9")) >= 3
    custom = '[project]\nversion = "1.2.3"\n[tool.hatch.metadata.hooks.custom]\nrepository = "https://example.org"\n'
    (tmp_path / "pyproject.toml").write_text(custom)
    (tmp_path / "CITATION.cff").write_text("version: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text("## 1.2.3, 2026-12-01\n")
    assert check("v1.2.3", tmp_path) == []
    (tmp_path / "CHANGELOG.md").write_text("## 1.2.3, not released\n")
    assert len(check("v1.2.3", tmp_path)) == 1
