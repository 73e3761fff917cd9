"""Routes ``POST /v1/recognize`` and ``POST /v1/timeline``, and the uploads that they take.

Sounds come as a raw body or as parts of a form; they are held in memory only, and within limits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hearfelt.errors import HearfeltError
from hearfelt.results.tables import error_row
from hearfelt.service.metrics import Metrics
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.problems import RETRY_AFTER_S, RefusedError
from hearfelt.service.recognition import Job
from hearfelt.service.routes.schemas import BODY, Answer, Answers, Segments, problems_of
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.workers import BusyError, WorkerFaultError, Workers

__all__ = ["Upload", "Uploads", "recognition_router"]

_RAW: Final = ("audio/", "video/", "application/octet-stream", "application/ogg")
_FIELD_BYTES: Final = 1_024  # of a field that is not a file; it is ignored, and its charset may be slow to decode
_REFERENCE_BYTES: Final = 65_536  # ten times what a shipped model's takes
_NAME: Final = 200  # characters of a file's name that are kept
_HOW_TO_SEND: Final = (
    "send the sound as multipart/form-data in the field file, or as the body with a type such as audio/wav"
)


@dataclass(frozen=True)
class Upload:
    """One sound of a request.

    Attributes:
        name: the client's file name, without folders.
        sound: the file's bytes.
    """

    name: str
    sound: bytes = field(repr=False)


class Uploads:
    """Receives request bodies, and limits how much memory they take together.

    Args:
        settings: the largest body, and the most of all bodies at the same time.

    Attributes:
        held: bytes in memory now.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self.held = 0

    def refuse_large(self, request: Request) -> None:
        """Refuse a body by its ``Content-Length``, before any of it is read.

        Raises:
            RefusedError: 400 or 413.
        """
        length = request.headers.get("content-length", "0")
        if not length.isascii() or not length.isdecimal():
            raise RefusedError(400, f"Content-Length: {length[:40]!r} is not a number of bytes")
        if int(length) > self._settings.body_bytes:
            raise self._too_large()

    @contextmanager
    def receiving(self, request: Request) -> Iterator[_Receiving]:
        """Receive a body, which counts as held until the block ends."""
        receiving = _Receiving(self, request, self._settings)
        try:
            yield receiving
        finally:
            self.held -= receiving.received

    def count(self, received: int, in_all: int) -> None:
        """Count bytes that have just been received.

        Args:
            received: bytes now.
            in_all: bytes of the same body so far.

        Raises:
            RefusedError: 413 or 503.
        """
        self.held += received
        if in_all > self._settings.body_bytes:
            raise self._too_large()
        if self.held > self._settings.held_bytes:
            message = "the uploads of all clients together are too large; try again in a moment"
            raise RefusedError(503, message, {"Retry-After": str(RETRY_AFTER_S)})

    def _too_large(self) -> RefusedError:
        megabytes = self._settings.body_bytes / 1e6
        message = f"the body has more than {megabytes:,.0f} MB, the limit of this service; send less at once"
        return RefusedError(413, message, {"Connection": "close"})


