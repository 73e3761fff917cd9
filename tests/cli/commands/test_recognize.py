from __future__ import annotations

import csv
import io
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import hearfelt.examples
from hearfelt.audio.warnings import FILE_FAULTS
from hearfelt.emotions import EMOTIONS
from hearfelt.examples.clips import example_clips
from hearfelt.inference.recognizer import Recognizer

VOICE_RATE_HZ = 16_000


def voice(seconds: float = 1.2, rate_hz: int = VOICE_RATE_HZ) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return 0.2 * sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12)) * (0.6 + 0.4 * np.sin(19 * t))


def wave_header(channels: int = 1, data: int = 38_400, rate_hz: int = VOICE_RATE_HZ) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * 2 * channels, 2 * channels, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + data)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", data)
    )


def pcm() -> bytes:
    return (voice() * 32_767).astype("<i2").tobytes()


def write_float(path: Path, value: float) -> None:
    samples = voice().astype(np.float32)
    samples[5000] = value
    soundfile.write(path, samples, VOICE_RATE_HZ, subtype="FLOAT")


REFUSED: dict[str, Callable[[Path], object]] = {
    "empty.wav": lambda path: path.write_bytes(b""),
    "text.wav": lambda path: path.write_text("Dear diary, today I renamed a letter.\n" * 40),
    "only-a-header.wav": lambda path: path.write_bytes(wave_header()[:30]),
    "no-channels.wav": lambda path: path.write_bytes(wave_header(channels=0) + pcm()),
    "not-a-number.wav": lambda path: write_float(path, np.nan),
    "infinite.wav": lambda path: write_float(path, np.inf),
    "silence.wav": lambda path: soundfile.write(path, np.zeros(32_000), VOICE_RATE_HZ),
    "one-bit-of-dc.wav": lambda path: soundfile.write(path, np.full(32_000, 1 / 32_768), VOICE_RATE_HZ),
    "too-short.wav": lambda path: soundfile.write(path, voice(0.05), VOICE_RATE_HZ),
    "no-samples.wav": lambda path: soundfile.write(path, np.zeros(0), VOICE_RATE_HZ),
    "half.ogg": lambda path: half(path),
    "half.mp3": lambda path: path.write_bytes(b"ID3\x03\x00" + b"\x00" * 200),
    "picture.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "folder-without-sound": lambda path: path.mkdir(),
    "not-there.wav": lambda path: None,
}


def half(path: Path) -> None:
    soundfile.write(path, voice(3.0), VOICE_RATE_HZ)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


