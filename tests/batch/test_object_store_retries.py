"""A store of our own stands for those that fail: S3 that is lost in the middle of a job is in test_ray_cluster.py."""

from __future__ import annotations

import errno
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hearfelt.batch import object_store
from hearfelt.batch.infrastructure_errors import InfrastructureError
from hearfelt.batch.object_store import fetched
from hearfelt.errors import HearfeltError

fsspec = pytest.importorskip("fsspec")
memory = pytest.importorskip("fsspec.implementations.memory")

Fails = Callable[[str], None]


class Trying(memory.MemoryFileSystem):  # type: ignore[misc]
    """A store that says first what it does not like about a path."""

    protocol = "trying"
    store: dict[str, Any] = {}  # noqa: RUF012 -- as the class above has it
    pseudo_dirs = [""]  # noqa: RUF012
    fails: Fails = staticmethod(lambda path: None)
    asked: list[str] = []  # noqa: RUF012

    def info(self, path: str, **options: Any) -> Any:
        Trying.asked.append(path)
        Trying.fails(path)
        return super().info(path, **options)

    def _open(self, path: str, *arguments: Any, **options: Any) -> Any:
        Trying.asked.append(path)
        Trying.fails(path)
        return super()._open(path, *arguments, **options)


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fsspec.register_implementation("trying", Trying, clobber=True)
    monkeypatch.setattr(object_store, "_WAITS_S", (0.0, 0.0))
    Trying.fails = staticmethod(lambda path: None)
    with fsspec.open("trying://calls/a.wav", "wb") as file:
        file.write(b"s" * 100)
    Trying.asked.clear()
    yield
    Trying.store.clear()


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, *, times: int = 1_000, alone: bool = False) -> None:
    left = [times]

    def fail(path: str) -> None:
        if left[0] and (not alone or path.endswith("a.wav")):
            left[0] -= 1
            raise error

    monkeypatch.setattr(Trying, "fails", staticmethod(fail))


def fetch() -> bytes | Path:
    with fetched("trying://calls/a.wav") as sound:
        return sound


class StoreError(Exception):
    """As stores have them, with no common class."""


def refused(code: str) -> Exception:
    error, said = PermissionError("Forbidden"), StoreError()
    said.response = {"Error": {"Code": code}}  # type: ignore[attr-defined]
    error.__cause__ = said
    return error


def test_a_small_sound_comes_as_bytes_and_a_large_one_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fetch() == b"s" * 100
    monkeypatch.setattr(object_store, "_HELD_BYTES", 30)
    with fetched("trying://calls/a.wav") as sound:
        assert isinstance(sound, Path)
        assert sound.suffix == ".wav"
        assert sound.read_bytes() == b"s" * 100
    assert not sound.exists()


@pytest.mark.parametrize("times", [1, 2])
def test_a_store_that_fails_now_and_then_is_asked_again(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, StoreError("the connection broke"), times=times)
    assert fetch() == b"s" * 100


@pytest.mark.parametrize("error", [StoreError("unreachable"), ConnectionRefusedError("nobody"), TimeoutError("late")])
def test_a_store_that_is_lost_is_not_the_fault_of_a_sound(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, error)
    with pytest.raises(InfrastructureError, match=rf"^trying://calls/a\.wav: cannot be read \({error}\)$"):
        fetch()


def test_a_sound_at_which_a_store_fails_that_answers_otherwise_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, StoreError("its body is damaged"), alone=True)
    with pytest.raises(HearfeltError, match=r"cannot be read \(its body is damaged\)") as told:
        fetch()
    assert not isinstance(told.value, InfrastructureError)
    assert sum(path.endswith("a.wav") for path in Trying.asked) == 3
    assert not Trying.asked[-1].endswith("a.wav")  # the last question is whether it answers


@pytest.mark.parametrize("error", [OSError(errno.EBUSY, "slow down"), ConnectionResetError("reset")])
def test_a_store_that_is_only_slow_is_not_the_fault_of_a_sound(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, error, alone=True)
    with pytest.raises(InfrastructureError):
        fetch()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError("gone"), "there is nothing at this address"),
        (refused("AccessDenied"), "cannot be read"),
        (OSError(errno.EINVAL, "no such way to name a bucket"), "cannot be read"),
    ],
)
def test_what_a_store_refuses_is_the_fault_of_a_sound_and_not_asked_for_again(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, error, alone=True)
    with pytest.raises(HearfeltError, match=sentence) as told:
        fetch()
    assert not isinstance(told.value, InfrastructureError)


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_keys_that_are_of_no_use_any_more_are_not_the_fault_of_a_sound(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, refused(code), alone=True)
    with pytest.raises(InfrastructureError):
        fetch()


def test_a_store_whose_package_is_missing_is_not_the_fault_of_a_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(InfrastructureError, match=r"pip install 'hearfelt\[s3\]' brings it"):
        fetch()


def test_a_full_disk_for_temporary_files_is_not_the_fault_of_a_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_HELD_BYTES", 30)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        with pytest.raises(InfrastructureError, match="nothing can be kept there for a while"):
            fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
