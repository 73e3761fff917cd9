from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hearfelt.files import atomic_write


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
        "import os, signal, sys\nfrom hearfelt.files import atomic_write\n"
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
