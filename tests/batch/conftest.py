"""What the tests of batches share: many short clips, a job over them, and what one by one says about them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.inference.recognizer import Recognizer

Program = Callable[..., "subprocess.CompletedProcess[str]"]
RATE_HZ = 16_000
CLIPS = 24


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of short clips of different lengths, some of them broken; tests must not change it."""
    folder = tmp_path_factory.mktemp("batch") / "clips"
    (folder / "deep" / "er").mkdir(parents=True)
    generator = np.random.default_rng(1)
    for number in range(CLIPS):
        length = int(RATE_HZ * generator.uniform(0.3, 1.5))
        tone = np.sin(np.arange(length) / generator.uniform(3, 60)) * generator.normal(0.2, 0.05, length)
        place = folder if number % 3 else folder / "deep" / "er"
        soundfile.write(place / f"clip-{number:02d}.wav", tone, RATE_HZ)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "deep" / "text.flac").write_text("no sound at all")
    (folder / "notes.txt").write_text("not to be listed")
    return folder


@pytest.fixture(scope="session")
def one_by_one(clips: Path, sound_model: Path) -> dict[str, dict[str, float] | None]:
    """What the recognizer itself says about each clip: probabilities by path, None for the broken."""
    recognizer = Recognizer.load(sound_model, threads=1)
    answers: dict[str, dict[str, float] | None] = {}
    for path in sorted((*clips.rglob("*.wav"), *clips.rglob("*.flac")), key=str):
        is_broken = path.name in ("empty.wav", "text.flac")
        answers[str(path)] = None if is_broken else dict(recognizer.recognize(path).probabilities)
    return answers


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Run ``hearfelt batch`` as a shell would, in an empty folder."""

    def start(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hearfelt", "batch", *(str(argument) for argument in arguments)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "COLUMNS": "80", **variables},
            timeout=300,
        )

    return start
