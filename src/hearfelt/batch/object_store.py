"""Object stores, through fsspec: listing, reading with retries, and writing whole objects."""

from __future__ import annotations

import errno
import io
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from hearfelt.batch.infrastructure_errors import InfrastructureError, is_infrastructure_error, temporary_disk
from hearfelt.errors import ExtraMissingError, HearfeltError, require

__all__ = [
    "Entry",
    "UnreachableError",
    "check_store",
    "fetched",
    "find",
    "is_same",
    "is_url",
    "list_folder",
    "matches",
    "open_object",
    "remove_objects",
    "write_object",
]

_URL: Final = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+://\S")
_EXTRAS: Final = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}  # the extra that brings a protocol's package
_HELD_BYTES: Final = 32 << 20  # a larger sound waits on disk and not in memory
_WAITS_S: Final = (1.0, 4.0)  # between tries, each of which is several of the store's own package
_PATIENCE_S: Final = 30.0  # after which only one more try follows
_NOT_THERE: Final = ".hearfelt-asks-whether-you-answer"
# Errors of a store that has understood a request and refuses it.
_REFUSALS: Final = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError)
_WRONG: Final = frozenset((errno.EINVAL, errno.ENAMETOOLONG, errno.EPERM, errno.ENOSYS))
_LOST_RIGHTS: Final = frozenset(  # codes of S3 for keys that have become invalid, for this object or any other
    (
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    )
)


class UnreachableError(InfrastructureError):
    """A store failed, perhaps for a reason that has nothing to do with the object."""


@dataclass(frozen=True)
class Entry:
    """An entry of a folder.

    Attributes:
        name: its last part, without the folder.
        is_folder: whether there may be more below it.
        size: in bytes; 0 where it is not known.
    """

    name: str
    is_folder: bool
    size: int = 0


def is_url(location: str) -> bool:
    """Tell whether a location is an address of a store, and not a local path.

    Example:
        >>> is_url("s3://calls/monday"), is_url("calls/monday")
        (True, False)
    """
    return _URL.match(location) is not None


def is_same(url: str, other: str) -> bool:
    """Tell whether two addresses name the same object.

    Example:
        >>> is_same("s3://calls/a.wav", "s3a://calls/a.wav"), is_same("s3://calls/a.wav", "gs://calls/a.wav")
        (True, False)
    """
    (scheme, _, path), (other_scheme, _, other_path) = url.partition("://"), other.partition("://")
    is_same_store = _EXTRAS.get(scheme, scheme) == _EXTRAS.get(other_scheme, other_scheme)
    return is_same_store and path.strip("/") == other_path.strip("/")


def find(url: str) -> Entry | None:
    """Look up an address: an entry, or None where there is nothing.

    Raises:
        HearfeltError: if the store cannot be asked.
    """
    with _store_errors(url, "cannot be looked at"):
        store, path = _store(url)
        try:
            found = store.info(path)
        except FileNotFoundError:
            return None
        return _entry(found)


def list_folder(url: str) -> list[Entry]:
    """List the entries of a folder of a store.

    Raises:
        HearfeltError: if the store cannot be asked, or there is no such folder.
    """
    with _store_errors(url, "cannot be listed"):
        store, path = _store(url)
        try:
            found = store.ls(path, detail=True)
        except FileNotFoundError:
            raise HearfeltError(f"{url}: there is no such folder; check the address") from None
        own = path.rstrip("/")
        return [_entry(one) for one in found if one["name"].rstrip("/") != own]  # some list the folder's own marker


def matches(pattern: str) -> list[tuple[str, int]]:
    """List the objects that match a pattern, sorted: address and size in bytes.

    Raises:
        HearfeltError: if the store cannot be asked.
    """
    with _store_errors(pattern, "cannot be listed"):
        store, path = _store(pattern)
        scheme = pattern.partition("://")[0]
        found = store.glob(path, detail=True).values()
        files = (one for one in found if one["type"] != "directory")
        return sorted((f"{scheme}://{one['name'].removeprefix('/')}", int(one.get("size") or 0)) for one in files)


@contextmanager
def open_object(url: str) -> Iterator[IO[bytes]]:
    """Open an object for reading.

    Raises:
        HearfeltError: if there is nothing, or it cannot be read; also later, from its methods.
    """
    with _store_errors(url, "cannot be read"):
        store, path = _store(url)
        try:
            file = store.open(path, "rb")
        except FileNotFoundError:
            raise HearfeltError(f"{url}: there is nothing at this address; check it") from None
        except OSError:
            _say_why(store, path)
            raise
    with file, io.BufferedReader(_Reading(file, url)) as reading:
        yield reading


