from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from praatio import textgrid as praat

from hearfelt.inference.recognizer import Recognizer

EXAMPLES = Path(__file__).parents[3] / "src" / "hearfelt" / "examples"


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthetic voices, a channel each, that speak one after the other."""
    first, rate_hz = soundfile.read(EXAMPLES / "synthetic-happy.flac", dtype="float32")
    second, _ = soundfile.read(EXAMPLES / "synthetic-neutral.flac", dtype="float32")
    pause = np.zeros(rate_hz // 2, np.float32)
    left = np.concatenate([first, pause, np.zeros_like(second)])
    right = np.concatenate([np.zeros_like(first), pause, second])
    path = tmp_path_factory.mktemp("call") / "call.wav"
    soundfile.write(path, np.stack([left, right], axis=1), rate_hz)
    return path


def rows_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_one_object_a_line_and_says_what_the_recognizer_says(here, call: Path, sound_model: Path) -> None:
    code, out, err = here("timeline", call, "--format", "json", "--model", sound_model)
    assert (code, err) == (0, "")
    segments = Recognizer.load(sound_model).timeline(call).segments
    rows = rows_of(out)
    assert len(rows) == len(segments) > 0
    assert list(rows[0]) == [
        "source", "channel", "start_s", "end_s", "emotion", "confidence", "probabilities", "unsure", "warnings",
        "model", "duration_s",
    ]  # fmt: skip
    assert [(row["source"], row["channel"], row["emotion"]) for row in rows] == [
        (str(call), None, segment.emotion) for segment in segments
    ]


def test_a_table_has_a_line_for_each_segment_and_a_ribbon(here, call: Path, sound_model: Path) -> None:
    code, out, err = here("timeline", call, "--model", sound_model)
    assert (code, err) == (0, "")
    assert out.split()[:5] == ["from", "to", "emotion", "confidence", "runner-up"]
    assert "· no speech" in out


def test_each_side_of_a_call_is_heard_by_itself(here, call: Path, sound_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "call.TextGrid"
    code, said, err = here("timeline", call, "--channels", "separate", "--out", out, "--model", sound_model)
    assert (code, err) == (0, "")
    assert said.startswith(f"{out}: ")
    grid = praat.openTextgrid(str(out), includeEmptyIntervals=False)
    assert grid.tierNames == ("left", "left confidence", "right", "right confidence")
    assert grid.getTier("left").entries[-1].end < grid.getTier("right").entries[0].start


@pytest.mark.parametrize("form", ["json", "csv", "vtt", "audacity"])
def test_what_is_printed_is_what_is_written(here, call: Path, sound_model: Path, tmp_path: Path, form: str) -> None:
    printed = here("timeline", call, "--format", form, "--model", sound_model)[1]
    here("timeline", call, "--format", form, "--out", tmp_path / "a", "--model", sound_model)
    assert (tmp_path / "a").read_text() == printed


def test_several_sounds_are_one_table_or_a_folder_of_annotations(
    here, call: Path, sound_model: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copy(call, tmp_path / "other.wav"))
    assert here("timeline", call, other, "--out", tmp_path / "both.csv", "--model", sound_model)[0] == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "both.csv").read_text())))
    assert {row["source"] for row in rows} == {str(call), str(other)}
    code, said, _ = here("timeline", call, other, "--format", "elan", "--out", tmp_path / "all", "--model", sound_model)
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["call.eaf", "other.eaf"]
    for sound in (call, other):
        way = os.path.relpath(sound, tmp_path / "all")
        assert f'RELATIVE_MEDIA_URL="{way}"' in (tmp_path / "all" / f"{sound.stem}.eaf").read_text()
    assert len(said.splitlines()) == 2


def test_a_picture_is_drawn(here, call: Path, sound_model: Path, tmp_path: Path) -> None:
    picture = tmp_path / "call.png"
    code, _, err = here("timeline", call, "--channels", "separate", "--plot", picture, "--model", sound_model)
    assert (code, err) == (0, "")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_is_piped_in_is_heard_like_a_file(hearfelt, call: Path, sound_model: Path, tmp_path: Path) -> None:
    def piped(data: bytes, *arguments: object) -> list[tuple[object, ...]]:
        words = [sys.executable, "-m", "hearfelt", "timeline", "-", "--format", "json", "--model", str(sound_model)]
        done = subprocess.run([*words, *map(str, arguments)], input=data, capture_output=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, b"")
        return [(row["source"], row["channel"], row["start_s"]) for row in rows_of(done.stdout.decode())]

    samples, rate_hz = soundfile.read(call, dtype="int16")
    starts = [segment.start_s for segment in Recognizer.load(sound_model).timeline(call).segments]
    assert piped(call.read_bytes()) == [("-", None, start_s) for start_s in starts]
    apart = piped(samples.tobytes(), "--raw", f"s16le:{rate_hz}:2", "--channels", "separate")
    assert {channel for _, channel, _ in apart} == {0, 1}
    drawn = piped(call.read_bytes(), "--plot", tmp_path / "piped.png")
    assert drawn == [("-", None, start_s) for start_s in starts]
    assert (tmp_path / "piped.png").is_file()


def test_a_broken_file_is_named_and_the_others_go_on(here, call: Path, sound_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    code, out, err = here("timeline", broken, call, "--format", "json", "--model", sound_model)
    assert code == 3
    assert {row["source"] for row in rows_of(out)} == {str(call)}
    assert err.startswith(f"hearfelt: {broken}: ")


def test_where_nothing_can_be_heard_the_old_file_stays(here, sound_model: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("precious")
    assert here("timeline", tmp_path / "no.wav", "--out", old, "--model", sound_model)[0] == 3
    assert old.read_text() == "precious"


@pytest.mark.parametrize("form", ["json", "csv", "parquet", "elan"])
def test_a_sound_is_never_written_over(here, call: Path, sound_model: Path, tmp_path: Path, form: str) -> None:
    sound, other = (Path(shutil.copy(call, tmp_path / name)) for name in ("sound", "other"))
    (tmp_path / "link").symlink_to(sound)
    os.link(sound, tmp_path / "hard")
    for out in (sound, tmp_path / "link", tmp_path / "hard", tmp_path / "." / "sound"):
        inputs = [sound] if form == "elan" else [other, sound]
        code, said, err = here("timeline", *inputs, "--format", form, "--out", out, "--model", sound_model)
        sentence = f"hearfelt: {out}: this is also the sound {sound}, which would be written over; name another file\n"
        assert (code, said, err) == (1, "", sentence)
    assert sound.read_bytes() == other.read_bytes() == call.read_bytes()


def test_no_sound_is_written_over_in_a_folder_or_by_a_picture(
    here, call: Path, sound_model: Path, tmp_path: Path
) -> None:
    sounds = [Path(shutil.copy(call, tmp_path / name)) for name in ("a.wav", "b.wav", "b.vtt", "c.png")]
    into_folder = [sounds[0], sounds[2], "--format", "vtt", "--out", tmp_path]  # a.vtt and b.vtt would come of it
    for words in (into_folder, [sounds[3], "--plot", sounds[3]]):
        code, said, err = here("timeline", *words, "--model", sound_model)
        assert (code, said) == (1, "")
        assert "which would be written over; name another file" in err
    assert all(sound.read_bytes() == call.read_bytes() for sound in sounds)
    assert len(list(tmp_path.iterdir())) == len(sounds)


def test_what_is_piped_in_from_a_file_is_not_written_over(call: Path, sound_model: Path, tmp_path: Path) -> None:
    sound = Path(shutil.copy(call, tmp_path / "sound"))
    words = ["timeline", "-", "--format", "csv", "--out", str(sound), "--model", str(sound_model)]
    with sound.open("rb") as file:
        done = subprocess.run([sys.executable, "-m", "hearfelt", *words], stdin=file, capture_output=True, timeout=120)
    assert done.returncode == 1
    assert "this is also the sound on standard input, which would be written over" in done.stderr.decode()
    assert sound.read_bytes() == call.read_bytes()


def test_the_model_is_not_written_over(here, call: Path, sound_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copy(sound_model, tmp_path / "mine.onnx"))
    code, _, err = here("timeline", call, "--format", "csv", "--out", model, "--model", model)
    assert (code, err) == (
        1, f"hearfelt: {model}: this is also the model {model}, which would be written over; name another file\n",
    )  # fmt: skip
    assert model.read_bytes() == sound_model.read_bytes()


def test_silence_is_said_and_is_no_error(here, sound_model: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(32_000), 16_000)
    code, out, err = here("timeline", tmp_path / "silent.wav", "--model", sound_model)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "no speech was found in 0:02.0"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.wav", "b.wav", "--format", "vtt"], "--out FOLDER"),
        (["a.wav", "b.wav", "--plot", "a.png"], "a picture shows one"),
        (["a.wav", "--format", "parquet"], "--out FILE.parquet"),
        (["x/a.wav", "y/a.mp3", "--format", "elan", "--out", "folder"], "two sounds would be written to"),
        (["a.wav", "--raw", "s17:8000"], "s17"),
        (["a.wav", "--plot", "a.gif"], "pictures are written as"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_heard(here, arguments: list[str], says: str) -> None:
    code, out, err = here("timeline", *arguments)
    assert (code, out) == (2, "")
    assert says in " ".join(err.replace("│", " ").split())


def test_a_folder_as_output_and_an_unknown_ending_are_a_sentence(
    here, call: Path, sound_model: Path, tmp_path: Path
) -> None:
    code, out, err = here("timeline", call, "--format", "csv", "--out", tmp_path, "--model", sound_model)
    assert (code, out, err) == (
        1, "", f"hearfelt: {tmp_path}: this is a folder; the name of a file is wanted here\n",
    )  # fmt: skip
    code, out, err = here("timeline", call, "--out", tmp_path / "a.doc", "--model", sound_model)
    assert (code, out) == (1, "")
    assert "a.doc: not the ending of a timeline's file; use .json, " in err


@pytest.mark.parametrize("name", ["call.csv", "call.TextGrid"])
def test_ctrl_c_leaves_a_valid_file_up_to_there(call: Path, sound_model: Path, tmp_path: Path, name: str) -> None:
    samples, rate_hz = soundfile.read(call, dtype="int16")
    out = tmp_path / name
    words = ["timeline", "-", "--raw", f"s16le:{rate_hz}:2", "--out", str(out), "--model", str(sound_model)]
    program = subprocess.Popen(
        [sys.executable, "-m", "hearfelt", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdin is not None
    program.stdin.write(samples.tobytes() * 16)  # waits until nearly all of it was taken
    program.stdin.flush()  # and the pipe stays open: the sound never ends by itself
    os.kill(program.pid, signal.SIGINT)
    said, warned = program.communicate(timeout=60)
    assert program.returncode == 130
    assert warned.decode() == "hearfelt: stopped\n"
    assert said.decode().startswith(f"{out}: ")
    if name.endswith(".csv"):
        rows = list(csv.DictReader(io.StringIO(out.read_text())))
        assert len(rows) >= 2
        assert all(row["surprised"] for row in rows)
    else:
        assert praat.openTextgrid(str(out), includeEmptyIntervals=False).getTier("emotion").entries


@pytest.fixture(scope="module")
def cut(call: Path) -> Path:
    """The call without its last tenth: the file ends within its second voice."""
    path = call.with_name("cut.wav")
    whole = call.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    return path


def test_what_is_odd_about_a_sound_stands_below_its_ribbon(here, cut: Path, sound_model: Path) -> None:
    code, out, err = here("timeline", cut, "--model", sound_model)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("  cut short: ")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_every_row_of_a_file_says_what_is_odd_about_its_sound(
    here, call: Path, cut: Path, sound_model: Path, tmp_path: Path, ending: str
) -> None:
    table = tmp_path / f"segments.{ending}"
    code, out, err = here("timeline", call, cut, "--model", sound_model, "--out", table)
    assert code == 0
    assert out.count("\n") == 1
    assert err.startswith(f"hearfelt: {cut}: cut short: ")
    text = table.read_text()
    rows = rows_of(text) if ending == "jsonl" else list(csv.DictReader(io.StringIO(text)))
    told = {str(path): [row["warnings"] for row in rows if row["source"] == str(path)] for path in (call, cut)}
    assert len(told[str(cut)]) > 1
    if ending == "jsonl":
        told = {path: [";".join(one["code"] for one in warnings) for warnings in of] for path, of in told.items()}
    assert set(told[str(call)]) == {""}
    assert set(told[str(cut)]) == {"cut_short"}


def test_another_audio_track_is_heard_when_asked(here, corpora_home: Path, sound_model: Path) -> None:
    pytest.importorskip("av")
    film = corpora_home / "cases" / "two_audio_tracks_mic_second.mov"  # the first track is silent
    told = [here("timeline", film, "--model", sound_model, "--format", "csv", *more) for more in ((), ("--track", "1"))]
    assert "other_tracks" in told[0][1]
    assert told[1][1] == told[0][1].replace("other_tracks", "")
    assert here("timeline", film, "--model", sound_model, "--track", "0")[1].startswith("no speech was found")
