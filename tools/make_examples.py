"""Make the bundled clips: one sentence, spoken by synthetic voices in different ways, and one without a voice.

They have no true emotion and show the output of hearfelt, not its quality. flite or espeak-ng speaks the sentence, and
Praat changes pitch and duration. Each clip is meant to sound like its name; the settings are those, of several hundred
tried, that the shipped model recognized most clearly. The same versions make identical files.

None of the tools is shipped: flite 2.2 from Debian, which everybody may use and pass on
(``/usr/share/doc/flite/copyright``); espeak-ng 1.51 from Debian, GPL 3; Praat by way of parselmouth
(``pip install praat-parselmouth``), GPL 3. These licences do not extend to sound that the programs make.

    python tools/make_examples.py                # writes to src/hearfelt/examples
    python tools/make_examples.py --to FOLDER
"""

from __future__ import annotations

import argparse
import io
import math
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import parselmouth
import soundfile
from parselmouth.praat import call
from scipy import signal

from hearfelt.audio.reader import resample
from hearfelt.runtime.files import atomic_write

RATE_HZ: Final = 16_000
SENTENCE: Final = "The children are talking by the door."
HERE: Final = Path(__file__).parents[1] / "src" / "hearfelt" / "examples"
FLITE_HZ: Final = {"slt": 175.0, "rms": 95.0, "awb": 125.0, "kal16": 105.0}  # voices, and what counts as usual pitch
ESPEAK_HZ: Final = {"en-us+m3": 110.0, "en-us+m7": 110.0, "en-us+f2": 180.0, "en-us+f4": 190.0, "en-gb+f3": 190.0}
USUAL_HZ: Final = FLITE_HZ | ESPEAK_HZ


@dataclass(frozen=True)
class Style:
    """A speaking style.

    Attributes:
        voice: name of the voice in flite or espeak-ng.
        length: duration relative to the voice's own.
        pitch: mean pitch relative to the voice's own.
        pitch_range: excursions of pitch relative to the voice's own, in semitones; 0 is monotone.
        fall: how far pitch falls from start to end, in semitones; negative rises.
        tremor: depth of a tremor of 6 Hz, in semitones.
        formants: frequencies of the formants relative to the voice's own.
        tilt_db: gain of what lies above 1 kHz: positive is tense, negative soft.
        press_db: gain before soft clipping; makes a voice pressed, and its syllables equally loud.
        fade_db: how much softer the end is than the start.
        breath_db: noise that follows the voice, relative to it.
        room_db: noise of the room, in dB of full scale.
        peak_db: highest sample, in dB of full scale.
    """

    voice: str
    length: float
    pitch: float
    pitch_range: float
    fall: float
    tremor: float
    formants: float
    tilt_db: float
    press_db: float
    fade_db: float
    breath_db: float
    room_db: float
    peak_db: float


STYLES: Final = {  # by what each is meant to be
    # loud, pressed and high, with wide excursions
    "angry": Style("en-us+m3", 1, 1.8, 2.5, 2, 0.07, 1, 5, 10, 0, -41.88, -50, -2),
    # slow, soft and breathy, nearly monotone
    "calm": Style("rms", 1.15, 1.1, 0.3, 1.37, 0, 0.99, -12, 0.37, 7.98, -15, -62.32, -25.67),
    # high and fast, trembling
    "fearful": Style("slt", 0.85, 1.74, 0.9, 0, 1.15, 1.05, 4.52, 0, -0.3, -25, -65, -8),
    # high, with very wide excursions
    "happy": Style("en-us+m7", 1.05, 1.55, 3, -1.45, 0, 1.01, 0, 0, 3.17, -37.26, -59.68, -5.33),
    # the voice as it is
    "neutral": Style("rms", 1, 1, 1, 0, 0, 1, 0, 0, 0, -50, -70, -14),
    # slow, soft and breathy, falling, with a faint tremor
    "sad": Style("slt", 1.25, 1.06, 0.31, 6.07, 0.24, 1.06, -5.74, 0, 3.64, -19.93, -74.76, -24.32),
}


