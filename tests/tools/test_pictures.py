from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hearfelt.errors import CorpusError
from hearfelt.evaluation.results import Results
from result_pages.pictures import check_pictures, ladder_picture, reliability_picture, write_pictures


def test_a_new_picture_is_up_to_date_and_is_not_drawn_again(ladder_results: list[Results], tmp_path: Path) -> None:
    pictures = [*ladder_picture(ladder_results), reliability_picture(ladder_results[0])]
    written = write_pictures(tmp_path, pictures)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "docs/pictures/leak-ladder.png",
        "docs/pictures/reliability.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    check_pictures(tmp_path, pictures)
    assert write_pictures(tmp_path, pictures) == []


def test_a_picture_of_other_data_or_a_missing_one_is_reported(ladder_results: list[Results], tmp_path: Path) -> None:
    [picture] = ladder_picture(ladder_results)
    with pytest.raises(CorpusError, match=r"leak-ladder\.png: is missing; run 'python tools/results.py'"):
        check_pictures(tmp_path, [picture])
    write_pictures(tmp_path, [picture])
    [other] = ladder_picture([one for one in ladder_results if one.name == "weak"])
    assert other.note != picture.note
    with pytest.raises(CorpusError, match="is out of date"):
        check_pictures(tmp_path, [other])
    assert write_pictures(tmp_path, [other]) == [tmp_path / picture.path]
    check_pictures(tmp_path, [other])


def test_the_note_is_plain_and_short_whatever_a_model_is_called(ladder_results: list[Results]) -> None:
    named = replace(ladder_results[0], folder=ladder_results[0].folder.parent / "größer")
    note = reliability_picture(named).note
    assert note.isascii()
    assert len(note) < 80
    assert note != reliability_picture(ladder_results[0]).note


def test_without_results_there_is_no_picture() -> None:
    assert ladder_picture([]) == []
