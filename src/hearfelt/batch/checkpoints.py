"""The folder beside a table that keeps its finished parts, so that an interrupted job can be resumed."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import IO, Any, Final

from hearfelt.batch import object_store
from hearfelt.batch.plan import PARTS, PLAN, Part, read_parts
from hearfelt.batch.storage import names_in, open_file, read_file, remove, shown, write_file
from hearfelt.errors import HearfeltError
from hearfelt.runtime.files import locked, remove_parts

__all__ = [
    "FINISHED",
    "PartFile",
    "check_folder",
    "clear",
    "finish",
    "finished_job",
    "folder_of",
    "locked_folder",
    "merged_rows",
    "open_part",
    "read_rows",
    "remove_leftovers",
]

FINISHED: Final = "finished"  # the table of the job named in it is written; what is left of the folder may go
_PART: Final = re.compile(r"(part|statistics)-[0-9]{7,}\.jsonl")


def folder_of(table: str) -> str:
    """Name the folder of a table's parts.

    Example:
        >>> folder_of("/calls/emotions.csv")
        '/calls/emotions.csv.parts'
    """
    return f"{table}.parts"


@contextmanager
def locked_folder(folder: str, table: str) -> Iterator[None]:
    """Create a folder and lock it, so that two processes of one machine do not fill it at once.

    The folder goes if nothing is in it at the end. A store has no
    lock: there, two jobs that write one table do all the work twice and still write the same.

    Raises:
        HearfeltError: if another process holds the folder.
    """
    if object_store.is_url(folder):
        yield
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise HearfeltError(f"{folder}: this is a file; a folder for the parts of {table} has to be there") from None
    refusal = HearfeltError(f"{table}: another hearfelt is writing this table; wait until it is done")
    with locked(Path(folder), refusal):
        try:
            yield
        finally:
            with suppress(OSError):  # parts are in it, or it is gone already
                Path(folder).rmdir()


def remove_leftovers(folder: str) -> None:
    """Remove temporary files of processes that were killed while they wrote."""
    if not object_store.is_url(folder):
        remove_parts(Path(folder))


def check_folder(folder: str, names: Iterable[str]) -> None:
    """Check that a folder holds only files of a batch, since it is removed with all of them.

    Raises:
        HearfeltError: if there is such a thing; hidden files are let alone.
    """
    for name in sorted(names):
        if not name.startswith(".") and not _is_own(name):
            raise HearfeltError(
                f"{folder}: {shown(name)} is there, which is no part of a batch; move it away, or name another table"
            )


def clear(folder: str) -> None:
    """Empty a folder; its mark is removed last, so that it never looks unfinished."""
    if object_store.is_url(folder):
        remove(folder, folder=True)
        return
    for name in sorted(filter(_is_own, names_in(folder)), key=lambda name: name == FINISHED):
        remove(f"{folder}/{name}")


def finish(folder: str, job: str) -> None:
    """Mark the job of a folder as finished, and empty the folder.

    Args:
        folder: with the parts.
        job: fingerprint of the job whose table is written.
    """
    with write_file(f"{folder}/{FINISHED}") as file:
        file.write(f"{job}\n".encode())
    clear(folder)


def finished_job(folder: str) -> str:
    """Read the fingerprint of the finished job from a folder's mark; a damaged mark belongs to no job."""
    return read_file(f"{folder}/{FINISHED}").decode("ascii", "replace").strip()


def _is_own(name: str) -> bool:
    return name in (FINISHED, PLAN, PARTS) or _PART.fullmatch(name) is not None


class PartFile:
    """Writer of one part.

    Args:
        part: whose rows it holds.
        file: open for writing bytes.
    """

    def __init__(self, part: Part, file: IO[bytes]) -> None:
        self._positions, self._file = iter(part.positions), file

    def add(self, rows: bytes) -> None:
        """Add the rows of the next sound of the part, as a worker gives them."""
        self._file.write(b"[%d,%b]\n" % (next(self._positions), rows))


@contextmanager
def open_part(folder: str, part: Part) -> Iterator[PartFile]:
    """Write a part; its file appears only when it is complete."""
    with write_file(f"{folder}/{part.name}") as file:
        yield PartFile(part, file)


def merged_rows(folder: str, sources: int, *, with_times: bool = False) -> Iterator[dict[str, Any]]:
    """Read all parts of a job, and yield their rows in the order in which the sounds were listed.

    Args:
        folder: with the parts.
        sources: how many sounds there have to be.
        with_times: whether rows have, behind the sound's name, where the part that was recognized begins and ends.

    Raises:
        HearfeltError: if a sound is missing, twice or damaged.
    """
    expected = 0
    for _, block in groupby(read_parts(folder), key=attrgetter("block")):
        with ExitStack() as stack:
            # Only the neighbours of one block have to be put in order, so few files are open at once.
            parts = list(block)
            lines = [_lines(folder, part.name, stack) for part in parts]
            times = dict(chain.from_iterable(map(_times, parts))) if with_times else {}
            for position, rows in heapq.merge(*lines, key=itemgetter(0)):
                if position != expected:
                    raise HearfeltError(f"{folder}: the result of sound {expected + 1} is missing; --fresh begins anew")
                expected += 1
                yield from ({**row, **times[position]} for row in rows) if with_times else rows
    if expected != sources:
        raise HearfeltError(f"{folder}: {expected:,} of {sources:,} results are there; --fresh begins anew")


def read_rows(folder: str, part: Part) -> Iterator[list[Any]]:
    """Read a part: for each sound its position and its rows, in the order of the part.

    Raises:
        HearfeltError: if it is damaged.
    """
    with ExitStack() as stack:
        yield from _lines(folder, part.name, stack)


def _times(part: Part) -> Iterator[tuple[int, dict[str, float | None]]]:
    for position, source in zip(part.positions, part.sources, strict=True):
        yield position, {"start_s": source.start_s, "end_s": source.end_s} if source.is_part else {}


def _lines(folder: str, name: str, stack: ExitStack) -> Iterator[list[Any]]:
    location = f"{folder}/{name}"
    # Each open file of a store holds megabytes ahead; a part is smaller than that.
    file: Iterable[bytes]
    file = (
        read_file(location).splitlines() if object_store.is_url(location) else stack.enter_context(open_file(location))
    )
    return _decoded(file, location)


def _decoded(lines: Iterable[bytes], location: str) -> Iterator[list[Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError as error:
            raise HearfeltError(
                f"{location}: this part is damaged; remove it and run the same command again"
            ) from error
