from __future__ import annotations

import pytest

from hearfelt.audio.decoders.timestamps import Gaps
from hearfelt.errors import AudioError


def silences(*frames: tuple[float | None, float], start_s: float | None = 0.0, restarts: bool = False) -> list[float]:
    gaps = Gaps(start_s, restarts=restarts, name="a.webm")
    return [round(gaps.before(at_s, lasts_s), 6) for at_s, lasts_s in frames]


def test_a_late_start_and_a_gap_are_silence() -> None:
    gaps = Gaps(10.0, restarts=False, name="a.webm")
    assert [gaps.before(at_s, 1.0) for at_s in (11.5, 12.5, 15.5)] == [1.5, 0.0, 2.0]
    assert gaps.total_s == 6.5


def test_time_stamps_that_tremble_add_nothing() -> None:
    trembling = [(0.02 * number + 0.04 * (number % 3 - 1), 0.02) for number in range(200)]
    assert sum(silences(*trembling)) == 0


def test_one_late_time_stamp_moves_what_follows_by_no_more_than_itself() -> None:
    frames = [(0.02 * number + 0.08 * (number % 10 == 5), 0.02) for number in range(500)]
    assert sum(silences(*frames)) == pytest.approx(0.08)


def test_many_short_gaps_are_not_closed_up() -> None:
    lost = [(0.02 * number, 0.02) for number in range(500) if number % 2]
    assert sum(silences(*lost)) + 0.02 * len(lost) == pytest.approx(10, abs=0.06)


def test_time_before_the_beginning_is_no_silence() -> None:
    assert silences((-0.0065, 0.02), (0.0135, 0.02), (0.0335, 0.02)) == [0, 0, 0]


def test_a_container_that_does_not_say_when_it_begins_begins_with_its_first_frame() -> None:
    assert silences((5_000.0, 1.0), (5_003.0, 1.0), start_s=None) == [0, 2]
    assert silences((None, 1.0), (5_001.0, 1.0), (5_003.0, 1.0), start_s=None) == [0, 0, 1]


def test_frames_without_a_time_stamp_follow_on() -> None:
    assert silences((None, 1.0), (None, 1.0), (3.0, 1.0)) == [0, 0, 1]


def test_what_overlaps_is_heard_later_and_a_jump_back_is_another_recording() -> None:
    assert silences((0.0, 2.0), (1.5, 1.0), (2.5, 1.0), (5.0, 1.0)) == [0, 0, 0, 1]
    assert silences((100.0, 20.0), (0.0, 1.0), (3.0, 1.0), start_s=100.0) == [0, 0, 2]


def test_a_long_jump_forward_is_silence_unless_recordings_begin_anew() -> None:
    assert silences((0.0, 1.0), (3_601.0, 1.0), (3_604.0, 1.0)) == [0, 3_600, 2]
    assert silences((0.0, 1.0), (3_601.0, 1.0), (3_604.0, 1.0), restarts=True) == [0, 0, 2]


def test_more_than_a_day_of_silence_is_refused() -> None:
    assert silences((86_400.0, 1.0)) == [86_400]
    with pytest.raises(AudioError, match=r"a\.webm: after 1\.00 s a time stamp that cannot be right, 1,000,000 hours"):
        silences((0.0, 1.0), (3.6e9, 1.0))
    with pytest.raises(AudioError, match="cannot be right"):
        silences(*((40_000.0 * number, 1.0) for number in range(1, 4)))
