"""Make the bundled clips: one sentence, spoken by synthetic voices in different ways.

They have no true emotion and show the output of hearfelt, not its quality. espeak-ng speaks, with different rate,
pitch, pitch range and loudness. The same version of espeak-ng makes identical files.

    python tools/make_examples.py [FOLDER]        # default: src/hearfelt/examples
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from hearfelt.audio.reader import resample
from hearfelt.runtime.files import atomic_write

RATE_HZ = 16_000
SENTENCE = "The children are talking by the door."
HERE = Path(__file__).parents[1] / "src" / "hearfelt" / "examples"


@dataclass(frozen=True)
class Style:
    """A speaking style.

    Attributes:
        name: of the file, after ``synthetic-``.
        voice: espeak-ng's name of the voice.
        words_a_minute: speaking rate.
        pitch: 0 to 99.
        pitch_range: in per cent of the voice's usual range; 0 is monotone.
        peak_db: highest sample, in dB of full scale.
    """

    name: str
    voice: str
    words_a_minute: int
    pitch: int
    pitch_range: int
    peak_db: float


STYLES = (
    Style("bright-and-lively", "en-gb+f3", 185, 75, 190, -6),
    Style("even", "en-us+m3", 165, 45, 80, -10),
    Style("high-and-hurried", "en-us+f4", 205, 90, 130, -9),
    Style("loud-and-pressed", "en-us+m7", 160, 60, 170, -1),
    Style("slow-and-low", "en-gb+m1", 125, 15, 40, -24),
    Style("soft-and-steady", "en-gb+f2", 140, 40, 50, -20),
)


def say(style: Style, sentence: str = SENTENCE) -> np.ndarray:
    """Synthesize the sentence with espeak-ng: ``(n,)`` float32 at 16 kHz."""
    options = ("-v", style.voice, "-s", str(style.words_a_minute), "-p", str(style.pitch), "-z", "-m")
    marked = f'<speak><prosody range="{style.pitch_range}%">{sentence}</prosody></speak>'
    command = ["espeak-ng", *options, "--stdout", marked]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    samples, rate_hz = soundfile.read(io.BytesIO(spoken), dtype="float32")
    samples = resample(samples, rate_hz, RATE_HZ)
    return samples * np.float32(10 ** (style.peak_db / 20) / np.abs(samples).max())


def main(folder: Path = HERE) -> None:
    """Write all clips as 16-bit FLAC."""
    if shutil.which("espeak-ng") is None:
        sys.exit("espeak-ng is not installed (on Debian: apt-get install espeak-ng)")
    for style in STYLES:
        path = folder / f"synthetic-{style.name}.flac"
        samples = say(style)
        with atomic_write(path, "wb") as file:
            soundfile.write(file, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
        print(f"{path.name}: {len(samples) / RATE_HZ:.2f} s, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
