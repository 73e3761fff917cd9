"""Messages of a live stream: the first message, sound as bytes, events as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.errors import HearfeltError, ModelError
from hearfelt.inference.reference import Reference
from hearfelt.inference.timeline.segments import InterimResult, Segment

__all__ = [
    "BUSY",
    "ENDED",
    "FAILED",
    "GONE",
    "INVALID",
    "NOT_ALLOWED",
    "OVER_LIMIT",
    "TIMED_OUT",
    "TOO_LARGE",
    "Opening",
    "SampleBytes",
    "StreamError",
    "error_text",
    "event_text",
    "is_end",
    "read_opening",
]

# Close codes: 1000 to 1013 are those of RFC 6455 and its registry, 3000 and 3008 of the same registry at IANA.
ENDED: Final = 1000
GONE: Final = 1006  # never sent: the connection ended without a close frame
INVALID: Final = 1007  # a message is not what the protocol or the first message says
OVER_LIMIT: Final = 1008
TOO_LARGE: Final = 1009
FAILED: Final = 1011
BUSY: Final = 1013
NOT_ALLOWED: Final = 3000
TIMED_OUT: Final = 3008

_ENCODINGS: Final[dict[str, np.dtype[np.generic]]] = {"pcm16": np.dtype("<i2"), "float32": np.dtype("<f4")}
_EXAMPLE: Final = '{"rate_hz": 48000, "encoding": "pcm16"}'
_LONGEST_SHOWN: Final = 40  # characters of what a client sent


class StreamError(HearfeltError):
    """An error that ends a stream.

    Attributes:
        code: the close code of the socket.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Opening:
    """The first message of a client.

    Attributes:
        rate_hz: samples per second.
        encoding: ``"pcm16"`` or ``"float32"``.
        model: name of a model; ``None`` for the service's default.
        key: an API key, for browsers, which cannot send one in a header.
        reference: what is usual for this voice or room; forgotten with the stream.
    """

    rate_hz: int
    encoding: str
    model: str | None = None
    key: str | None = None
    reference: Reference | None = None


def read_opening(text: str) -> Opening:
    """Parse a first message.

    Raises:
        StreamError: if it is invalid; the stream itself checks the range of the rate.

    Example:
        >>> read_opening('{"rate_hz": 48000, "encoding": "pcm16"}').encoding
        'pcm16'
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise StreamError(f"the first message is not JSON; it looks like {_EXAMPLE}", INVALID) from None
    if not isinstance(message, dict):
        raise StreamError(f"the first message is {_shown(message)}; it looks like {_EXAMPLE}", INVALID)
    unknown = sorted(set(message) - {"rate_hz", "encoding", "model", "key", "reference"})
    if unknown:
        raise StreamError(f"the first message has {_shown(unknown[0])}, which is unknown here", INVALID)
    rate_hz = message.get("rate_hz")
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, int | float) or rate_hz != rate_hz // 1:
        raise StreamError(f"rate_hz is {_shown(rate_hz)}; use a whole number such as 48000", INVALID)
    encoding = message.get("encoding")
    if not isinstance(encoding, str) or encoding not in _ENCODINGS:
        raise StreamError(f'encoding is {_shown(encoding)}; use "pcm16" or "float32"', INVALID)
    for name in ("model", "key"):
        if not isinstance(message.get(name, ""), str):
            raise StreamError(
                f"{name} is {_shown(message[name]) if name == 'model' else 'not a text'}; use a text", 1007
            )
    reference = _reference(message["reference"]) if message.get("reference") is not None else None
    return Opening(int(rate_hz), encoding, message.get("model"), message.get("key"), reference)


def _reference(value: object) -> Reference:
    try:
        return Reference.from_json(json.dumps(value))
    except ModelError as error:
        raise StreamError(f"reference: {error}", INVALID) from None


def is_end(text: str) -> bool:
    """Return whether a text is the message that ends a stream."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("type") == "end"


class SampleBytes:
    """Converts bytes to samples, whatever the boundaries of messages.

    Args:
        encoding: ``"pcm16"`` or ``"float32"``, little-endian, one channel.
        rate_hz: samples per second.

    Example:
        >>> sound = SampleBytes("pcm16", 16_000)
        >>> sound.add(bytes([1, 0, 2]))
        >>> sound.take(100), sound.left
        (array([1], dtype=int16), 1)
    """

    def __init__(self, encoding: str, rate_hz: int) -> None:
        self._type = _ENCODINGS[encoding]
        self._rate_hz = rate_hz
        self._buffer = bytearray()

    @property
    def buffered_s(self) -> float:
        """Seconds of whole samples in the buffer."""
        return self.left // self._type.itemsize / self._rate_hz

    @property
    def left(self) -> int:
        """Bytes in the buffer."""
        return len(self._buffer)

    def add(self, data: bytes) -> None:
        """Append a message's bytes."""
        self._buffer += data

    def take(self, samples: int) -> npt.NDArray[np.generic]:
        """Remove and return at most this many samples: ``(n,)`` int16 or float32."""
        length = min(samples, self.left // self._type.itemsize) * self._type.itemsize
        block = np.frombuffer(bytes(self._buffer[:length]), self._type)
        del self._buffer[:length]
        return block.astype(self._type.newbyteorder("="), copy=False)


def event_text(event: Segment | InterimResult) -> str:
    """Format a segment or interim result as JSON."""
    prediction = event.prediction
    return json.dumps(
        {
            "type": "segment" if isinstance(event, Segment) else "now",
            "start_s": event.start_s,
            "end_s": event.end_s,
            "emotion": prediction.emotion,
            "confidence": prediction.confidence,
            "probabilities": dict(prediction.probabilities),
            "unsure": prediction.unsure,
            **({} if isinstance(event, Segment) else {"early": event.is_early}),
        },
        allow_nan=False,
    )


def error_text(detail: str) -> str:
    """Format an error as JSON."""
    return json.dumps({"type": "error", "detail": detail})


def _shown(value: object) -> str:
    text = "missing" if value is None else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
