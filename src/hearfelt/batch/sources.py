"""The sounds of a job, listed lazily from files, folders, patterns, tables and addresses.

Local folders are listed in order, each file once, and safe from loops of links.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Final

from hearfelt.audio.excerpts import time_fragment
from hearfelt.audio.reader import AUDIO_SUFFIXES
from hearfelt.batch import object_store
from hearfelt.batch.infrastructure_errors import InfrastructureError, is_infrastructure_error
from hearfelt.batch.object_store import Entry
from hearfelt.batch.storage import absolute, open_file, shown
from hearfelt.corpora.tables import Row, is_table, read_table
from hearfelt.errors import CorpusError, HearfeltError
from hearfelt.runtime.files import expand_home

__all__ = ["Match", "Source", "entries", "find_sources", "is_link_to_folder", "is_pattern", "listed", "matches"]


# Bytes that a second of speech usually takes: good enough to put sounds of like length together.
_BYTES_A_SECOND: Final = {".wav": 32_000, ".flac": 16_000, ".aif": 32_000, ".aiff": 32_000}
_COMPRESSED_BYTES_A_SECOND: Final = 8_000
UNKNOWN_S: Final = (
    60.0  # for a sound in a store that a table names: asking for each size would take longer than it helps
)


@dataclass(frozen=True)
class Source:
    """One sound, or a part of one, that is to be recognized.

    Attributes:
        name: what the table calls it.
        location: where it is, whatever folder the reader works in.
        seconds: how long it may be, guessed from its size.
        error: why it cannot even be asked for, where that is known already.
        start_s: where the part begins.
        end_s: where it ends; None for the end of the sound.
        group: what the table says that it belongs to; None where no column was asked for.
        reference: JSON of what is usual where it comes from; known only when it is recognized.
    """

    name: str
    location: str
    seconds: float = 0.0
    error: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    group: str | None = None
    reference: str | None = None

    @property
    def setting(self) -> str:
        """What it has in common with others: its group, or the folder that it lies in; empty for nothing."""
        return self.location.rpartition("/")[0] if self.group is None else self.group

    @property
    def is_part(self) -> bool:
        """Whether a part of the sound is meant."""
        return self.start_s > 0 or self.end_s is not None


def find_sources(
    inputs: Sequence[str],
    remark: Callable[[str], None] = lambda sentence: None,
    *,
    root: str | None = None,
    group_by: str | None = None,
) -> Iterator[Source]:
    """List every sound that is meant, in the order of the inputs; those of a folder or pattern sorted by path.

    A sound that is named twice is listed once. Links to folders below a folder are not followed, nor by ``**``, so
    that no loop can catch the listing. What cannot be listed there becomes a source with an ``error``.

    Args:
        inputs: files, folders, patterns, tables that :mod:`hearfelt.corpora.tables` reads, or addresses such as ``s3://calls/``.
        remark: gets a sentence about what was passed over.
        root: where the paths in tables start; by default at each table's own folder.
        group_by: column of the tables that says what sounds belong together; every input has to be a table then.

    Yields:
        One source after another.

    Raises:
        HearfeltError: if there is nothing at an input.
        InfrastructureError: if a store or a disk is lost meanwhile.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.wav", "a.flac", "notes.txt"):
        ...         _ = (Path(folder) / name).write_bytes(b"sound")
        ...     [PurePosixPath(source.name).name for source in find_sources([folder])]
        ['a.flac', 'b.wav']
    """
    seen: set[bytes] = set()
    again, first = 0, ""
    for given in inputs:
        for source in _of(given, root, group_by):
            what = f"{source.location}{time_fragment(source.start_s, source.end_s)}"
            key = hashlib.blake2b(what.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if source.error is None and key in seen:
                again, first = again + 1, first or source.name
                continue
            seen.add(key)
            yield source
    if again:
        what = "1 source is" if again == 1 else f"{again:,} sources are"
        remark(f"{what} named more than once, such as {shown(first)}; each sound is recognized once")


def _of(given: str, root: str | None, group_by: str | None) -> Iterator[Source]:
    if not given:
        raise HearfeltError("an empty input; a file, a folder, a pattern or a table of sources is wanted")
    if group_by is not None and not is_table(given):
        raise HearfeltError(f"{shown(given)}: this is no table, so it has no column {group_by}; a table is wanted")
    if object_store.is_url(given):
        return _in_store(given, root, group_by)
    location = absolute(given)
    name = given.removeprefix("file://")
    try:
        kind = os.stat(location).st_mode  # noqa: PTH116 -- any name may come, also one that is too long
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not os.path.lexists(location):
            return _fitting(name) if is_pattern(name) else _nothing(name)
        return iter([_source(name, location, None)])  # such as a link loop: its row says so
    except ValueError as error:
        raise HearfeltError(f"{shown(name)!r}: no path can be like this ({error})") from None
    if stat.S_ISDIR(kind):
        return _below(name, location, entries)
    return _listed(location, root, group_by) if is_table(location) else iter([_source(name, location, None)])


def _in_store(url: str, root: str | None, group_by: str | None) -> Iterator[Source]:
    if is_pattern(url):
        found = object_store.matches(url)
        if not found:
            raise HearfeltError(f"{url}: nothing in the store fits this pattern")
        wanted = ((one, size) for one, size in found if "**" not in url or _is_named_like_sound(one))
        return (_source(one, one, size) for one, size in wanted)
    entry = object_store.find(url)
    if entry is None:
        raise HearfeltError(f"{url}: there is nothing at this address; check it")
    if entry.is_folder:
        return _below(url, url, lambda folder: object_store.list_folder(folder))
    return _listed(url, root, group_by) if is_table(url) else iter([_source(url, url, entry.size)])


def _nothing(name: str) -> Iterator[Source]:
    raise HearfeltError(f"{shown(name)}: there is no such file or folder; check the path")


def _fitting(pattern: str) -> Iterator[Source]:
    is_empty = True
    for match in matches(expand_home(pattern)):
        is_empty = False
        location = os.path.abspath(match.name)  # noqa: PTH100 -- what was found is no home, whatever it is called
        if match.error is not None:
            yield Source(match.name, location, error=match.error)
        elif match.is_folder:
            yield from _all_in(match.name, location)
        elif "**" not in pattern or _is_named_like_sound(match.name):
            yield _source(match.name, location, None)
    if is_empty:
        raise HearfeltError(f"{shown(pattern)}: nothing fits this pattern")


def _all_in(name: str, location: str) -> Iterator[Source]:
    try:
        yield from _below(name, location, entries)
    except InfrastructureError:
        raise
    except HearfeltError as error:  # this folder was not named itself, so it is no reason to stop
        yield Source(name, location, error=str(error))


def _listed(table: str, root: str | None, group_by: str | None) -> Iterator[Source]:
    """Give the sources of a table; a relative path starts at the root, or else at the table's folder."""
    if root is not None:
        start = absolute(root)
    else:
        start = table.rpartition("/")[0] if object_store.is_url(table) else os.path.dirname(table)  # noqa: PTH120
    groups = () if group_by is None else (group_by.strip().lower(),)
    columns = ("path", "start_s", "end_s", *groups)
    with open_file(table) as file:
        for row in read_table(file, name=table, needs=("path", *groups), only=columns):
            try:
                yield replace(_in_row(row, start), group=row[groups[0]] if groups else None)
            except CorpusError as error:
                yield Source(row["path"], row.where, error=str(error))


