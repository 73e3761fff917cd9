from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import audio_files
from hearfelt.batch import object_store
from hearfelt.batch.infrastructure_errors import InfrastructureError
from hearfelt.batch.recognition import SoundWorkers, Task, error_sentence, recognize_source
from hearfelt.batch.sources import Source
from hearfelt.errors import AudioError, ModelError
from hearfelt.inference.recognizer import Recognizer

EXAMPLES = Path(__file__).parents[2] / "src" / "hearfelt" / "examples"


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer.load(sound_model, threads=1)


def test_an_answer_from_a_store_is_that_of_the_file(recognizer: Recognizer, clips: Path) -> None:
    pytest.importorskip("fsspec")
    clip = audio_files(clips)[5]
    with object_store.write_object("memory://calls/clip.wav") as file:
        file.write(clip.read_bytes())
    here, there = (
        recognize_source(recognizer, Source("a", location), Task(""))
        for location in (str(clip), "memory://calls/clip.wav")
    )
    assert here == there


@pytest.mark.parametrize("fetched", [False, True])
def test_a_part_is_answered_as_if_it_had_been_cut_out_before(
    recognizer: Recognizer, fetched: bool, tmp_path: Path
) -> None:
    sound, rate_hz = soundfile.read(EXAMPLES / "synthetic-neutral.flac", dtype="int16")
    soundfile.write(tmp_path / "whole.wav", np.concatenate([sound, sound]), rate_hz)
    soundfile.write(tmp_path / "cut.wav", sound[rate_hz // 4 :], rate_hz)
    ends_s = len(sound) / rate_hz
    location = str(tmp_path / "whole.wav")
    if fetched:
        pytest.importorskip("fsspec")
        with object_store.write_object("memory://calls/whole.wav") as file:
            file.write((tmp_path / "whole.wav").read_bytes())
        location = "memory://calls/whole.wav"
    wanted = recognize_source(recognizer, Source("a", str(tmp_path / "cut.wav")), Task(""))
    assert recognize_source(recognizer, Source("a", location, start_s=0.25, end_s=ends_s), Task("")) == wanted
    segments = recognize_source(recognizer, Source("a", str(tmp_path / "cut.wav")), Task("", timeline=True))
    for row in segments:
        for name in ("start_s", "end_s"):
            row[name] = round(row[name] + 0.25, 6)  # counted from the beginning of the whole sound
    assert (
        recognize_source(recognizer, Source("a", location, start_s=0.25, end_s=ends_s), Task("", timeline=True))
        == segments
    )
    (row,) = recognize_source(recognizer, Source("a", location, start_s=80.0, end_s=90.0), Task(""))
    assert row["error"].startswith(f"a: this part begins after the sound, which has {2 * ends_s:.2f} s; ")


def test_an_error_names_the_sound_as_the_table_does(recognizer: Recognizer, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "empty.wav").write_bytes(b"")
    with object_store.write_object("memory://calls/empty.wav"):
        pass
    places = (str(tmp_path / "empty.wav"), "memory://calls/empty.wav", str(tmp_path), "memory://calls/nowhere.wav")
    sentences = [recognize_source(recognizer, Source("call: 7", location), Task(""))[0]["error"] for location in places]
    assert sentences == [
        "call: 7: the file is empty; a sound file is wanted",
        "call: 7: the file is empty; a sound file is wanted",
        "call: 7: this is a folder; a sound file is wanted here",
        "call: 7: there is nothing at this address; check it",
    ]


def test_segments_in_much_silence_carry_the_warning_of_little_speech(recognizer: Recognizer, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(EXAMPLES / "synthetic-neutral.flac")
    soundfile.write(tmp_path / "a.wav", np.concatenate([samples, np.zeros(10 * len(samples))]), rate_hz)
    rows = recognize_source(recognizer, Source("a", str(tmp_path / "a.wav")), Task("", timeline=True))
    assert [[one["code"] for one in row["warnings"]] for row in rows] == [["little_speech"]] * len(rows)
    assert rows


def test_a_loop_of_links_is_told_in_its_row(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (row,) = recognize_source(recognizer, Source("loop.wav", str(tmp_path / "loop.wav")), Task(""))
    assert row["error"].startswith("loop.wav: ")
    assert "fault in hearfelt" not in row["error"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AudioError("a.wav: only silence"), "b.wav: only silence"),
        (MemoryError(), "b.wav: there is not enough memory for it, even for one worker by itself"),
        (KeyError("x"), "b.wav: a fault in hearfelt itself (KeyError: 'x')"),
    ],
)
def test_what_is_wrong_is_one_sentence(error: Exception, sentence: str) -> None:
    assert error_sentence(error, "b.wav", ["a.wav"]) == sentence


def test_what_is_odd_about_a_sound_stands_in_each_of_its_rows(recognizer: Recognizer, tmp_path: Path) -> None:
    voices = [soundfile.read(clip)[0] for clip in audio_files(EXAMPLES)[:2]]
    soundfile.write(tmp_path / "cut.wav", np.concatenate([voices[0], np.zeros(16_000), voices[1]]), 16_000)
    whole = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:-8_000])  # a quarter of a second of 16-bit samples
    (row,) = recognize_source(recognizer, Source("a", str(tmp_path / "cut.wav")), Task(""))
    rows = recognize_source(recognizer, Source("a", str(tmp_path / "cut.wav")), Task("", timeline=True))
    assert len(rows) > 1
    for found in (row, *rows):
        assert "error" not in found
        (cut,) = [one for one in found["warnings"] if one["code"] == "cut_short"]
        assert cut["promised_s"] - cut["there_s"] == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("is_of_segments", [False, True])
def test_another_audio_track_is_heard_when_asked(
    recognizer: Recognizer, corpora_home: Path, is_of_segments: bool
) -> None:
    pytest.importorskip("av")
    film = corpora_home / "cases" / "two_audio_tracks_mic_second.mov"  # the first track is silent
    chosen, second, first = (
        recognize_source(recognizer, Source("a", str(film)), Task("", timeline=is_of_segments, track=track))
        for track in (None, 1, 0)
    )
    assert [{**row, "warnings": []} for row in second] == [{**row, "warnings": []} for row in chosen]
    wanted = "nobody speaks in it; there are no segments" if is_of_segments else "only silence"
    assert first[0]["error"].startswith(f"a: {wanted}")


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
    assert died["error"] == f"deadly.wav: the worker that recognized it ended twice ({words})"
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
        " can be recognized either; make room in memory, or let fewer work; what is done stays, and the same command"
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
    assert row["error"] == "pipe.wav: this is no regular file; a sound file is wanted here"


def test_what_was_wrong_when_it_was_listed_is_told_in_its_row(sound_model: Path) -> None:
    with SoundWorkers(Task(str(sound_model))) as worker:
        ((row,),) = (json.loads(line) for line in worker.recognize([Source("a", "/a", error="a: not to be listed")]))
    assert row["error"] == "a: not to be listed"