class _Receiving:
    """One body that is being received.

    Attributes:
        received: bytes so far.
        reference: the JSON of a reference in the form, once :meth:`uploads` is done.
    """

    def __init__(self, uploads: Uploads, request: Request, settings: ServiceSettings) -> None:
        self._uploads, self._request, self._settings = uploads, request, settings
        self.received = 0
        self.reference: str | None = None

    async def uploads(self) -> tuple[list[Upload], bool]:
        """Receive all sounds, and return them and whether there are several.

        Raises:
            RefusedError: 400, 408, 413, 415 or 503.
        """
        kind = self._request.headers.get("content-type", "").partition(";")[0].strip().casefold()
        arriving_s = self._settings.arriving_s
        try:
            async with asyncio.timeout(arriving_s):
                found = await self._found(kind)
        except TimeoutError:
            message = f"the body was not complete after {arriving_s:.0f} s; send less at once"
            raise RefusedError(408, message, {"Connection": "close"}) from None
        except ClientDisconnect:
            raise RefusedError(400, "the connection ended in the middle of the body") from None
        if not found:
            raise RefusedError(400, f"the form has no field file; {_HOW_TO_SEND}")
        if len(found) == 1 and not found[0].sound:
            raise RefusedError(400, f"{found[0].name}: the file is empty; {_HOW_TO_SEND}")
        return found, len(found) > 1

    async def _found(self, kind: str) -> list[Upload]:
        if kind == "multipart/form-data":
            return await self._parts()
        if kind.startswith(_RAW):
            return [Upload("sound", b"".join([part async for part in self._stream()]))]
        raise RefusedError(415, f"{f'a body of type {kind[:60]}' if kind else 'no content type'}; {_HOW_TO_SEND}")

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        async for part in self._request.stream():
            self.received += len(part)
            self._uploads.count(len(part), self.received)
            yield part

    async def _parts(self) -> list[Upload]:
        most = self._settings.files
        parser = _InMemory(
            self._request.headers, self._stream(), max_files=most, max_fields=most, max_part_size=_FIELD_BYTES
        )
        parser.spool_max_size = self._settings.body_bytes + 1
        try:
            form = await parser.parse()
        except HearfeltError:
            raise
        except (MultiPartException, FormParserError, KeyError, ValueError, LookupError) as error:
            reason = getattr(error, "message", "") or "its parts cannot be separated"
            raise RefusedError(400, f"the form cannot be read ({reason}); {_HOW_TO_SEND}") from error
        try:
            self.reference = await _reference(form)
            return [
                Upload(_plain(one.filename), await one.read())
                for one in form.getlist("file")
                if isinstance(one, UploadFile)
            ]
        finally:
            await form.close()


async def _reference(form: FormData) -> str | None:
    """Give the text of the field ``reference``.

    Raises:
        RefusedError: 400, if it is no file, too large, or there are several.
    """
    found = form.getlist("reference")
    if not found:
        return None
    if len(found) > 1 or not isinstance(found[0], UploadFile):
        raise RefusedError(400, "send one reference, as a file in the field reference: -F reference=@me.json")
    content = await found[0].read(_REFERENCE_BYTES + 1)
    if len(content) > _REFERENCE_BYTES:
        raise RefusedError(400, "this is too large for a reference; a file that `hearfelt reference` wrote is wanted")
    return content.decode("utf-8", "replace")


class _InMemory(MultiPartParser):
    """Starlette's form parser, here without files on disk: its spool is larger than any body."""


def _plain(name: str | None) -> str:
    r"""Remove folders and unprintable characters from a file name.

    Example:
        >>> _plain("C:\\voices\\a\tb.wav"), _plain(None)
        ('ab.wav', 'sound')
    """
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(one for one in last if one.isprintable())[:_NAME] or "sound"