def _in_row(row: Row, start: str) -> Source:
    name, path = row["path"], row.path_in(start)
    if not path:
        raise row.refuse("no sound is named there")
    start_s, end_s = row.part
    if object_store.is_url(path):
        source = Source(name, path, UNKNOWN_S)
    elif object_store.is_url(start):
        source = Source(name, f"{start.rstrip('/')}/{path}", UNKNOWN_S)
    else:
        source = _source(name, absolute(os.path.join(start, expand_home(path))), None)  # noqa: PTH118
    seconds = max(0.0, source.seconds - start_s) if end_s is None else end_s - start_s
    return replace(source, seconds=round(seconds, 2), start_s=start_s, end_s=end_s)


def _below(name: str, location: str, within: Callable[[str], list[Entry]]) -> Iterator[Source]:
    """Walk through a folder without recursion, however deep it is, with one folder's names in memory for each level."""
    stack = [(name, location, iter(_sorted(within(location))))]
    while stack:
        folder_name, folder, rest = stack[-1]
        entry = next(rest, None)
        if entry is None:
            stack.pop()
            continue
        if entry.name.startswith("."):
            continue
        below_name, below = f"{folder_name.rstrip('/')}/{entry.name}", f"{folder.rstrip('/')}/{entry.name}"
        if entry.is_folder:
            try:
                stack.append((below_name, below, iter(_sorted(within(below)))))
            except InfrastructureError:
                raise
            except HearfeltError as error:
                yield Source(below_name, below, error=str(error))
        elif _is_named_like_sound(entry.name):
            yield _source(below_name, below, entry.size)


def _is_named_like_sound(name: str) -> bool:
    return PurePosixPath(name).suffix.casefold() in AUDIO_SUFFIXES


def _sorted(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_folder else entry.name)  # as whole paths sort


def _source(name: str, location: str, size: int | None) -> Source:
    if size is None:
        try:
            size = os.stat(location).st_size  # noqa: PTH116
        except (OSError, ValueError):
            size = 0
    suffix = PurePosixPath(location).suffix.casefold()
    return Source(name, location, round(size / _BYTES_A_SECOND.get(suffix, _COMPRESSED_BYTES_A_SECOND), 2))


_MAGIC: Final = frozenset("*?[")
_ANY_FOLDERS: Final = "**"


@dataclass(frozen=True)
class Match:
    """Something that matches a pattern.

    Attributes:
        name: its path, beginning as the pattern does.
        is_folder: whether it stands for all that is in it.
        error: why it cannot be listed.
    """

    name: str
    is_folder: bool
    error: str | None = None


