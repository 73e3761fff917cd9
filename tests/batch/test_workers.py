from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from hearfelt.audio.reader import audio_files
from hearfelt.batch.infrastructure_errors import InfrastructureError
from hearfelt.batch.recognition import Task
from hearfelt.batch.sources import Source
from hearfelt.batch.workers import SoundWorkers
from hearfelt.errors import ModelError

# Put on the path of a worker, this lets it die, as a fault in a decoder would, when it opens a certain file.
DEADLY = """
import os, signal, sys
def deadly(event, arguments):
    if event == "open" and str(arguments[0]).endswith("deadly.wav"):
        if not os.path.exists({once!r}):
            os.mkdir({once!r}) if {once!r} else None
            os.kill(os.getpid(), signal.{how})
sys.addaudithook(deadly)
"""


# Put on the path of a worker, this lets files be opened only to fail as something around them would fail.
FAILING = """
import errno, os, sys
def failing(event, arguments):
    if event == "open" and str(arguments[0]).endswith({ends!r}) and not os.path.exists({unless!r}):
        raise {error}
sys.addaudithook(failing)
"""


def sources(folder: Path) -> list[Source]:
    return [Source(path.name, str(path)) for path in audio_files(folder)]


@pytest.fixture
def some(clips: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "some"
    folder.mkdir()
    for path in audio_files(clips)[4:6]:
        shutil.copy(path, folder)
    shutil.copy(audio_files(clips)[9], folder / "deadly.wav")
    return folder


def deadly(folder: Path, monkeypatch: pytest.MonkeyPatch, *, how: str, once: str = "") -> None:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(DEADLY.format(how=how, once=once))
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def answers(worker: SoundWorkers, folder: Path) -> dict[str, dict[str, object]]:
    return {row["source"]: row for line in worker.recognize(sources(folder)) for row in json.loads(line)}


def test_a_worker_says_what_its_model_is(sound_model: Path) -> None:
    with SoundWorkers(Task(str(sound_model))) as worker:
        assert worker.model == "sound-toy"
        assert len(worker.labels) == 8


def test_a_worker_that_cannot_load_its_model_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with SoundWorkers(Task(str(tmp_path / "broken.onnx"))) as worker, pytest.raises(ModelError, match=r"broken\.onnx"):
        _ = worker.labels


@pytest.mark.parametrize(("how", "words"), [("SIGSEGV", "SIGSEGV"), ("SIGKILL", "SIGKILL, as when memory runs out")])
def test_a_file_at_which_every_worker_dies_costs_that_file(
    how: str, words: str, some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly(tmp_path / "path", monkeypatch, how=how)
    with SoundWorkers(Task(str(sound_model))) as worker:
        found = answers(worker, some)
    assert list(found) == [source.name for source in sources(some)]
    died = found.pop("deadly.wav")
    assert set(died) == {"source", "model", "error"}
    assert died["error"] == f"deadly.wav: the worker that answered it ended twice ({words})"
    assert all("error" not in row for row in found.values())


def test_a_worker_that_is_lost_once_costs_nothing(
    some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly(tmp_path / "path", monkeypatch, how="SIGKILL", once=str(tmp_path / "died"))
    with SoundWorkers(Task(str(sound_model))) as worker:
        found = answers(worker, some)
    assert (tmp_path / "died").is_dir()
    assert all("error" not in row for row in found.values())
    assert list(found) == [source.name for source in sources(some)]


def failing(folder: Path, monkeypatch: pytest.MonkeyPatch, ends: tuple[str, ...], error: str, unless: str = "") -> None:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FAILING.format(ends=ends, error=error, unless=unless))
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def test_a_file_that_wants_too_much_memory_costs_that_file(
    some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(tmp_path / "path", monkeypatch, ("deadly.wav",), "MemoryError")
    with SoundWorkers(Task(str(sound_model))) as worker:
        found = answers(worker, some)
    assert list(found) == [source.name for source in sources(some)]
    assert found.pop("deadly.wav")["error"] == (
        "deadly.wav: there is not enough memory for it, even for one worker by itself"
    )
    assert all("error" not in row for row in found.values())


def test_a_want_of_memory_that_passes_costs_nothing(
    some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = f"os.mkdir({str(tmp_path / 'once')!r}) or MemoryError"
    failing(tmp_path / "path", monkeypatch, ("deadly.wav",), error, unless=str(tmp_path / "once"))
    with SoundWorkers(Task(str(sound_model))) as worker:
        found = answers(worker, some)
    assert (tmp_path / "once").is_dir()
    assert all("error" not in row for row in found.values())


def test_when_no_sound_at_all_can_be_answered_for_want_of_memory_the_job_stops(
    some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(tmp_path / "path", monkeypatch, (".wav", ".flac"), "MemoryError")
    with SoundWorkers(Task(str(sound_model))) as worker, pytest.raises(InfrastructureError) as stopped:
        answers(worker, some)
    assert str(stopped.value) == (
        f"{sources(some)[0].name}: there is not enough memory for it, even for one worker by itself, and no other sound"
        " can be answered either; make room in memory, or let fewer work; what is done stays, and the same command"
        " goes on"
    )


def test_a_process_that_dies_at_every_sound_stops_the_job(
    some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(tmp_path / "path", monkeypatch, (".wav", ".flac"), "SystemExit(os.kill(os.getpid(), 9))")
    with SoundWorkers(Task(str(sound_model))) as worker, pytest.raises(InfrastructureError, match="no other sound"):
        answers(worker, some)


@pytest.mark.parametrize("number", ["ENOSPC", "EMFILE", "ESTALE", "ENOTCONN"])
def test_what_is_not_the_fault_of_a_file_stops_the_job_and_makes_no_row(
    number: str, some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(tmp_path / "path", monkeypatch, ("deadly.wav",), f"OSError(errno.{number}, os.strerror(errno.{number}))")
    with SoundWorkers(Task(str(sound_model))) as worker, pytest.raises(InfrastructureError) as stopped:
        answers(worker, some)
    reason = os.strerror(getattr(errno, number))
    assert str(stopped.value) == (
        f"deadly.wav: cannot be read ({reason}); what is done stays, and the same command goes on"
    )


def test_a_file_on_a_bad_sector_costs_that_file(
    some: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(tmp_path / "path", monkeypatch, ("deadly.wav",), "OSError(errno.EIO, 'Input/output error')")
    with SoundWorkers(Task(str(sound_model))) as worker:
        found = answers(worker, some)
    assert found.pop("deadly.wav")["error"] == "deadly.wav: cannot be read (Input/output error)"
    assert all("error" not in row for row in found.values())


def test_what_is_no_ordinary_file_is_not_waited_for(sound_model: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with SoundWorkers(Task(str(sound_model))) as worker:
        pipe = [Source("pipe.wav", str(tmp_path / "pipe.wav"))]
        ((row,),) = (json.loads(line) for line in worker.recognize(pipe))
    assert row["error"] == "pipe.wav: this is no ordinary file; a sound file is wanted here"


def test_what_was_wrong_when_it_was_listed_is_told_in_its_row(sound_model: Path) -> None:
    with SoundWorkers(Task(str(sound_model))) as worker:
        ((row,),) = (json.loads(line) for line in worker.recognize([Source("a", "/a", error="a: not to be listed")]))
    assert row["error"] == "a: not to be listed"
