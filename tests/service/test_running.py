"""The service as a program, its snippets, and its image."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import soundfile
from tests.service.http_server import CLIP
from tests.service.raw_socket import fill, opened

from hearfelt.audio import read_audio

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")


@contextmanager
def program(*options: str, env: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "hearfelt", "serve", "--port", "0", "--model", "tiny", "--workers", "1", *options]
    pipe = subprocess.PIPE
    running = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ | (env or {}))
    try:
        assert running.stdout is not None
        found = re.search(r"http://\S+?(?=/;)", running.stdout.readline())
        assert found is not None, running.communicate()[1]
        with httpx.Client(base_url=found[0], trust_env=False) as client:
            while client.get("/health/ready").status_code != 200:
                time.sleep(0.05)
        yield running, found[0]
    finally:
        running.kill()
        running.communicate()


def post(address: str) -> httpx.Response:
    return httpx.post(f"{address}/v1/recognize", files={"file": (CLIP.name, CLIP.read_bytes())}, timeout=60)


def test_sigterm_lets_what_is_running_be_finished() -> None:
    with program() as (running, address):
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGSTOP)
        answers: list[httpx.Response] = []
        asked = threading.Thread(target=lambda: answers.append(post(address)))
        asked.start()
        time.sleep(0.5)
        running.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        os.kill(int(children[0]), signal.SIGCONT)
        asked.join()
        assert answers[0].status_code == 200
        assert running.wait(20) is not None
        assert not Path(f"/proc/{children[0]}").exists()


def test_sigterm_does_not_wait_for_a_client_that_reads_nothing() -> None:
    with program() as (running, address), opened(int(address.rpartition(":")[2])) as connection:
        fill(connection)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) is not None  # 30 s are for requests that run


def test_workers_end_when_the_service_is_killed() -> None:
    with program() as (running, _):
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        running.kill()
        running.wait()
        end = time.monotonic() + 20
        while time.monotonic() < end and any(Path(f"/proc/{one}/cmdline").exists() for one in children):
            time.sleep(0.05)
        assert not [one for one in children if Path(f"/proc/{one}/cmdline").exists()]


def test_keys_come_from_the_environment_too() -> None:
    with program(env={"HEARFELT_API_KEYS": "a-key-of-enough-letters"}) as (_, address):
        assert post(address).status_code == 401


def test_a_port_that_is_taken_and_a_model_that_is_not_there_are_said_in_one_sentence() -> None:
    with program() as (_, address):
        port = address.rpartition(":")[2]
        for options, words in ((("--port", port), "choose another --port"), (("--model", "nope"), "nope")):
            command = [sys.executable, "-m", "hearfelt", "serve", *options]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert done.returncode != 0
            assert words in done.stderr
            assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("snippets")
    audio = read_audio(CLIP)
    soundfile.write(folder / "clip.wav", audio.samples, audio.rate_hz)
    with program() as (_, address):
        yield folder, address


def snippet(language: str, address: str, place: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[place].replace("http://127.0.0.1:8000", address)


def test_the_snippet_for_curl_prints_an_answer(served: tuple[Path, str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    folder, address = served
    done = subprocess.run(["sh", "-ec", snippet("sh", address, 1)], cwd=folder, capture_output=True, text=True)
    assert '"emotion"' in done.stdout
    assert "WEBVTT" in done.stdout


def test_the_snippet_for_python_prints_an_emotion(served: tuple[Path, str]) -> None:
    folder, address = served
    command = [sys.executable, "-c", snippet("python", address)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert re.fullmatch(r"\w+ 0\.\d+\n", done.stdout), done.stderr


def test_the_snippet_for_javascript_prints_an_emotion(served: tuple[Path, str]) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    folder, address = served
    (folder / "snippet.mjs").write_text(snippet("javascript", address))
    done = subprocess.run([node, "snippet.mjs"], cwd=folder, capture_output=True, text=True)
    assert re.fullmatch(r"\w+\n", done.stdout), done.stderr


def test_the_image_has_no_root_a_health_check_and_every_file_it_copies() -> None:
    lines = (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", "").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    words = [step[0] for step in steps]
    assert words[0] == "FROM"
    assert words[-1] == "CMD"
    assert "HEALTHCHECK" in words
    users = [step[1] for step in steps if step[0] == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    assert all("latest" not in step[1] and step[0] != "ADD" for step in steps)
    copied = [source for step in steps if step[0] == "COPY" for source in step[1].split()[:-1]]
    assert "src" in copied
    assert "." not in copied  # that would bring along whatever lies about
    assert all((ROOT / source).exists() for source in copied)


def test_a_linter_of_images_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([linter, "deploy/Containerfile"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
