"""Check what `make dist` built: the contents of both archives, and a short journey with the installed wheel.

python tools/check_dist.py dist            # without torch
python tools/check_dist.py dist --train    # also installs torch (some GB) and trains a small model
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

REQUIRED = (
    *(f"hearfelt/weights/{name}.onnx" for name in ("classic", "hearfelt", "svm", "tiny")),
    *(f"hearfelt/recipes/{name}.toml" for name in ("classic", "hearfelt", "svm", "tiny", "toy")),
    "hearfelt/py.typed",
    "hearfelt/examples/synthetic-neutral.flac",
    "hearfelt/service/static/live.js",
    "hearfelt/reports/templates/page.html",
    *(f"hearfelt/reports/locale/{code}.mo" for code in ("de", "es", "fr")),
)
LICENCES = ("LICENSE", "LICENSES/LicenseRef-hearfelt-weights.txt", "LICENSES/Whisper-MIT.txt")
SOUND = re.compile(r"\.(wav|flac|mp3|ogg|opus|m4a)$")
MOST_BYTES = 100_000_000  # what the Python Package Index takes


def faults_of_wheel(names: Iterable[str], size: int) -> list[str]:
    """Say what is wrong with the contents of a wheel."""
    names = set(names)
    info = next((name.partition("/")[0] for name in names if ".dist-info/" in name), "")
    wanted = {*REQUIRED, *(f"{info}/licenses/{name}" for name in LICENCES)}
    faults = [f"{name} is missing" for name in sorted(wanted - names)]
    faults += [
        f"{name} is no part of the package" for name in sorted(names) if not name.startswith(("hearfelt/", info))
    ]
    faults += _recordings(names)
    return faults + ([f"{size:,} bytes; at most {MOST_BYTES:,} can be published"] if size > MOST_BYTES else [])


def faults_of_sdist(names: Iterable[str]) -> list[str]:
    """Say what is wrong with the contents of a source archive."""
    below = {name.partition("/")[2] for name in names}
    wanted = {*(f"src/{name}" for name in REQUIRED), *LICENCES, "pyproject.toml", "hatch_build.py", "CITATION.cff"}
    return [f"{name} is missing" for name in sorted(wanted - below)] + _recordings(below)


def _recordings(names: Iterable[str]) -> list[str]:
    sound = (name for name in sorted(names) if SOUND.search(name))
    return [f"{name} is a recording" for name in sound if "hearfelt/examples/synthetic-" not in name]


@dataclass(frozen=True)
class Traveller:
    """Somebody with an environment of their own, in an empty folder."""

    environment: Path
    home: Path

    def types(self, program: str, *words: object, code: int = 0) -> str:
        """Run a program of the environment, and return what it prints."""
        folder = self.environment / ("Scripts" if os.name == "nt" else "bin")
        command = [str(folder / program), *map(str, words)]
        hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        variables = {name: value for name, value in os.environ.items() if name not in hidden}
        variables |= {"HOME": str(self.home), "USERPROFILE": str(self.home), "PYTHONUTF8": "1"}
        done = subprocess.run(command, cwd=self.home, env=variables, capture_output=True, text=True, encoding="utf-8")
        if done.returncode != code:
            raise SystemExit(
                f"{' '.join(command)}: ended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
            )
        return done.stdout + done.stderr


def journey(wheel: Path, version: str, *, trains: bool) -> None:
    """Install the wheel into a new environment, and use it as a first user does."""
    with tempfile.TemporaryDirectory() as folder:
        someone = Traveller(Path(folder) / "environment", Path(folder) / "home")
        someone.home.mkdir()
        venv.create(someone.environment, with_pip=True)
        pip = ("-m", "pip", "--quiet", "--disable-pip-version-check")
        someone.types("python", *pip, "install", wheel)
        someone.types("python", *pip, "check")
        _expect(someone.types("hearfelt", "--version"), f"hearfelt {version}")
        someone.types("hearfelt", "doctor")
        _expect(someone.types("hearfelt", "demo"), "synthetic-neutral")
        example = 'import hearfelt; print(hearfelt.__path__[0] + "/examples/synthetic-neutral.flac")'
        clip = someone.types("python", "-c", example).strip()
        row = json.loads(someone.types("hearfelt", "recognize", clip, "--format", "json"))
        _expect(row["model"], "hearfelt")
        _expect(someone.types("hearfelt", "recipes", "classic"), 'network = "classic"')
        someone.types("hearfelt", "corpora", "get", "toy", "toy")
        someone.types("hearfelt", "clips", "toy", "--out", "toy/clips.csv")
        _expect(someone.types("hearfelt", "batch", "toy/clips.csv", "-m", "tiny", "-o", "emotions.csv"), "96 rows")
        train = ("train", "toy", "--corpus", "toy=toy", "--out", "model")
        _expect(someone.types("hearfelt", *train, code=7), "hearfelt[train]")
        if trains:  # as the message says, with the wheel that is installed
            someone.types("python", *pip, "install", "hearfelt[train]")
            someone.types("hearfelt", *train)
            _expect(someone.types("hearfelt", "recognize", clip, "--model", "model/model.onnx"), "synthetic-neutral")


def _expect(said: str, wanted: str) -> None:
    if wanted not in said:
        raise SystemExit(f"{wanted!r} was expected in:\n{said}")


def main() -> None:
    """Check the archives in a folder; end with 1 at the first fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", action="store_true", help="also install torch and train")
    options = parser.parse_args()
    (wheel,), (sdist,) = options.folder.glob("*.whl"), options.folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        faults = faults_of_wheel(archive.namelist(), wheel.stat().st_size)
    with tarfile.open(sdist) as archive:
        faults += faults_of_sdist(one.name for one in archive if one.isfile())
    if faults:
        raise SystemExit("\n".join(faults))
    journey(wheel.resolve(), wheel.name.split("-")[1], trains=options.train)
    sys.stdout.write(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, the contents and a journey are right\n")


if __name__ == "__main__":
    main()
