"""A fault of our own within a worker: told as one, logged with its place, and nobody else's trouble."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from tests.service.http_server import CLIP, Serving, serving
from tests.service.small_model import NO_NUMBERS, small_model
from websockets import exceptions
from websockets.sync import client

from hearfelt.audio.reader import read_audio
from hearfelt.service.logs import LOG, JsonLines

FAULT = "a fault in hearfelt itself; its log says where"
NAME = "my secret.flac"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    file = small_model(tmp_path_factory.mktemp("models") / "odd.onnx", name="odd", temperature=NO_NUMBERS)
    with serving(models=("tiny", file)) as one:
        yield one


@pytest.fixture
def asker(service: Serving) -> Iterator[httpx.Client]:
    with service.client() as one:
        yield one


def faults(asker: httpx.Client) -> float:
    lines = asker.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("hearfelt_faults_total"))


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [json.loads(JsonLines().format(one)) for one in caplog.records if one.name == LOG.name]


@pytest.mark.parametrize("path", ["/v1/recognize", "/v1/timeline"])
def test_it_is_a_500_logged_with_its_place_and_counted_and_the_worker_lives(
    service: Serving, asker: httpx.Client, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, pids = faults(asker), service.app.state.workers.pids
    with caplog.at_level(logging.INFO, LOG.name):
        answer = asker.post(path, files={"file": (NAME, CLIP.read_bytes())}, params={"model": "odd"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500, "detail": FAULT}
    fault, request = (line for line in lines_of(caplog) if line.get("status") != 200)  # /metrics may be logged late
    assert (fault["event"], fault["level"], fault["fault"]) == ("fault", "error", "ValueError")
    assert "recognition.py:" in str(fault["at"])
    assert request["status"] == 500
    assert "secret" not in json.dumps(lines_of(caplog))
    assert faults(asker) == before + 1
    assert asker.post(path, files={"file": CLIP.read_bytes()}).status_code == 200
    assert service.app.state.workers.pids == pids


def test_among_several_sounds_it_is_said_of_its_own(asker: httpx.Client) -> None:
    before = faults(asker)
    sent = [("file", (NAME, CLIP.read_bytes())), ("file", ("notes.txt", b"words"))]
    results = asker.post("/v1/recognize", files=sent, params={"model": "odd"}).json()["results"]
    assert results[0] == {"source": NAME, "error": FAULT}
    assert "no sound that can be read" in results[1]["error"]
    assert faults(asker) == before + 1


def test_a_stream_with_such_a_model_closes_with_1011_and_others_go_on(service: Serving, asker: httpx.Client) -> None:
    address, before = service.address.replace("http", "ws") + "/v1/stream", faults(asker)
    audio = read_audio(CLIP)
    with client.connect(address) as good, client.connect(address) as bad:
        for socket, model in ((good, "tiny"), (bad, "odd")):
            socket.send(json.dumps({"rate_hz": audio.rate_hz, "encoding": "float32", "model": model}))
            socket.send(audio.samples.astype("<f4").tobytes())
        assert json.loads(bad.recv(timeout=30)) == {"type": "error", "detail": FAULT}
        with pytest.raises(exceptions.ConnectionClosedError):
            bad.recv(timeout=30)
        assert bad.close_code == 1011
        good.send(json.dumps({"type": "end"}))
        assert {json.loads(message)["type"] for message in good} == {"now", "segment"}
        assert good.close_code == 1000
    assert faults(asker) == before + 1
