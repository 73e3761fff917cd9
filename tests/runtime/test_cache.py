from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hearfelt.runtime.cache import Cache, default_cache, file_digest


def test_what_was_put_is_got_and_the_rest_is_missing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "cache.sqlite")
    cache.put_many({str(number): bytes([number % 256]) for number in range(1200)})
    found = Cache(cache.path).get_many([str(number) for number in range(1300)])
    assert len(found) == 1200
    assert found["257"] == b"\x01"


def test_a_value_put_again_is_replaced(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    cache.put_many({"a": b"1"})
    cache.put_many({"a": b"2"})
    assert cache.get_many(["a"]) == {"a": b"2"}


def test_a_damaged_cache_misses_and_does_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"this is no database" * 100)
    cache = Cache(path)
    cache.put_many({"a": b"1"})
    assert cache.get_many(["a"]) == {}


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Cache(path).put_many({str(number): b"x"}), range(40)))
    assert len(Cache(path).get_many(map(str, range(40)))) == 40


def test_the_environment_turns_the_cache_off_or_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARFELT_CACHE", "off")
    assert default_cache().path is None
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path))
    assert default_cache().path == tmp_path / "cache.sqlite"
    monkeypatch.delenv("HEARFELT_CACHE")
    path = default_cache().path
    assert path is not None
    assert "hearfelt" in path.parts


def test_a_changed_file_has_another_digest_even_with_the_same_size_and_date(tmp_path: Path) -> None:
    import os

    path = tmp_path / "a"
    path.write_bytes(b"one")
    before, date = file_digest(path), path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=(date, date))
    assert file_digest(path) != before


def test_it_knows_what_it_keeps_without_reading_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite")
    cache.put_many({"a": b"1", "b": b"2"})
    assert cache.known(["a", "c", "a"]) == {"a"}
    assert Cache(None).known(["a"]) == set()
