from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from praatio import textgrid as praat

from hearfelt.results.formats import textgrid


def read(text: str, path: Path) -> praat.Textgrid:
    path.write_text(text, encoding="utf-8")
    return praat.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")


def test_there_is_a_tier_of_emotions_and_one_of_confidence_for_each_side(mixed, sides, tmp_path: Path) -> None:
    assert read(textgrid([mixed]), tmp_path / "a").tierNames == ("emotion", "confidence")
    names = ("left", "left confidence", "right", "right confidence")
    assert read(textgrid(sides), tmp_path / "b").tierNames == names


def test_intervals_follow_each_other_from_the_beginning_to_the_end_of_the_sound(mixed, tmp_path: Path) -> None:
    grid = read(textgrid([mixed]), tmp_path / "a")
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 12.5)
    for name in grid.tierNames:
        entries = grid.getTier(name).entries
        assert entries[0].start == 0
        assert entries[-1].end == 12.5
        assert all(one.end == other.start for one, other in pairwise(entries))
    labels = [entry.label for entry in grid.getTier("emotion").entries]
    assert labels == ["", "calm", "sad", "", 'a "dry" <joke> & co.']


def test_confidence_is_a_number_in_the_same_interval(mixed, tmp_path: Path) -> None:
    entries = [one for one in read(textgrid([mixed]), tmp_path / "a").getTier("confidence").entries if one.label]
    assert [float(entry.label) for entry in entries] == [0.7, 0.45, 0.9]


def test_a_segment_that_ends_behind_its_sound_makes_the_grid_longer(mixed) -> None:
    assert "xmax = 12.5\n" in textgrid([replace(mixed, duration_s=12.4)])


@pytest.mark.parametrize("duration_s", [0.2, 3.0])
def test_silence_is_one_empty_interval(mixed, duration_s: float, tmp_path: Path) -> None:
    silent = textgrid([replace(mixed, segments=(), duration_s=duration_s)])
    entries = read(silent, tmp_path / "a").getTier("emotion").entries
    assert [tuple(entry) for entry in entries] == [(0.0, duration_s, "")]