_PROBLEMS = problems_of(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
_MEDIA_TYPES = {"vtt": "text/vtt", "csv": "text/csv"}
TrackQuery = Annotated[
    int | None,
    Query(ge=0, description="audio track of a file that has several, counted from 0; by default the file's own choice"),
]
ModelQuery = Annotated[str | None, Query(description="name of one that /v1/models lists; by default the first")]


class _Recognition:
    """Turns uploads into jobs, and jobs into responses."""

    def __init__(self, settings: ServiceSettings, models: ModelRegistry, workers: Workers, metrics: Metrics) -> None:
        self.uploads, self.models = Uploads(settings), models
        self._settings, self._workers, self._metrics = settings, workers, metrics

    async def run(self, job: Job) -> dict[str, Any]:
        try:
            result = await self._workers.answer(job)
        except WorkerFaultError as fault:
            self._metrics.count_fault(fault)
            raise
        self._metrics.sound.inc(result["duration_s"])
        return result

    async def run_all(self, uploads: Sequence[Upload], model: str, **options: Any) -> list[dict[str, object]]:
        """Recognize several sounds, as many at once as there are processes, so that other requests get their turn."""
        turns = asyncio.Semaphore(self._settings.workers.processes)
        full: list[BusyError] = []

        async def one(upload: Upload) -> dict[str, object]:
            try:
                async with turns:
                    if full:
                        raise full[0]  # the whole request is refused already
                    return await self.run(self.job("recognize", upload, model, **options))
            except BusyError as error:
                full.append(error)
                raise
            except HearfeltError as error:
                return error_row(upload.name, str(error))

        return list(await asyncio.gather(*(one(upload) for upload in uploads)))

    def job(self, kind: Literal["recognize", "timeline"], upload: Upload, model: str, **options: Any) -> Job:
        if not upload.sound:
            raise HearfeltError(f"{upload.name}: the file is empty; send a sound file")
        limits = self._settings
        longest_s = min(limits.explain_s, limits.longest_s) if options.get("explain") else limits.longest_s
        return Job(kind, upload.sound, upload.name, model, longest_s=longest_s, **options)


def _refuse_unknown(request: Request) -> None:
    """Refuse unknown query parameters: a misspelt name would otherwise go unnoticed.

    Raises:
        RefusedError: 400.
    """
    known = [one.alias for one in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise RefusedError(400, f"unknown parameter {name[:40]!r}; known are {', '.join(known)}")


def recognition_router(
    settings: ServiceSettings, models: ModelRegistry, workers: Workers, metrics: Metrics
) -> APIRouter:
    """Create the routes.

    Args:
        settings: limits.
        models: that clients may choose.
        workers: run the jobs.
        metrics: count sound and faults.
    """
    recognition = _Recognition(settings, models, workers, metrics)
    early = [Depends(recognition.uploads.refuse_large), Depends(_refuse_unknown)]
    router = APIRouter(prefix="/v1", tags=["recognition"], dependencies=early, responses=_PROBLEMS)
    _add_recognize(router, recognition)
    _add_timeline(router, recognition)
    return router


def _add_recognize(router: APIRouter, recognition: _Recognition) -> None:
    @router.post(
        "/recognize",
        responses={200: {"model": Answer | Answers}},
        openapi_extra=BODY,
        summary="Recognize the emotion of each sound as a whole",
    )
    async def recognize(
        request: Request,
        model: ModelQuery = None,
        explain: Annotated[bool, Query(description="add what in the sound the prediction depends on")] = False,
        track: TrackQuery = None,
    ) -> Response:
        """One sound gives a prediction or a problem; several give ``results`` in order, predictions and errors.

        ``warnings`` tell what is unusual about a sound.
        """
        file, options = recognition.models.file(model), {"explain": explain, "track": track}
        with recognition.uploads.receiving(request) as receiving:
            uploads, are_several = await receiving.uploads()
            if are_several:
                results = await recognition.run_all(uploads, file, **options, reference=receiving.reference)
                return JSONResponse({"results": results})
            job = recognition.job("recognize", uploads[0], file, **options, reference=receiving.reference)
            return JSONResponse(await recognition.run(job))


def _add_timeline(router: APIRouter, recognition: _Recognition) -> None:
    @router.post(
        "/timeline",
        responses={200: {"model": Segments, "content": {kind: {} for kind in _MEDIA_TYPES.values()}}},
        openapi_extra=BODY,
        summary="Find the segments of a recording and their emotions",
    )
    async def timeline(
        request: Request,
        model: ModelQuery = None,
        format: Annotated[Literal["json", "vtt", "csv"], Query(description="of the response")] = "json",
        channels: Annotated[
            Literal["mix", "separate"], Query(description="mixed, or each side of a call by itself")
        ] = "mix",
        track: TrackQuery = None,
    ) -> Response:
        """The segments of one recording of any length; between segments there is no speech.

        ``warnings`` tell what is unusual about the sound.
        """
        file = recognition.models.file(model)
        with recognition.uploads.receiving(request) as receiving:
            uploads, are_several = await receiving.uploads()
            if are_several:
                raise RefusedError(400, f"{len(uploads)} sounds; a timeline is of one, send them one by one")
            options = {"format": format, "is_separate": channels == "separate", "track": track}
            job = recognition.job("timeline", uploads[0], file, **options, reference=receiving.reference)
            result = await recognition.run(job)
        if format == "json":
            return JSONResponse(result)
        return PlainTextResponse(result["text"], media_type=_MEDIA_TYPES[format])