class _Reading(io.RawIOBase):
    """A file of a store whose reads raise our errors instead of the store's own."""

    def __init__(self, file: IO[bytes], url: str) -> None:
        super().__init__()
        self._file, self._url = file, url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        with _store_errors(self._url, "cannot be read"):
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def write_object(url: str) -> Iterator[IO[bytes]]:
    """Write an object; it appears as a whole when the last byte has arrived, and not before.

    Raises:
        HearfeltError: if it cannot be written.
    """
    with _store_errors(url, "cannot be written"):
        store, path = _store(url)
        file = store.open(path, "wb")
    try:
        yield file
    except BaseException:
        with suppress(Exception):
            file.discard()  # what was sent of it never shows
        with suppress(AttributeError):
            file.closed = True  # or the store's class would complete it when it is cleared away
        raise
    with _store_errors(url, "cannot be written"):
        file.close()


def remove_objects(url: str, *, folder: bool = False) -> None:
    """Remove an object, or with ``folder`` everything below an address; what is not there is no fault."""
    with _store_errors(url, "cannot be removed"):
        store, path = _store(url)
        try:
            store.rm(path, recursive=folder)
        except FileNotFoundError:
            return


def check_store(url: str) -> None:
    """Check that a store responds at all, by asking for an object that does not exist.

    Raises:
        InfrastructureError: if it does not.
    """
    try:
        with _store_errors(url, "cannot be read"):
            store, path = _store(url)
            store.info(f"{path}{_NOT_THERE}")
    except InfrastructureError:
        raise
    except HearfeltError:
        return


@contextmanager
def fetched(url: str) -> Iterator[bytes | Path]:
    """Fetch a sound: a small one into memory, a large one into a file that goes away afterwards.

    What fails is tried again. If the store responds and fails at this sound alone, that is the sound's fault; else it
    is the store's.

    Raises:
        HearfeltError: if there is nothing, or it cannot be read.
        InfrastructureError: if the store cannot be reached, or the disk for temporary files is full.
    """
    with ExitStack() as kept:
        yield _tried(url, kept)


def _tried(url: str, kept: ExitStack) -> bytes | Path:
    ends_s = time.monotonic() + _PATIENCE_S
    for wait_s in _WAITS_S:
        try:
            return _read(url, kept)
        except UnreachableError:
            if time.monotonic() > ends_s:
                break
        time.sleep(wait_s)
    check_store(url)  # before the last try and after it, so that a store that comes and goes is not overlooked
    try:
        return _read(url, kept)
    except UnreachableError as error:
        if error.__cause__ is not None and is_infrastructure_error(error.__cause__):
            raise
        check_store(url)
        raise HearfeltError(str(error)) from None


def _read(url: str, kept: ExitStack) -> bytes | Path:
    try:
        file = kept.enter_context(open_object(url))
    except ExtraMissingError as error:
        raise InfrastructureError(str(error)) from error
    start = file.read(_HELD_BYTES + 1)
    if len(start) <= _HELD_BYTES:
        return start
    with temporary_disk():
        folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="hearfelt-"))
        copy = kept.enter_context((Path(folder) / f"sound{Path(url).suffix}").open("wb", buffering=0))
    while start:
        with temporary_disk():
            copy.write(start)
        start = file.read(_HELD_BYTES)
    return Path(copy.name)


def _say_why(store: Any, path: str) -> None:
    """Read one byte, to raise the reason of a failure: S3 does not give it when a file is opened."""
    with suppress(FileNotFoundError, NotImplementedError):
        store.cat_file(path, start=0, end=1)


def _store(url: str) -> tuple[Any, str]:
    scheme = url.partition("://")[0]
    extra = _EXTRAS.get(scheme, "s3")
    fsspec = require("fsspec", extra)
    try:
        # A store's own memory of listings would grow with them, and hide what was written since.
        options = {"use_listings_cache": False} if scheme in _EXTRAS else {}
        store, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        raise ExtraMissingError(f"{url}: {error}; pip install 'hearfelt[{extra}]' brings it") from error
    except ValueError as error:
        raise HearfeltError(f"{url}: no store is known for {scheme}://; s3:// and gs:// are") from error
    return store, path


def _entry(found: dict[str, Any]) -> Entry:
    name = found["name"].rstrip("/").rpartition("/")[2]
    return Entry(name, found["type"] == "directory", int(found.get("size") or 0))


@contextmanager
def _store_errors(url: str, what: str) -> Iterator[None]:
    try:
        yield
    except HearfeltError:
        raise
    except Exception as error:  # each store has classes of its own, with no common one
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise _kind_of(error)(f"{url}: {what} ({reason})") from error


def _kind_of(error: Exception) -> type[HearfeltError]:
    response = getattr(error.__cause__ or error, "response", None)
    if isinstance(response, dict) and response.get("Error", {}).get("Code") in _LOST_RIGHTS:
        return InfrastructureError
    is_wrong = isinstance(error, OSError) and error.errno in _WRONG
    is_refused = is_wrong or isinstance(error, _REFUSALS) or type(error).__name__ == "ParamValidationError"
    return HearfeltError if is_refused else UnreachableError
