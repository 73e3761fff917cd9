"""What holds a connection open without doing anything is given up, on real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from tests.service.live_server import Running, Settings, running, until
from tests.service.raw_socket import connected, fill, frame, opened

from hearfelt.service.stream_settings import StreamSettings

HASTY = StreamSettings(opening_s=0.5, idle_s=0.5, closing_s=0.3)


@pytest.fixture
def hasty() -> Iterator[Running]:
    with running(Settings(streams=HASTY)) as service:
        yield service


def is_gone(service: Running) -> bool:
    return not service.server.server_state.connections


def answer_of(connection: socket.socket) -> bytes:
    """Read until the service ends it."""
    answer = b""
    try:
        while part := connection.recv(4_096):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def test_a_stream_whose_client_stops_reading_is_given_up(hasty: Running) -> None:
    with opened(hasty.port) as connection:
        fill(connection)
        until(lambda: is_gone(hasty))
        assert hasty.server.server_state.tasks == set()


def test_a_client_that_asks_and_reads_nothing_is_not_read_from_without_end() -> None:
    with running() as service, opened(service.port) as connection:
        assert fill(connection) < 60_000_000


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n", b"GET /live/live.css HTTP/1.1\r\nHost: a\r\n\r\nGET"])
def test_who_sends_no_whole_head_is_given_up(hasty: Running, said: bytes) -> None:
    with connected(hasty.port) as connection:
        connection.sendall(said)
        assert answer_of(connection).count(b"HTTP/1.1 200 OK") == said.count(b"css")  # a whole head before is answered
        until(lambda: is_gone(hasty))


def test_a_head_that_comes_a_letter_at_a_time_is_given_up(hasty: Running) -> None:
    with connected(hasty.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        ended = threading.Event()
        reading = threading.Thread(target=lambda: (answer_of(connection), ended.set()))
        reading.start()
        for _ in range(200):  # ten seconds, if nobody ends it
            if ended.wait(0.05):
                break
            try:
                connection.send(b"x")
            except OSError:
                break
        else:
            pytest.fail("it went on for ten seconds")
        reading.join()


def test_requests_one_after_another_need_no_haste(hasty: Running) -> None:
    with connected(hasty.port) as connection:
        for _ in range(3):
            connection.sendall(b"GET /live/nothing.css HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while b"live page" not in answer:
                answer += connection.recv(4_096)
            assert answer.startswith(b"HTTP/1.1 404")
            time.sleep(0.3)  # 0.9 s in all, and each head in time


def test_what_is_no_http_is_told_so_as_a_problem(hasty: Running) -> None:
    with connected(hasty.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 100_000)
        head, _, body = answer_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["status"] == 400


@contextmanager
def sending(size: int, idle_s: float = 0.5) -> Iterator[tuple[uvicorn.Server, int]]:
    """Serve answers of a size."""
    streams = StreamSettings(idle_s=idle_s)

    async def app(scope: dict[str, Any], _: object, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": bytes(size)})

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_level="critical", **streams.for_uvicorn())
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        until(lambda: server.started)
        yield server, listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def test_who_does_not_take_an_answer_is_given_up() -> None:
    with sending(20_000_000) as (server, port), connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: server.server_state.total_requests > 0)
        until(lambda: not server.server_state.connections)
        assert len(answer_of(connection)) < 20_000_000


def test_who_takes_an_answer_slowly_gets_all_of_it() -> None:
    with sending(1_200_000, idle_s=2.0) as (_, port), connected(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        taken, begun = 0, time.monotonic()
        while part := connection.recv(4_000):
            taken += len(part)
            time.sleep(0.01)
    assert time.monotonic() - begun > 2.5  # longer than nothing may be taken
    assert taken > 1_200_000


def test_parts_of_a_message_that_hold_nothing_are_not_kept() -> None:
    with running(Settings(streams=StreamSettings(closing_s=0.3))) as service, opened(service.port) as connection:
        connection.sendall(frame(1, b'{"rate_hz": 8000, ', is_last=False))
        (protocol,) = service.server.server_state.connections
        for _ in range(100):
            connection.sendall(frame(0, b"", is_last=False) * 100)
        connection.sendall(frame(0, b'"encoding": "pcm1', is_last=False))
        until(lambda: b"pcm1" in b"".join(protocol.frames))
        assert len(protocol.frames) < 1_000
        connection.sendall(frame(0, b'6"}') + frame(1, b'{"type": "end"}'))
        assert answer_of(connection)[2:] == (1000).to_bytes(2, "big")


def test_a_service_ends_in_time_though_a_client_reads_nothing() -> None:
    with running(Settings(streams=StreamSettings(closing_s=0.3))) as service, opened(service.port) as connection:
        fill(connection)
        service.server.should_exit = True
        until(lambda: is_gone(service))
        assert service.server.server_state.tasks == set()
