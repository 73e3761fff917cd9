from __future__ import annotations

import asyncio
import json
import logging
import re
import time

import httpx
import pytest
from fastapi import FastAPI
from tests.service.http_server import CLIP

from hearfelt.service.app import create_app
from hearfelt.service.logs import LOG, JsonLines
from hearfelt.service.settings import ServiceSettings


def test_models_are_listed_with_their_cards_the_default_first(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()["models"]
    assert [one["name"] for one in models] == ["tiny", "svm"]
    assert client.get("/v1/models/svm").json() == models[1]
    assert client.get("/v1/models/another").status_code == 404


def test_it_says_that_it_lives_and_is_ready(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}


def asked_without_start(app: FastAPI, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as one:
            return await one.get(path)

    return asyncio.run(ask())


def test_it_lives_before_it_is_ready() -> None:
    app = create_app(ServiceSettings(models=("tiny",)))
    assert asked_without_start(app, "/health/live").status_code == 200
    early = asked_without_start(app, "/health/ready")
    assert early.status_code == 503
    assert early.headers["retry-after"]
    assert early.json()["detail"] == "the models are being loaded"


def test_a_fault_of_its_own_is_a_problem_counted_and_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(ServiceSettings(models=("tiny",)))

    @app.get("/fault")
    async def fault() -> None:
        raise RuntimeError("my secret.flac")

    with caplog.at_level(logging.INFO, LOG.name):
        answer = asked_without_start(app, "/fault")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "a fault in hearfelt itself; its log says where"
    counts = asked_without_start(app, "/metrics").text
    assert 'hearfelt_requests_total{route="/fault",status="500"} 1.0' in counts
    assert "hearfelt_faults_total 1.0" in counts
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == LOG.name]
    assert lines[0]["fault"] == "RuntimeError"
    assert lines[0]["at"][-1].startswith("test_info.py:")
    assert "secret" not in json.dumps(lines) + answer.text


def test_counts_rise_with_what_was_answered(client: httpx.Client) -> None:
    def counts() -> dict[str, float]:
        lines = (line.rpartition(" ") for line in client.get("/metrics").text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    client.post("/v1/recognize", files={"file": CLIP.read_bytes()})
    first = counts()
    duration_s = client.post("/v1/recognize", files={"file": CLIP.read_bytes()}).json()["duration_s"]
    second = counts()
    answered = 'hearfelt_requests_total{route="/v1/recognize",status="200"}'
    assert second[answered] == first[answered] + 1
    assert second["hearfelt_sound_seconds_total"] - first["hearfelt_sound_seconds_total"] == pytest.approx(duration_s)
    assert second["hearfelt_jobs_waiting"] == 0


def test_the_log_has_a_line_for_a_request_without_names_or_sound(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LOG, "disabled", False)  # another test may configure a library that disables all loggers
    with caplog.at_level(logging.INFO, LOG.name):
        client.post("/v1/recognize?model=tiny", files={"file": ("my secret.flac", CLIP.read_bytes())})
        end = time.monotonic() + 10  # the line comes after the response
        while LOG.name not in {record.name for record in caplog.records} and time.monotonic() < end:
            time.sleep(0.01)
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == LOG.name]
    assert lines[-1]["route"] == "/v1/recognize"
    assert lines[-1]["status"] == 200
    assert "secret" not in json.dumps(lines)


def test_the_page_of_docs_names_every_call_and_asks_nothing_of_anybody_else(client: httpx.Client) -> None:
    page = client.get("/docs")
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page.text
    assert not re.findall(r'(?:src|href)="(?!/|data:,)', page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/live/docs.css").headers["content-type"].startswith("text/css")


def test_the_description_knows_problem_documents_and_no_other_errors() -> None:
    document = create_app(ServiceSettings(models=("tiny",))).openapi()
    errors = document["paths"]["/v1/recognize"]["post"]["responses"]
    assert {"200", "400", "413", "415", "422", "429", "503"} <= set(errors)
    assert "HTTPValidationError" not in json.dumps(document)
