from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hearfelt.runtime.files import atomic_write, expand_home, locked, path_given


@pytest.mark.parametrize(
    "name", ["~root/a.wav", "~nobody-here/a.wav", "~call.wav", "~$x.wav", "~~/a.wav", "./~/a.wav", "a/~/b.wav", "-", ""]
)
def test_what_only_begins_with_a_tilde_is_a_name(name: str) -> None:
    assert expand_home(name) == name


def test_home_is_what_the_system_says_and_nothing_breaks_where_nobody_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada/")
    assert (expand_home("~"), expand_home("~/a/~b")) == ("/home/ada", "/home/ada/a/~b")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert expand_home("~/a.wav") == "~/a.wav"


def test_a_listed_folder_that_is_called_like_home_is_not_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "a.wav").touch()
    (listed,) = Path().rglob("*.wav")
    assert path_given(listed) == listed
    assert path_given(Path("~/b.wav")) == path_given("~/b.wav") == Path("/home/ada/b.wav")


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_write(path) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_no_half_file_under_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    code = (
        "import os, signal, sys\nfrom hearfelt.runtime.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n"
        "    file.write('half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()


def test_bytes_arrive_unchanged_and_folders_are_made(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "b" / "c.bin", "wb") as file:
        file.write(b"\r\n\x00")
    assert (tmp_path / "b" / "c.bin").read_bytes() == b"\r\n\x00"


def test_text_has_the_same_line_ends_on_every_system(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "c.txt") as file:
        file.write("ä\n")
    assert (tmp_path / "c.txt").read_bytes() == "ä\n".encode()


def test_a_folder_without_permission_is_told_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("root may write everywhere")
        with pytest.raises(PermissionError, match=r"no permission to write here: '.*/table\.csv'"):
            atomic_write(tmp_path / "table.csv").__enter__()
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
def test_a_folder_is_held_by_one_process_and_is_free_when_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from hearfelt.runtime.files import locked\n"
        "with locked(Path(sys.argv[1]), ValueError()):\n    print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(ValueError, match="another one"), locked(tmp_path, ValueError("another one")):
            pass
        other.kill()
    with locked(tmp_path, ValueError()):
        assert list(tmp_path.iterdir()) == []
