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

from hearfelt.corpora.download import SONG, SPEECH, WORK

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
