"""Folders and patterns on a local disk: listed lazily, in order, each file once, and safe from loops of links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from hearfelt.batch.infrastructure_errors import InfrastructureError, is_infrastructure_error
from hearfelt.batch.object_store import Entry
from hearfelt.batch.storage import shown
from hearfelt.errors import HearfeltError

__all__ = ["Match", "entries", "is_link_to_folder", "is_pattern", "listed", "matches"]

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
