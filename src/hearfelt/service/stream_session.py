"""One live stream from its first message to its last, heard in a thread, never faster than its client takes."""

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
from hearfelt.service.stream_protocol import (
    ENDED,
    FAILED,
    GONE,
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
from hearfelt.service.workers import FAULT

__all__ = ["StreamSession", "close_with"]

_TOGETHER_S: Final = 0.02  # tiny messages are gathered until there is this much
_AT_ONCE_S: Final = 0.5  # and large ones divided, so that streams take turns

_CLOSING_S: Final = 1.0  # for what was sent before to be taken

Begin = Callable[[Opening], Stream]
Admit = Callable[[Opening], AbstractContextManager[None]]


class StreamSession:
    """What one accepted socket goes through.

    Nothing is read from the socket while sound of it is being computed: whoever sends faster than that is slowed by
    the network, and memory does not grow.

    Args:
        websocket: accepted.
        begin: gives the stream that the first message asks for; it is called in a thread.
        threads: where sound is heard.
        settings: the limits.
        admit: says whether there may be a stream after this first message; it is left when the stream has ended.

    Attributes:
        code: with which the socket was closed, by either side.
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
        self._admit, self._place = admit, ExitStack()
        self._stream: Stream | None = None
        self.code = GONE
        self._loop = asyncio.get_running_loop()
        self._must_end_at = self._loop.time() + settings.longest_s

    @property
    def heard_s(self) -> float:
        """Seconds of sound that were heard."""
        return self._stream.heard_s if self._stream is not None else 0.0

    async def run(self) -> None:
        """Hear until the client ends, vanishes, or has to be told why it cannot go on.

        Raises:
            Exception: what nobody foresaw, when the client has been told that there is something.
        """
        with self._place:
            try:
                await self._hear_or_refuse()
            except WebSocketDisconnect as gone:
                self.code = gone.code
            except TimeoutError:  # it does not take what it is sent
                return
            except Exception:
                with suppress(WebSocketDisconnect, TimeoutError):
                    await self._refuse(FAULT, FAILED)
                raise

    async def _hear_or_refuse(self) -> None:
        """Hear to the end; or send what was heard so far, and why there will be no more."""
        try:
            await self._hear()
        except HearfeltError as error:
            if self._stream is not None:
                await self._tell(await self._loop.run_in_executor(self._threads, self._stream.finish))
            await self._refuse(str(error), error.code if isinstance(error, StreamError) else NOT_SOUND)

    async def _refuse(self, sentence: str, code: int) -> None:
        await self._send(error_text(sentence))
        await self._close(code)

    async def _close(self, code: int) -> None:
        self.code = code
        await close_with(self._socket, code)

    async def _hear(self) -> None:
        said = await self._received(self._settings.opening_s)
        if not isinstance(said, str):
            raise StreamError("sound came first; the first message is a text with rate_hz and encoding", NOT_SOUND)
        opening = read_opening(said)
        self._place.enter_context(self._admit(opening))
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
        await self._close(ENDED)

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
            raise WebSocketDisconnect(message.get("code", GONE))
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

    async def _tell(self, events: Iterable[Segment | InterimResult]) -> None:
        for event in events:
            await self._send(event_text(event))

    async def _send(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._socket.send_text(text), self._settings.idle_s)
        except RuntimeError as error:  # the server has closed the socket by itself, and has not said so yet
            raise WebSocketDisconnect(GONE) from error

    def _too_long(self) -> StreamError:
        return StreamError(f"a stream may last {self._settings.longest_s:g} s; begin a new one", OVER_LIMIT)


async def close_with(websocket: WebSocket, code: int) -> None:
    """Close a socket, without waiting for a client that takes nothing."""
    try:
        await asyncio.wait_for(websocket.close(code), _CLOSING_S)
    except (WebSocketDisconnect, TimeoutError, RuntimeError):  # it is closed, or nobody is there
        return
