from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import read_audio
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.recognition import Job, WorkerSettings
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.workers import BusyError, CrashedError, TooLongError, TooMuchMemoryError, Workers


def _example() -> Path:
    folder = resources.files("hearfelt.examples")
    return next(Path(str(one)) for one in folder.iterdir() if one.name.endswith((".wav", ".flac", ".ogg")))


CLIP = _example()


def job(**changes: Any) -> Job:
    given: dict[str, Any] = {"kind": "recognize", "sound": CLIP.read_bytes(), "name": "clip.wav", "model": "tiny"}
    return Job(**(given | changes))


def run(steps: Callable[[Workers], Awaitable[None]], **settings: Any) -> None:
    async def whole() -> None:
        workers = Workers(["tiny", "svm"], settings=WorkerSettings(**({"processes": 1} | settings)))
        await workers.start()
        try:
            await steps(workers)
        finally:
            await workers.close(grace_s=1)

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_a_worker_answers_as_the_recognizer_does() -> None:
    async def steps(workers: Workers) -> None:
        answer = await workers.answer(job())
        alone = Recognizer.load("tiny", threads=1).recognize(CLIP)
        assert answer["source"] == "clip.wav"
        assert answer["probabilities"] == pytest.approx(dict(alone.probabilities), abs=1e-6)

    run(steps)


def test_another_offered_model_answers_when_asked_and_explains() -> None:
    async def steps(workers: Workers) -> None:
        answer = await workers.answer(job(model="svm", explain=True))
        assert answer["model"] == "svm"
        assert answer["why"]

    run(steps)


@pytest.mark.parametrize("form", ["json", "vtt", "csv"])
def test_segments_come_in_the_format_that_is_asked_for(form: str) -> None:
    async def steps(workers: Workers) -> None:
        answer = await workers.answer(job(kind="timeline", format=form))
        assert answer["duration_s"] > 1
        if form == "json":
            assert [one["emotion"] for one in answer["segments"]]
        else:
            assert answer["text"].startswith("WEBVTT" if form == "vtt" else "source,channel")

    run(steps)


def test_what_is_no_sound_is_refused_in_words_and_the_worker_goes_on() -> None:
    async def steps(workers: Workers) -> None:
        with pytest.raises(AudioError, match=r"notes\.wav"):
            await workers.answer(job(sound=b"no sound at all" * 99, name="notes.wav"))
        await workers.answer(job())
        assert workers.replaced == 0

    run(steps)


def test_a_sound_longer_than_allowed_is_refused() -> None:
    async def steps(workers: Workers) -> None:
        with pytest.raises(AudioError, match="longer than 1 s"):
            await workers.answer(job(longest_s=1.0))

    run(steps)


def tiled(seconds: float, *, channels: int = 1) -> bytes:
    """Make a WAV file of a bundled voice, said again and again."""
    audio, file = read_audio(CLIP), io.BytesIO()
    samples = np.resize(audio.samples, round(seconds * audio.rate_hz))
    soundfile.write(file, np.stack([samples] * channels, axis=1), audio.rate_hz, format="WAV")
    return file.getvalue()


def test_a_short_sound_is_answered_while_long_ones_are_not_done() -> None:
    sound = tiled(12)

    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        (short,) = workers.pids
        await workers.answer(job(sound=sound))
        (long,) = set(workers.pids) - {short}
        os.kill(long, signal.SIGSTOP)
        asked = [asyncio.create_task(workers.answer(job(sound=sound))) for _ in range(2)]
        while workers.waiting + workers.running < 2:
            await asyncio.sleep(0.01)
        assert (await workers.answer(job()))["emotion"]
        os.kill(long, signal.SIGCONT)
        expected = Recognizer.load("tiny", threads=1).recognize(sound).probabilities
        for one in asked:
            assert (await one)["probabilities"] == pytest.approx(dict(expected), abs=1e-6)

    run(steps, short_s=10.0)


@pytest.mark.parametrize("changes", [{"sound": tiled(12)}, {"explain": True}])
def test_what_takes_long_has_a_lower_priority_that_counts(changes: dict[str, Any]) -> None:
    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        (short,) = workers.pids
        await workers.answer(job(**changes))
        (long,) = set(workers.pids) - {short}
        assert os.getpriority(os.PRIO_PROCESS, short) == os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, long) > os.getpriority(os.PRIO_PROCESS, short)
        assert os.getsid(long) == os.getsid(short)  # Linux compares priorities within a session

    run(steps, short_s=10.0)


