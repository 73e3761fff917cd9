from __future__ import annotations

import os
import subprocess
import tracemalloc
from glob import glob
from pathlib import Path

import pytest

from hearfelt.audio.reader import audio_files
from hearfelt.batch.object_store import Entry
from hearfelt.batch.sources import Source, entries, find_sources, is_link_to_folder, listed, matches
from hearfelt.errors import HearfeltError

LEVELS = 2_500  # more than a path may be long, and than Python may call itself


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"s" * 100)
    return folder


def names(*inputs: object) -> list[str]:
    return [source.name for source in find_sources([str(given) for given in inputs])]


def test_a_folder_is_listed_as_sorted_paths_are(clips: Path) -> None:
    assert names(clips) == [str(path) for path in audio_files(clips)]


def test_folders_and_files_beside_them_are_sorted_as_whole_paths(tmp_path: Path) -> None:
    made(tmp_path, "a/x.wav", "a-b.wav", "a.wav", "ab/y.wav", "A/z.wav")
    assert names(tmp_path) == sorted(names(tmp_path)) == [str(path) for path in audio_files(tmp_path)]


def test_a_sound_named_in_two_ways_is_listed_once_and_that_is_said(tmp_path: Path) -> None:
    made(tmp_path, "a.wav", "b.wav")
    said: list[str] = []
    inputs = [str(tmp_path / "a.wav"), str(tmp_path), f"{tmp_path}/../{tmp_path.name}/*.wav"]
    found = [source.name for source in find_sources(inputs, said.append)]
    assert found == [f"{tmp_path}/a.wav", f"{tmp_path}/b.wav"]
    assert said == [f"3 sources are named more than once, such as {tmp_path}/a.wav; each sound is recognized once"]


def test_a_pattern_gives_what_a_shell_would_give(tmp_path: Path) -> None:
    made(tmp_path, "a/1.wav", "b/2.wav", "b/c/3.flac", "b/notes.txt")
    assert names(f"{tmp_path}/*/*.wav") == [f"{tmp_path}/a/1.wav", f"{tmp_path}/b/2.wav"]
    assert names(f"{tmp_path}/?") == [f"{tmp_path}/a/1.wav", f"{tmp_path}/b/2.wav", f"{tmp_path}/b/c/3.flac"]
    assert names(f"{tmp_path}/**") == [f"{tmp_path}/a/1.wav", f"{tmp_path}/b/2.wav", f"{tmp_path}/b/c/3.flac"]


def test_a_pattern_with_two_stars_gives_what_its_folder_gives(tmp_path: Path) -> None:
    made(tmp_path, "a/1.wav", "b/2.wav", "b/c/3.flac", "b/notes.txt", "b/.hidden/4.wav")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "again").symlink_to(tmp_path / "a")
    (tmp_path / "b" / "self.wav").symlink_to("self.wav")
    said: list[str] = []
    wanted = list(find_sources([str(tmp_path)]))
    for pattern in ("**", "**/*", "*", "**/", "**/**"):
        assert list(find_sources([f"{tmp_path}/{pattern}"], said.append)) == wanted
    assert names(f"{tmp_path}/**/b") == names(tmp_path / "b")
    assert said == []


def test_a_pattern_that_fits_only_what_is_no_sound_gives_nothing(tmp_path: Path) -> None:
    made(tmp_path, "a/notes.txt")
    assert names(f"{tmp_path}/**") == names(f"{tmp_path}/*") == []
    assert names(f"{tmp_path}/a/*") == [f"{tmp_path}/a/notes.txt"]  # as a shell would give it
    with pytest.raises(HearfeltError, match="nothing fits this pattern"):
        names(f"{tmp_path}/**/*.wav")


def test_a_name_that_begins_with_a_tilde_is_a_name_where_it_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "~/1.wav", "~backup.wav")
    monkeypatch.chdir(tmp_path)
    wanted = [f"{tmp_path}/~/1.wav", f"{tmp_path}/~backup.wav"]
    for inputs in (["*"], ["**/*.wav"], ["."], ["./~/1.wav", "~backup.wav"]):
        assert [source.location for source in find_sources(inputs)] == wanted


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    made(tmp_path, "take[1].wav", "take1.wav")
    assert names(tmp_path / "take[1].wav") == [f"{tmp_path}/take[1].wav"]


def test_paths_of_a_table_are_beside_it_and_addresses_stay(tmp_path: Path) -> None:
    made(tmp_path, "tables/a.wav")
    table = tmp_path / "tables" / "calls.csv"
    table.write_text("source\na.wav\nb.wav\n/far/c.wav\ns3://calls/d.wav\n")
    found = list(find_sources([str(table)]))
    assert [one.name for one in found] == ["a.wav", "b.wav", "/far/c.wav", "s3://calls/d.wav"]
    assert [one.location for one in found] == [
        f"{tmp_path}/tables/a.wav",
        f"{tmp_path}/tables/b.wav",
        "/far/c.wav",
        "s3://calls/d.wav",
    ]


def test_an_empty_cell_of_a_table_is_a_row_with_an_error(tmp_path: Path) -> None:
    table = tmp_path / "calls.csv"
    table.write_text("topic,source\nx,a.wav\ny,\n")
    assert [one.error for one in find_sources([str(table)])] == [
        None,
        f"{table}, line 3: no sound is named there",
    ]


