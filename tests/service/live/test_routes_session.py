"""What a socket must not do to a service, with the socket's ends in the test's own hands."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from starlette.websockets import WebSocket

from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.timeline.recording import Stream
from hearfelt.service.live.protocol import Opening
from hearfelt.service.live.routes import StreamSession
from hearfelt.service.settings import StreamSettings

RATE = 16_000
SECOND = np.zeros(RATE, "<i2").tobytes()


class Ends:
    """Both ends of a socket: what comes, and what was sent."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.waiting = [{"type": "websocket.connect"}, *messages]
        self.sent: list[dict[str, Any]] = []
        self.read = 0
        self.takes = asyncio.Event()
        self.takes.set()

    async def receive(self) -> dict[str, Any]:
        if not self.waiting:
            await asyncio.Event().wait()
        self.read += 1
        return self.waiting.pop(0)

    async def send(self, message: Any) -> None:
        await self.takes.wait()
        self.sent.append(dict(message))


def text(**said: object) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": json.dumps(said)}


def sound(data: bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": data}


def begin(opening: Opening) -> Stream:
    return Recognizer.load("tiny", threads=1).stream(opening.rate_hz)


async def session(ends: Ends, threads: ThreadPoolExecutor, settings: StreamSettings) -> None:
    socket = WebSocket({"type": "websocket", "headers": []}, ends.receive, ends.send)  # type: ignore[arg-type]
    await socket.accept()
    await StreamSession(socket, begin, threads, settings).run()


def test_nothing_is_read_while_sound_is_being_heard_and_the_loop_stays_free() -> None:
    gate = threading.Event()

    def slow(opening: Opening) -> Stream:
        stream = begin(opening)
        threads.submit(gate.wait)  # the only thread has something else to do from now on
        return stream

    async def run() -> None:
        ends = Ends(text(rate_hz=RATE, encoding="pcm16"), *[sound(SECOND)] * 100, text(type="end"))
        socket = WebSocket({"type": "websocket", "headers": []}, ends.receive, ends.send)  # type: ignore[arg-type]
        await socket.accept()
        task = asyncio.create_task(StreamSession(socket, slow, threads, StreamSettings()).run())
        for _ in range(20):  # the event loop goes on
            await asyncio.sleep(0.01)
        assert ends.read <= 3
        gate.set()
        await task
        assert ends.read == 103
        assert ends.sent[-1]["type"] == "websocket.close"

    with ThreadPoolExecutor(1) as threads:
        asyncio.run(run())


def test_a_client_that_takes_nothing_is_given_up() -> None:
    async def run() -> None:
        ends = Ends(text(rate_hz=RATE, encoding="mp3"))
        socket = WebSocket({"type": "websocket", "headers": []}, ends.receive, ends.send)  # type: ignore[arg-type]
        await socket.accept()
        ends.takes.clear()
        await asyncio.wait_for(StreamSession(socket, begin, threads, StreamSettings(idle_s=0.1)).run(), 10)
        assert [one["type"] for one in ends.sent] == ["websocket.accept"]

    with ThreadPoolExecutor(1) as threads:
        asyncio.run(run())


def test_a_client_that_goes_ends_it_without_a_word() -> None:
    async def run() -> int:
        ends = Ends(text(rate_hz=RATE, encoding="pcm16"), sound(SECOND), {"type": "websocket.disconnect", "code": 1001})
        await session(ends, threads, StreamSettings())
        assert len(asyncio.all_tasks()) == 1
        return len(ends.sent)

    with ThreadPoolExecutor(1) as threads:
        assert asyncio.run(run()) == 1


def test_a_message_above_the_limit_gets_a_sentence_where_the_server_lets_it_through() -> None:
    async def run() -> list[dict[str, Any]]:
        ends = Ends(text(rate_hz=RATE, encoding="pcm16"), sound(bytes(2_000_000)))
        await session(ends, threads, StreamSettings())
        return ends.sent

    with ThreadPoolExecutor(1) as threads:
        sent = asyncio.run(run())
    detail = json.loads(sent[-2]["text"])["detail"]
    assert detail == "a message of 2,000,000 bytes; at most 1,000,000 are allowed"
    assert sent[-1]["code"] == 1009


def test_a_socket_that_the_server_closed_meanwhile_is_left_alone() -> None:
    async def run() -> list[str]:
        ends = Ends(text(rate_hz=RATE, encoding="mp3"))
        socket = WebSocket({"type": "websocket", "headers": []}, ends.receive, ends.send)  # type: ignore[arg-type]
        await socket.accept()
        await socket.close(1001)
        await StreamSession(socket, begin, threads, StreamSettings()).run()  # and does not fail
        return [one["type"] for one in ends.sent]

    with ThreadPoolExecutor(1) as threads:
        assert asyncio.run(run()) == ["websocket.accept", "websocket.close"]


def test_what_nobody_foresaw_closes_the_socket_and_says_nothing_of_itself() -> None:
    def broken(_: Opening) -> Stream:
        raise RuntimeError("my secret")

    async def run() -> list[dict[str, Any]]:
        ends = Ends(text(rate_hz=RATE, encoding="pcm16"))
        socket = WebSocket({"type": "websocket", "headers": []}, ends.receive, ends.send)  # type: ignore[arg-type]
        await socket.accept()
        session = StreamSession(socket, broken, threads, StreamSettings())
        with pytest.raises(RuntimeError):
            await session.run()
        assert session.code == 1011
        return ends.sent

    with ThreadPoolExecutor(1) as threads:
        sent = asyncio.run(run())
    assert json.loads(sent[1]["text"])["detail"] == "a fault in hearfelt itself; its log says where"
    assert sent[2]["code"] == 1011
    assert "secret" not in str(sent)
