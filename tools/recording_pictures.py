"""Make the pictures of docs/recordings.md, scale.md and teach.md with the commands shown there.

    python tools/recording_pictures.py [--ravdess ../shared/corpora/ravdess] [--only timeline,hour]

Terminal pictures use the bundled synthetic clips. ``recording-hour.png`` uses an hour made of clips of four actors that
no shipped model was trained on; without RAVDESS it is not changed, with a message.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.runtime.files import path_given

HERE = Path(__file__).parents[1]
OUT = HERE / "docs" / "pictures"
RATE_HZ = 16_000
COLUMNS = 88
UNSEEN_ACTORS = ("06", "13", "17", "22")
HOUR_S = 3600.0


def conversation(folder: Path) -> Path:
    """Write the bundled clips one after the other, with pauses of 0.7 s: about 25 s."""
    pause = np.zeros(round(0.7 * RATE_HZ), np.float32)
    parts = [pause]
    for clip in audio_files(HERE / "src" / "hearfelt" / "examples"):
        audio = read_audio(clip)
        parts += [soxr.resample(audio.samples, audio.rate_hz, RATE_HZ), pause]
    path = folder / "conversation.wav"
    soundfile.write(path, np.concatenate(parts), RATE_HZ)
    return path


def hour(folder: Path, ravdess: Path) -> Path:
    """Write an hour: several clips of one actor and one emotion, then a pause, and so on; with background noise."""
    generator = np.random.default_rng(5)
    clips = sorted(path for path in ravdess.rglob("03-01-*.*") if path.stem.endswith(UNSEEN_ACTORS))
    groups = sorted({(path.stem[6:8], path.stem[-2:]) for path in clips})
    parts: list[NDArray[np.float32]] = []
    length, wanted = 0, round(HOUR_S * RATE_HZ)
    while length < wanted:
        emotion, actor = groups[generator.integers(len(groups))]
        same = [path for path in clips if (path.stem[6:8], path.stem[-2:]) == (emotion, actor)]
        for _ in range(generator.integers(10, 60)):
            audio = read_audio(same[generator.integers(len(same))])
            parts.append(soxr.resample(audio.samples, audio.rate_hz, RATE_HZ))
            length += len(parts[-1])
        parts.append(np.zeros(round(generator.uniform(5, 150) * RATE_HZ), np.float32))
        length += len(parts[-1])
    samples = np.concatenate(parts)[:wanted]
    noise = 1e-3 * generator.standard_normal(wanted, np.float32)
    path = folder / "hour.flac"
    soundfile.write(path, np.clip(samples + noise, -1, 1), RATE_HZ)
    return path


def hearfelt(*arguments: str, folder: Path) -> str:
    """Run a command in a folder as in a colour terminal; returns its output."""
    terminal = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    command = [sys.executable, "-m", "hearfelt", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | terminal, stdout=subprocess.PIPE, check=True, timeout=540
    )
    return done.stdout.decode()


def screen_after(output: str) -> list[str]:
    """The lines on a terminal after output that moves up and rewrites lines."""
    lines, place = [""], 0
    for part in re.split(r"(\n|\r|\x1b\[1A|\x1b\[2K|\x1b\[\?25[lh])", output):
        if part == "\n":
            place += 1
            lines += [""] * (place == len(lines))
        elif part == "\x1b[1A":
            place = max(0, place - 1)
        elif part == "\x1b[2K":
            lines[place] = ""
        elif part != "\r" and not part.startswith("\x1b[?25"):
            lines[place] += part
    return "\n".join(lines).strip("\n").split("\n")


def draw(name: str, *arguments: str, folder: Path, shows: str = "", shown: float = 1.0) -> None:
    """Run a command and save its terminal output as SVG, with the command, and the first columns of a table."""
    output = hearfelt(*arguments, folder=folder)
    if shown < 1:  # a share of the output, up to a line that is rewritten
        output = output[: output.rindex("\r", 0, round(shown * len(output)))]
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor")
    console.print(Text(f"$ hearfelt {' '.join(arguments)}\n", "bold"))
    console.print(Text.from_ansi("\n".join(screen_after(output))))
    if shows:
        console.print(Text(f"\n$ cut -d, -f1-3 {shows}\n", "bold"))
        for line in (folder / shows).read_text(encoding="utf-8").splitlines():
            console.print(Text(",".join(line.split(",")[:3])))
    console.save_svg(str(OUT / f"recording-{name}.svg"), title=f"hearfelt {arguments[0]}", unique_id=name)


def timeline(folder: Path) -> None:
    talk = conversation(folder)
    hearfelt("timeline", talk.name, "--plot", str(OUT / "recording-conversation.png"), folder=folder)
    draw("timeline", "timeline", talk.name, folder=folder)


def listen(folder: Path) -> None:
    draw("listen", "listen", "--file", conversation(folder).name, folder=folder, shown=0.5)


def batch(folder: Path) -> None:
    (folder / "recordings").mkdir(exist_ok=True)
    for clip in audio_files(HERE / "src" / "hearfelt" / "examples"):
        (folder / "recordings" / clip.name).write_bytes(clip.read_bytes())
    (folder / "recordings" / "broken.wav").write_bytes(b"RIFF, and then nothing")
    draw("batch", "batch", "recordings", "--out", "emotions.csv", folder=folder, shows="emotions.csv")


def teach(folder: Path) -> None:
    hearfelt("corpora", "get", "toy", "mine", folder=folder)
    draw("teach", "teach", "mine", "--base", "tiny", "--out", "mine.onnx", folder=folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ravdess", type=Path, default=HERE.parent / "shared" / "corpora" / "ravdess")
    parser.add_argument(
        "--only", default="timeline,listen,batch,teach,hour", help="pictures to make, separated by commas (%(default)s)"
    )
    chosen = parser.parse_args()
    ravdess: Path = path_given(str(chosen.ravdess))

    def hour_picture(folder: Path) -> None:
        if not ravdess.is_dir():
            print(f"recording-hour.png is not changed: {ravdess} is not a folder")
            return
        path = hour(folder, ravdess)
        picture = str(OUT / "recording-hour.png")
        hearfelt("timeline", path.name, "--model", "tiny", "--out", "hour.jsonl", "--plot", picture, folder=folder)

    made: dict[str, Callable[[Path], None]] = {
        "timeline": timeline,
        "listen": listen,
        "batch": batch,
        "teach": teach,
        "hour": hour_picture,
    }
    with TemporaryDirectory(prefix="hearfelt-pictures-") as folder:
        for name in chosen.only.split(","):
            made[name](Path(folder))
            print(f"{name}: done")


if __name__ == "__main__":
    main()
