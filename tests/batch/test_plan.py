from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.batch.plan import (
    FORMAT,
    MOST_SECONDS,
    MOST_SOURCES,
    JobPlan,
    Size,
    read_parts,
    read_plan,
    write_parts,
    write_plan,
)
from hearfelt.batch.sources import Source
from hearfelt.errors import HearfeltError

OPEN_AT_ONCE = 200  # files; a process may have 256 open on some systems


def planned(folder: Path, seconds: list[float]) -> Size:
    return write_parts(str(folder), (Source(f"{n}.wav", f"/{n}.wav", one) for n, one in enumerate(seconds)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 3.0, 60.0, 3_600.0, 90_000.0]), min_size=1, max_size=400))
def test_every_source_is_in_one_part_and_blocks_follow_each_other(
    tmp_path_factory: pytest.TempPathFactory, seconds: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    size = planned(folder, seconds)
    parts = list(read_parts(str(folder)))
    assert (size.sources, size.parts) == (len(seconds), len(parts))
    assert [part.number for part in parts] == list(range(len(parts)))
    assert sorted(place for part in parts for place in part.positions) == list(range(len(seconds)))
    assert all(list(part.positions) == sorted(part.positions) for part in parts)
    assert all(part.seconds <= MOST_SECONDS or len(part.positions) == 1 for part in parts)
    ends = -1
    for _, block in groupby(parts, key=lambda part: part.block):
        together = list(block)
        places = sorted(place for part in together for place in part.positions)
        assert places == list(range(ends + 1, ends + 1 + len(places)))
        assert len(together) <= OPEN_AT_ONCE
        ends = places[-1]


def test_sounds_of_like_length_share_a_part_and_the_longest_come_first(tmp_path: Path) -> None:
    planned(tmp_path, [1.0, 9.0] * 640)
    parts = list(read_parts(str(tmp_path)))
    assert all(len({source.seconds for source in part.sources}) <= 2 for part in parts)
    assert sum(len({source.seconds for source in part.sources}) == 1 for part in parts) >= len(parts) - 2
    first_block = [part.seconds / len(part.positions) for part in parts if part.block == 0]
    assert first_block == sorted(first_block, reverse=True)


def test_a_small_job_has_enough_parts_for_many_workers_and_a_large_one_no_more_than_it_needs(tmp_path: Path) -> None:
    assert planned(tmp_path, [3.0] * 640).parts >= 32
    assert planned(tmp_path, [0.1] * 65 * MOST_SOURCES).parts <= 70


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    plan = JobPlan({"format": FORMAT, "inputs": ["a"]}, "mine", ("calm", "sad"), Size(3, 1, 2.5))
    write_plan(str(tmp_path), plan)
    assert read_plan(str(tmp_path)) == plan


@pytest.mark.parametrize("content", ["{", "{}", '{"identity": {"format": 2}, "model": "m", "labels": [], "size": 3}'])
def test_a_damaged_plan_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(HearfeltError, match="this plan is damaged; --fresh begins anew"):
        read_plan(str(tmp_path))


@pytest.mark.parametrize("form", [1, 99], ids=["rows without warnings", "unknown"])
def test_a_plan_of_another_format_is_refused(form: int, tmp_path: Path) -> None:
    write_plan(str(tmp_path), JobPlan({"format": form}, "mine", (), Size(1, 1, 1.0)))
    with pytest.raises(HearfeltError, match="begun by another version"):
        read_plan(str(tmp_path))


def test_no_sources_are_no_plan(tmp_path: Path) -> None:
    assert planned(tmp_path, []) == Size(0, 0, 0.0)
    assert list(tmp_path.iterdir()) == []
