from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hearfelt.errors import CorpusError
from hearfelt.evaluation.results import Results
from result_pages.results_pictures import check_pictures, ladder_picture, reliability_picture, write_pictures


def test_a_picture_that_was_just_drawn_is_fresh_and_is_not_drawn_again(climbed: list[Results], tmp_path: Path) -> None:
    pictures = [*ladder_picture(climbed), reliability_picture(climbed[0])]
    written = write_pictures(tmp_path, pictures)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "docs/pictures/leak-ladder.png",
        "docs/pictures/reliability.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    check_pictures(tmp_path, pictures)
    assert write_pictures(tmp_path, pictures) == []


def test_a_picture_of_other_figures_is_stale_and_a_missing_one_is_told(climbed: list[Results], tmp_path: Path) -> None:
    [picture] = ladder_picture(climbed)
    with pytest.raises(CorpusError, match=r"leak-ladder\.png: is missing; 'python tools/results.py' draws it"):
        check_pictures(tmp_path, [picture])
    write_pictures(tmp_path, [picture])
    [other] = ladder_picture([one for one in climbed if one.name == "weak"])
    assert other.note != picture.note
    with pytest.raises(CorpusError, match="shows other figures than the results"):
        check_pictures(tmp_path, [other])
    assert write_pictures(tmp_path, [other]) == [tmp_path / picture.path]
    check_pictures(tmp_path, [other])


def test_the_note_is_plain_and_short_whatever_a_model_is_called(climbed: list[Results]) -> None:
    named = replace(climbed[0], folder=climbed[0].folder.parent / "größer")
    note = reliability_picture(named).note
    assert note.isascii()
    assert len(note) < 80
    assert note != reliability_picture(climbed[0]).note


def test_without_a_climb_there_is_no_picture() -> None:
    assert ladder_picture([]) == []
