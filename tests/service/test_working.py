"""What a process that answers says, and what it does not let others say."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from tests.service.http_server import CLIP

from hearfelt.audio.reader import read_audio
from hearfelt.service.worker_settings import WorkerSettings
from hearfelt.service.workers import Workers
from hearfelt.service.working import LENGTH_BYTES, framed, work

TASK = {"models": ["tiny"], "memory_bytes": 1 << 30, "nice": 0}
JOB = {
    "kind": "recognize",
    "model": "tiny",
    "explain": False,
    "name": "a.flac",
    "longest_s": 60.0,
    "track": None,
    "short_s": 30.0,
    "read_s": 30,
    "least_speed": 4.0,
}


def frames(written: bytes) -> list[dict[str, object]]:
    found = []
    while written:
        length = int.from_bytes(written[:LENGTH_BYTES], "big")
        found.append(json.loads(written[LENGTH_BYTES : LENGTH_BYTES + length]))
        written = written[LENGTH_BYTES + length :]
    return found


def test_what_a_library_prints_is_not_taken_for_an_answer() -> None:
    sound = CLIP.read_bytes()
    jobs = framed(TASK) + framed(JOB | {"format": "json", "is_separate": False, "bytes": len(sound)}) + sound
    program = (
        "import os, sys; from hearfelt.service import working; answers = working._answers_alone();"
        "os.write(1, b'noise'); print('noise', flush=True); working.work(sys.stdin.buffer, answers)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=jobs, capture_output=True, timeout=60)
    ready, read, answered = frames(done.stdout)
    assert ready == {"ready": True}
    assert read == {"sound_s": pytest.approx(read_audio(CLIP).duration_s)}
    assert isinstance(answered["answer"], dict)
    assert answered["answer"]["source"] == "a.flac"


def test_a_model_that_is_not_there_is_said_instead_of_being_ready() -> None:
    answers = BytesIO()
    work(BytesIO(framed(TASK | {"models": ["nope"]})), answers)
    (said,) = frames(answers.getvalue())
    assert said["kind"] == "ModelError"
    assert "nope" in str(said["error"])


def test_no_jobs_are_no_answers() -> None:
    answers = BytesIO()
    work(BytesIO(), answers)
    assert answers.getvalue() == b""


def test_what_reads_files_of_strangers_does_not_know_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARFELT_API_KEYS", "a-key-of-enough-letters")

    async def environment() -> bytes:
        workers = Workers(["tiny"], settings=WorkerSettings(processes=1))
        await workers.start()
        while not workers.is_ready:
            await asyncio.sleep(0.02)
        try:
            return Path(f"/proc/{workers.pids[0]}/environ").read_bytes()
        finally:
            await workers.close(grace_s=1)

    found = asyncio.run(asyncio.wait_for(environment(), 60))
    assert b"OMP_NUM_THREADS=1" in found
    assert b"a-key-of-enough" not in found
    assert os.environ["HEARFELT_API_KEYS"]
