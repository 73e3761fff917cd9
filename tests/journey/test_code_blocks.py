"""The code blocks of the docs run, page by page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from code_blocks import BLOCKS, ROOT
from hearfelt.audio.reader import audio_files, read_audio

RUN = [block for block in BLOCKS if block.kind == "run"]
PAGES = sorted({block.page for block in RUN})
CLIPS = (
    *("clip.wav", "other.mp3", "call.wav", "conversation.wav", "folder/a.wav", "folder/b.flac", "calls/a.wav"),
    *("calls/b.wav", "recordings/a.wav", "recordings/b.wav", "my-voice/1.wav", "my-voice/2.wav", "my-voice/3.wav"),
)
# Own labels: ten clips or more for each, of three speakers.
LABELLED = [f"mine/{label}/{who}_{number}.wav" for label in ("bored", "polite") for who in "ab" for number in range(5)]


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A folder with the files of the examples, which is also the home folder."""
    clips = audio_files(ROOT / "src" / "hearfelt" / "examples")
    for number, name in enumerate((*CLIPS, *LABELLED)):
        audio = read_audio(clips[number % len(clips)])
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, audio.samples[number // len(clips) :], audio.rate_hz)  # no two are the same
    (tmp_path / "calls.csv").write_text("path,speaker\ncalls/a.wav,1\ncalls/b.wav,2\n")
    return tmp_path


def started(command: list[str], workshop: Path) -> subprocess.CompletedProcess[str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(workshop), "PATH": programs, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=workshop, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.timeout(1_200)  # a page may have ten commands, each a process of its own
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page: Path, workshop: Path) -> None:
    shell, python = ["bash", "-euo", "pipefail", "-c"], [sys.executable, "-W", "error", "-c"]
    for block in RUN:
        if block.page == page:
            done = started([*(shell if block.language == "sh" else python), block.code], workshop)
            assert done.returncode == 0, f"{block.name}\n{done.stderr}"
            assert block.language == "sh" or done.stderr == "", block.name