def is_pattern(name: str) -> bool:
    """Tell whether a name may be a pattern.

    Example:
        >>> is_pattern("calls/*.wav"), is_pattern("calls/a.wav")
        (True, False)
    """
    return not _MAGIC.isdisjoint(name)


def matches(pattern: str) -> Iterator[Match]:
    """Find what matches a pattern, sorted as whole paths.

    As in a shell, ``*`` fits no name that begins with a dot, and ``**`` stands for any number of folders. With ``**``
    no link to a folder is followed, unless the pattern calls it by its name. Nothing below a folder that fits is given
    by itself.

    Args:
        pattern: with ``*``, ``?``, ``[…]`` in its parts, relative or absolute.
    """
    walk = _Walk(pattern)
    stack = [iter(walk.below(walk.start, "", walk.states((0,))))]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif walk.is_end(child):
            yield Match(child.path, child.is_folder)
        elif child.is_folder:
            try:
                stack.append(iter(walk.below(child.path, f"{child.path}/", child.states)))
            except InfrastructureError:
                raise
            except HearfeltError as error:
                yield Match(child.path, is_folder=True, error=str(error))


@dataclass(frozen=True)
class _Child:
    """A path that matches so far, and the positions in the pattern at which its contents go on."""

    path: str
    is_folder: bool
    states: frozenset[int]


class _Walk:
    """A pattern split at its slashes, matched like a finite automaton, since ``**`` may match any number of folders."""

    def __init__(self, pattern: str) -> None:
        pattern = pattern.replace(os.sep, "/")
        self._parts = [part for part in pattern.split("/") if part]
        self._is_of_folders, self._is_deep = pattern.endswith("/"), _ANY_FOLDERS in self._parts
        self.start = "/" if pattern.startswith("/") else ""

    def states(self, reached: tuple[int, ...] | set[int]) -> frozenset[int]:
        """Add the positions reached if ``**`` matches no folder at all."""
        found = set(reached)
        for position in sorted(found):
            while position < len(self._parts) and self._parts[position] == _ANY_FOLDERS:
                position += 1
                found.add(position)
        return frozenset(found)

    def is_end(self, child: _Child) -> bool:
        return len(self._parts) in child.states and (child.is_folder or not self._is_of_folders)

    def below(self, folder: str, before: str, states: frozenset[int]) -> list[_Child]:
        """Find what may match in a folder; it is listed only if the pattern does not give a name."""
        parts = {position: self._parts[position] for position in states if position < len(self._parts)}
        reached: dict[str, set[int]] = {}
        are_folders: dict[str, bool] = {}
        before = before or folder
        for position, part in parts.items():
            if not is_pattern(part) and os.path.lexists(before + part):
                reached.setdefault(part, set()).add(position + 1)
                are_folders[part] = os.path.isdir(before + part)  # noqa: PTH112 -- any name may come
        if any(map(is_pattern, parts.values())):
            for entry in listed(folder or "."):
                if positions := self._after(entry, parts):
                    reached.setdefault(entry.name, set()).update(positions)
                    are_folders[entry.name] = _is_folder(entry)
        children = [_Child(before + name, are_folders[name], self.states(at)) for name, at in reached.items()]
        return sorted(children, key=lambda child: f"{child.path}/" if child.is_folder else child.path)

    def _after(self, entry: os.DirEntry[str], parts: dict[int, str]) -> set[int]:
        found = set()
        is_passed_over = self._is_deep and is_link_to_folder(entry)
        for position, part in parts.items():
            if not is_pattern(part) or is_passed_over or (entry.name.startswith(".") and not part.startswith(".")):
                continue
            if part == _ANY_FOLDERS:
                found.add(position)
            elif fnmatch(entry.name, part):
                found.add(position + 1)
        return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def listed(folder: str) -> list[os.DirEntry[str]]:
    """List everything in a folder.

    Raises:
        HearfeltError: if it cannot be listed.
        InfrastructureError: if the reason is not this folder, such as too many open files.
    """
    try:
        with os.scandir(folder) as found:
            return list(found)
    except PermissionError:
        raise HearfeltError(f"{shown(folder)}: no permission to read this folder; make it readable first") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        kind = InfrastructureError if is_infrastructure_error(error) else HearfeltError
        raise kind(f"{_short(folder)}: this folder cannot be listed ({reason})") from error


def entries(folder: str) -> list[Entry]:
    """List a folder without links to other folders, so that no loop can catch who walks through it.

    Raises:
        HearfeltError: if it cannot be listed.
    """
    return [
        Entry(one.name, one.is_dir(follow_symlinks=False), _size(one))
        for one in listed(folder)
        if not is_link_to_folder(one)
    ]


def is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a link that leads to a folder."""
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a loop: if it is named like a sound, its row says so
        return False


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0


def _short(path: str) -> str:
    text = shown(path)
    return text if len(text) <= 200 else f"{text[:100]} … {text[-60:]}"
