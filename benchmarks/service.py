"""Measure the service under load: many clients, mixed traffic, a killed worker, and hour-long jobs.

    python benchmarks/service.py --json benchmarks/service.json

First, as a reference, as many processes as the service has predict the same 3 s clips with ``recognize_many``. Then 50
concurrent clients post these clips. Then fewer clients post clips, timelines, broken files and explanations, and send
clips as streams; halfway, one worker is killed. Memory is the sum over the service and its workers. Fails if a limit is
exceeded.

Last, one client posts clips alone, and then beside as many hour-long timelines as there are processes (``--part long``
does only this; ``--long FILE`` uses your own recording). Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt
import soundfile
from reporting import EXAMPLES, ONE_THREAD
from websockets import exceptions
from websockets.asyncio.client import connect

from hearfelt.audio.reader import read_audio, resample

CLIP_S, CLIPS = 3.0, 6
LONG_S, LONG_RATE_HZ = 3600, 16_000
EXPLAINED_S: Final = 30  # longest explained sound by default
PAUSE_S: Final = 0.05  # between the clips of one client
BLOCK_S: Final = 0.1  # of sound per message
BUSY: Final = 1013  # close code of a refused stream
EXPECTED: Final = (200, 429, 503)
BARS: Final = {
    "throughput_ratio": ("clips per second, relative to plain processes", 0.7, "at least"),
    "errors": ("unexpected responses", 0, "at most"),
    "mixed_errors": ("unexpected responses in mixed traffic", 0, "at most"),
    "memory_growth": ("memory at the end, relative to after a minute", 1.1, "at most"),
    "during_long_jobs": ("p95 of a clip beside long jobs, to that alone", 2.0, "at most"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearfelt", help="name or file (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="(%(default)s)")
    parser.add_argument("--clients", type=int, default=50, help="concurrent clients (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the first test (%(default)s)")
    parser.add_argument("--mixed-seconds", type=float, default=600.0, help="duration of mixed traffic (%(default)s)")
    parser.add_argument("--part", choices=("all", "load", "long"), default="all", help="(%(default)s)")
    parser.add_argument("--long", type=Path, metavar="FILE", help="an hour of sound (the bundled voices, joined)")
    parser.add_argument("--beside-seconds", type=float, default=20.0, help="duration of clips beside it (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the figures")
    parser.add_argument("--plain", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        print(plain(options.model, options.plain))
        return 0
    figures = measured(options)
    missed = False
    for name, (words, bar, way) in BARS.items():
        if name not in figures:
            continue
        is_missed = figures[name] < bar if way == "at least" else figures[name] > bar
        missed = missed or is_missed
        print(f"{words:48}{figures[name]:>9.3f}  {way} {bar:g}{'  MISSED' if is_missed else ''}")
    for name in (one for one in figures if one not in BARS):
        print(f"{name.replace('_', ' '):48}{figures[name]:>9.3f}")
    if options.json:
        kept = json.loads(options.json.read_text()) if options.json.exists() and options.part != "all" else {}
        kept |= {name: round(one, 4) for name, one in figures.items()}
        options.json.write_text(json.dumps(kept, indent=2) + "\n")
    return int(missed)


def measured(options: argparse.Namespace) -> dict[str, float]:
    """Measure the plain processes, then the service."""
    alone = sum(plain_together(options)) if options.part != "long" else 0.0
    command = [sys.executable, "-m", "hearfelt", "serve", "--port", "0", "--model", options.model]
    command += ["--workers", str(options.processes)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = server.stdout.readline() if server.stdout else ""
        found = re.search(r"http://\S+?(?=/;)", line)
        if found is None:
            raise SystemExit(f"the service did not start: {line}")
        figures = asyncio.run(loaded(options, found[0], server.pid, alone)) if options.part != "long" else {}
        return figures | (asyncio.run(during_long_jobs(options, found[0])) if options.part != "load" else {})
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def plain_together(options: argparse.Namespace) -> list[float]:
    command = [sys.executable, __file__, "--model", options.model, "--plain", str(min(options.seconds, 30.0))]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD)
        for _ in range(options.processes)
    ]
    return [float(one.communicate()[0]) for one in running]


def plain(model: str, seconds: float) -> float:
    """Clips per second with ``recognize_many``."""
    from hearfelt.inference.recognizer import Recognizer

    recognizer, files = Recognizer.load(model, threads=1), clips()
    list(recognizer.recognize_many(files))
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        done += len(list(recognizer.recognize_many(files)))
    return done / (time.perf_counter() - begun)


def clips() -> list[bytes]:
    """Clips of 3 s as WAV files."""
    made = []
    for path in sorted(EXAMPLES.glob("*.flac"))[:CLIPS]:
        audio = read_audio(path)
        file = io.BytesIO()
        soundfile.write(file, np.resize(audio.samples, round(CLIP_S * audio.rate_hz)), audio.rate_hz, format="WAV")
        made.append(file.getvalue())
    return made


async def loaded(options: argparse.Namespace, address: str, pid: int, alone: float) -> dict[str, float]:
    """Measure clips only, then mixed traffic."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits, trust_env=False) as client:
        while (await client.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.2)
        files = clips()

        async def post(number: int) -> int:
            return (await client.post("/v1/recognize", files={"file": files[number % len(files)]})).status_code

        async def mixed(number: int) -> int:
            if number % 10 == 3:
                broken = files[0][: 40 + number % 999]
                return 200 if (await client.post("/v1/recognize", files={"file": broken})).status_code == 422 else 500
            sound = files[number % len(files)]
            if number % 10 == 7:
                return (await client.post("/v1/timeline", files={"file": sound})).status_code
            if number % 10 == 5:
                explained = await client.post("/v1/recognize?explain=true", files={"file": sound})
                return 500 if explained.status_code == 200 and not explained.json()["why"] else explained.status_code
            if number % 10 == 9:
                return await streamed(address, sound)
            return await post(number)

        statuses, times = await run_clients(post, options.clients, options.seconds)
        answered = statuses[200] / options.seconds
        killing = asyncio.create_task(kill_one(pid, options.mixed_seconds / 2))
        early = asyncio.create_task(memory_after(pid, min(60.0, options.mixed_seconds / 4)))
        mixed_statuses, _ = await run_clients(mixed, max(2, options.clients // 5), options.mixed_seconds)
        await killing
        late = memory_mb(pid)
    ranks = np.percentile(times, [50, 95, 99])
    return {
        "throughput_ratio": answered / alone,
        "errors": float(sum(count for status, count in statuses.items() if status not in EXPECTED)),
        "mixed_errors": float(sum(count for status, count in mixed_statuses.items() if status not in EXPECTED)),
        "memory_growth": late / await early,
        "clips_a_second": answered,
        "plain_clips_a_second": alone,
        "refused": float(statuses[429] + statuses[503]),
        **{f"p{rank}_s": float(value) for rank, value in zip((50, 95, 99), ranks, strict=True)},
        "memory_mb": late,
        "mixed_requests": float(mixed_statuses.total()),
    }


async def during_long_jobs(options: argparse.Namespace, address: str) -> dict[str, float]:
    """Latency of a clip alone, and beside hour-long timelines."""
    files, hour = clips(), options.long.read_bytes() if options.long else an_hour()
    async with httpx.AsyncClient(base_url=address, timeout=None, trust_env=False) as client:
        while (await client.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.2)

        async def post(number: int) -> int:
            status = (await client.post("/v1/recognize", files={"file": files[number % len(files)]})).status_code
            await asyncio.sleep(PAUSE_S)
            return status

        async def timeline() -> tuple[float, float]:
            begun = time.monotonic()
            answer = await client.post("/v1/timeline", files={"file": hour})
            if answer.status_code != 200:
                raise SystemExit(f"the timeline failed: {answer.text}")
            return answer.json()["duration_s"], time.monotonic() - begun

        await run_clients(post, 1, 2.0)  # warm-up
        _, alone = await run_clients(post, 1, options.beside_seconds)
        long_ones = [asyncio.create_task(timeline()) for _ in range(options.processes)]
        while await running(client) < options.processes:
            await asyncio.sleep(0.2)
        await asyncio.sleep(2.0)
        statuses, beside = await run_clients(post, 1, options.beside_seconds)
        if any(one.done() for one in long_ones):
            raise SystemExit("the timelines ended before the clips; use a lower --beside-seconds")
        if set(statuses) != {200}:
            raise SystemExit(f"clips beside a timeline failed: {statuses}")
        took = [await one for one in long_ones]
        begun = time.monotonic()
        sound = wav(np.resize(voices(), EXPLAINED_S * LONG_RATE_HZ))
        spoken = await client.post("/v1/recognize?explain=true", files={"file": sound})
        explained_s = time.monotonic() - begun
        if spoken.status_code != 200:
            raise SystemExit(f"the explanation of {EXPLAINED_S} s failed: {spoken.text}")
    alone_s, beside_s = (float(np.percentile(times, 95)) - PAUSE_S for times in (alone, beside))
    return {
        "during_long_jobs": beside_s / alone_s,
        "p95_alone_s": alone_s,
        "p95_during_long_jobs_s": beside_s,
        "timeline_speed": min(length_s / seconds for length_s, seconds in took),
        "explained_s": explained_s,
    }


async def running(client: httpx.AsyncClient) -> float:
    """Number of running jobs."""
    (line,) = re.findall(r"^hearfelt_jobs_running (\S+)$", (await client.get("/metrics")).text, re.MULTILINE)
    return float(line)


def voices() -> npt.NDArray[np.float32]:
    """The bundled voices, joined."""
    joined = [read_audio(path) for path in sorted(EXAMPLES.glob("*.flac"))]
    return np.concatenate([resample(one.samples, one.rate_hz, LONG_RATE_HZ) for one in joined])


def an_hour() -> bytes:
    """An hour of speech as MP3, small enough for one upload."""
    file = io.BytesIO()
    soundfile.write(file, np.resize(voices(), LONG_S * LONG_RATE_HZ - LONG_RATE_HZ), LONG_RATE_HZ, format="MP3")
    return file.getvalue()


def wav(samples: npt.NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, LONG_RATE_HZ, format="WAV")
    return file.getvalue()


async def streamed(address: str, sound: bytes) -> int:
    """Send a clip as a stream, as fast as possible; 200 if it was processed to its end, 503 if refused."""
    samples, rate_hz = soundfile.read(io.BytesIO(sound), dtype="int16")
    step, types = round(BLOCK_S * rate_hz), []
    async with connect(address.replace("http", "ws", 1) + "/v1/stream", proxy=None) as socket:
        try:
            await socket.send(json.dumps({"rate_hz": rate_hz, "encoding": "pcm16"}))
            for start in range(0, len(samples), step):
                await socket.send(samples[start : start + step].astype("<i2").tobytes())
            await socket.send(json.dumps({"type": "end"}))
            async with asyncio.timeout(60):
                types = [json.loads(message)["type"] async for message in socket]
        except exceptions.ConnectionClosed:
            pass  # see the close code
    if socket.close_code == BUSY:
        return 503
    return 200 if socket.close_code == 1000 and "segment" in types else 500


async def run_clients(
    ask: Callable[[int], Awaitable[int]], clients: int, seconds: float
) -> tuple[Counter[int], list[float]]:
    """Run concurrent clients for a while; returns statuses, and seconds per request."""
    statuses: Counter[int] = Counter()
    times: list[float] = []
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                status = await ask(number)
            except (httpx.HTTPError, exceptions.WebSocketException, OSError):
                status = 0
            times.append(time.monotonic() - begun)
            statuses[status] += 1
            number += clients
            if status in (429, 503):
                await asyncio.sleep(1.0)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return statuses, times


async def kill_one(pid: int, after_s: float) -> None:
    await asyncio.sleep(after_s)
    os.kill(children(pid)[0], signal.SIGKILL)


async def memory_after(pid: int, after_s: float) -> float:
    await asyncio.sleep(after_s)
    return memory_mb(pid)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory_mb(pid: int) -> float:
    def of_one(one: int) -> float:
        status: dict[str, Any] = dict(
            line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines() if ":" in line
        )
        return float(status["VmRSS"].split()[0]) / 1024

    return sum(of_one(one) for one in (pid, *children(pid)))


if __name__ == "__main__":
    raise SystemExit(main())
