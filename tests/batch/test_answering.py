from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.audio import audio_files
from hearfelt.batch import objects
from hearfelt.batch.answering import answer, told
from hearfelt.batch.task import Task
from hearfelt.errors import AudioError
from hearfelt.inference.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer.load(sound_model, threads=1)


def test_an_answer_from_a_store_is_that_of_the_file(recognizer: Recognizer, clips: Path) -> None:
    pytest.importorskip("fsspec")
    clip = audio_files(clips)[5]
    with objects.write_object("memory://calls/clip.wav") as file:
        file.write(clip.read_bytes())
    here, there = (answer(recognizer, "a", place, Task("")) for place in (str(clip), "memory://calls/clip.wav"))
    assert here == there


def test_an_error_names_the_sound_as_the_table_does(recognizer: Recognizer, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "empty.wav").write_bytes(b"")
    with objects.write_object("memory://calls/empty.wav"):
        pass
    places = (str(tmp_path / "empty.wav"), "memory://calls/empty.wav", str(tmp_path), "memory://calls/nowhere.wav")
    sentences = [answer(recognizer, "call: 7", place, Task(""))[0][-1] for place in places]
    assert sentences == [
        "call: 7: the file is empty; a sound file is wanted",
        "call: 7: the file is empty; a sound file is wanted",
        "call: 7: this is a folder; a sound file is wanted here",
        "call: 7: there is nothing at this address; check it",
    ]


def test_a_loop_of_links_is_told_in_its_row(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    ((*_, error),) = answer(recognizer, "loop.wav", str(tmp_path / "loop.wav"), Task(""))
    assert error.startswith("loop.wav: ")
    assert "fault in hearfelt" not in error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AudioError("a.wav: only silence"), "b.wav: only silence"),
        (MemoryError(), "b.wav: there is not enough memory for it, even for one worker by itself"),
        (KeyError("x"), "b.wav: a fault in hearfelt itself (KeyError: 'x')"),
    ],
)
def test_what_is_wrong_is_one_sentence(error: Exception, sentence: str) -> None:
    assert told(error, "b.wav", ["a.wav"]) == sentence
