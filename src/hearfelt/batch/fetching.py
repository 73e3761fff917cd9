"""Sounds out of an object store: tried again for a while, and whose fault it is when that does not help."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from hearfelt.batch.infrastructure_errors import InfrastructureError, is_infrastructure_error, temporary_disk
from hearfelt.batch.object_store import UnreachedError, check_answers, open_object
from hearfelt.errors import ExtraMissingError, HearfeltError

__all__ = ["fetched"]

_HELD_BYTES: Final = 32 << 20  # a larger sound waits on disk and not in memory
_WAITS_S: Final = (1.0, 4.0)  # between tries, each of which is several of the store's own package
_PATIENCE_S: Final = 30.0  # after which only one more try follows


@contextmanager
def fetched(url: str) -> Iterator[bytes | Path]:
    """Fetch a sound: a small one into memory, a large one into a file that goes away afterwards.

    What fails is tried again. If the store answers and fails at this sound alone, that is the sound's fault; else it
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
        except UnreachedError:
            if time.monotonic() > ends_s:
                break
        time.sleep(wait_s)
    check_answers(url)  # before the last try and after it, so that a store that comes and goes is not overlooked
    try:
        return _read(url, kept)
    except UnreachedError as error:
        if error.__cause__ is not None and is_infrastructure_error(error.__cause__):
            raise
        check_answers(url)
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
