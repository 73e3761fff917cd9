"""Each way into hearfelt answers: command line, Python, plots, service and page.

`make test-lowest` runs this file alone, in an environment with the lowest versions and without torch and onnx: it takes
nothing from the suite's conftest.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from streamlit.testing.v1 import AppTest
from websockets.sync.client import connect

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.examples.clips import example_clips
from hearfelt.inference.recognizer import Recognizer
from hearfelt.page.jobs import stop_all

ROOT = Path(__file__).parents[2]
CLIP = audio_files(ROOT / "src" / "hearfelt" / "examples")[0]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HEARFELT_CACHE": "off"}
COMMAND = (sys.executable, "-m", "hearfelt")


def printed(home: Path, *words: object) -> str:
    """Run one command to its good end, and give what it printed."""
    command = [*COMMAND, *(str(word) for word in words)]
    done = subprocess.run(
        command, cwd=home, env=ENVIRONMENT, capture_output=True, text=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.load("tiny", threads=1)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the service is, as its program says."""
    command = [*COMMAND, "serve", "--port", "0", "--model", "tiny", "--workers", "1"]
    home = tmp_path_factory.mktemp("service")
    with subprocess.Popen(command, cwd=home, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as service:
        try:
            found = re.search(r"http://\S+?(?=/;)", service.stdout.readline() if service.stdout else "")
            assert found is not None
            while httpx.get(f"{found[0]}/health/ready", trust_env=False).status_code != 200:
                time.sleep(0.05)
            yield found[0]
        finally:
            service.terminate()


def test_the_help_lists_the_commands(tmp_path: Path) -> None:
    help_text = printed(tmp_path, "--help")
    assert all(name in help_text for name in ("demo", "recognize", "timeline", "explore", "serve", "app"))


def test_the_demo_answers_and_draws(tmp_path: Path) -> None:
    table = printed(tmp_path, "demo")
    assert all(path.stem in table for path in example_clips())
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_table_and_json_give_the_answer_of_python(tmp_path: Path, recognizer: Recognizer) -> None:
    expected = recognizer.recognize(CLIP)
    table = printed(tmp_path, "recognize", CLIP, "--model", "tiny")
    assert expected.emotion in table
    answer = json.loads(printed(tmp_path, "recognize", CLIP, "--model", "tiny", "--format", "json"))
    assert answer["probabilities"] == pytest.approx(dict(expected.probabilities), abs=1e-3)


def test_a_timeline_is_the_one_of_python_and_becomes_a_data_frame(tmp_path: Path, recognizer: Recognizer) -> None:
    timeline = recognizer.timeline(CLIP)
    lines = printed(tmp_path, "timeline", CLIP, "--model", "tiny", "--format", "json").splitlines()
    frame = timeline.to_frame()
    assert len(frame) == len(timeline.segments) > 0
    assert list(frame["emotion"]) == [segment.emotion for segment in timeline.segments]
    ends = frame.index.get_level_values("end").total_seconds()
    assert list(ends) == pytest.approx([segment.end_s for segment in timeline.segments])
    assert all(segment.emotion in "".join(lines) for segment in timeline.segments)


def test_a_corpus_is_explored(tmp_path: Path) -> None:
    printed(tmp_path, "corpora", "get", "toy", "toy")
    printed(tmp_path, "explore", "toy", "--out", "toy.html", "--jobs", 1)
    page = (tmp_path / "toy.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") + page.count("<img") >= 3


def test_the_service_answers_an_upload(address: str, recognizer: Recognizer) -> None:
    sent = {"file": (CLIP.name, CLIP.read_bytes())}
    answer = httpx.post(f"{address}/v1/recognize", files=sent, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert answer.json()["probabilities"] == pytest.approx(dict(recognizer.recognize(CLIP).probabilities), abs=1e-3)


def test_the_service_answers_a_stream(address: str, recognizer: Recognizer) -> None:
    audio = read_audio(CLIP)
    events: list[dict[str, Any]] = []
    with connect(address.replace("http", "ws") + "/v1/stream", proxy=None) as socket:
        socket.send(json.dumps({"rate_hz": audio.rate_hz, "encoding": "float32"}))
        socket.send(audio.samples.astype("<f4").tobytes())
        socket.send(json.dumps({"type": "end"}))
        events.extend(json.loads(message) for message in socket)
    segments = [event for event in events if event["type"] == "segment"]
    expected = recognizer.timeline(CLIP).segments
    assert [segment["emotion"] for segment in segments] == [segment.emotion for segment in expected]


def test_the_page_answers_an_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # Streamlit puts its script there
    before = set(threading.enumerate())
    page = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=120).run()
    page.file_uploader[0].set_value([(CLIP.name, CLIP.read_bytes(), "audio/flac")]).run()
    assert not page.exception
    shown = "\n".join(str(one.proto.body) for one in page.get("html"))
    assert CLIP.name in shown
    assert Recognizer.load(threads=1).recognize(CLIP).emotion in shown
    stop_all()
    for thread in set(threading.enumerate()) - before:  # Python aborts if it ends while a network computes
        thread.join(timeout=60)
