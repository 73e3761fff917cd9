"""What requests bring and answers hold, for the service's description of itself."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from hearfelt.audio.warnings import CODES

__all__ = ["BODY", "Answer", "Answers", "Card", "ErrorDocument", "Segments", "problems_of"]


class WarningObject(BaseModel):
    """One odd thing about a sound that was answered all the same; with it come numbers by name, if any."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(
        description="; ".join(f"{code}: {means}" for code, means in CODES.items()), json_schema_extra={"enum": [*CODES]}
    )
    text: str = Field(description="a sentence for people")


class Answer(BaseModel):
    """The answer for one sound, as ``hearfelt recognize --format json`` prints it."""

    source: str = Field(description="what its sender calls it")
    emotion: str = Field(description="the most probable label, also when the answer is unsure")
    confidence: float = Field(ge=0, le=1, description="its probability, calibrated")
    probabilities: dict[str, float] = Field(description="of each label, in the model's order; they add up to 1")
    unsure: bool = Field(description="whether the confidence is below the model's threshold")
    model: str
    duration_s: float
    warnings: list[WarningObject] = Field(
        description="what is odd about the sound; empty for a clean recording of speech"
    )
    why: dict[str, Any] | None = Field(None, description="with explain=true: what in the sound the answer depends on")


class Failure(BaseModel):
    """One of several sounds that could not be answered."""

    source: str
    error: str = Field(description="what is wrong, and what would be right")


class Answers(BaseModel):
    """Several sounds, in the order in which they were sent."""

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


class Segments(BaseModel):
    """All segments of a sound; what lies between them is no speech."""

    source: str
    model: str
    duration_s: float
    warnings: list[WarningObject] = Field(description="what is odd about the sound; empty for a clean recording")
    segments: list[SegmentObject]


class Card(BaseModel):
    """What a model says of itself; ``hearfelt card`` explains it."""

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
    401: "no key, or none that is known",
    403: "a page of another origin asks, which is not allowed here",
    404: "there is none of that name",
    408: "the body took too long to come",
    413: "more than is taken at once",
    415: "not a type of sound that is read here",
    422: "the sound cannot be answered",
    429: "too many requests in a minute",
    503: "too much to do; Retry-After says when to try again",
}

_FILE: Final = {"type": "string", "format": "binary"}
_RAW: Final = {"schema": _FILE}
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "one sound or several as parts called file, or one sound as it is",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": _FILE, "minItems": 1}},
                }
            },
            "audio/wav": _RAW,
            "application/octet-stream": _RAW,
        },
    }
}


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors that a call may answer with."""
    reference = {"schema": {"$ref": "#/components/schemas/ErrorDocument"}}
    return {
        status: {"description": _MEANINGS[status], "content": {"application/problem+json": reference}}
        for status in statuses
    }
