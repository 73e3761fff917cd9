from __future__ import annotations

import csv
import io
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import COLUMNS
from hearfelt.corpora.download import SONG, SPEECH, WORK
from hearfelt.corpora.toy import write_toy


def test_the_list_has_every_corpus_with_licence_and_numbers(here) -> None:
    code, out, _ = here("corpora", "list")
    assert code == 0
    for corpus in CORPORA.values():
        assert corpus.name in out
        assert corpus.licence in out
    assert "7,442" in out


def test_the_list_as_json_is_one_object_a_line(here) -> None:
    _, out, _ = here("corpora", "list", "--format", "json")
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert list(rows) == list(CORPORA)
    assert rows["emodb"]["speakers"] == 10
    assert rows["emodb"]["emotions"][-1] == "boredom"
    assert rows["folder"]["clips"] is None


def test_the_list_as_csv_has_a_header(here) -> None:
    _, out, _ = here("corpora", "list", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["name"] for row in rows] == list(CORPORA)
    assert set(rows[0]) >= {"title", "licence", "size_mb", "clips", "speakers", "language", "emotions"}


def test_clips_are_printed_or_written_one_row_each(here, toy: Path, tmp_path: Path) -> None:
    code, printed, _ = here("clips", toy)
    assert code == 0
    code, said, _ = here("clips", toy, "--out", tmp_path / "clips.csv")
    assert code == 0
    assert said == f"{tmp_path / 'clips.csv'}: 96 clips of 6 speakers\n"
    assert (tmp_path / "clips.csv").read_text() == printed
    rows = list(csv.reader(io.StringIO(printed)))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 97