ANSWERED: dict[str, Callable[[Path], object]] = {
    "truncated.wav": lambda path: path.write_bytes((wave_header() + pcm())[:20_000]),
    "promises-too-much.wav": lambda path: path.write_bytes(wave_header(data=2_000_000_000) + pcm()),
    "half.flac": lambda path: half(path),
    **{
        f"{rate_hz}-hz.wav": lambda path, rate_hz=rate_hz: soundfile.write(path, voice(1.2, rate_hz), rate_hz)
        for rate_hz in (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)
    },
    **{
        f"{subtype.lower()}.wav": lambda path, subtype=subtype: soundfile.write(path, voice(), 16_000, subtype=subtype)
        for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")
    },
    "two-channels.wav": lambda path: soundfile.write(path, np.stack([voice()] * 2, axis=1), 16_000),
    "eight-channels.wav": lambda path: soundfile.write(path, np.stack([voice()] * 8, axis=1), 16_000),
    "voice.mp3": lambda path: soundfile.write(path, voice(), 16_000),
    "voice.ogg": lambda path: soundfile.write(path, voice(), 16_000),
    "voice.opus": lambda path: soundfile.write(path, voice(), 16_000, format="OGG", subtype="OPUS"),
    "voice.flac": lambda path: soundfile.write(path, voice(), 16_000),
    "voice.aiff": lambda path: soundfile.write(path, voice(), 16_000),
    "upper case.WAV": lambda path: soundfile.write(path, voice(), 16_000),
    "grüße [1] 声.wav": lambda path: soundfile.write(path, voice(), 16_000),
    "full-scale.wav": lambda path: soundfile.write(path, np.sign(voice()), 16_000),
    "a-tenth.wav": lambda path: soundfile.write(path, voice(0.1), 16_000),
    "one-minute.wav": lambda path: soundfile.write(path, voice(60, 8_000), 8_000),
}


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory, model: Path) -> dict[str, dict[str, object]]:
    """What one command says to every strange file at once, by file name."""
    folder = tmp_path_factory.mktemp("strange")
    for name, write in {**REFUSED, **ANSWERED}.items():
        write(folder / name)
    paths = [str(folder / name) for name in (*REFUSED, *ANSWERED)]
    command = [sys.executable, "-m", "hearfelt", "recognize", *paths, "--model", str(model), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3
    assert done.stderr == ""
    lines = [json.loads(line, parse_constant=pytest.fail) for line in done.stdout.splitlines()]
    assert [line["source"] for line in lines] == paths
    return {Path(str(line["source"])).name: line for line in lines}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_gets_one_sentence_that_names_it(name: str, strange: dict[str, dict[str, object]]) -> None:
    line = strange[name]
    assert set(line) == {"source", "error"}
    error = str(line["error"])
    assert error.startswith(f"{line['source']}: ")
    assert "\n" not in error
    assert "Error" not in error
    assert "Traceback" not in error


@pytest.mark.parametrize("name", ANSWERED)
def test_whatever_holds_a_voice_is_answered(name: str, strange: dict[str, dict[str, object]]) -> None:
    line = strange[name]
    assert "error" not in line
    probabilities = line["probabilities"]
    assert isinstance(probabilities, dict)
    assert tuple(probabilities) == EMOTIONS
    assert sum(probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["truncated.wav", "promises-too-much.wav", "half.flac", "voice.flac"])
def test_what_is_wrong_with_a_file_that_is_answered_is_said(name: str, strange: dict[str, dict[str, object]]) -> None:
    warnings = strange[name]["warnings"]
    assert isinstance(warnings, list)
    faults = FILE_FAULTS & {warning["code"] for warning in warnings}
    assert bool(faults) == (name != "voice.flac")


def test_the_json_line_has_exactly_the_fields_promised(here: Callable, clip: Path, model: Path) -> None:
    code, out, err = here("recognize", clip, "--model", model, "--format", "json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    line = json.loads(out)
    facts = ["emotion", "confidence", "probabilities", "unsure", "warnings", "model", "duration_s"]
    assert list(line) == ["source", *facts]
    assert line["source"] == str(clip)
    assert line["emotion"] == max(line["probabilities"], key=line["probabilities"].get)
    assert line["confidence"] == line["probabilities"][line["emotion"]]
    assert line["unsure"] is (line["confidence"] < 0.3)
    assert line["model"] == "tiny"
    assert line["duration_s"] == pytest.approx(1.2)


def test_the_program_answers_as_the_library(here: Callable, clip: Path) -> None:
    """Scaling, order and labels travel with the file, so that no edge can have its own."""
    recognizer = Recognizer.load()
    prediction = recognizer.recognize(clip)
    _, out, _ = here("recognize", clip, "--format", "json")
    line = json.loads(out)
    assert tuple(line["probabilities"]) == recognizer.card.labels
    assert line["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-5)
    assert (line["emotion"], line["unsure"]) == (prediction.emotion, prediction.unsure)


def test_neighbours_do_not_change_an_answer(here: Callable, clip: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.sign(voice()), VOICE_RATE_HZ)
    alone = here("recognize", clip, "--format", "json")[1]
    among = here("recognize", tmp_path / "loud.wav", clip, clip, "--format", "json")[1].splitlines(keepends=True)
    assert among[1:] == [alone, alone]


def test_a_picture_is_written_beside_the_answer(here: Callable, tmp_path: Path, clip: Path, model: Path) -> None:
    code, out, err = here(
        "recognize", clip, "--model", model, "--format", "json", "--plot", tmp_path / "a" / "clip.png"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["source"] == str(clip)
    assert (tmp_path / "a" / "clip.png").read_bytes().startswith(b"\x89PNG")


def test_files_stay_in_the_order_given_and_folders_are_sorted(
    here: Callable, tmp_path: Path, clip: Path, model: Path
) -> None:
    for name in ("b/2.wav", "b/10.wav", "a.wav", "z/.hidden.wav", "z/y/x.FLAC"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(clip.read_bytes())
    (tmp_path / "b" / "notes.txt").write_text("no sound")
    _, out, _ = here("recognize", tmp_path / "z", tmp_path / "b", tmp_path / "a.wav", "-m", model, "-f", "json")
    sources = [Path(json.loads(line)["source"]).relative_to(tmp_path).as_posix() for line in out.splitlines()]
    assert sources == ["z/y/x.FLAC", "b/10.wav", "b/2.wav", "a.wav"]


def test_one_bad_file_does_not_lose_the_others(here: Callable, tmp_path: Path, clip: Path, model: Path) -> None:
    code, out, err = here("recognize", tmp_path / "no.wav", clip, "--model", model)
    assert code == 3
    assert "clip.wav" in out
    assert err == f"hearfelt: {tmp_path}/no.wav: there is no such file; check the path\n"


def test_csv_has_one_row_a_file_and_a_column_for_each_label(
    here: Callable, tmp_path: Path, clip: Path, model: Path
) -> None:
    _, out, err = here("recognize", clip, tmp_path / "no.wav", "--model", model, "--format", "csv")
    good, bad = csv.DictReader(io.StringIO(out))
    assert err == ""
    assert sum(float(good[label]) for label in EMOTIONS) == pytest.approx(1)
    assert float(good["confidence"]) == float(good[good["emotion"]])
    assert good["error"] == ""
    assert "no.wav" in bad["error"]
    assert not any(bad[column] for column in bad if column not in ("source", "error"))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_out_writes_the_table_that_format_prints(
    form: str, here: Callable, tmp_path: Path, clip: Path, model: Path
) -> None:
    path = tmp_path / "made" / f"emotions.{form}"
    sounds = (clip, tmp_path / "no.wav")
    code, out, err = here("recognize", *sounds, "--model", model, "--out", path)
    assert (code, out) == (3, f"{path}: 2 sounds, 1 with an error\n")
    assert "no such file" in err
    _, printed, _ = here("recognize", *sounds, "--model", model, "--format", form.removesuffix("l"))
    assert path.read_text() == printed


def test_out_refuses_what_it_cannot_write_and_what_is_read(
    here: Callable, tmp_path: Path, clip: Path, model: Path
) -> None:
    code, _, err = here("recognize", clip, "--model", model, "--out", tmp_path / "emotions.txt")
    assert (code, "a table ends in .parquet, .csv or .jsonl" in err) == (1, True)
    own = tmp_path / "own.csv"
    own.write_bytes(clip.read_bytes())
    code, _, err = here("recognize", own, "--model", model, "--out", own)
    assert (code, "would be written over" in err) == (1, True)
    assert own.read_bytes() == clip.read_bytes()


def test_a_home_folder_in_quotes_is_found(
    here: Callable, clip: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(clip.parent))
    code, out, _ = here("recognize", "~/clip.wav", "--model", model, "--format", "json")
    assert (code, json.loads(out)["source"]) == (0, "~/clip.wav")


def test_names_that_begin_with_a_tilde_or_a_dash_are_names(
    here: Callable, clip: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, home = tmp_path / "folder", tmp_path / "home"
    names = ["-x.wav", "~$x.wav", "~/x.wav", "~backup/x.wav", "~call.wav"]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, folder / name)
    home.mkdir()
    (home / "x.wav").write_bytes(b"")  # what the folder called ~ must not be taken for
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(folder)
    options = ("--model", model, "--format", "json")
    code, listed, _ = here("recognize", ".", *options)
    answers = [json.loads(line) for line in listed.splitlines()]
    assert (code, [one["source"] for one in answers]) == (0, [*names[:2], "./~/x.wav", *names[3:]])
    assert len({json.dumps(one["probabilities"]) for one in answers}) == 1
    code, typed, _ = here("recognize", *options, "--", "-x.wav", "~$x.wav", "./~/x.wav", "~backup/x.wav", "~call.wav")
    assert (code, typed) == (0, listed)
    code, said, _ = here("recognize", "~/x.wav", *options)
    assert (code, json.loads(said)["error"]) == (3, "~/x.wav: the file is empty; a sound file is wanted")


def test_why_adds_up_and_is_a_field_of_its_own(here: Callable, clip: Path, model: Path) -> None:
    _, out, _ = here("recognize", clip, "--model", model, "--format", "json", "--why")
    why = json.loads(out)["why"]
    assert set(why["contributions"]) == {"chroma", "mfcc", "zero_crossing_rate", "mel", "rms"}
    assert sum(why["contributions"].values()) == pytest.approx(why["log_odds"] - why["base_log_odds"], abs=1e-4)


def test_why_says_a_sentence_at_a_terminal(here: Callable, clip: Path, model: Path) -> None:
    _, out, _ = here("recognize", clip, "--model", model, "--why")
    assert "timbre of the voice (MFCC)" in out
    assert " ".join(out.split()).count("Compared with its training clips,") == 1


def test_why_of_a_model_that_takes_sound_is_occlusion_in_every_form(
    here: Callable, clip: Path, sound_model: Path
) -> None:
    _, out, _ = here("recognize", clip, "--model", sound_model, "--format", "json", "--explain")
    why = json.loads(out)["why"]
    assert (why["method"], len(why["band_effects"])) == ("occlusion", 8)
    assert "not a cause" in why["says"]
    assert len(why["times_s"]) == len(why["time_effects"]) > 5
    _, out, _ = here("recognize", clip, "none.wav", "--model", sound_model, "--format", "csv", "--why")
    row, bad = csv.DictReader(io.StringIO(out))
    assert float(row["without_0_259_hz"]) == pytest.approx(why["band_effects"][0])
    assert abs(float(row["without_effect"])) == pytest.approx(max(map(abs, why["time_effects"])))
    assert 0 <= float(row["without_start_s"]) < float(row["without_end_s"]) <= 1.2 + 1e-6
    assert "none.wav" in bad["error"]
    _, out, _ = here("recognize", clip, "--model", sound_model, "--why")
    assert "Occlusion: what changes when a part is taken away, not a cause." in " ".join(out.split())


def test_a_picture_of_the_reasons_is_drawn_for_both_kinds_of_model(
    here: Callable, tmp_path: Path, clip: Path, model: Path, sound_model: Path
) -> None:
    for number, file in enumerate((model, sound_model)):
        picture = tmp_path / f"{number}.png"
        assert here("recognize", clip, "--model", file, "--why", "--plot", picture)[::2] == (0, "")
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_a_path_and_without_a_terminal_it_is_wrong_usage(
    here: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("clip.wav\n"))
    code, out, err = here("recognize")
    assert (code, out) == (2, "")
    assert "give at least one sound file or folder" in err


def test_without_a_path_it_asks_at_a_terminal(clip: Path, model: Path) -> None:
    process, terminal = _at_terminal("recognize", "--model", model)
    os.write(terminal, f"'{clip}' \n".encode())
    said = _until_end(process, terminal)
    assert process.returncode == 0
    assert "Path of a sound file or folder: " in said
    assert "%" in said
    assert "\x1b[" in said  # colours, since somebody is looking


def test_ctrl_c_at_the_question_ends_with_130(model: Path) -> None:
    process, terminal = _at_terminal("recognize", "--model", model)
    said = b""
    while b"folder: " not in said:
        said += os.read(terminal, 1024)
    rest = _until_end(process, terminal, interrupt=True)
    assert rest.strip() == "hearfelt: stopped"
    assert process.returncode == 130


def test_ctrl_c_between_files_leaves_whole_lines(tmp_path: Path, clip: Path, model: Path) -> None:
    for number in range(3000):
        os.link(clip, tmp_path / f"{number:04}.wav")
    command = [sys.executable, "-m", "hearfelt", "recognize", str(tmp_path), "-m", str(model), "-f", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "hearfelt: stopped\n"
    assert all(json.loads(line)["emotion"] for line in [first, *out.splitlines()])


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path, clip: Path, model: Path) -> None:
    for number in range(300):
        os.link(clip, tmp_path / f"{number:04}.wav")
    command = [sys.executable, "-m", "hearfelt", "recognize", str(tmp_path), "-m", str(model), "-f", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert err == ""
    assert process.returncode != 0


def test_a_file_name_cannot_steer_the_terminal(here: Callable, tmp_path: Path, clip: Path, model: Path) -> None:
    for name in ("\x1b[31mred.wav", "\x1b]0;title\x07.wav"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    (tmp_path / "\x1b[2Jbad.wav").write_bytes(b"")
    _, out, err = here("recognize", tmp_path, "--model", model)
    assert "\x1b" not in out + err
    assert "�[31mred.wav" in out


def test_an_old_terminal_encoding_is_no_reason_to_stop(hearfelt: Callable, clip: Path, model: Path) -> None:
    done = hearfelt("recognize", clip, "--model", model, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")


def test_no_permission_is_said(here: Callable, tmp_path: Path, clip: Path, model: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    locked = tmp_path / "locked.wav"
    locked.write_bytes(clip.read_bytes())
    locked.chmod(0)
    code, _, err = here("recognize", locked, "--model", model)
    assert code == 3
    assert "no permission" in err


def test_a_locked_folder_costs_nobody_else_the_answer(here: Callable, tmp_path: Path, clip: Path, model: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0)
    code, out, _ = here("recognize", locked, locked / "a.wav", clip, "--model", model, "--format", "json")
    locked.chmod(0o700)
    assert code == 3
    assert ["error" in json.loads(line) for line in out.splitlines()] == [True, True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no such model file"), (b"", "no model"), (b"GIF89a" * 99, "no model")],
)
def test_a_bad_model_is_one_sentence(
    content: bytes | None, said: str, here: Callable, tmp_path: Path, clip: Path
) -> None:
    file = tmp_path / "bad.onnx"
    if content is not None:
        file.write_bytes(content)
    code, out, err = here("recognize", clip, "--model", file)
    assert (code, out, err.count("\n")) == (6, "", 1)
    assert said in err


def test_a_picture_of_two_files_is_wrong_usage(here: Callable, tmp_path: Path, clip: Path, model: Path) -> None:
    code, _, err = here("recognize", clip, clip, "--model", model, "--plot", tmp_path / "x.png")
    assert code == 2
    assert "a picture shows one" in err


def _at_terminal(*arguments: object) -> tuple[subprocess.Popen[bytes], int]:
    """Start the program as if somebody sat before it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hearfelt", *(str(argument) for argument in arguments)]
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    return process, ours


def _until_end(process: subprocess.Popen[bytes], terminal: int, *, interrupt: bool = False) -> str:
    """Read what a program says at its terminal; a signal just before a read is lost, so it is sent again."""
    said = b""
    while True:
        if interrupt and not select.select([terminal], [], [], 3)[0]:
            process.send_signal(signal.SIGINT)
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux's way of saying that the other end is closed
            break
        if not part:
            break
        said += part
    os.close(terminal)
    process.wait(timeout=60)
    return said.decode()


def test_a_cut_file_is_answered_and_what_is_missing_is_said_in_every_form(
    hearfelt, tmp_path: Path, model: Path
) -> None:
    soundfile.write(tmp_path / "cut.wav", voice(2.0), VOICE_RATE_HZ)
    whole = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:-VOICE_RATE_HZ])  # half a second of 16-bit samples
    asked = ("recognize", "cut.wav", "--model", model, "--format")
    answer, below = hearfelt(*asked, "table").stdout.splitlines()[1:3]
    assert answer.startswith("cut.wav")
    assert below.startswith("  cut short: 1.50 s of 2.00 s")
    (warning,) = [one for one in json.loads(hearfelt(*asked, "json").stdout)["warnings"] if one["code"] == "cut_short"]
    assert (warning["there_s"], warning["promised_s"]) == (1.5, 2.0)
    (row,) = csv.DictReader(io.StringIO(hearfelt(*asked, "csv").stdout))
    assert "cut_short" in row["warnings"].split(";")


def test_another_audio_track_is_heard_when_asked(hearfelt, corpora_home: Path, model: Path) -> None:
    pytest.importorskip("av")
    film = corpora_home / "cases" / "two_audio_tracks_second_is_default.mkv"  # the first track is silent
    asked = ("recognize", film, "--model", model, "--format", "json")
    chosen, second = (json.loads(hearfelt(*asked, *more).stdout) for more in ((), ("--track", 1)))
    assert "other_tracks" in [one["code"] for one in chosen["warnings"]]
    assert second["probabilities"] == chosen["probabilities"]
    assert "only silence" in json.loads(hearfelt(*asked, "--track", 0).stdout)["error"]
    assert "there is no track 2" in json.loads(hearfelt(*asked, "--track", 2).stdout)["error"]


def test_raw_samples_have_no_tracks(hearfelt) -> None:
    refused = hearfelt("recognize", "a.pcm", "--raw", "s16le:8000:1", "--track", 1)
    assert refused.returncode == 2
    assert "raw samples have no tracks" in refused.stderr


CLIPS = sorted(Path(hearfelt.examples.__file__).parent.glob("*.flac"))


def test_the_demo_answers_every_clip_draws_one_and_says_what_next(
    here: Callable, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = here("demo", "--model", model)
    assert (code, err) == (0, "")
    assert all(clip.stem in out for clip in example_clips())
    assert "Synthetic voices" in out.splitlines()[0]
    assert "recognize YOUR.wav" in out
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]


def test_the_demo_needs_no_matplotlib(
    here: Callable, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["/lib/hearfelt/__main__.py"])
    code, out, err = here("demo", "--model", model)
    assert (code, err) == (0, "")
    assert "pip install 'hearfelt[plots]'" in out
    assert f"{Path(sys.executable).name} -m hearfelt recognize YOUR.wav" in out
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_an_unknown_kind_is_wrong_usage(here: Callable, tmp_path: Path, model: Path) -> None:
    code, _, err = here("demo", "--model", model, "--out", tmp_path / "demo.doc")
    assert code == 2
    assert ".png" in err


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_a_bundled_clip_is_short_small_and_called_synthetic(clip: Path) -> None:
    facts = soundfile.info(clip)
    assert (facts.samplerate, facts.channels, facts.format) == (16_000, 1, "FLAC")
    assert 1.5 <= facts.duration <= 4
    assert clip.stat().st_size < 60_000
    assert clip.name.startswith("synthetic-")


def test_there_are_a_few_bundled_clips() -> None:
    assert 4 <= len(CLIPS) <= 8
