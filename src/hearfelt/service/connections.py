"""Connections that nobody can hold by doing nothing: who sends no head, or takes nothing, is given up."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

__all__ = ["Patience", "protocols"]

_SENT_BYTES: Final = 1 << 16  # kept by the system for a client; with more, one that reads slowly seems to read nothing
_PARTS: Final = 500  # of a message that are kept apart; joined now and then, parts that hold nothing cost nothing


@dataclass(frozen=True)
class Patience:
    """How long a client may keep the service waiting, in seconds.

    Attributes:
        head_s: for the whole head of a request.
        taking_s: without taking any of what is sent to it.
        closing_s: for the end of a stream, and of a connection when the service ends.
    """

    head_s: float
    taking_s: float
    closing_s: float


def protocols(patience: Patience) -> dict[str, Any]:
    """Give uvicorn's options ``http`` and ``ws``: its own protocols, with an end to waiting."""
    return {
        "http": partial(_HttpConnection, patience=patience),
        "ws": partial(_StreamConnection, patience=patience),
    }


class _Connection(asyncio.Protocol):
    """What both kinds have: nothing waits to be sent for long, for a closed socket would otherwise wait as well."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop

    def __init__(self, *args: Any, patience: Patience, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience = patience
        self._taking: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_BYTES)
        self.transport.set_write_buffer_limits(high=0)  # so that all that waits is told of

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._taking, self._ending):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_taking(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
        super().resume_writing()

    def _watch_taking(self, waiting: int) -> None:
        self._taking = self.loop.call_later(self._patience.taking_s, self._look_whether_taken, waiting)

    def _look_whether_taken(self, before: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting >= before:
            self.transport.abort()
        else:
            self._watch_taking(waiting)

    def _end_soon(self) -> None:
        """Let the connection end by itself, and see to it that it does."""
        if self._ending is None:
            self._ending = self.loop.call_later(self._patience.closing_s, self.transport.abort)


class _HttpConnection(_Connection, H11Protocol):
    """uvicorn's, with an end to waiting for a head, and a problem document for what is no HTTP."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_head()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._end_soon()

    def send_400_response(self, msg: str) -> None:
        problem = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": msg}
        headers = [("content-type", "application/problem+json"), ("connection", "close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=json.dumps(problem).encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch_head(self) -> None:
        is_stream = self.transport.get_protocol() is not self
        if is_stream or (self.cycle is not None and not self.cycle.response_complete):
            self._forget_head()
        elif self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self._patience.head_s, self.transport.abort)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


class _StreamConnection(_Connection, WebSocketsSansIOProtocol):
    """uvicorn's, with an end to closing, and nothing read from a client that takes nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.close_timeout = self._patience.closing_s

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()  # each ping would add an answer to what waits

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_ping(self) -> None:
        super().handle_ping()
        if not self.writable.is_set():
            self.transport.pause_reading()

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > _PARTS:
            self.frames = [b"".join(self.frames)]

    def shutdown(self) -> None:
        super().shutdown()
        self._end_soon()

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            self._end_soon()
