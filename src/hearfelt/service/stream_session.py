"""One live stream from its first message to its last, heard in a thread, never faster than its client takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from hearfelt.errors import HearfeltError
from hearfelt.inference.moments import Moment, Now
from hearfelt.inference.stream import Stream
from hearfelt.service.stream_protocol import (
    ENDED,
    FAILED,
    NOT_SOUND,
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
from hearfelt.service.stream_settings import StreamSettings

__all__ = ["StreamSession", "close_with"]

_TOGETHER_S: Final = 0.02  # tiny messages are gathered until there is this much
_AT_ONCE_S: Final = 0.5  # and large ones divided, so that streams take turns

Begin = Callable[[Opening], Stream]


class StreamSession:
    """What one accepted socket goes through.

    Nothing is read from the socket while sound of it is being computed: whoever sends faster than that is slowed by
    the network, and memory does not grow.

    Args:
        websocket: accepted.
        begin: checks the first message and gives the stream; it is called in a thread.
        threads: where sound is heard.
        settings: the limits.
    """

    def __init__(self, websocket: WebSocket, begin: Begin, threads: Executor, settings: StreamSettings) -> None:
        self._socket, self._begin, self._threads, self._settings = websocket, begin, threads, settings
        self._stream: Stream | None = None
        self._loop = asyncio.get_running_loop()
        self._must_end_at = self._loop.time() + settings.longest_s

    async def run(self) -> None:
        """Hear until the client ends, vanishes, or has to be told why it cannot go on."""
        try:
            await self._hear()
        except (WebSocketDisconnect, TimeoutError):  # it is gone, or does not take what it is sent
            return
        except HearfeltError as error:
            await self._end_with(error)

    async def _hear(self) -> None:
        said = await self._received(self._settings.opening_s)
        if not isinstance(said, str):
            raise StreamError("sound came first; the first message is a text with rate_hz and encoding", NOT_SOUND)
        opening = read_opening(said)
        stream = self._stream = await self._loop.run_in_executor(self._threads, self._begin, opening)
        sound = SampleBytes(opening.encoding, opening.rate_hz)
        while True:
            said = await self._received(self._settings.idle_s)
            if isinstance(said, str):
                if is_end(said):
                    break
                raise StreamError('a text came in the middle; after the first only {"type": "end"} is one', NOT_SOUND)
            sound.add(said)
            if sound.held_s >= _TOGETHER_S:
                await self._feed(stream, sound)
        await self._feed(stream, sound)
        if sound.left:
            wanted = "2" if opening.encoding == "pcm16" else "4"
            raise StreamError(
                f"the sound ended within a sample, {sound.left} bytes into it; a sample has {wanted}", NOT_SOUND
            )
        await self._tell(await self._loop.run_in_executor(self._threads, stream.finish))
        await close_with(self._socket, ENDED)

    async def _received(self, patience_s: float) -> str | bytes:
        """Wait for the next message.

        Raises:
            StreamError: if none comes in time, or it is too large.
            WebSocketDisconnect: if the client has gone.
        """
        left_s = self._must_end_at - self._loop.time()
        try:
            message = await asyncio.wait_for(self._socket.receive(), min(patience_s, left_s))
        except TimeoutError:
            if left_s < patience_s:
                raise self._too_long() from None
            raise StreamError(f"nothing came for {patience_s:g} s; begin a new stream", TIMED_OUT) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", FAILED))
        said: str | bytes | None = message.get("text")
        if said is None:
            said = message.get("bytes") or b""
        if len(said) > self._settings.message_bytes:
            most = self._settings.message_bytes
            raise StreamError(f"a message of {len(said):,} bytes; at most {most:,} are taken at once", TOO_LARGE)
        return said

    async def _feed(self, stream: Stream, sound: SampleBytes) -> None:
        """Let the stream hear all that has come, and tell what becomes known."""
        while sound.held_s:
            if stream.heard_s >= self._settings.longest_s:
                raise self._too_long()
            block = sound.take(max(1, round(_AT_ONCE_S * stream.rate_hz)))
            await self._tell(await self._loop.run_in_executor(self._threads, stream.feed, block))

    async def _tell(self, events: Iterable[Moment | Now]) -> None:
        for event in events:
            await self._send(event_text(event))

    async def _send(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._socket.send_text(text), self._settings.idle_s)
        except RuntimeError as error:  # the server has closed the socket by itself, and has not said so yet
            raise WebSocketDisconnect(FAILED) from error

    async def _end_with(self, error: HearfeltError) -> None:
        """Send what was heard so far, and why there will be no more."""
        code = error.code if isinstance(error, StreamError) else NOT_SOUND
        try:
            if self._stream is not None:
                await self._tell(await self._loop.run_in_executor(self._threads, self._stream.finish))
            await self._send(error_text(str(error)))
        except (WebSocketDisconnect, TimeoutError):
            return
        await close_with(self._socket, code)

    def _too_long(self) -> StreamError:
        return StreamError(f"a stream may last {self._settings.longest_s:g} s; begin a new one", OVER_LIMIT)


async def close_with(websocket: WebSocket, code: int) -> None:
    """Close a socket, without waiting for a client that takes nothing."""
    try:
        await asyncio.wait_for(websocket.close(code), 1.0)
    except (WebSocketDisconnect, TimeoutError, RuntimeError):  # it is closed, or nobody is there
        return
