"""Files by path or address, on a local disk or in an object store alike."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import IO

from hearfelt.batch import object_store
from hearfelt.errors import HearfeltError
from hearfelt.runtime.files import atomic_write, expand_home

__all__ = [
    "absolute",
    "digest_of",
    "is_folder",
    "is_there",
    "names_in",
    "open_file",
    "read_file",
    "remove",
    "same_as",
    "shown",
    "write_file",
]


def absolute(location: str) -> str:
    """Name a location so that it means the same from any folder; ``~/`` and ``file://`` are resolved.

    Example:
        >>> absolute("s3://calls/a.wav")
        's3://calls/a.wav'
        >>> absolute("/calls/./b/../a.wav")
        '/calls/a.wav'
    """
    if object_store.is_url(location):
        return location
    # Links stay links, and "./~" is no home.
    return os.path.abspath(expand_home(location.removeprefix("file://")))  # noqa: PTH100


def shown(text: str) -> str:
    r"""Write a name so that every table can hold it: bytes that are not UTF-8 as ``\xe9``.

    Example:
        >>> shown("caf\udce9.wav"), shown("café.wav")
        ('caf\\xe9.wav', 'café.wav')
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a surrogate pair, as Windows allows it
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_folder(location: str) -> bool:
    """Tell whether there is a folder."""
    if object_store.is_url(location):
        found = object_store.find(location)
        return found is not None and found.is_folder
    return os.path.isdir(location)  # noqa: PTH112 -- no answer, whatever the name, is no


def is_there(location: str) -> bool:
    """Tell whether there is a file."""
    if object_store.is_url(location):
        found = object_store.find(location)
        return found is not None and not found.is_folder
    return os.path.isfile(location)  # noqa: PTH113 -- no answer, whatever the name, is no


def same_as(location: str) -> Callable[[str], bool]:
    """Give a function that tells whether another location is this one, whatever links lead there.

    A local path at which nothing is yet has no other name.

    Example:
        >>> same_as("s3://calls/a.csv")("s3a://calls/a.csv")
        True
    """
    if object_store.is_url(location):
        return lambda other: object_store.is_url(other) and object_store.is_same(location, other)
    try:
        own = os.stat(location)  # noqa: PTH116 -- any name may come
    except (OSError, ValueError):
        return lambda other: False

    def is_it(other: str) -> bool:
        try:
            return not object_store.is_url(other) and os.path.samestat(own, os.stat(other))  # noqa: PTH116
        except (OSError, ValueError):
            return False

    return is_it


@contextmanager
def write_file(location: str) -> Iterator[IO[bytes]]:
    """Write a file that appears when it is complete; folders above it are made.

    Raises:
        OSError: if a disk cannot take it.
        HearfeltError: if a store cannot take it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with write_file(f"{folder}/a/note.txt") as file:
        ...         _ = file.write(b"whole")
        ...     read_file(f"{folder}/a/note.txt")
        b'whole'
    """
    if object_store.is_url(location):
        with object_store.write_object(location) as file:
            yield file
        return
    path = Path(location)
    with atomic_write(path, "wb") as file:
        yield file
    # What runs left that were killed while they wrote this very file; a batch has its location for itself.
    for partial in path.parent.glob(f".{escape(path.name)}.*.part"):
        partial.unlink(missing_ok=True)


@contextmanager
def open_file(location: str) -> Iterator[IO[bytes]]:
    """Open something for reading.

    Raises:
        HearfeltError: if it is not there, or cannot be read.
    """
    if object_store.is_url(location):
        with object_store.open_object(location) as file:
            yield file
        return
    try:
        file = open(location, "rb")  # noqa: PTH123, SIM115 -- a name may be longer than pathlib likes; closed below
    except FileNotFoundError:
        raise HearfeltError(f"{location}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise HearfeltError(f"{location}: this is a folder; a file is wanted here") from None
    except (OSError, ValueError) as error:
        raise HearfeltError(f"{location}: cannot be read ({error})") from error
    with file:
        yield file


def read_file(location: str) -> bytes:
    """Read something small at once.

    Raises:
        HearfeltError: if it is not there, or cannot be read.
    """
    with open_file(location) as file:
        return file.read()


def digest_of(location: str) -> str:
    """Name a file by its bytes: 64 hexadecimal digits.

    Raises:
        HearfeltError: if it is not there, or cannot be read.
    """
    digest = hashlib.sha256()
    with open_file(location) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def names_in(folder: str) -> set[str]:
    """List the names in a folder; one that is not there has none."""
    if object_store.is_url(folder):
        return {entry.name for entry in object_store.list_folder(folder)} if is_folder(folder) else set()
    try:
        return {found.name for found in Path(folder).iterdir()}
    except FileNotFoundError:
        return set()


def remove(location: str, *, folder: bool = False) -> None:
    """Remove a file, or with ``folder`` a folder and all below it; what is not there is no fault."""
    if object_store.is_url(location):
        object_store.remove_objects(location, folder=folder)
    elif folder:
        if Path(location).is_dir():
            shutil.rmtree(location)
    else:
        Path(location).unlink(missing_ok=True)
