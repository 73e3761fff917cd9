from __future__ import annotations

import errno
import tempfile

import pytest

from hearfelt.batch.infrastructure_errors import (
    InfrastructureError,
    is_infrastructure_error,
    is_out_of_memory,
    temporary_disk,
)
from hearfelt.errors import AudioError, HearfeltError


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (InfrastructureError("a store is lost"), True),
        (OSError(errno.ESTALE, "stale"), True),
        (OSError(errno.EBUSY, "slow down"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (caused(AudioError("a.wav: cannot be read"), OSError(errno.EMFILE, "too many")), True),
        (AudioError("a.wav: empty"), False),
        (caused(AudioError("a.wav: cannot be read"), OSError(errno.EIO, "a bad sector")), False),
        (caused(HearfeltError("an object that fails alone"), InfrastructureError("the first try")), False),
        (PermissionError(errno.EACCES, "no"), False),
        (FileNotFoundError(errno.ENOENT, "no"), False),
        (KeyError("x"), False),
    ],
)
def test_what_says_nothing_about_a_sound_is_told_from_what_does(error: Exception, is_it: bool) -> None:
    assert is_infrastructure_error(error) is is_it


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (
            caused(HearfeltError("the model fails"), RuntimeError("Failed to allocate memory for requested buffer")),
            True,
        ),
        (caused(AudioError("a.m4a: damaged"), MemoryError()), True),
        (AudioError("bad_alloc.wav: empty"), False),
        (OSError(errno.EIO, "a bad sector"), False),
    ],
)
def test_want_of_memory_is_seen_through_what_others_make_of_it(error: Exception, is_it: bool) -> None:
    assert is_out_of_memory(error) is is_it


@pytest.mark.parametrize("name", ["MemoryError", "TimeoutError", "ConnectionRefusedError"])
def test_what_a_decoder_says_of_a_file_is_the_fault_of_that_file(name: str) -> None:
    av = pytest.importorskip("av")
    said = getattr(av.error, name)(errno.ENOSPC, "a number in the file that means nothing")
    assert not is_infrastructure_error(caused(AudioError("a.m4a: damaged"), said))
    assert not is_out_of_memory(caused(AudioError("a.m4a: damaged"), said))


def test_a_full_disk_is_told_with_its_folder() -> None:
    def fill() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InfrastructureError) as told, temporary_disk():
        fill()
    assert str(told.value) == (
        f"{tempfile.gettempdir()}: nothing can be kept there for a while (the disk is full; make room)"
    )
