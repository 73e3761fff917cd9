"""ONNX Runtime tells nobody what is done here, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SILENCING = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")  # any of them would hide a fault


def alone(code: str, home: Path, **variables: str) -> str:
    """Run code in a process whose every folder for files of its own is below ``home``; gives what it prints."""
    plain = {name: value for name, value in os.environ.items() if name not in SILENCING}
    folders = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "HEARFELT_CACHE")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=plain | folders | variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_answering_leaves_nothing_behind(tmp_path: Path) -> None:
    sound = "numpy.sin(numpy.arange(9000.0))"
    alone(f"import numpy, hearfelt; hearfelt.Recognizer.load('tiny').recognize({sound}, 8000)", tmp_path)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(("asked", "left"), [({}, "None"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")])
def test_the_environment_stays_as_it_was(tmp_path: Path, asked: dict[str, str], left: str) -> None:
    code = "import os, hearfelt.inference.onnx_runtime; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    assert alone(code, tmp_path, **asked) == left
