"""Whether a live stream is let in: its key, its asker's rate, and a place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.websockets import WebSocket

from hearfelt.service.auth import Rates, key_of
from hearfelt.service.stream_limits import StreamPlaces
from hearfelt.service.stream_protocol import BUSY, NOT_ALLOWED, StreamError

__all__ = ["KeyCheck", "StreamDoor"]

KeyCheck = Callable[[str | None], bool]


class StreamDoor:
    """Lets streams in, after their first message.

    A place is taken last: who has no key, or has not said anything yet, takes it from nobody.

    Args:
        most: streams at once.
        allows: tells whether a key, or none, is good enough; left out, everybody is welcome.
        rates: a stream takes from the same bucket as a request; left out, anybody may come any number of times.
    """

    def __init__(self, most: int, *, allows: KeyCheck | None = None, rates: Rates | None = None) -> None:
        self._places, self._allows, self._rates = StreamPlaces(most), allows, rates

    @contextmanager
    def entered(self, websocket: WebSocket, key: str | None) -> Iterator[None]:
        """Let a stream in until the block ends.

        Args:
            websocket: whose head may bring a key.
            key: that of the first message, which counts more.

        Raises:
            StreamError: if it may not come in, or not now.
        """
        key = key_of(websocket) if key is None else key
        if self._allows is not None and not self._allows(key):
            wanted = "send one as the header Authorization: Bearer KEY, or as key in the first message"
            raise StreamError(f"{'no key came' if key is None else 'this key is not known'}; {wanted}", NOT_ALLOWED)
        if self._rates is not None and (wait_s := self._rates.wait_s(self._rates.asker(websocket, key))):
            raise StreamError(self._rates.sentence(wait_s), BUSY)
        with self._places.taken() as is_taken:
            if not is_taken:
                sentence = f"{self._places.most} streams are open, as many as may be; try again in a moment"
                raise StreamError(sentence, BUSY)
            yield
