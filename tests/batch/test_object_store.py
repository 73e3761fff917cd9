"""The store in memory that fsspec brings stands for the others; S3 itself is in test_ray_cluster.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hearfelt.batch import object_store
from hearfelt.batch.infrastructure_errors import InfrastructureError
from hearfelt.batch.object_store import Entry
from hearfelt.batch.sources import UNKNOWN_S, Source, find_sources
from hearfelt.errors import HearfeltError

fsspec = pytest.importorskip("fsspec")


@contextmanager
def _emptied() -> Iterator[None]:
    store = fsspec.filesystem("memory")  # one for the whole process
    before = dict(store.store)
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    yield
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    store.store.update(before)


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    with _emptied():
        yield


def put(url: str, content: bytes = b"sound") -> None:
    with object_store.write_object(url) as file:
        file.write(content)


def test_what_is_written_is_there_and_can_be_listed() -> None:
    put("memory://calls/a.wav")
    put("memory://calls/deep/b.wav", b"longer sound")
    assert sorted(object_store.list_folder("memory://calls"), key=lambda entry: entry.name) == [
        Entry("a.wav", False, 5),
        Entry("deep", True, 0),
    ]
    assert object_store.find("memory://calls/a.wav") == Entry("a.wav", False, 5)
    assert object_store.find("memory://calls/deep") == Entry("deep", True, 0)
    assert object_store.find("memory://calls/nowhere") is None
    with object_store.open_object("memory://calls/deep/b.wav") as file:
        assert file.read() == b"longer sound"


def test_a_pattern_gives_addresses() -> None:
    for name in ("a.wav", "b.wav", "c.txt"):
        put(f"memory://calls/{name}")
    assert object_store.matches("memory://calls/*") == [
        (f"memory://calls/{name}", 5) for name in ("a.wav", "b.wav", "c.txt")
    ]
    assert [url for url, _ in object_store.matches("memory://calls/*.wav")] == [
        "memory://calls/a.wav",
        "memory://calls/b.wav",
    ]


def test_what_is_removed_is_gone_and_removing_nothing_is_no_fault() -> None:
    put("memory://calls/a.wav")
    object_store.remove_objects("memory://calls", folder=True)
    object_store.remove_objects("memory://calls/a.wav")
    assert object_store.find("memory://calls/a.wav") is None


def test_a_folder_and_a_pattern_of_a_store_are_listed_with_their_lengths() -> None:
    for name in ("b/2.wav", "a.mp3", "notes.txt"):
        put(f"memory://calls/{name}", bytes(16_000))
    wanted = [("memory://calls/a.mp3", 2.0), ("memory://calls/b/2.wav", 0.5)]
    for given in ("memory://calls", "memory://calls/"):
        assert [(one.name, one.seconds) for one in find_sources([given])] == wanted
    assert [(one.name, one.seconds) for one in find_sources(["memory://calls/*.mp3"])] == wanted[:1]


def test_a_table_in_a_store_names_sounds_beside_it() -> None:
    put("memory://calls/list.csv", b"source\na.wav\n")
    assert list(find_sources(["memory://calls/list.csv"])) == [Source("a.wav", "memory://calls/a.wav", UNKNOWN_S)]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("memory://calls/nowhere.wav", "there is nothing at this address"),
        ("xyz://calls/a.wav", "no store is known for xyz://"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(HearfeltError, match=sentence), object_store.open_object(url):
        pass


def test_a_store_that_answers_is_known_by_that_it_says_no() -> None:
    object_store.check_store("memory://calls/a.wav")


def test_what_a_store_fails_with_while_a_file_is_read_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class ClosedError(Exception):
        """Of a store's own."""

    def closed(*arguments: object) -> bytes:
        raise ClosedError("the connection was closed")

    put("memory://calls/list.csv", b"source\na.wav\n")
    with object_store.open_object("memory://calls/list.csv") as file:
        assert file.readline() == b"source\n"
        assert file.seek(0) == 0
        assert file.read() == b"source\na.wav\n"
    monkeypatch.setattr("fsspec.implementations.memory.MemoryFile.read", closed)
    with pytest.raises(InfrastructureError, match=r"list\.csv: cannot be read \(the connection was closed\)"):
        list(find_sources(["memory://calls/list.csv"]))


def test_a_folder_of_a_store_that_is_lost_while_it_is_listed_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    put("memory://calls/a/1.wav")
    put("memory://calls/b/2.wav")
    listing = fsspec.implementations.memory.MemoryFileSystem.ls

    def lost(store: object, path: str, **options: object) -> object:
        if path.endswith("b"):
            raise ConnectionResetError("reset")
        return listing(store, path, **options)

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.ls", lost)
    with pytest.raises(InfrastructureError, match="b: cannot be listed"):
        list(find_sources(["memory://calls"]))


def test_a_path_of_a_disk_is_no_address() -> None:
    assert not object_store.is_url("/calls/a.wav")
    assert not object_store.is_url("file:///calls/a.wav")
    assert not object_store.is_url("c://calls")  # a drive
    assert object_store.is_url("gs://calls/a.wav")
