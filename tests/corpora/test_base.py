from __future__ import annotations

import re
from pathlib import Path

from hearfelt.corpora.base import identity, read_names, stem_of
from hearfelt.corpora.clips import Clip

SHAPE = re.compile(r"(?:^|/)(?P<who>[a-z])(?P<take>\d)$")


def clip_of(root: Path, name: str, match: re.Match[str]) -> Clip | str:
    if match["take"] == "9":
        return "no take 9"
    return Clip("mine", root, name, f"mine/{match['who']}", "calm", repetition=match["take"])


def test_clips_come_in_the_order_of_their_names() -> None:
    reading = read_names(Path(), ["z/a1.wav", "b1.wav", "a2.wav"], SHAPE, clip_of)
    assert [clip.name for clip in reading.clips] == ["a2.wav", "b1.wav", "z/a1.wav"]


def test_of_two_files_of_one_clip_the_one_in_fewer_folders_is_kept() -> None:
    reading = read_names(Path(), ["deep/er/a1.wav", "top/a1.wav", "zone/a1.flac"], SHAPE, clip_of)
    assert [clip.name for clip in reading.clips] == ["top/a1.wav"]
    assert reading.copies == {"deep/er/a1.wav": "top/a1.wav", "zone/a1.flac": "top/a1.wav"}


def test_a_name_of_another_shape_and_a_refused_one_are_strangers_with_a_reason() -> None:
    reading = read_names(Path(), ["a1.wav", "song.mp3", "a9.wav"], SHAPE, clip_of)
    assert reading.unrecognized == {"a9.wav": "no take 9", "song.mp3": "not named like a clip of this corpus"}


def test_dots_inside_a_name_stay() -> None:
    assert stem_of("folder.x/a.b.wav") == "a.b"


def test_identity_looks_past_folder_and_ending() -> None:
    one, other = (Clip("mine", Path("x"), name, "mine/a", "calm", repetition="1") for name in ("a1.wav", "b/a1.mp3"))
    assert identity(one) == identity(other)
