"""A folder that is about to be filled: is there room, and is nobody else filling it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hearfelt.errors import DownloadError

__all__ = ["alone_in", "require_space"]


def require_space(folder: Path, needed: int) -> None:
    """Refuse to begin what would not fit.

    Args:
        folder: that will be filled; it exists.
        needed: bytes, at most.

    Raises:
        DownloadError: if less is free on its disk.

    Example:
        >>> require_space(Path("."), 0)
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(
            f"{folder}: {needed / 1e6:,.0f} MB are needed for the download and the clips, {free / 1e6:,.0f} MB are free"
        )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep two processes from filling one folder at once, where the system can tell.

    The lock goes with the process, however that ends.

    Raises:
        DownloadError: if another process holds the folder.
    """
    if sys.platform == "win32":
        yield  # folders cannot be locked there: the checks of what arrived have to do
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadError(f"{folder}: another hearfelt is filling this folder; wait until it is done") from None
        except OSError:
            pass  # a file system without locks: as on Windows
        yield
    finally:
        os.close(handle)
