"""The benchmark of the service, without its measurements."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import io
import os
from pathlib import Path
from types import ModuleType

import pytest
import soundfile
from tests.service.live_server import live_settings, running

from hearfelt.service.settings import ServiceSettings, StreamSettings

ROOT = Path(__file__).parents[2]
FIGURES = {"throughput_ratio": 0.9, "errors": 0.0, "mixed_errors": 0.0, "memory_growth": 1.02, "p50_s": 1.0}
FIGURES |= {"during_long_jobs": 1.2}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("service")


def test_its_clips_last_three_seconds_and_differ(program: ModuleType) -> None:
    clips = program.clips()
    assert len(set(clips)) == len(clips) > 1
    assert {soundfile.info(io.BytesIO(clip)).duration for clip in clips} == {3.0}


def test_its_hour_is_one_that_may_be_sent_by_default(program: ModuleType) -> None:
    hour, limits = program.an_hour(), ServiceSettings()
    assert 0.99 * limits.longest_s < soundfile.info(io.BytesIO(hour)).duration <= limits.longest_s
    assert len(hour) < limits.body_bytes


def test_every_answer_of_every_client_is_counted_with_its_time(program: ModuleType) -> None:
    asked: list[int] = []

    async def ask(number: int) -> int:
        asked.append(number)
        await asyncio.sleep(0.001)
        return 500 if number == 2 else 200

    statuses, times = asyncio.run(program.run_clients(ask, 3, 0.1))
    assert statuses[500] == 1
    assert statuses.total() == len(times) == len(asked) == len(set(asked))
    assert {0, 1, 2} <= set(asked)


def test_memory_is_that_of_a_process_and_those_it_started(program: ModuleType) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    assert program.memory_mb(os.getpid()) > 10


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 0),
        ({"throughput_ratio": 0.69}, 1),
        ({"errors": 1.0}, 1),
        ({"mixed_errors": 1.0}, 1),
        ({"memory_growth": 1.2}, 1),
        ({"during_long_jobs": 2.1}, 1),
    ],
)
def test_a_bar_that_is_missed_fails_it(
    program: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, float],
    code: int,
) -> None:
    def measured(_: argparse.Namespace) -> dict[str, float]:
        return FIGURES | changed

    monkeypatch.setattr(program, "measured", measured)  # minutes of load; what is tested is the verdict
    monkeypatch.setattr("sys.argv", ["service.py"])
    assert program.main() == code
    assert capsys.readouterr().out.count("MISSED") == len(changed)


@pytest.mark.parametrize(("most", "status"), [(1, 200), (0, 503)])
def test_a_clip_is_streamed_to_its_end_or_turned_away(program: ModuleType, most: int, status: int) -> None:
    with running(live_settings(streams=StreamSettings(most=most))) as service:
        address = service.page.removesuffix("/")
        assert asyncio.run(program.streamed(address, program.clips()[0])) == status


def test_a_stream_that_is_not_heard_is_an_error(program: ModuleType) -> None:
    silence = io.BytesIO()
    soundfile.write(silence, [0.0] * 16_000, 16_000, format="WAV")
    with running() as service:
        assert asyncio.run(program.streamed(service.page.removesuffix("/"), silence.getvalue())) == 500
