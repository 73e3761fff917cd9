"""Routes ``POST /v1/recognize`` and ``POST /v1/timeline``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hearfelt.errors import HearfeltError
from hearfelt.results.predictions import error_row
from hearfelt.service.metrics import Metrics
from hearfelt.service.model_registry import ModelRegistry
from hearfelt.service.problems import RefusedError
from hearfelt.service.recognition import Job
from hearfelt.service.routes.schemas import BODY, Answer, Answers, Segments, problems_of
from hearfelt.service.routes.uploads import Upload, Uploads
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.workers import BusyError, WorkerFaultError, Workers

__all__ = ["recognition_router"]

_PROBLEMS = problems_of(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
_MEDIA_TYPES = {"vtt": "text/vtt", "csv": "text/csv"}
TrackQuery = Annotated[
    int | None,
    Query(ge=0, description="audio track of a file that has several, counted from 0; by default the file's own choice"),
]
ModelQuery = Annotated[str | None, Query(description="name of one that /v1/models lists; by default the first")]


class _Recognition:
    """Turns uploads into jobs, and jobs into responses."""

    def __init__(self, settings: ServiceSettings, workers: Workers, metrics: Metrics) -> None:
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
    recognition, received = _Recognition(settings, workers, metrics), Uploads(settings)

    def refuse_large(request: Request) -> None:
        received.refuse_large(request)

    early = [Depends(refuse_large), Depends(_refuse_unknown)]
    router = APIRouter(prefix="/v1", tags=["recognition"], dependencies=early, responses=_PROBLEMS)

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
        file, options = models.file(model), {"explain": explain, "track": track}
        with received.receiving(request) as receiving:
            uploads, are_several = await receiving.uploads()
            if are_several:
                results = await recognition.run_all(uploads, file, **options, reference=receiving.reference)
                return JSONResponse({"results": results})
            job = recognition.job("recognize", uploads[0], file, **options, reference=receiving.reference)
            return JSONResponse(await recognition.run(job))

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
        file = models.file(model)
        with received.receiving(request) as receiving:
            uploads, are_several = await receiving.uploads()
            if are_several:
                raise RefusedError(400, f"{len(uploads)} sounds; a timeline is of one, send them one by one")
            options = {"format": format, "is_separate": channels == "separate", "track": track}
            job = recognition.job("timeline", uploads[0], file, **options, reference=receiving.reference)
            result = await recognition.run(job)
        if format == "json":
            return JSONResponse(result)
        return PlainTextResponse(result["text"], media_type=_MEDIA_TYPES[format])

    return router
