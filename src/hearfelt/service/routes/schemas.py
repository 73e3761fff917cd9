"""Schemas of requests and responses, for the OpenAPI description."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from hearfelt.audio.warnings import CODES

__all__ = ["BODY", "Answer", "Answers", "Card", "ErrorDocument", "Segments", "problems_of"]


class WarningObject(BaseModel):
    """A warning about a sound, with numbers by name where there are any."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(
        description="; ".join(f"{code}: {means}" for code, means in CODES.items()), json_schema_extra={"enum": [*CODES]}
    )
    text: str = Field(description="the warning as a sentence")


class Answer(BaseModel):
    """The prediction for one sound, as ``hearfelt recognize --format json`` prints it."""

    source: str = Field(description="the name of the file that was sent")
    emotion: str = Field(description="the most probable label, also when the prediction is unsure")
    confidence: float = Field(ge=0, le=1, description="its probability, calibrated")
    probabilities: dict[str, float] = Field(description="of each label, in the model's order; they add up to 1")
    unsure: bool = Field(description="whether the confidence is below the model's threshold")
    warnings: list[WarningObject] = Field(
        description="what is unusual about the sound; empty for a clean recording of speech"
    )
    model: str
    duration_s: float
    plausible: dict[str, list[str]] | None = Field(
        None, description="by coverage, such as 0.9: labels one of which is correct in this share of cases"
    )
    why: dict[str, Any] | None = Field(
        None, description="with explain=true: what in the sound the prediction depends on"
    )


class Failure(BaseModel):
    """An error for one of several sounds."""

    source: str
    error: str = Field(description="what is wrong, and what would be right")


class Answers(BaseModel):
    """Predictions and errors for several sounds, in the order in which they were sent."""

    results: list[Answer | Failure]


class SegmentObject(BaseModel):
    """A stretch of speech in which one emotion is the most probable."""

    source: str
    channel: int | None = Field(description="counted from 0; null if all were mixed")
    start_s: float
    end_s: float
    emotion: str
    confidence: float
    probabilities: dict[str, float]
    unsure: bool
    warnings: list[WarningObject]
    model: str
    duration_s: float


class Segments(BaseModel):
    """All segments of a sound; between them there is no speech."""

    source: str
    model: str
    duration_s: float
    warnings: list[WarningObject] = Field(description="what is unusual about the sound; empty for a clean recording")
    segments: list[SegmentObject]


class Card(BaseModel):
    """A model card; ``hearfelt card`` explains it."""

    name: str
    labels: list[str]


class ErrorDocument(BaseModel):
    """A problem document, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = Field(description="what is wrong, and what would be right")


_MEANINGS: Final = {
    400: "the request cannot be read",
    401: "no API key, or an unknown one",
    403: "a page of another origin, which is not allowed here",
    404: "unknown name",
    408: "the body took too long to arrive",
    413: "the body is too large",
    415: "unsupported type of sound",
    422: "the sound cannot be processed",
    429: "too many requests in a minute",
    503: "busy; Retry-After says when to try again",
}

_FILE: Final = {"type": "string", "format": "binary"}
_RAW: Final = {"schema": _FILE}
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "one sound or several as parts named file, or one sound as it is; in a form also a reference, a"
        " file that hearfelt reference writes, which is used for this request and not kept",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": _FILE, "minItems": 1}, "reference": _FILE},
                }
            },
            "audio/wav": _RAW,
            "application/octet-stream": _RAW,
        },
    }
}


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the error responses of a route."""
    reference = {"schema": {"$ref": "#/components/schemas/ErrorDocument"}}
    return {
        status: {"description": _MEANINGS[status], "content": {"application/problem+json": reference}}
        for status in statuses
    }
