"""A real cluster of three nodes on this machine, and a bucket of a real server on its loopback."""

from __future__ import annotations

import csv
import importlib.util
import io
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from hearfelt.audio import audio_files
from hearfelt.batch.job import Job, run_job

Program = Callable[..., "subprocess.CompletedProcess[str]"]
Started = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]
NodesWith = Callable[..., AbstractContextManager[tuple["subprocess.Popen[str]", str]]]

COPIES = 4  # of each clip, so that a node can be lost before everything is answered

PATIENCE_S = 200  # a busy machine takes long to start a cluster, and a hanging one must not hold up the tests


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


@pytest.fixture(scope="module")
def bucket(started: Started) -> Iterator[Bucket]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)) as server:
        bucket = Bucket(f"http://127.0.0.1:{port}")
        for _ in range(600):
            try:
                bucket.put("")
                break
            except URLError:
                time.sleep(0.1)
        yield bucket
        server.kill()


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


@needs("ray", "moto", "s3fs")
def test_a_cluster_that_loses_a_node_gives_the_same_rows(
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
