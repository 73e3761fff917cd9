"""Who gets in, with live sockets: nobody without a key, or without a word, is in the way of others."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from typing import Any

import pytest
from tests.service.http_server import serving
from tests.service.live_server import Settings, running, until
from websockets import exceptions
from websockets.sync import client

from hearfelt.service.logs import LOG, JsonLines
from hearfelt.service.stream_settings import StreamSettings

OPENING = json.dumps({"rate_hz": 16_000, "encoding": "pcm16"})
END = json.dumps({"type": "end"})
KEY = {"Authorization": "Bearer a key that is long enough"}
ONE = Settings(streams=StreamSettings(most=1))


def told(address: str, *messages: str | bytes, **options: Any) -> tuple[list[str], int]:
    """Say something, and give the sentences of what comes back, and the code that ends it."""
    details = []
    with client.connect(address, **options) as socket:
        for message in messages:
            socket.send(message)
        try:
            while True:
                details.append(json.loads(socket.recv(timeout=30)).get("detail", ""))
        except exceptions.ConnectionClosed as closed:
            return details, closed.rcvd.code if closed.rcvd else 1006


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "a guess"}])
def test_sockets_without_a_key_take_no_place(headers: dict[str, str]) -> None:
    with running(ONE, allows=lambda key: key == "mine") as service, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(client.connect(service.stream, additional_headers=headers))
        assert told(service.stream, OPENING, END, additional_headers={"X-API-Key": "mine"}) == ([], 1000)
        assert told(service.stream, OPENING, additional_headers=headers)[1] == 3000


def test_sockets_that_say_nothing_take_no_place() -> None:
    with running(ONE) as service, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(client.connect(service.stream))
        assert told(service.stream, OPENING, END) == ([], 1000)


def test_a_place_is_free_again_however_a_stream_ended() -> None:
    with running(ONE) as service:
        for message in ("no JSON", json.dumps({"rate_hz": 1, "encoding": "pcm16"}), json.dumps({"model": "nobody"})):
            assert told(service.stream, message)[1] == 1007
        assert told(service.stream, OPENING, b"\0", END)[1] == 1007
        assert told(service.stream, OPENING, END) == ([], 1000)


def test_streams_take_from_the_bucket_of_their_key_as_requests_do() -> None:
    keys = ("a key that is long enough", "another key, also long enough")
    with serving(keys=keys, per_minute=2) as service, service.client() as asker:
        address = service.address.replace("http", "ws") + "/v1/stream"
        assert asker.get("/v1/models", headers=KEY).status_code == 200
        assert told(address, OPENING, END, additional_headers=KEY) == ([], 1000)
        (detail,), code = told(address, OPENING, additional_headers=KEY)
        assert detail.startswith("more than 2 requests in a minute; try again in ")
        assert code == 1013
        assert asker.get("/v1/models", headers=KEY).status_code == 429
        in_message = json.dumps({"rate_hz": 16_000, "encoding": "pcm16", "key": keys[1]})
        assert [told(address, in_message, END)[1] for _ in range(3)] == [1000, 1000, 1013]


def test_a_guessed_key_takes_from_nobodys_bucket() -> None:
    with serving(keys=("a key that is long enough",), per_minute=1) as service:
        address = service.address.replace("http", "ws") + "/v1/stream"
        assert told(address, OPENING, additional_headers={"X-API-Key": "a guess"})[1] == 3000
        assert told(address, OPENING, END, additional_headers=KEY) == ([], 1000)


def test_a_stream_is_counted_and_told_of_without_what_was_heard(caplog: pytest.LogCaptureFixture) -> None:
    def counts(text: str) -> dict[str, float]:
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    with serving() as service, service.client() as asker, caplog.at_level(logging.INFO, LOG.name):
        address = service.address.replace("http", "ws") + "/v1/stream?secret"
        with client.connect(address) as socket:
            socket.send(OPENING)
            socket.send(bytes(2 * 16_000 * 3))
            until(lambda: counts(asker.get("/metrics").text)["hearfelt_streams_open"] == 1)
            socket.send(END)
            with pytest.raises(exceptions.ConnectionClosedOK):
                socket.recv(timeout=30)
        assert told(address, "my secret") != ([], 1000)
        with client.connect(address) as socket:
            socket.close(4_321)  # of thousands of codes, none is a count of its own
        until(lambda: 'code="other"' in asker.get("/metrics").text)
        found = counts(asker.get("/metrics").text)
    assert found['hearfelt_streams_total{code="1000"}'] == found['hearfelt_streams_total{code="1007"}'] == 1
    assert found['hearfelt_streams_total{code="other"}'] == 1
    assert found["hearfelt_streams_open"] == 0
    assert found["hearfelt_sound_seconds_total"] == pytest.approx(3.0)
    told_of = [(one.getMessage(), one.__dict__.get("facts", {})) for one in caplog.records if "stream" in one.message]
    assert [message for message, _ in told_of] == ["stream begun", "stream", "stream", "stream"]
    assert [facts["code"] for _, facts in told_of[1:]] == [1000, 1007, 4_321]
    assert [facts["sound_s"] for _, facts in told_of[1:]] == [3.0, 0.0, 0.0]
    assert all(facts["s"] >= 0 for _, facts in told_of[1:])
    assert "secret" not in caplog.text


def test_a_fault_closes_the_stream_with_1011_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    def broken(key: str | None) -> bool:
        raise RuntimeError(f"my secret {key}")

    with caplog.at_level(logging.INFO), running(allows=broken) as service:
        assert told(service.stream, OPENING) == (["a fault in hearfelt itself; its log says where"], 1011)
        until(lambda: "stream" in [one.message for one in caplog.records])
    lines = [json.loads(JsonLines().format(one)) for one in caplog.records if one.name == LOG.name]
    assert [(one["event"], one["level"]) for one in lines] == [("fault", "error"), ("stream", "info")]
    assert lines[0]["fault"] == "RuntimeError"
    assert lines[0]["at"][-1].startswith("test_stream_auth.py:")
    assert lines[1]["code"] == 1011
    assert "secret" not in json.dumps(lines)
    assert not [one for one in caplog.records if one.name.startswith("uvicorn") and one.exc_info]


def test_a_page_from_elsewhere_is_counted_as_turned_away() -> None:
    with serving() as service, service.client() as asker:
        with pytest.raises(exceptions.InvalidStatus):
            client.connect(service.address.replace("http", "ws") + "/v1/stream", origin="https://example.org")
        counted = 'hearfelt_requests_total{route="/v1/stream",status="403"} 1.0'
        until(lambda: counted in asker.get("/metrics").text)
