from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.free_port import free_port

from hearfelt.cli.main import run

PATIENCE_S = 60


@contextmanager
def showing(*options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``hearfelt app`` at a port of its own, if ``options`` name no other."""
    command = [sys.executable, "-m", "hearfelt", "app", "--port", str(free_port()), *options]
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name} | {
        "OMP_NUM_THREADS": "1"
    }
    environment |= {"PYTHONUNBUFFERED": "1", **variables}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def address_of(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise ValueError("its output is not read")
    found = re.search(r"http://localhost:\d+", process.stdout.readline())
    assert found is not None
    return found[0]


def answers(address: str) -> bytes:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def ports_of(process: subprocess.Popen[str]) -> list[int]:
    """The ports that a process listens at, from /proc."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_and_the_live_service_end_cleanly(number: signal.Signals) -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("ports are read from /proc")
    with showing("--no-browser") as process:
        address = address_of(process)
        assert answers(f"{address}/_stcore/health") == b"ok"
        page = int(address.rpartition(":")[2])
        [live] = set(ports_of(process)) - {page}
        assert b"hearfelt live" in answers(f"http://127.0.0.1:{live}/")
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, errors) == (0, "")
    for port in (page, live):
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
            pass


def test_the_page_ends_also_when_nobody_reads_what_it_prints_any_more() -> None:
    with showing("--no-browser", "--no-live") as process:
        assert answers(f"{address_of(process)}/_stcore/health") == b"ok"
        assert process.stdout is not None
        process.stdout.close()
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="xdg-open is Linux's way to open a page")
def test_the_page_opens_in_the_browser_by_itself(tmp_path: Path) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text('#!/bin/sh\nhere=$(dirname "$0")\necho "$1" > "$here/part" && mv "$here/part" "$here/opened"\n')
    opener.chmod(0o755)
    more = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "BROWSER": "any"}
    with showing("--no-live", **more) as process:
        address, end = address_of(process), time.monotonic() + PATIENCE_S
        while not (tmp_path / "opened").exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert (tmp_path / "opened").read_text().strip() == address


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with showing("--port", str(port), "--no-browser") as process:
            _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert errors.count("\n") == 1
    assert f"port {port} of 127.0.0.1" in errors


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        run(["serve", *arguments])
    return int(str(ended.value.code)), capsys.readouterr().err


def test_a_file_of_keys_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = failed(capsys, "--keys", str(tmp_path / "keys.txt"))
    assert code == 1
    assert "keys.txt: cannot read keys" in said


def test_a_model_that_is_not_there_is_named_before_anything_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = failed(capsys, "--port", "0", "--model", "nobody")
    assert code == 6
    assert "nobody" in said


def test_to_be_open_to_others_without_keys_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = failed(capsys, "--host", "0.0.0.0", "--port", "0", "--model", "nobody")
    assert "0.0.0.0 can be reached by others" in said
    assert "--keys FILE" in said


@pytest.mark.parametrize(("keys", "words"), [("short", "a key of 5 characters"), (" , ", "no key in it")])
def test_keys_of_the_environment_are_checked_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, keys: str, words: str
) -> None:
    monkeypatch.setenv("HEARFELT_API_KEYS", keys)
    code, said = failed(capsys, "--model", "tiny")
    assert code == 1
    assert f"HEARFELT_API_KEYS: {words}" in said


def test_an_address_that_is_none_of_this_computer_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = failed(capsys, "--host", "192.0.2.1", "--model", "tiny")
    assert code == 1
    assert "cannot listen there" in said


@pytest.mark.parametrize("wrong", [("--workers", "0"), ("--port", "70000"), ("--body-mb", "0"), ("--rate", "-1")])
def test_impossible_limits_are_wrong_usage(capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]) -> None:
    code, said = failed(capsys, *wrong)
    assert code == 2
    assert wrong[0] in said
