"""What the tests of batches share: many short clips, a job over them, and what one by one says about them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.inference.recognizer import Recognizer

Program = Callable[..., "subprocess.CompletedProcess[str]"]
Started = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]
NodesWith = Callable[..., AbstractContextManager[tuple["subprocess.Popen[str]", str]]]
RATE_HZ = 16_000
CLIPS = 24

# Ray is for the cluster's own processes: it would bring its threads and warnings into the tests' process.
NODES = """
import os, sys
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
cluster.wait_for_nodes(timeout=120)
print("nodes at", cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    print("a node is gone", flush=True)
cluster.shutdown()
"""


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of short clips of different lengths, some of them broken; tests must not change it."""
    folder = tmp_path_factory.mktemp("batch") / "clips"
    (folder / "deep" / "er").mkdir(parents=True)
    generator = np.random.default_rng(1)
    for number in range(CLIPS):
        length = int(RATE_HZ * generator.uniform(0.3, 1.5))
        tone = np.sin(np.arange(length) / generator.uniform(3, 60)) * generator.normal(0.2, 0.05, length)
        place = folder if number % 3 else folder / "deep" / "er"
        soundfile.write(place / f"clip-{number:02d}.wav", tone, RATE_HZ)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "deep" / "text.flac").write_text("no sound at all")
    (folder / "notes.txt").write_text("not to be listed")
    return folder


@pytest.fixture(scope="session")
def one_by_one(clips: Path, sound_model: Path) -> dict[str, dict[str, float] | None]:
    """What the recognizer itself says about each clip: probabilities by path, None for the broken."""
    recognizer = Recognizer.load(sound_model)  # with its own number of threads, as a user does
    answers: dict[str, dict[str, float] | None] = {}
    for path in sorted((*clips.rglob("*.wav"), *clips.rglob("*.flac")), key=str):
        is_broken = path.name in ("empty.wav", "text.flac")
        answers[str(path)] = None if is_broken else dict(recognizer.recognize(path).probabilities)
    return answers


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Run ``hearfelt batch`` as a shell would, in an empty folder."""

    def start(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hearfelt", "batch", *(str(argument) for argument in arguments)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "COLUMNS": "80", **variables},
            timeout=300,
        )

    return start


@pytest.fixture(scope="session")
def started() -> Started:
    """Start a program with variables; it is ended when the block is left."""
    return _started


@pytest.fixture(scope="session")
def nodes_with() -> NodesWith:
    """Start a cluster of a head that does nothing and two nodes of one core; gives its process and its address.

    A line to the process takes a node away.
    """
    return _nodes_with


@contextmanager
def _nodes_with(**variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with _started(sys.executable, "-c", NODES, **variables) as nodes:
        line = nodes.stdout.readline() if nodes.stdout is not None else ""
        if not line:
            pytest.fail("Ray cannot start its nodes")
        yield nodes, line.split()[-1]


@contextmanager
def _started(*command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    environment = {**os.environ, **variables}
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, text=True, env=environment)
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
