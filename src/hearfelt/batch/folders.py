"""What lies in a folder on a disk: links that lead to folders, and what cannot be listed, included."""

from __future__ import annotations

import os

from hearfelt.batch.infrastructure_errors import InfrastructureError, is_infrastructure_error
from hearfelt.batch.object_store import Entry
from hearfelt.batch.storage import shown
from hearfelt.errors import HearfeltError

__all__ = ["entries", "is_link_to_folder", "listed"]


def listed(folder: str) -> list[os.DirEntry[str]]:
    """List everything in a folder.

    Raises:
        HearfeltError: if it cannot be listed.
        InfrastructureError: if that says nothing about this folder, such as too many open files.
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