def test_channels_by_themselves_count_as_often_as_there_are() -> None:
    async def steps(workers: Workers) -> None:
        separate = {"kind": "timeline", "is_separate": True, "longest_s": 4.0}
        assert (await workers.answer(job(**separate, sound=tiled(3, channels=2))))["segments"]
        with pytest.raises(AudioError, match="3 channels of 9 s together; at most 8 s"):
            await workers.answer(job(**separate, sound=tiled(3, channels=3)))

    run(steps)


def test_the_longest_sound_has_the_time_that_it_takes_as_it_was_measured() -> None:
    measured = json.loads((Path(__file__).parents[2] / "benchmarks" / "service.json").read_text())
    service, limits = ServiceSettings(), WorkerSettings()
    assert limits.limit_s(service.longest_s) > 2 * service.longest_s / measured["timeline_speed"]
    assert limits.longest_job_s > 2 * measured["explained_s"]


def test_a_worker_killed_while_idle_is_replaced_told_of_and_nobody_notices(caplog: pytest.LogCaptureFixture) -> None:
    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        os.kill(workers.pids[0], signal.SIGKILL)
        await asyncio.sleep(0.2)
        assert (await workers.answer(job()))["emotion"]
        assert workers.replaced == 1

    run(steps)
    (told,) = caplog.records
    assert told.getMessage() == "a process that answers was replaced"
    assert told.__dict__["facts"] == {"code": -signal.SIGKILL}


def test_a_job_whose_worker_is_killed_is_done_by_another() -> None:
    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        victim = workers.pids[0]
        os.kill(victim, signal.SIGSTOP)
        asked = asyncio.create_task(workers.answer(job()))
        while not workers.running:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        os.kill(victim, signal.SIGKILL)
        assert (await asked)["emotion"]
        assert victim not in workers.pids

    run(steps)


def test_a_job_at_which_two_workers_end_is_given_up_and_the_next_one_is_done() -> None:
    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        asked = asyncio.create_task(workers.answer(job(sound=CLIP.read_bytes() + bytes(1 << 20))))
        ended: set[int] = set()
        while not asked.done():
            for pid in set(workers.pids) - ended if workers.running else ():
                os.kill(pid, signal.SIGKILL)
                ended.add(pid)
            await asyncio.sleep(0)
        with pytest.raises(CrashedError, match="two processes"):
            await asked
        assert (await workers.answer(job()))["emotion"]

    run(steps)


def test_a_job_that_hangs_is_given_up_in_time_and_the_worker_replaced() -> None:
    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        os.kill(workers.pids[0], signal.SIGSTOP)
        with pytest.raises(TooLongError, match="not answered within 1 s"):
            await workers.answer(job())
        assert (await workers.answer(job()))["emotion"]

    run(steps, longest_job_s=1.0)


def test_more_jobs_than_may_wait_are_turned_away_at_once() -> None:
    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        os.kill(workers.pids[0], signal.SIGSTOP)
        asked = [asyncio.create_task(workers.answer(job())) for _ in range(4)]
        await asyncio.sleep(0.2)
        os.kill(workers.pids[0], signal.SIGCONT)
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(one, BusyError) for one in outcomes) == 1
        assert sum(isinstance(one, dict) for one in outcomes) == 3

    run(steps, queue=2)


def test_memory_beyond_the_limit_is_refused_in_words() -> None:
    async def steps(workers: Workers) -> None:
        file = io.BytesIO()
        soundfile.write(file, np.random.default_rng(0).normal(0, 0.1, 48_000 * 200), 48_000, format="WAV")
        with pytest.raises(TooMuchMemoryError, match="more memory"):
            await workers.answer(job(sound=file.getvalue()))
        assert (await workers.answer(job()))["emotion"]

    run(steps, memory_bytes=10 << 20)


def test_closing_ends_every_process() -> None:
    seen: list[int] = []

    async def steps(workers: Workers) -> None:
        await workers.answer(job())
        seen.extend(workers.pids)

    run(steps, processes=2)
    assert seen
    for pid in seen:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_process_that_cannot_start_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        workers = Workers(["nobody"], settings=WorkerSettings(processes=1, patience_s=0.1))
        await workers.start()
        while not caplog.records:
            await asyncio.sleep(0.05)
        assert not workers.is_ready
        with pytest.raises(BusyError, match="nothing was free"):
            await workers.answer(job(model="nobody"))
        await workers.close(grace_s=0)

    with caplog.at_level(logging.WARNING, "hearfelt.service"):
        asyncio.run(asyncio.wait_for(whole(), 60))
    told = caplog.records[0]
    assert told.getMessage() == "a process that answers did not start"
    assert "nobody" in told.__dict__["facts"]["reason"]
