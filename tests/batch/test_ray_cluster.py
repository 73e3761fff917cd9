"""A real cluster of three nodes on this machine, and a bucket of a real server on its loopback."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from tests.free_port import free_port

from hearfelt.audio.reader import audio_files
from hearfelt.batch.job import Job, run_job

Program = Callable[..., "subprocess.CompletedProcess[str]"]
Started = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]
NodesWith = Callable[..., AbstractContextManager[tuple["subprocess.Popen[str]", str]]]

COPIES = 4  # of each clip, so that a node can be lost before everything is answered

PATIENCE_S = 200  # a busy machine takes long to start a cluster, and a hanging one must not hold up the tests

pytestmark = pytest.mark.timeout(4 * PATIENCE_S)


def needs(*packages: str) -> pytest.MarkDecorator:
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


class Bucket:
    """The bucket ``calls`` of a server that speaks S3."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.variables = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, key: str, content: bytes = b"") -> None:
        self._asked(key, method="PUT", data=content)

    def get(self, key: str) -> bytes:
        return self._asked(key)

    def _asked(self, key: str, **more: Any) -> bytes:
        # Without the first the server would take a body for a form; the second it only wants to see.
        headers = {"Content-Type": "application/octet-stream", "Authorization": "AWS nobody:nothing"}
        request = urllib.request.Request(f"{self.address}/calls{key}", headers=headers, **more)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return bytes(answer.read())

    def keys(self, prefix: str) -> list[str]:
        listed = self.get(f"?list-type=2&prefix={prefix}").decode()
        return re.findall("<Key>([^<]*)</Key>", listed)


@contextmanager
def serving(port: int, started: Started) -> Iterator[tuple[Bucket, subprocess.Popen[str]]]:
    with started(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)) as server:
        bucket = Bucket(f"http://127.0.0.1:{port}")
        for _ in range(600):
            try:
                bucket.put("")
                break
            except URLError:
                time.sleep(0.1)
        yield bucket, server
        server.kill()


@pytest.fixture(scope="module")
def bucket(started: Started) -> Iterator[Bucket]:
    with serving(free_port(), started) as (bucket, _):
        yield bucket


def emotions(table: str) -> list[list[str]]:
    """The rows of a table, with the last part of each source's name."""
    first, *rest = csv.reader(io.StringIO(table, newline=""))
    assert first[0] == "source"
    return [[row[0].rpartition("/")[2], *row[1:-1]] for row in rest]


@needs("moto", "s3fs")
def test_from_a_bucket_into_a_bucket_the_rows_are_those_of_a_disk(
    bucket: Bucket, clips: Path, sound_model: Path, program: Program, tmp_path: Path
) -> None:
    folder = clips / "deep"
    for path in audio_files(folder):
        bucket.put(f"/few/{path.relative_to(folder)}", path.read_bytes())
    (tmp_path / "model.onnx").write_bytes(sound_model.read_bytes())
    done = program("s3://calls/few", "-o", "s3://calls/out/few.csv", "-m", "model.onnx", "-w", 1, **bucket.variables)
    assert done.returncode == 0, done.stderr
    run_job(Job((str(folder),), str(tmp_path / "here.csv"), str(sound_model)), workers=1)
    assert emotions(bucket.get("/out/few.csv").decode()) == emotions((tmp_path / "here.csv").read_text())
    assert bucket.keys("out/") == ["out/few.csv"]


# Ends itself after some answers, as Ctrl-C would, or ends the server before the first.
INTERRUPTED = """
import os, signal, sys
from hearfelt.batch.job import Job, run_job
from contextlib import contextmanager
from hearfelt.errors import HearfeltError
from hearfelt.runtime.execution import Progress

table, model, server, after = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

class Interrupting(Progress):
    left = after
    @contextmanager
    def __call__(self, label, total=None, **more):
        if server and total:
            os.kill(server, signal.SIGKILL)
        yield self.advance if total else lambda count: None
    def advance(self, count):
        self.left -= count
        if not self.left:
            raise KeyboardInterrupt

try:
    run_job(Job(("s3://calls/some",), table, model), workers=1, progress=Interrupting())
except HearfeltError as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted")
"""


