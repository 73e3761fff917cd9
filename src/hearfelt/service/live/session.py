"""One live stream from its first message to its last, computed in a thread at the pace of its client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from hearfelt.errors import HearfeltError
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.inference.timeline.stream import Stream
from hearfelt.service.live.protocol import (
    ENDED,
    FAILED,
    GONE,
    INVALID,
    OVER_LIMIT,
    TIMED_OUT,
    TOO_LARGE,
    Opening,
    SampleBytes,
    StreamError,
    error_text,
    event_text,
    is_end,
    read_opening,
)
from hearfelt.service.settings import StreamSettings
from hearfelt.service.workers import FAULT

__all__ = ["StreamSession"]

_LEAST_BLOCK_S: Final = 0.02  # smaller messages are collected until there is this much
_MOST_BLOCK_S: Final = 0.5  # larger ones are divided, so that streams take turns
_CLOSING_S: Final = 1.0  # for the client to receive what was sent before

Begin = Callable[[Opening], Stream]
Admit = Callable[[Opening], AbstractContextManager[None]]


class StreamSession:
    """The life of one accepted WebSocket.

    Nothing is read from the socket while its sound is being processed: a client that sends faster than that is slowed
    down by the network, and memory does not grow.

    Args:
        websocket: accepted.
        begin: returns the stream that the first message asks for; it is called in a thread.
        threads: where sound is processed.
        settings: the limits.
        admit: raises if there may be no stream after this first message; it is left when the stream has ended.

    Attributes:
        code: the close code, of either side.
    """

    def __init__(
        self,
        websocket: WebSocket,
        begin: Begin,
        threads: Executor,
        settings: StreamSettings,
        *,
        admit: Admit = lambda _: nullcontext(),
    ) -> None:
        self._socket, self._begin, self._threads, self._settings = websocket, begin, threads, settings
        self._admit, self._admission = admit, ExitStack()
        self._stream: Stream | None = None
        self.code = GONE
        self._loop = asyncio.get_running_loop()
        self._must_end_at = self._loop.time() + settings.longest_s

    @property
    def sound_s(self) -> float:
        """Seconds of sound that were processed."""
        return self._stream.duration_s if self._stream is not None else 0.0

    async def run(self) -> None:
        """Run until the client ends or disconnects, or an error is sent to it.

        Raises:
            Exception: any unexpected error, after the client was told that there is one.
        """
        with self._admission:
            try:
                await self._follow_or_refuse()
            except WebSocketDisconnect as gone:
                self.code = gone.code
            except TimeoutError:  # the client does not receive what it is sent
                return
            except Exception:
                with suppress(WebSocketDisconnect, TimeoutError):
                    await self._refuse(FAULT, FAILED)
                raise

    async def _follow_or_refuse(self) -> None:
        """Follow the sound to its end; or send the last segments, and why there will be no more."""
        try:
            await self._follow()
        except HearfeltError as error:
            if self._stream is not None:
                await self._send_events(await self._loop.run_in_executor(self._threads, self._stream.finish))
            await self._refuse(str(error), error.code if isinstance(error, StreamError) else INVALID)

    async def _refuse(self, message: str, code: int) -> None:
        await self._send(error_text(message))
        await self._close(code)

    async def _close(self, code: int) -> None:
        self.code = code
        # RuntimeError: the socket is closed already. A client that receives nothing is not waited for.
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
            await asyncio.wait_for(self._socket.close(code), _CLOSING_S)

    async def _follow(self) -> None:
        message = await self._receive(self._settings.opening_s)
        if not isinstance(message, str):
            raise StreamError("sound came first; the first message is a text with rate_hz and encoding", INVALID)
        opening = read_opening(message)
        self._admission.enter_context(self._admit(opening))
        stream = self._stream = await self._loop.run_in_executor(self._threads, self._begin, opening)
        sound = SampleBytes(opening.encoding, opening.rate_hz)
        while True:
            message = await self._receive(self._settings.idle_s)
            if isinstance(message, str):
                if is_end(message):
                    break
                raise StreamError('a text came in the middle; after the first only {"type": "end"} is valid', INVALID)
            sound.add(message)
            if sound.buffered_s >= _LEAST_BLOCK_S:
                await self._feed(stream, sound)
        await self._feed(stream, sound)
        if sound.left:
            size = "2" if opening.encoding == "pcm16" else "4"
            raise StreamError(
                f"the sound ended within a sample, {sound.left} bytes into it; a sample has {size}", INVALID
            )
        await self._send_events(await self._loop.run_in_executor(self._threads, stream.finish))
        await self._close(ENDED)

    async def _receive(self, timeout_s: float) -> str | bytes:
        """Wait for the next message.

        Raises:
            StreamError: if none arrives in time, or it is too large.
            WebSocketDisconnect: if the client has disconnected.
        """
        left_s = self._must_end_at - self._loop.time()
        try:
            event = await asyncio.wait_for(self._socket.receive(), min(timeout_s, left_s))
        except TimeoutError:
            if left_s < timeout_s:
                raise self._too_long() from None
            raise StreamError(f"nothing came for {timeout_s:g} s; start a new stream", TIMED_OUT) from None
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", GONE))
        message: str | bytes | None = event.get("text")
        if message is None:
            message = event.get("bytes") or b""
        if len(message) > self._settings.message_bytes:
            most = self._settings.message_bytes
            raise StreamError(f"a message of {len(message):,} bytes; at most {most:,} are allowed", TOO_LARGE)
        return message

    async def _feed(self, stream: Stream, sound: SampleBytes) -> None:
        """Process all sound that has arrived, and send what it gives."""
        while sound.buffered_s:
            if stream.duration_s >= self._settings.longest_s:
                raise self._too_long()
            block = sound.take(max(1, round(_MOST_BLOCK_S * stream.rate_hz)))
            await self._send_events(await self._loop.run_in_executor(self._threads, stream.feed, block))

    async def _send_events(self, events: Iterable[Segment | InterimResult]) -> None:
        for event in events:
            await self._send(event_text(event))

    async def _send(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._socket.send_text(text), self._settings.idle_s)
        except RuntimeError as error:  # the server has closed the socket, and has not reported it yet
            raise WebSocketDisconnect(GONE) from error

    def _too_long(self) -> StreamError:
        return StreamError(f"a stream may last {self._settings.longest_s:g} s; start a new one", OVER_LIMIT)
