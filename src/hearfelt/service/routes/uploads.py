"""Uploads: sounds as a raw body or as parts of a form, held in memory only and within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from hearfelt.errors import HearfeltError
from hearfelt.service.problems import RETRY_AFTER_S, RefusedError
from hearfelt.service.settings import ServiceSettings

__all__ = ["Upload", "Uploads"]

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
