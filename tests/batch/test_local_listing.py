from __future__ import annotations

import os
from glob import glob
from pathlib import Path

import pytest

from hearfelt.batch.local_listing import entries, is_link_to_folder, listed, matches
from hearfelt.batch.object_store import Entry
from hearfelt.errors import HearfeltError

FILES = (
    "1.wav",
    "a/1.wav",
    "a/2.wav",
    "a/b/1.wav",
    "a/b/notes.txt",
    "a-b.wav",
    ".hidden.wav",
    ".dark/1.wav",
    "b/[x].wav",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"s")
    monkeypatch.chdir(folder)
    return folder


def globbed(pattern: object) -> list[str]:
    return sorted(set(glob(str(pattern), recursive=True)))  # noqa: PTH207 -- names as they are given


def fits(pattern: object) -> list[str]:
    return [one.name for one in matches(str(pattern))]


PATTERNS = ["*", "*.wav", "?", "a/*", "*/1.wav", "a/*/1.wav", "./*/2.*", "a/../b/*", "[ab]/[!1]*", ".*", "*/.", "no/*"]


@pytest.mark.parametrize("pattern", [*PATTERNS, "b/[[]x].wav", "*/b/*", "a*b*"])
def test_without_two_stars_a_pattern_fits_what_glob_says(pattern: str, here: Path) -> None:
    assert sorted(fits(pattern)) == globbed(pattern)
    assert sorted(fits(here / pattern)) == globbed(here / pattern)


@pytest.mark.parametrize("pattern", ["**/*.wav", "**/1.wav", "a/**/1.wav", "**/b/*.wav", "**/a/**/*.wav", "**/.dark/*"])
def test_two_stars_are_any_number_of_folders_and_nothing_is_given_twice(pattern: str, here: Path) -> None:
    assert sorted(fits(pattern)) == globbed(pattern)


def test_what_fits_comes_as_whole_paths_are_sorted(here: Path) -> None:
    assert fits("**/*.wav") == sorted(fits("**/*.wav"))
    assert fits("*") == ["1.wav", "a-b.wav", "a", "b"]  # as a/ is sorted


def test_a_folder_that_fits_stands_for_all_that_is_in_it(here: Path) -> None:
    assert [(one.name, one.is_folder) for one in matches("**/b")] == [("a/b", True), ("b", True)]
    assert fits("**") == fits("**/*") == fits("*")
    assert fits("a/**") == ["a"]
    assert fits("*/") == fits("**/") == ["a", "b"]


def test_two_stars_do_not_follow_links_to_folders_as_a_folder_does_not(here: Path) -> None:
    (here / "a" / "loop").symlink_to(here)
    (here / "a" / "other-loop").symlink_to(here / "a")
    (here / "b" / "self").symlink_to("self")
    (here / "b" / "linked.wav").symlink_to(here / "1.wav")
    assert fits("**/1.wav") == ["1.wav", "a/1.wav", "a/b/1.wav"]
    assert fits("**/*.wav") == ["1.wav", "a-b.wav", "a/1.wav", "a/2.wav", "a/b/1.wav", "b/[x].wav", "b/linked.wav"]
    assert fits("a/**/*") == ["a/1.wav", "a/2.wav", "a/b"]


def test_one_star_follows_a_link_as_a_shell_does_and_so_does_a_name(here: Path) -> None:
    (here / "a" / "loop").symlink_to(here)
    assert fits("a/*/1.wav") == ["a/b/1.wav", "a/loop/1.wav"]
    assert fits("**/loop/*.wav") == ["a/loop/1.wav", "a/loop/a-b.wav"]
    assert fits("a/loop/**/2.wav") == ["a/loop/a/2.wav"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="for root nothing is forbidden")
def test_a_folder_without_permission_is_told_and_the_others_go_on(here: Path) -> None:
    (here / "a").chmod(0)
    found = list(matches("**/*.wav"))
    (here / "a").chmod(0o700)
    assert "no permission" in str(found[2].error)
    assert found[3].name == "b/[x].wav"


def test_a_name_that_is_not_utf_8_fits(here: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        (here / name).write_bytes(b"s")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert fits("caf?.wav") == fits("**/caf*") == [name]


def test_a_folder_is_listed_without_the_links_that_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "below").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.wav").symlink_to("self.wav")
    (tmp_path / "linked.wav").symlink_to("a.wav")
    found = {entry.name: entry for entry in entries(str(tmp_path))}
    assert found.pop("below").is_folder
    assert found == {
        "a.wav": Entry("a.wav", False, 5),
        "linked.wav": Entry("linked.wav", False, 5),
        "self.wav": Entry("self.wav", False, 0),
    }
    assert [one.name for one in listed(str(tmp_path)) if is_link_to_folder(one)] == ["loop"]


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "no such file"), ("a.wav", "not a directory")])
def test_what_cannot_be_listed_is_told_in_a_sentence(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"sound")
    with pytest.raises(HearfeltError, match=rf"{name}: this folder cannot be listed \({reason}"):
        entries(str(tmp_path / name))


def test_a_very_long_name_is_told_in_a_short_sentence() -> None:
    with pytest.raises(HearfeltError) as refused:
        entries("/d" * 3_000)
    assert len(str(refused.value)) < 300