def test_paths_of_a_table_start_where_the_root_is(tmp_path: Path) -> None:
    made(tmp_path, "far/sub/b.wav")
    table = tmp_path / "clips.csv"
    table.write_text("clip,start,end\nsub\\b.wav,,\nsub\\b.wav,1,2.5\n")
    found = list(find_sources([str(table)], root=str(tmp_path / "far")))
    assert found == [
        Source("sub\\b.wav", f"{tmp_path}/far/sub/b.wav", 0.0),
        Source("sub\\b.wav", f"{tmp_path}/far/sub/b.wav", 1.5, start_s=1.0, end_s=2.5),
    ]


def test_parts_of_one_sound_are_different_and_a_part_named_twice_is_listed_once(tmp_path: Path) -> None:
    made(tmp_path, "a.wav")
    table = tmp_path / "calls.csv"
    table.write_text("source,start,end\na.wav,0,1\na.wav,1,2\na.wav,0:00:01,2.0\na.wav,2,1\na.wav,,\n")
    said: list[str] = []
    found = list(find_sources([str(table)], said.append))
    assert [(one.start_s, one.end_s, one.error is None) for one in found] == [
        (0.0, 1.0, True),
        (1.0, 2.0, True),
        (0.0, None, False),
        (0.0, None, True),
    ]
    assert found[2].error == f"{table}, line 5: a part from 2 to 1; an end after the start is wanted"
    assert len(said) == 1


@pytest.mark.parametrize("name", ["manifest.tsv", "manifest_backslash.csv", "manifest_semicolon.csv"])
def test_tables_as_people_save_them_name_their_sounds(corpora_home: Path, tmp_path: Path, name: str) -> None:
    made(tmp_path, "Aufnahme 1.wav", "sub/b.wav", "ü_日本_😀.wav")
    (tmp_path / name).write_bytes((corpora_home / "cases" / name).read_bytes())
    found = list(find_sources([str(tmp_path / name)]))
    assert found
    assert all(one.error is None and Path(one.location).is_file() for one in found)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nowhere", "there is no such file or folder"),
        ("nowhere/*.wav", "nothing fits this pattern"),
        ("", "an empty input"),
        ("a\0b.wav", "no path can be like this"),
        ("xyz://bucket/a.wav", "no store is known for xyz"),
    ],
)
def test_an_input_that_is_not_there_is_refused_in_a_sentence(given: str, sentence: str) -> None:
    with pytest.raises(HearfeltError, match=sentence):
        names(given)


def test_links_are_no_trap(tmp_path: Path) -> None:
    made(tmp_path, "a/1.wav")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "self.wav").symlink_to("self.wav")
    (tmp_path / "a" / "gone.wav").symlink_to("nowhere.wav")
    # What is named like a sound gets its row, in which the reader says what is wrong.
    assert [Path(name).name for name in names(tmp_path)] == ["1.wav", "gone.wav", "self.wav"]
    assert [Path(name).name for name in names(tmp_path / "a" / "self.wav")] == ["self.wav"]


def test_a_folder_that_is_a_link_can_be_named(tmp_path: Path) -> None:
    made(tmp_path, "a/1.wav")
    (tmp_path / "link").symlink_to("a")
    assert names(tmp_path / "link") == [f"{tmp_path}/link/1.wav"]


def test_a_name_that_is_not_utf_8_is_listed_and_can_be_opened(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        made(tmp_path, name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (source,) = find_sources([str(tmp_path)])
    assert Path(source.location).read_bytes() == b"s" * 100


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="for root nothing is forbidden")
def test_a_folder_without_permission_is_a_row_with_an_error(tmp_path: Path) -> None:
    made(tmp_path, "a/1.wav", "b/2.wav")
    (tmp_path / "a").chmod(0)
    found = [list(find_sources([f"{tmp_path}{pattern}"])) for pattern in ("", "/*", "/**", "/**/*.wav")]
    (tmp_path / "a").chmod(0o700)
    for first, second in found:
        assert "no permission" in str(first.error)
        assert second.name.endswith("2.wav")


@pytest.mark.parametrize("pattern", ["", "/**/*.wav"])
def test_thousands_of_levels_of_folders_cost_one_row(tmp_path: Path, pattern: str) -> None:
    made(tmp_path, "z.wav")
    top = os.open(tmp_path, os.O_RDONLY)
    handle = top
    for _ in range(LEVELS):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    try:
        found = list(find_sources([f"{tmp_path}{pattern}"]))
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True, timeout=120)
    assert len(found) == 2
    assert "cannot be listed" in str(found[0].error)
    assert len(str(found[0].error)) < 300
    assert found[1] == Source(f"{tmp_path}/z.wav", f"{tmp_path}/z.wav", 0.0)


def test_longer_files_are_guessed_to_be_longer(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(bytes(64_000))
    (tmp_path / "b.mp3").write_bytes(bytes(64_000))
    assert [source.seconds for source in find_sources([str(tmp_path)])] == [2.0, 8.0]


def test_listing_holds_little_of_each_file(tmp_path: Path) -> None:
    for folder in range(10):
        made(tmp_path, f"{folder}/0.wav")
        for number in range(1, 500):
            (tmp_path / str(folder) / f"{number}.wav").symlink_to("0.wav")
    tracemalloc.start()
    try:
        assert sum(1 for _ in find_sources([str(tmp_path)])) == 5_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000 * 200  # bytes: a digest of each, so that none is listed twice, and one folder's names


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
