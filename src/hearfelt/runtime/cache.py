"""Cache on disk for what is slow to compute, keyed by a hash of its inputs."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from hearfelt.audio.excerpts import Excerpt, time_fragment
from hearfelt.runtime.files import path_given

__all__ = ["Cache", "default_cache", "file_digest", "sound_digests"]

_AT_ONCE = 500  # keys in one SQL statement; SQLite allows at least 999


def file_digest(path: Path) -> str:
    """Hash a file's content, so that a change is noticed whatever its name and date are.

    Returns:
        SHA-256 of the bytes, 64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sound_digests(sounds: Iterable[Path | Excerpt]) -> dict[Path | Excerpt, str]:
    """Hash sounds by the content of their files, and parts by their times as well; each file is read once.

    Args:
        sounds: paths, and excerpts of paths.

    Returns:
        A hash of each different sound, in the order given; ``""`` where the file cannot be read.
    """
    files = {sound: Path(sound.source) if isinstance(sound, Excerpt) else sound for sound in sounds}  # type: ignore[arg-type]
    different = list(dict.fromkeys(files.values()))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing leaves the interpreter free
        digests = dict(zip(different, pool.map(_digest_if_readable, different), strict=True))
    return {sound: digests[path] and f"{digests[path]}{_part_of(sound)}" for sound, path in files.items()}


def _digest_if_readable(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return ""  # decoding it will say why


def _part_of(sound: Path | Excerpt) -> str:
    return time_fragment(sound.start_s, sound.end_s) if isinstance(sound, Excerpt) else ""


class Cache:
    """Keys to bytes, in one SQLite file that several processes may use at once.

    It never causes a failure: where its folder cannot be written, or the file is damaged, it keeps nothing and every
    look-up misses.

    Args:
        path: the file, or ``None`` for a cache that keeps nothing.

    Example:
        >>> Cache(None).get_many(["a"])
        {}
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def _connect(self) -> sqlite3.Connection | None:
        if self.path is None:
            return None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=60)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
        except (OSError, sqlite3.Error):
            return None
        return connection

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Look up many keys at once; a missing key is simply not in the answer."""
        return dict(self._selected("key, value", keys))

    def known(self, keys: Iterable[str]) -> set[str]:
        """Tell which keys are there, without reading what they hold."""
        return {key for (key,) in self._selected("key", keys)}

    def _selected(self, columns: str, keys: Iterable[str]) -> list[Any]:
        wanted = list(dict.fromkeys(keys))
        connection = self._connect()
        if connection is None:
            return []
        found: list[Any] = []
        with closing(connection):
            try:
                for start in range(0, len(wanted), _AT_ONCE):
                    some = wanted[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(some))
                    query = f"SELECT {columns} FROM kept WHERE key IN ({marks})"  # noqa: S608 - our columns, only marks
                    found.extend(connection.execute(query, some))
            except sqlite3.Error:
                return []
        return found

    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Keep values; one that is there already is replaced."""
        connection = self._connect()
        if connection is None:
            return
        with closing(connection):
            try:
                with connection:
                    connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", values.items())
            except sqlite3.Error:
                return


def default_cache() -> Cache:
    """Open the user's cache: ``HEARFELT_CACHE`` names its folder, or is ``off``; else the system's usual place."""
    named = os.environ.get("HEARFELT_CACHE", "")
    if named.casefold() == "off":
        return Cache(None)
    if named:
        return Cache(path_given(named) / "cache.sqlite")
    if sys.platform == "win32":
        home = path_given(os.environ.get("LOCALAPPDATA", "~"))
    elif sys.platform == "darwin":
        home = path_given("~/Library/Caches")
    else:
        home = path_given(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Cache(home / "hearfelt" / "cache.sqlite")
