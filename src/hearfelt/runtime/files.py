"""Paths as users write them, atomic writes, and folders for one process alone."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["atomic_write", "expand_home", "locked", "path_given", "remove_parts"]


def expand_home(written: str) -> str:
    """Replace a leading ``~`` or ``~/`` by the home folder; a name that only begins with ``~`` stays a name.

    This is the only place where that is done. ``os.path.expanduser`` takes ``~backup/call.wav`` for a file of a user
    called backup, and ``Path.expanduser`` raises ``RuntimeError`` where there is no such user.

    Example:
        >>> expand_home("~call.wav"), expand_home("~$x.wav"), expand_home("./~/a.wav")
        ('~call.wav', '~$x.wav', './~/a.wav')
        >>> expand_home("~/a.wav") == str(Path.home() / "a.wav")
        True
    """
    if written == "~" or written.startswith(("~/", f"~{os.sep}")):
        return os.path.expanduser(written)  # noqa: PTH111 -- pathlib raises where there is no home folder
    return written


def path_given(path: str | os.PathLike[str]) -> Path:
    """Make a path from user input; text may begin with ``~/``.

    A ``Path`` may come from a listing, where a folder can be called ``~``: if it is there as it stands, it stays.

    Example:
        >>> path_given("~/a.wav") == Path.home() / "a.wav", path_given("~a.wav")
        (True, PosixPath('~a.wav'))
    """
    if isinstance(path, str):
        return Path(expand_home(path))
    return Path(path) if os.path.lexists(path) else Path(expand_home(os.fspath(path)))


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Write a file that appears under its name only when it is complete.

    The text goes to a neighbour with a random name, is flushed to the disk and then moved; an error, Ctrl-C or a
    lost process leaves the old file as it was. Folders above ``path`` are made.

    Args:
        path: where the file goes; an existing one is replaced.
        mode: ``"w"`` for UTF-8 text with ``\\n`` line ends, ``"wb"`` for bytes.

    Yields:
        The open file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_write(Path(folder) / "a" / "note.txt") as file:
        ...         _ = file.write("whole")
        ...     (Path(folder) / "a" / "note.txt").read_text()
        'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with partial.open(mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except PermissionError as error:  # named for the file that was asked for, not for its neighbour
        if error.filename != str(partial):
            raise
        raise PermissionError(error.errno, "no permission to write here", str(path)) from None
    finally:
        with suppress(PermissionError):
            partial.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote here."""
    for partial in folder.glob(".*.part"):
        partial.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, refusal: Exception) -> Iterator[None]:
    """Hold a folder that no other process of this machine holds; the lock goes with the process, however that ends.

    Windows and some file systems cannot lock a folder: there, everybody may hold it.

    Args:
        folder: it has to be there.
        refusal: raised if another process holds the folder.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)
