"""Infrastructure errors (a store, a disk, memory), told from errors of a file: they are never a file's result."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hearfelt.errors import AudioError, HearfeltError

__all__ = ["InfrastructureError", "is_infrastructure_error", "is_out_of_memory", "temporary_disk"]

_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT))
# A full disk, too many open files, a store or a shared disk that is lost or busy: never the fault of one sound.
_OUTSIDE: Final = _FULL | {
    errno.EMFILE,
    errno.ENFILE,
    errno.EBUSY,
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ETIMEDOUT,
}
_NO_MEMORY: Final = ("bad_alloc", "Failed to allocate memory", "failed to map segment")  # where it is no MemoryError

_DECODER: Final = "av"  # what FFmpeg calls no memory, or late, is a number in a file that makes no sense


class InfrastructureError(HearfeltError):
    """A failure that would hit the next sound as well: the job stops, and the same command resumes it."""


def is_infrastructure_error(error: BaseException) -> bool:
    """Tell whether an error is no fault of the sound that was being recognized.

    Example:
        >>> is_infrastructure_error(OSError(errno.ENOSPC, "no space")), is_infrastructure_error(FileNotFoundError())
        (True, False)
    """
    return isinstance(error, InfrastructureError) or any(
        isinstance(one, ConnectionError | TimeoutError) or (isinstance(one, OSError) and one.errno in _OUTSIDE)
        for one in _chain(error)
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error came from a lack of memory, caused by a large sound or by anything else.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(OSError())
        (True, False)
    """
    return any(
        isinstance(one, MemoryError)
        or (isinstance(one, OSError) and one.errno == errno.ENOMEM)
        or (not isinstance(one, AudioError) and any(words in str(one) for words in _NO_MEMORY))
        for one in _chain(error)
    )


@contextmanager
def temporary_disk() -> Iterator[None]:
    """Turn an error while a temporary file is written into an infrastructure error.

    Raises:
        InfrastructureError: for whatever the system says while something is written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, HearfeltError):
            raise
        reason = "the disk is full; make room" if error.errno in _FULL else (error.strerror or str(error)).lower()
        try:
            folder = tempfile.gettempdir()
        except OSError:
            folder = "the folder for temporary files"
        raise InfrastructureError(f"{folder}: nothing can be kept there for a while ({reason})") from error


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    seen = set()
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        if type(following).__module__.partition(".")[0] != _DECODER:
            yield following
        following = following.__cause__ or following.__context__
