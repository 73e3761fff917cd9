from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import make_try_page
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.recognizer import model_path


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files in the place of onnxruntime-web, which need not be installed for these tests."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in make_try_page.RUNTIME_FILES:
        (folder / name).write_text(f"// {name}")
    monkeypatch.setattr(make_try_page, "RUNTIME", folder)
    return folder


@pytest.fixture
def page(runtime: Path, tmp_path: Path) -> Path:
    make_try_page.build(tmp_path / "page")
    return tmp_path / "page"


def constant(page: Path, name: str) -> object:
    found = re.search(rf"^export const {name} = (.*);$", (page / "constants.js").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


def kept_offline(page: Path) -> tuple[str, set[str]]:
    """The version of the service worker, and the files that it keeps."""
    version, files = (page / "service-worker.js").read_text("utf-8").splitlines()[:2]
    return version, set(json.loads(files.removeprefix("const FILES = ").removesuffix(";")))


def test_every_file_is_kept_offline_but_models_which_are_kept_when_chosen(page: Path) -> None:
    there = {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()}
    models = {name for name in there if name.startswith("models/")}
    assert kept_offline(page)[1] == {"./"} | there - models - {"service-worker.js"}


def test_what_a_script_imports_is_there(page: Path) -> None:
    for script in page.glob("*.js"):
        for name in re.findall(r'^import .*"\./(.+)";$', script.read_text("utf-8"), re.MULTILINE):
            assert (page / name).is_file(), f"{script.name}: {name}"


def test_a_changed_file_makes_another_version_and_the_same_files_the_same_one(runtime: Path, tmp_path: Path) -> None:
    versions = []
    for folder, text in (("one", "a"), ("two", "a"), ("three", "b")):
        (runtime / make_try_page.RUNTIME_FILES[0]).write_text(text)
        make_try_page.build(tmp_path / folder)
        versions.append(kept_offline(tmp_path / folder)[0])
    assert versions[0] == versions[1] != versions[2]


def test_the_shipped_models_and_every_emotion_are_in_the_page(page: Path) -> None:
    for model in constant(page, "MODELS"):  # type: ignore[attr-defined]
        shipped = model_path(model["name"]).read_bytes()
        assert (page / model["address"].partition("?")[0]).read_bytes() == shipped
        assert model["size"] == len(shipped)
    assert list(constant(page, "EMOTIONS")) == list(EMOTIONS)  # type: ignore[call-overload]


def test_no_file_of_ours_names_another_host(page: Path) -> None:
    foreign = set(make_try_page.RUNTIME_FILES)
    for path in [*page.glob("*.html"), *page.glob("*.js"), *page.glob("*.css")]:
        if path.name not in foreign:
            assert not re.search(r"https?://|//[a-z0-9-]+\.[a-z]", path.read_text("utf-8")), path.name


def test_a_folder_with_something_else_in_it_is_left_alone(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="something else"):
        make_try_page.build(tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_the_version_of_every_package_is_pinned_with_its_hash() -> None:
    packages = json.loads((make_try_page.SOURCE / "package.json").read_text("utf-8"))["dependencies"]
    locked = json.loads((make_try_page.SOURCE / "package-lock.json").read_text("utf-8"))["packages"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in packages.values())
    for name, package in locked.items():
        assert not name or package["integrity"].startswith("sha512-")
    assert {name: locked[f"node_modules/{name}"]["version"] for name in packages} == packages
