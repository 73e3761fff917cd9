"""The service as a program, and its snippets."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import soundfile
from tests.service.http_server import CLIP

from hearfelt.audio.reader import read_audio
from hearfelt.inference.recognizer import Recognizer
from hearfelt.service.app import live_server

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


def children_of(pid: int) -> list[str]:
    return [child for one in Path(f"/proc/{pid}/task").glob("*/children") for child in one.read_text().split()]


def post(address: str) -> httpx.Response:
    return httpx.post(f"{address}/v1/recognize", files={"file": (CLIP.name, CLIP.read_bytes())}, timeout=60)


def test_sigterm_lets_what_is_running_be_finished() -> None:
    with program() as (running, address):
        children = children_of(running.pid)
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_not_finished_in_time_is_cancelled_with_a_problem_document(number: signal.Signals) -> None:
    with program("--grace-s", "1") as (running, address):
        (child,) = children_of(running.pid)
        os.kill(int(child), signal.SIGSTOP)
        answers: list[httpx.Response] = []
        asked = [threading.Thread(target=lambda: answers.append(post(address))) for _ in range(2)]  # one of them waits
        for one in asked:
            one.start()
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=20) as slow:
            slow.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: audio/wav\r\n")
            slow.sendall(b"Content-Length: 1000\r\n\r\nRIFF")  # and the rest never comes
            time.sleep(1)
            running.send_signal(number)
            for one in asked:
                one.join()
            assert slow.recv(4096).startswith(b"HTTP/1.1 503")
        log = running.communicate(timeout=20)[1]
    assert [one.status_code for one in answers] == [503, 503]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"]
        assert answer.json()["status"] == 503
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (told,) = [one for one in lines if one["event"] != "request"]
    assert (told["level"], told["count"]) == ("warning", 3)
    assert "Traceback" not in log


def test_workers_end_when_the_service_is_killed() -> None:
    with program() as (running, _):
        children = children_of(running.pid)
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
    Recognizer.load(threads=1).reference([folder / "clip.wav"]).save(folder / "me.json")
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
    (folder / "snippet.mjs").write_text(snippet("js", address))
    done = subprocess.run([node, "snippet.mjs"], cwd=folder, capture_output=True, text=True)
    assert re.fullmatch(r"\w+\n", done.stdout), done.stderr


def test_the_live_page_is_there_while_the_block_lasts_and_gone_after_it() -> None:
    before = threading.active_count()
    with live_server(["tiny"]) as address:
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert b"hearfelt live" in answer.read()
        place = urlsplit(address)
        assert place.hostname == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", place.port or 0), 5):
        pass
    assert threading.active_count() <= before


def test_it_has_the_live_page_alone_and_describes_nothing() -> None:
    with live_server(["tiny"]) as address:
        for path in ("docs", "openapi.json", "v1/recognize"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + path, timeout=20)


def test_two_of_them_have_ports_of_their_own() -> None:
    with live_server(["tiny"]) as one, live_server(["tiny"]) as other:
        assert one != other