@needs("moto", "s3fs")
def test_a_store_that_is_lost_stops_the_job_and_the_same_command_goes_on(
    clips: Path,
    sound_model: Path,
    program: Program,
    tmp_path: Path,
    started: Started,
) -> None:
    port, table = free_port(), tmp_path / "some.csv"

    def run(bucket: Bucket, server: int, after: int) -> str:
        command = [sys.executable, "-c", INTERRUPTED, str(table), str(sound_model), str(server), str(after)]
        quick = {"AWS_MAX_ATTEMPTS": "1"}  # the tries of S3's own package would take half a minute
        environment = {**os.environ, **bucket.variables, **quick}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fill(bucket: Bucket) -> None:
        for path in audio_files(clips):
            bucket.put(f"/some/{path.relative_to(clips)}", path.read_bytes())

    with serving(port, started) as (bucket, server):
        fill(bucket)
        assert run(bucket, 0, after=8) == "interrupted\n"
        parts = sorted(Path(f"{table}.parts").glob("part-*"))
        assert len(parts) >= 6
        said = run(bucket, server.pid, after=1_000)
    assert said.startswith("s3://calls/some/")
    assert "cannot be read (" in said
    assert said.endswith("; what is done stays, and the same command goes on\n")
    assert sorted(Path(f"{table}.parts").glob("part-*")) == parts
    assert not table.exists()
    with serving(port, started) as (bucket, _):
        fill(bucket)
        done = program("s3://calls/some", "-o", table, "-m", sound_model, "-w", 1, **bucket.variables)
    assert done.returncode == 0, done.stderr
    assert "of them before; 2 with an error" in done.stdout
    run_job(Job((str(clips),), str(tmp_path / "here.csv"), str(sound_model)), workers=1)
    assert emotions(table.read_text()) == emotions((tmp_path / "here.csv").read_text())


@needs("ray", "moto", "s3fs")
def test_a_cluster_whose_store_is_lost_says_so_in_a_sentence(
    clips: Path, sound_model: Path, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "calls.csv").write_text("source\ns3://calls/a.wav\n")
    lost = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "AWS_ACCESS_KEY_ID": "nobody"}
    more = {"AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}
    done = program("calls.csv", "-o", "a.csv", "-m", sound_model, "--ray", "local", "-w", 1, **lost, **more)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("hearfelt: s3://calls/a.wav: cannot be read (")
    assert last.endswith("; what is done stays, and the same command goes on")


@needs("ray", "moto", "s3fs")
def test_a_cluster_that_that_loses_a_node_gives_the_same_rows(
    bucket: Bucket, clips: Path, sound_model: Path, tmp_path: Path, started: Started, nodes_with: NodesWith
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for copy in range(COPIES):
        for path in audio_files(clips):
            name = f"{copy}-{path.name}"
            bucket.put(f"/many/{name}", path.read_bytes())
            (folder / name).write_bytes(path.read_bytes())
    with nodes_with(**bucket.variables) as (nodes, address):
        assert nodes.stdin is not None
        assert nodes.stdout is not None
        command = [sys.executable, "-m", "hearfelt", "batch", "s3://calls/many", "-o", "s3://calls/out/many.csv"]
        command += ["-m", str(sound_model), "--ray", address]
        with started(*command, **bucket.variables) as process:
            end = time.monotonic() + PATIENCE_S
            while process.poll() is None and not any("part-" in key for key in bucket.keys("out/many.csv.parts/")):
                assert time.monotonic() < end, "nothing was answered"
                time.sleep(0.05)
            print("kill one", file=nodes.stdin, flush=True)
            assert nodes.stdout.readline() == "a node is gone\n"
            said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert f"{COPIES * len(audio_files(clips))} rows" in said
    run_job(Job((str(folder),), str(tmp_path / "here.csv"), str(sound_model)), workers=1)
    assert emotions(bucket.get("/out/many.csv").decode()) == emotions((tmp_path / "here.csv").read_text())
    assert bucket.keys("out/many.csv.parts/") == []


@needs("ray")
def test_an_address_without_a_cluster_is_told_in_a_sentence(
    clips: Path, sound_model: Path, program: Program, tmp_path: Path
) -> None:
    done = program(clips / "deep", "-o", "a.csv", "-m", sound_model, "--ray", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("hearfelt: no Ray cluster answers at 127.0.0.1:1 (")