@cache
def spoken(voice: str) -> parselmouth.Sound:
    """Let flite or espeak-ng speak the sentence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        flite = ["flite", "-voice", voice, "-t", SENTENCE, "-o", str(path)]
        espeak = ["espeak-ng", "-v", voice, "-s", "165", "-w", str(path), SENTENCE]
        subprocess.run(flite if voice in FLITE_HZ else espeak, check=True)
        return parselmouth.Sound(str(path))


def say(style: Style) -> np.ndarray:
    """Speak the sentence in a style: ``(n,)`` float32 at 16 kHz."""
    parselmouth.praat.run("random_initializeWithSeedUnsafelyButPredictably (1)")  # Praat draws where no voice is
    source = spoken(style.voice)
    rate_hz = round(source.sampling_frequency * style.formants)  # moves the formants; pitch and length are set below
    sound = parselmouth.Sound(source.values[0], rate_hz)
    manipulation = call(sound, "To Manipulation", 0.01, 60, 400)
    call([_melody(style, sound, manipulation), manipulation], "Replace pitch tier")
    lengths = call("Create DurationTier", "length", 0, sound.duration)
    call(lengths, "Add point", 0, style.length * style.formants)
    call([lengths, manipulation], "Replace duration tier")
    voice = call(manipulation, "Get resynthesis (overlap-add)").values[0].astype(np.float32)
    return _recorded(style, resample(voice, rate_hz, RATE_HZ))


def _melody(style: Style, sound: parselmouth.Sound, manipulation: parselmouth.Data) -> parselmouth.Data:
    """The pitch contour: the voice's own, moved, stretched and tilted, with a tremor."""
    own = call(manipulation, "Extract pitch tier")
    count = call(own, "Get number of points")
    times = np.array([call(own, "Get time from index", i + 1) for i in range(count)])
    semitones = 12 * np.log2([call(own, "Get value at index", i + 1) for i in range(count)])
    middle = np.median(semitones)
    wanted = 12 * math.log2(USUAL_HZ[style.voice] * style.pitch)
    share = times / sound.duration - 0.5
    length_s = style.length * style.formants
    wanted = wanted + style.pitch_range * (semitones - middle) - style.fall * share
    wanted += style.tremor * np.sin(2 * np.pi * 6 * times * length_s)
    melody = call("Create PitchTier", "melody", 0, sound.duration)
    for time_s, height in zip(times, wanted, strict=True):
        call(melody, "Add point", time_s, float(np.clip(2 ** (height / 12), 55, 480)))
    return melody


def _recorded(style: Style, voice: np.ndarray) -> np.ndarray:
    """Set loudness, tilt and breath, and put the voice in a quiet room."""
    random = np.random.default_rng(1)
    high = signal.sosfilt(signal.butter(1, 1000, "highpass", fs=RATE_HZ, output="sos"), voice)
    voice = voice + (10 ** (style.tilt_db / 20) - 1) * high
    gain = 10 ** (style.press_db / 20)
    voice = np.tanh(gain * voice / np.abs(voice).max())
    envelope = signal.sosfiltfilt(signal.butter(2, 20, fs=RATE_HZ, output="sos"), np.abs(voice)).clip(0)
    breath = signal.sosfilt(
        signal.butter(1, 1500, "highpass", fs=RATE_HZ, output="sos"), random.normal(size=len(voice))
    )
    voice = voice + 10 ** (style.breath_db / 20) * 3 * envelope * breath
    voice = voice * 10 ** (-style.fade_db * np.linspace(0, 1, len(voice)) / 20)
    voice = np.pad(voice / np.abs(voice).max() * 10 ** (style.peak_db / 20), round(0.35 * RATE_HZ))
    room = np.cumsum(random.normal(size=len(voice)))
    room = signal.sosfilt(signal.butter(1, [80, 400], "bandpass", fs=RATE_HZ, output="sos"), room)
    return np.clip(voice + 10 ** (style.room_db / 20) * room / room.std(), -1, 1).astype(np.float32)


def rain() -> np.ndarray:
    """Make rain: noise, and drops at random moments. Nobody speaks."""
    random = np.random.default_rng(1)
    samples = 0.3 * random.normal(size=round(2.5 * RATE_HZ))
    drop = np.exp(-np.arange(400) / 60) * np.sin(np.arange(400) * 1.5)
    for start in random.integers(0, len(samples) - len(drop), 250):
        samples[start : start + len(drop)] += random.exponential() * drop
    samples = signal.sosfilt(signal.butter(1, [400, 4000], "bandpass", fs=RATE_HZ, output="sos"), samples)
    fade = np.minimum(1, np.minimum(np.arange(len(samples)), np.arange(len(samples))[::-1]) / (0.2 * RATE_HZ))
    return (0.03 * samples * fade / samples.std()).astype(np.float32)


def clip_of_cards() -> np.ndarray:
    """Make the clip for which the cards of models have a known answer; it is not among the examples."""
    options = ("-v", "en-us+m7", "-s", "160", "-p", "60", "-z", "-m")
    marked = f'<speak><prosody range="170%">{SENTENCE}</prosody></speak>'
    spoken = subprocess.run(["espeak-ng", *options, "--stdout", marked], check=True, capture_output=True).stdout
    samples, rate_hz = soundfile.read(io.BytesIO(spoken), dtype="float32")
    samples = resample(samples, rate_hz, RATE_HZ)
    return samples * np.float32(10 ** (-1 / 20) / np.abs(samples).max())


def encoded(samples: np.ndarray) -> bytes:
    """Write sound as 16-bit FLAC."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def write(folder: Path) -> None:
    """Write all clips to a folder."""
    sounds = {name: say(style) for name, style in STYLES.items()}
    for name, samples in (sounds | {"rain": rain(), "loud-and-pressed": clip_of_cards()}).items():
        path, data = folder / f"synthetic-{name}.flac", encoded(samples)
        with atomic_write(path, "wb") as file:
            file.write(data)
        print(f"{path.name}: {len(samples) / RATE_HZ:.2f} s, {len(data) / 1024:.0f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=HERE)
    arguments = parser.parse_args()
    missing = [program for program in ("espeak-ng", "flite") if shutil.which(program) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} not installed (on Debian: apt-get install {' '.join(missing)})")
    write(arguments.to)


if __name__ == "__main__":
    main()
