from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.inference.recognizer import Recognizer

EXAMPLES = Path(__file__).parents[3] / "src" / "hearfelt" / "examples"


@pytest.fixture(scope="module")
def voice_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic voice and half a second of silence."""
    samples, rate_hz = soundfile.read(EXAMPLES / "synthetic-loud-and-pressed.flac", dtype="float32")
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    soundfile.write(path, np.concatenate([samples, np.zeros(rate_hz // 2, np.float32)]), rate_hz, subtype="FLOAT")
    return path


def test_a_file_in_real_time_gives_the_segments_of_its_timeline(here, voice_file: Path, sound_model: Path) -> None:
    code, out, err = here("listen", "--file", voice_file, "--format", "json", "--model", sound_model)
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    told = [event for event in events if event["event"] == "segment"]
    wanted = Recognizer.load(sound_model).timeline(voice_file).segments
    assert [(event["start_s"], event["end_s"], event["emotion"]) for event in told] == [
        (round(segment.start_s, 6), round(segment.end_s, 6), segment.emotion) for segment in wanted
    ]
    assert {event["source"] for event in events} == {str(voice_file)}
    assert events[0]["event"] == "now"


def test_where_no_terminal_looks_segments_are_a_table(here, voice_file: Path, sound_model: Path) -> None:
    code, out, err = here("listen", "--file", voice_file, "--model", sound_model)
    assert (code, err) == (0, "")
    header, *rows = out.splitlines()
    assert header.split()[:3] == ["from", "to", "emotion"]
    assert len(rows) == len(Recognizer.load(sound_model).timeline(voice_file).segments)


def test_ctrl_c_ends_it_well_and_tells_the_last_segment(voice_file: Path, sound_model: Path, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(voice_file, dtype="float32")
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 20), rate_hz)
    words = ["listen", "--file", str(tmp_path / "long.wav"), "--format", "json", "--model", str(sound_model)]
    program = subprocess.Popen(
        [sys.executable, "-m", "hearfelt", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    first = json.loads(program.stdout.readline())
    os.kill(program.pid, signal.SIGINT)
    rest, warned = program.communicate(timeout=60)
    assert (program.returncode, warned) == (0, "")
    last = json.loads(rest.splitlines()[-1])
    assert (first["event"], last["event"]) == ("now", "segment")
    assert last["start_s"] == first["start_s"]
    assert last["end_s"] < 20


def test_after_it_ctrl_c_does_what_it_did_before(here, voice_file: Path, sound_model: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    here("listen", "--file", voice_file, "--format", "json", "--model", sound_model)
    assert signal.getsignal(signal.SIGINT) is before


def test_without_a_microphone_it_says_so_in_a_sentence(here, sound_model: Path) -> None:
    code, out, err = here("listen", "--microphone", "no microphone is called like this", "--model", sound_model)
    assert code in (3, 7)  # no such microphone, or nothing installed that could know one
    assert out == ""
    assert len(err.splitlines()) == 1


def test_a_file_that_is_not_there_is_a_sentence(here, sound_model: Path) -> None:
    code, out, err = here("listen", "--file", "no.wav", "--model", sound_model)
    assert (code, out, err) == (3, "", "hearfelt: no.wav: there is no such file; check the path\n")


def test_raw_samples_of_a_pipe_are_recognized_as_they_arrive(voice_file: Path, sound_model: Path) -> None:
    samples, rate_hz = soundfile.read(voice_file, dtype="float32")
    words = ["listen", "--file", "-", "--raw", f"f32le:{rate_hz}", "--format", "json", "--model", str(sound_model)]
    program = subprocess.Popen(
        [sys.executable, "-m", "hearfelt", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False
    )
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(samples.tobytes())
    program.stdin.flush()
    first = json.loads(program.stdout.readline())  # while the pipe is open
    rest, _ = program.communicate(timeout=60)
    events = [first, *map(json.loads, rest.splitlines())]
    told = [(event["start_s"], event["end_s"]) for event in events if event["event"] == "segment"]
    wanted = Recognizer.load(sound_model).timeline(voice_file).segments
    assert told == [(round(segment.start_s, 6), round(segment.end_s, 6)) for segment in wanted]
    assert (program.returncode, first["source"]) == (0, "-")


def test_a_pipe_without_the_format_of_its_samples_is_a_sentence(here, sound_model: Path) -> None:
    for words, reason in ((("--file", "-"), "give --raw too"), (("--raw", "s16le:8000"), "give --file too")):
        code, out, err = here("listen", *words, "--model", sound_model)
        assert (code, out) == (2, "")
        assert reason in " ".join(err.replace("│", " ").split())
