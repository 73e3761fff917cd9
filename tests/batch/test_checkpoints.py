from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.batch.checkpoints import (
    check_folder,
    clear,
    finish,
    finished_job,
    locked_folder,
    merged_rows,
    open_part,
    remove_leftovers,
)
from hearfelt.batch.plan import Part, read_parts, write_parts
from hearfelt.batch.sources import Source
from hearfelt.errors import HearfeltError


def filled(folder: Path, count: int) -> list[Part]:
    """Plan and answer so many sounds of very different length."""
    write_parts(str(folder), (Source(f"{n}", f"/{n}", float(n * 7919 % 101)) for n in range(count)))
    parts = list(read_parts(str(folder)))
    for part in parts:
        with open_part(str(folder), part) as file:
            for place in part.positions:
                file.add(b'[["%d"],["%d again"]]' % (place, place) if place % 2 else b'[["%d"]]' % place)
    return parts


def test_rows_come_in_the_order_of_the_list(tmp_path: Path) -> None:
    filled(tmp_path, 300)
    wanted = [[text] for n in range(300) for text in ([f"{n}", f"{n} again"] if n % 2 else [f"{n}"])]
    assert list(merged_rows(str(tmp_path), 300)) == wanted


def test_a_part_that_lacks_a_sound_is_found_out(tmp_path: Path) -> None:
    part = filled(tmp_path, 300)[3]
    path = tmp_path / part.name
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(HearfeltError, match=f"the result of sound {part.positions[0] + 1} is missing"):
        list(merged_rows(str(tmp_path), 300))


def test_a_sound_that_is_there_twice_is_found_out(tmp_path: Path) -> None:
    part = filled(tmp_path, 300)[3]
    path = tmp_path / part.name
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(HearfeltError, match="is missing"):
        list(merged_rows(str(tmp_path), 300))


def test_answers_that_are_too_few_at_the_end_are_found_out(tmp_path: Path) -> None:
    filled(tmp_path, 5)
    with pytest.raises(HearfeltError, match="5 of 6 results are there"):
        list(merged_rows(str(tmp_path), 6))


def test_a_part_appears_when_it_is_whole_and_half_of_one_is_swept(tmp_path: Path) -> None:
    part = Part(0, 0, (0, 1), (Source("a", "/a"), Source("b", "/b")))

    def add_half_of_it() -> None:
        with open_part(str(tmp_path), part) as file:
            for _, rows in zip(part.positions, [b"[]"], strict=True):
                file.add(rows)

    with pytest.raises(ValueError, match="zip"):
        add_half_of_it()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f".{part.name}.0123abcd.part").write_text("killed")
    remove_leftovers(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    folder, table = str(tmp_path / "a.csv.parts"), "a.csv"
    with locked_folder(folder, table):
        with (
            pytest.raises(HearfeltError, match=r"^a\.csv: another hearfelt is writing this table"),
            locked_folder(folder, table),
        ):
            pass
        finish(folder, "0" * 64)
    with locked_folder(folder, table):
        pass


def test_a_mark_names_its_job(tmp_path: Path) -> None:
    (tmp_path / "finished").write_text(f"{'a' * 64}\n")
    assert finished_job(str(tmp_path)) == "a" * 64
    (tmp_path / "finished").write_bytes(b"\xff")
    assert len(finished_job(str(tmp_path))) == 1


def test_only_what_a_batch_has_written_is_taken_for_a_part(tmp_path: Path) -> None:
    folder = str(tmp_path)
    check_folder(folder, {"finished", "plan.json", "plan.jsonl", "part-0000000.jsonl", ".DS_Store"})
    for name in ("part-0000000.json", "part-1.jsonl", "a.wav", "finished.txt"):
        with pytest.raises(HearfeltError, match=f"{name} is there, which is no part of a batch"):
            check_folder(folder, {name, "plan.json"})
        (tmp_path / name).write_text("")
    (tmp_path / "plan.json").write_text("")
    clear(folder)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv.parts").write_text("")
    with (
        pytest.raises(HearfeltError, match=r"a\.csv\.parts: this is a file"),
        locked_folder(f"{tmp_path}/a.csv.parts", "a"),
    ):
        pass