def test_as_overrules_the_names(here, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad" / "01_angry_1.wav").write_bytes((toy / "01_angry_1.wav").read_bytes())
    assert ",toy/01,angry," in here("clips", tmp_path)[1]
    assert ",folder/unknown,sad," in here("clips", tmp_path, "--as", "folder")[1]


def test_a_home_folder_is_understood(here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path / "toy", speakers=1, clips_each=1)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert here("clips", "~/toy", "--out=~/clips.csv")[0] == 0
    assert (tmp_path / "clips.csv").is_file()


def test_a_complete_copy_ends_with_0_and_says_so(here, toy: Path) -> None:
    code, out, err = here("corpora", "check", toy)
    assert (code, err) == (0, "")
    assert "nothing is wrong with it" in out
    assert "12" in out


def test_an_incomplete_copy_ends_with_4_and_one_sentence(here, toy: Path, tmp_path: Path) -> None:
    name = "03-01-05-01-01-01-05.wav"
    (tmp_path / name).write_bytes((toy / "01_angry_1.wav").read_bytes())
    code, out, err = here("corpora", "check", tmp_path)
    assert code == 4
    assert "not complete: 2,451 clips missing" in out
    assert "and 2,443 more; --format json names them all" in out
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_json_stays_one_object_also_when_the_copy_is_not_complete(here, toy: Path, tmp_path: Path) -> None:
    for name in ("03-01-05-01-01-01-05.wav", "03-01-05-01-01-02-05.wav", "notes.wav"):
        (tmp_path / name).write_bytes((toy / "01_angry_1.wav").read_bytes())
    (tmp_path / "03-01-06-01-01-01-05.wav").write_text("no sound")
    code, out, _ = here("corpora", "check", tmp_path, "--format", "json")
    assert code == 4
    assert out.count("\n") == 1
    told = json.loads(out)
    assert told["complete"] is False
    assert told["counts"]["channel"] == {"speech": 3, "song": 0}
    assert told["counts"]["actor"]["05"] == 3
    assert told["counts"]["emotion"]["angry"] == 2
    assert len(told["missing"]) == 2_449
    assert told["duplicates"] == [["03-01-05-01-01-01-05.wav", "03-01-05-01-01-02-05.wav", "notes.wav"]]
    assert list(told["strangers"]) == ["notes.wav"]
    assert list(told["unreadable"]) == ["03-01-06-01-01-01-05.wav"]


def test_every_finding_is_shown_in_words(here, tmp_path: Path, toy: Path) -> None:
    sound = (toy / "01_angry_1.wav").read_bytes()
    for folder in ("agnry", "sad", "sad/again"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.wav").write_bytes(sound)
    (tmp_path / "sad" / "two.wav").write_bytes(b"")
    samples, rate_hz = soundfile.read(toy / "02_sad_1.wav")
    soundfile.write(tmp_path / "sad" / "quiet.wav", samples * 0, rate_hz)
    (tmp_path / "loose.wav").write_bytes(sound)
    code, out, _ = here("corpora", "check", tmp_path, "--as", "folder")
    assert code == 4
    for words in (
        "cannot be read (1)",
        "contradictions (1)",
        "unknown files, not used (1)",
        "labels that look misspelt (1)",
        "agnry: angry?",
        "silent (1)",
        "notes",
    ):
        assert words in out


def test_twins_are_named_and_second_copies_beside_the_file_in_use(here, tmp_path: Path, toy: Path) -> None:
    for name in ("03-01-03-01-02-01-07.wav", "03-01-03-01-02-02-07.wav", "again/03-01-03-01-02-02-07.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((toy / "01_angry_1.wav").read_bytes())
    _, out, _ = here("corpora", "check", tmp_path)
    assert "the same sound under several names (1)" in out
    assert "second copies, not used (1)" in out
    assert "incomplete: 07 (2 of 104)" in out


def test_a_file_name_cannot_steer_the_terminal(here, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad" / "a.wav").write_bytes((toy / "01_angry_1.wav").read_bytes())
    (tmp_path / "x\x1b[31m.wav").write_bytes((toy / "01_angry_1.wav").read_bytes())
    _, out, _ = here("corpora", "check", tmp_path, "--as", "folder")
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("clips", "nowhere"), "nowhere: there is nothing here; give the folder of a corpus"),
        (("corpora", "check", "nowhere"), "nowhere: there is nothing here; give the folder of a corpus"),
        (("clips", ".", "--as", "ravdes"), "no corpus is called ravdes; did you mean ravdess?"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(here, arguments: tuple[str, ...], sentence: str) -> None:
    assert here(*arguments) == (4, "", f"hearfelt: {sentence}\n")


def test_the_real_ravdess_passes_and_one_half_is_checked_alone(here, ravdess: Path) -> None:
    assert here("corpora", "check", ravdess)[0] == 0
    half = ravdess / "Audio_Song_Actors_01-24"
    assert here("corpora", "check", half)[0] == 4
    code, out, _ = here("corpora", "check", half, "--channel", "song", "--format", "json")
    assert (code, json.loads(out)["counts"]["channel"]) == (0, {"song": 1_012})


server = runpy.run_path(str(Path(__file__).parents[2] / "corpora" / "server.py"))
loopback = server["loopback"]


def zip_as_large_as_published(path, archive):
    """A stand-in of the published size: zeros that take no room on the disk, then clips of 2 kB."""
    options = {"channel": archive.channel, "actors": sorted(archive.clips)}
    server["ravdess_zip"](path, **options)
    missing = archive.size - path.stat().st_size
    path.unlink()
    with path.open("wb") as file:
        file.truncate(missing)
    clips = server["ravdess_zip"](path, **options)
    assert path.stat().st_size == archive.size
    return clips


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirror")
    return {
        archive: (folder / archive.name, zip_as_large_as_published(folder / archive.name, archive))
        for archive in (SPEECH, SONG)
    }


@pytest.fixture
def mirror(loopback, zips, monkeypatch):
    monkeypatch.setenv("HEARFELT_ZENODO", loopback.base)
    for archive, (path, _) in zips.items():
        loopback.files[archive.name] = path
    return loopback


def test_two_actors_are_brought_and_the_next_step_is_named(here, mirror, zips, tmp_path):
    home = tmp_path / "my ravdess"
    code, out, err = here("corpora", "get", "ravdess", home, "--actors", "1,2")
    assert (code, err) == (0, "")
    first, licence, following = out.splitlines()
    assert first.startswith(f"120 clips of speech and 88 clips of song in {home} (")
    assert "CC BY-NC-SA 4.0" in licence
    assert following == f"Next: hearfelt corpora check '{home}'   (it will name the other actors as missing)"
    for _, clips in zips.values():
        folder = home / ("Audio_Speech_Actors_01-24" if clips is zips[SPEECH][1] else "Audio_Song_Actors_01-24")
        wanted = {name: content for name, content in clips.items() if name[6:8] in ("01", "02")}
        assert {name: (folder / name).read_bytes() for name in wanted} == wanted
    assert len(list(home.rglob("*.wav"))) == 208
    assert mirror.bytes_served < 10_000_000


def test_a_second_time_nothing_is_asked_for(here, mirror, tmp_path):
    here("corpora", "get", "ravdess", tmp_path, "--actors", "3", "--channel", "song")
    mirror.forget()
    code, out, err = here("corpora", "get", "ravdess", tmp_path, "--actors", "3", "--channel", "song")
    assert (code, err) == (0, "")
    assert "44 clips of song" in out
    assert "nothing had to be fetched" in out
    assert f"hearfelt corpora check {tmp_path} --channel song" in out
    assert mirror.requests == []


def test_actor_18_is_said_not_to_sing(here, mirror, tmp_path):
    code, out, _ = here("corpora", "get", "ravdess", tmp_path, "--actors", "18")
    assert code == 0
    assert "Actor 18 did not sing" in out
    code, out, err = here("corpora", "get", "ravdess", tmp_path, "--actors", "18", "--channel", "song")
    assert (code, out) == (4, "")
    assert err == "hearfelt: actor 18 did not sing: RAVDESS has no song of that actor; ask for the speech\n"


@pytest.mark.parametrize("actors", ["0", "25", "one", "1,,2", ""])
def test_wrong_actors_are_one_sentence_and_nothing_is_made(here, mirror, tmp_path, actors):
    code, out, err = here("corpora", "get", "ravdess", tmp_path / "new", "--actors", actors)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert err.startswith("hearfelt: actors")
    assert mirror.requests == []
    assert not (tmp_path / "new").exists()


def test_a_wrong_zip_is_not_unpacked_and_both_sums_are_said(here, mirror, tmp_path):
    code, out, err = here(
        "corpora", "get", "ravdess", tmp_path, "--channel", "speech"
    )  # zeros, not the published bytes
    assert (code, out, err.count("\n")) == (8, "", 1)
    sums = re.findall(r"\b[0-9a-f]{32}\b", err)
    assert len(set(sums)) == 2
    assert SPEECH.md5 in sums
    assert not (tmp_path / "new").exists()


def test_a_missing_zip_is_one_sentence(here, mirror, tmp_path):
    mirror.files.clear()
    code, out, err = here("corpora", "get", "ravdess", tmp_path)
    assert (code, out, err.count("\n")) == (8, "", 1)
    assert "404" in err


def test_offline_is_one_sentence_at_once(here, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HEARFELT_ZENODO", f"http://127.0.0.1:{port}")
    code, out, err = here("corpora", "get", "ravdess", tmp_path)
    assert (code, out, err.count("\n")) == (8, "", 1)
    assert "127.0.0.1 cannot be reached" in err
    assert "are you online?" in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_keeps_what_has_arrived(mirror, tmp_path):
    mirror.always = {"slow_s": 0.002}
    part = tmp_path / WORK / f"{SPEECH.name}.part"
    # A shell that started the tests in the background has told all of them to ignore Ctrl-C.
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    start += "from hearfelt.cli.main import run; run()"
    command = [sys.executable, "-c", start, "corpora", "get", "ravdess", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as running:
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 100_000) and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "hearfelt: stopped\n")
    assert part.stat().st_size > 100_000
    assert list(tmp_path.rglob("*.wav")) == []


def test_the_toy_needs_no_network_and_the_home_folder_is_understood(here, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARFELT_ZENODO", "nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    code, out, err = here("corpora", "get", "toy", "~/toy")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"96 clips in {tmp_path / 'toy'} (synthetic).",
        f"Next: hearfelt corpora check {tmp_path / 'toy'}",
    ]
    assert len(list((tmp_path / "toy").iterdir())) == 96


def test_of_other_corpora_it_is_said_where_they_are(here, tmp_path):
    code, out, err = here("corpora", "get", "cremad", tmp_path)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "hearfelt reads it but does not fetch it" in err


def test_an_unknown_channel_is_wrong_usage(here, tmp_path):
    code, out, err = here("corpora", "get", "ravdess", tmp_path, "--channel", "film")
    assert (code, out) == (2, "")
    assert "film" in err
