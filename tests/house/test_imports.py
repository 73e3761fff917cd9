"""Which way imports go, and what importing costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from hearfelt import errors as error_module

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "matplotlib", "librosa", "onnxruntime", "sklearn", "pandas", "scipy")


def fresh(code: str) -> str:
    """Run code in a Python process of its own; gives what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_imports_go_down_only() -> None:
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert linter is not None
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", ["hearfelt", "hearfelt.cli.main"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    loaded = fresh(f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])")
    assert loaded == ""


def test_the_help_does_not_even_load_numpy() -> None:
    assert fresh("import sys, hearfelt.cli.main; print('numpy' in sys.modules)") == "False"


def test_recognizing_loads_neither_torch_nor_matplotlib_nor_librosa() -> None:
    code = """
import sys
from hearfelt import Recognizer, read_audio
import hearfelt.cli.main
loaded = [name for name in ("torch", "matplotlib", "librosa", "sklearn") if name in sys.modules]
print(*loaded)
"""
    assert fresh(code) == ""


def test_importing_changes_nothing_in_the_process() -> None:
    code = """
import locale, logging, os, random, signal, socket, sys, threading, warnings
import numpy  # adds warning filters of its own

def state():
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "warnings": list(warnings.filters),
        "hooks": (sys.excepthook, sys.displayhook, threading.excepthook),
        "path": list(sys.path),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval()),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "random": random.getstate(),
        "socket": socket.socket,
        "threads": threading.active_count(),
        "standard": (sys.stdin, sys.stdout, sys.stderr),
    }

before = state()
import hearfelt
from hearfelt import *
after = state()
print(*[name for name in before if before[name] != after[name]])
"""
    assert fresh(code) == ""


def test_the_public_names_are_there() -> None:
    import hearfelt

    values = {"Audio", "Emotion", "Explanation", "ModelCard", "Occlusion", "Prediction", "Segment", "Timeline"}
    errors = {name for name in hearfelt.__all__ if name.endswith("Error")}
    others = {"Predictions", "Recognizer", "Reference", "Stream", "read_audio", "__version__"}
    assert set(hearfelt.__all__) == {*values, *errors, *others}
    assert errors == {name for name in error_module.__all__ if name.endswith("Error")}
    assert all(issubclass(getattr(hearfelt, name), hearfelt.HearfeltError) for name in errors)
    assert hearfelt.__version__ == version("hearfelt")
    objects = [name for name in hearfelt.__all__ if name != "__version__"]
    assert all(getattr(hearfelt, name).__module__.startswith("hearfelt.") for name in objects)
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        _ = hearfelt.Recogniser
