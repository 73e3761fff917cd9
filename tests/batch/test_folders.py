from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.batch.folders import entries, is_link_to_folder, listed
from hearfelt.batch.object_store import Entry
from hearfelt.errors import HearfeltError


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
