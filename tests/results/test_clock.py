from __future__ import annotations

from hearfelt.results.clock import time_words


def test_times_are_written_as_clocks_do() -> None:
    assert [time_words(time_s) for time_s in (0, 59.4, 61, 3_599, 3_600, 36_061)] == [
        "0:00", "0:59", "1:01", "59:59", "1:00:00", "10:01:01",
    ]  # fmt: skip


def test_tenths_are_rounded_and_carried() -> None:
    assert [time_words(time_s, step_s=0.1) for time_s in (0.04, 0.05000001, 59.96)] == ["0:00.0", "0:00.1", "1:00.0"]


def test_beside_an_hour_every_time_has_hours() -> None:
    assert time_words(5, until_s=3_600) == "0:00:05"
