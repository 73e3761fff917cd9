from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearfelt.batch.storage import (
    absolute,
    digest_of,
    is_folder,
    names_in,
    open_file,
    read_file,
    remove,
    same_as,
    write_file,
)
from hearfelt.errors import HearfeltError


def test_what_fails_while_it_is_written_leaves_nothing(tmp_path: Path) -> None:
    location = tmp_path / "a.csv"
    location.write_bytes(b"before")

    def parts() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    with pytest.raises(RuntimeError), write_file(str(location)) as file:
        file.writelines(parts())
    assert location.read_bytes() == b"before"
    assert names_in(str(tmp_path)) == {"a.csv"}


def test_a_path_means_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert absolute("a/../b.wav") == f"{tmp_path}/b.wav"
    assert absolute("~/b.wav") == "/home/ada/b.wav"
    assert absolute("~nobody-of-this-name.wav") == f"{tmp_path}/~nobody-of-this-name.wav"
    assert absolute("./~/b.wav") == f"{tmp_path}/~/b.wav"
    assert absolute("file:///calls/b.wav") == "/calls/b.wav"


def test_a_folder_of_which_nothing_is_there_is_empty(tmp_path: Path) -> None:
    assert names_in(str(tmp_path / "nowhere")) == set()
    assert not is_folder(str(tmp_path / "nowhere"))
    remove(str(tmp_path / "nowhere"))
    remove(str(tmp_path / "nowhere"), folder=True)


def test_a_folder_is_removed_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    remove(str(tmp_path / "a"), folder=True)
    assert names_in(str(tmp_path)) == set()


@pytest.mark.parametrize(("name", "sentence"), [("nowhere", "no such file"), ("", "this is a folder")])
def test_what_cannot_be_read_is_told_in_a_sentence(name: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match=sentence):
        read_file(os.path.join(tmp_path, name))  # noqa: PTH118 -- the empty name is meant


def test_another_content_has_another_digest(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("source\na.wav\n")
    before = digest_of(str(table))
    table.write_text("source\nb.wav\n")
    assert digest_of(str(table)) != before
    with pytest.raises(HearfeltError, match="there is no such file"):
        digest_of(str(tmp_path / "nowhere.csv"))


def test_a_path_that_is_too_long_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match="cannot be read"), open_file(f"{tmp_path}/{'a' * 5_000}"):
        pass


def test_what_a_killed_run_left_of_a_file_is_gone_when_it_is_written(tmp_path: Path) -> None:
    for name in (".table.csv.0123abcd.part", ".other.csv.0123abcd.part"):
        (tmp_path / name).write_bytes(b"half")
    with write_file(str(tmp_path / "table.csv")) as file:
        file.write(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.csv.0123abcd.part", "table.csv"]


def test_a_place_is_known_again_by_whatever_name(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    assert not same_as(str(table))(str(table))  # what is not there yet cannot be lost
    table.write_text("a")
    (tmp_path / "copy.csv").write_text("a")
    (tmp_path / "link.csv").symlink_to(table)
    os.link(table, tmp_path / "hard.csv")
    is_it = same_as(str(table))
    assert all(is_it(f"{tmp_path}/{name}") for name in ("a.csv", "./a.csv", "link.csv", "hard.csv"))
    assert not any(
        is_it(location) for location in (f"{tmp_path}/copy.csv", f"{tmp_path}/no", "a\0b", "s3://calls/a.csv")
    )


def test_an_address_is_known_again_whatever_its_store_is_called() -> None:
    is_it = same_as("s3://calls/a.csv")
    assert is_it("s3a://calls/a.csv")
    assert not is_it("gs://calls/a.csv")
    assert not is_it("s3://calls/b.csv")
    assert not is_it("/calls/a.csv")
