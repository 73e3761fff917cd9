"""``POST /v1/recognize`` and ``POST /v1/timeline``: sounds come, and what is heard in them goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hearfelt.errors import HearfeltError
from hearfelt.results.prediction_rows import refusal_object
from hearfelt.service.metrics import Measures
from hearfelt.service.problems import RefusedError
from hearfelt.service.schemas import BODY, Answer, Answers, Segments, problems_of
from hearfelt.service.settings import ServiceSettings
from hearfelt.service.uploads import Bodies, Upload
from hearfelt.service.workers import BusyError, Job, WorkerFaultError, Workers

__all__ = ["hearing_router"]

_PROBLEMS = problems_of(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
_KINDS = {"vtt": "text/vtt", "csv": "text/csv"}
TrackQuery = Annotated[
    int | None,
    Query(ge=0, description="which audio track of a file that has several, counted from 0; by default its own choice"),
]
ModelQuery = Annotated[str | None, Query(description="one of those that /v1/models lists; by default the first")]


class _Hearing:
    """Turns requests into jobs."""

    def __init__(
        self, settings: ServiceSettings, offered: Mapping[str, str], workers: Workers, measures: Measures
    ) -> None:
        self._settings, self._offered, self._workers, self._measures = settings, offered, workers, measures
        self.bodies = Bodies(settings)

    def model(self, name: str | None) -> str:
        """Find what is loaded for the model that was asked for.

        Raises:
            RefusedError: 404.
        """
        if name is None:
            return next(iter(self._offered.values()))
        if name not in self._offered:
            raise RefusedError(404, f"model {name[:40]!r} is not offered here; there is {', '.join(self._offered)}")
        return self._offered[name]

    async def answer(self, job: Job) -> dict[str, Any]:
        try:
            answer = await self._workers.answer(job)
        except WorkerFaultError as fault:
            self._measures.note_fault(fault)
            raise
        self._measures.sound.inc(answer["duration_s"])
        return answer

    async def answer_all(self, uploads: Sequence[Upload], model: str, **how: Any) -> list[dict[str, object]]:
        """Answer several sounds, as many at once as there are processes, so that others get their turn."""
        turns = asyncio.Semaphore(self._settings.workers.processes)
        full: list[BusyError] = []

        async def one(upload: Upload) -> dict[str, object]:
            try:
                async with turns:
                    if full:
                        raise full[0]  # the whole request is turned away already, and the rest is for nobody
                    return await self.answer(self.job("recognize", upload, model, **how))
            except BusyError as error:
                full.append(error)
                raise
            except HearfeltError as error:
                return refusal_object(upload.name, str(error))

        return list(await asyncio.gather(*(one(upload) for upload in uploads)))

    def job(self, kind: Literal["recognize", "timeline"], upload: Upload, model: str, **how: Any) -> Job:
        if not upload.sound:
            raise HearfeltError(f"{upload.name}: it is empty; a sound file is wanted")
        limits = self._settings
        longest_s = min(limits.explain_s, limits.longest_s) if how.get("explain") else limits.longest_s
        return Job(kind, upload.sound, upload.name, model, longest_s=longest_s, **how)


def _refuse_unknown(request: Request) -> None:
    """Turn away who asks for what there is not: a slip in a name would otherwise go unnoticed.

    Raises:
        RefusedError: 400.
    """
    known = [one.alias for one in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise RefusedError(400, f"{name[:40]!r} cannot be asked here; there is {', '.join(known)}")


def hearing_router(
    settings: ServiceSettings, offered: Mapping[str, str], workers: Workers, measures: Measures
) -> APIRouter:
    """Make the routes.

    Args:
        settings: limits.
        offered: for each model's name what the workers have loaded.
        workers: do the jobs.
        measures: count them.
    """
    hearing = _Hearing(settings, offered, workers, measures)

    def refuse_large(request: Request) -> None:
        hearing.bodies.refuse_large(request)

    early = [Depends(refuse_large), Depends(_refuse_unknown)]
    router = APIRouter(prefix="/v1", tags=["hear"], dependencies=early, responses=_PROBLEMS)

    @router.post(
        "/recognize", responses={200: {"model": Answer | Answers}}, openapi_extra=BODY, summary="Which emotion is heard"
    )
    async def recognize(
        request: Request,
        model: ModelQuery = None,
        explain: Annotated[bool, Query(description="also tell what in the sound the answer depends on")] = False,
        track: TrackQuery = None,
    ) -> Response:
        """One sound gives one answer or a problem; several give ``results`` in their order, answers and errors.

        What is odd about a sound that is answered all the same stands in its ``warnings``.
        """
        chosen = hearing.model(model)
        with hearing.bodies.receiving(request) as receiving:
            uploads, are_several = await receiving.uploads()
            if are_several:
                return JSONResponse(
                    {"results": await hearing.answer_all(uploads, chosen, explain=explain, track=track)}
                )
            job = hearing.job("recognize", uploads[0], chosen, explain=explain, track=track)
            return JSONResponse(await hearing.answer(job))

    @router.post(
        "/timeline",
        responses={200: {"model": Segments, "content": {kind: {} for kind in _KINDS.values()}}},
        openapi_extra=BODY,
        summary="Which emotion is heard when",
    )
    async def timeline(
        request: Request,
        model: ModelQuery = None,
        format: Annotated[Literal["json", "vtt", "csv"], Query(description="of the answer")] = "json",
        channels: Annotated[
            Literal["mix", "separate"], Query(description="mixed, or each side of a call by itself")
        ] = "mix",
        track: TrackQuery = None,
    ) -> Response:
        """The segments of one recording, however long, and in ``warnings`` what is odd about it.

        What lies between segments is no speech.
        """
        chosen = hearing.model(model)
        with hearing.bodies.receiving(request) as receiving:
            uploads, are_several = await receiving.uploads()
            if are_several:
                raise RefusedError(400, f"{len(uploads)} sounds; a timeline is of one, send them one by one")
            job = hearing.job(
                "timeline", uploads[0], chosen, format=format, is_separate=channels == "separate", track=track
            )
            answer = await hearing.answer(job)
        if format == "json":
            return JSONResponse(answer)
        return PlainTextResponse(answer["text"], media_type=_KINDS[format])

    return router
