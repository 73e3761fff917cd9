"""Route ``WS /v1/stream``, and the live page.

A stream is computed in a thread at the pace of its client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from hearfelt.errors import HearfeltError
from hearfelt.inference.timeline.recording import Stream
from hearfelt.inference.timeline.segments import InterimResult, Segment
from hearfelt.service.auth import Access, is_allowed_origin, key_of
from hearfelt.service.live.page import page_router
from hearfelt.service.live.protocol import (
    BUSY,
    ENDED,
    FAILED,
    GONE,
    INVALID,
    NOT_ALLOWED,
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
from hearfelt.service.metrics import Metrics
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.problems import RefusedError, problem
from hearfelt.service.settings import ServiceSettings, StreamSettings
from hearfelt.service.workers import FAULT

__all__ = ["StreamAdmission", "StreamSession", "add_live"]


_ROUTE: Final = "/v1/stream"


def add_live(
    app: FastAPI,
    settings: ServiceSettings,
    models: ModelRegistry,
    *,
    access: Access | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Add the live page and its WebSocket to a service.

    Args:
        app: the service.
        settings: limits on streams, and which origins are allowed.
        models: that clients may choose.
        access: checks keys and rates; by default everybody is accepted.
        metrics: count and log streams; by default they are logged only.
    """
    access = access or Access()
    frame_ancestors = settings.streams.frame_ancestors
    app.include_router(page_router(models, frame_ancestors, needs_key=bool(access.keys)))
    admission = StreamAdmission(settings.streams.most, access)
    app.include_router(_stream_router(settings, models, admission, metrics or Metrics()))


class StreamAdmission:
    """Admits streams after their first message, up to a limit.

    A client without a valid key, or one that has sent nothing yet, does not count towards the limit.

    Args:
        most: streams at once.
        access: a stream takes one request from its client's rate.
    """

    def __init__(self, most: int, access: Access) -> None:
        self._most, self._access, self._open = most, access, 0

    @contextmanager
    def admitted(self, websocket: WebSocket, key: str | None) -> Iterator[None]:
        """Admit a stream until the block ends.

        Args:
            websocket: whose headers may have a key.
            key: of the first message, which takes precedence.

        Raises:
            StreamError: if the key, the rate or the number of streams does not allow it.
        """
        try:
            self._access.check(websocket, key_of(websocket) if key is None else key)
        except RefusedError as error:
            if error.http_status == 401:
                raise StreamError(f"{error}, or as key in the first message", NOT_ALLOWED) from None
            raise StreamError(str(error), BUSY) from None
        if self._open >= self._most:
            raise StreamError(f"{self._most} streams are open, the most at once; try again in a moment", BUSY)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


def _stream_router(
    settings: ServiceSettings, models: ModelRegistry, admission: StreamAdmission, metrics: Metrics
) -> APIRouter:
    threads = ThreadPoolExecutor(settings.streams.threads, thread_name_prefix="stream")

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        threads.shutdown(wait=False, cancel_futures=True)

    router = APIRouter(lifespan=lifespan)

    def begin(opening: Opening) -> Stream:
        return models.recognizer(opening.model).stream(opening.rate_hz, reference=opening.reference)

    @router.websocket(_ROUTE)
    async def stream(websocket: WebSocket) -> None:
        begun, headers = time.monotonic(), websocket.headers
        origin, host = headers.get("origin"), headers.get("host", "")
        if not is_allowed_origin(origin, host, allowed=settings.cors_origins, is_local=settings.is_local):
            await websocket.send_denial_response(_foreign(str(origin)))
            metrics.count_request(_ROUTE, "GET", 403, begun)
            return

        @contextmanager
        def admit(opening: Opening) -> Iterator[None]:
            with admission.admitted(websocket, opening.key), metrics.open_stream():
                yield

        await websocket.accept()
        session = StreamSession(websocket, begin, threads, settings.streams, admit=admit)
        try:
            await session.run()
        except Exception as fault:
            metrics.count_fault(fault)
        finally:
            metrics.count_stream(session.code, session.sound_s, begun)

    @router.websocket("/{path:path}")
    async def not_found(websocket: WebSocket) -> None:
        begun = time.monotonic()
        await websocket.send_denial_response(problem(404, f"no WebSocket at this address; use {_ROUTE}"))
        metrics.count_request("other", "GET", 404, begun)

    return router


def _foreign(origin: str) -> JSONResponse:
    return problem(403, f"pages of {origin[:100]} may not open streams here; the operator can allow this origin")


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
