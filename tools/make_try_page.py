"""Build the page that recognizes emotions in the browser: static files for any web server.

    python tools/make_try_page.py build/site/try

Its own files are in ``try-page/``; it shares the player and the microphone with the page and the service, and the
constants with the package. Needs ``npm ci`` in ``try-page/`` first; ``make try-page`` does both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from hearfelt.audio.channels import LOUDEST
from hearfelt.audio.reader import BLOCK, SHORTEST_S, SILENCE_DB
from hearfelt.emotions import EMOTIONS, look_of
from hearfelt.examples.clips import example_clips
from hearfelt.inference import windowing
from hearfelt.inference.card import CARD_KEY, FORMAT
from hearfelt.inference.prediction import NO_SPEECH_WORDS, SURE_WORDS, UNSURE_WORD
from hearfelt.inference.recognizer import model_path
from hearfelt.inference.voice_activity import LITTLE_SHARE
from hearfelt.page.words import player_words
from hearfelt.reports.theme import style_variables, tone_of

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "try-page"
RUNTIME: Final = SOURCE / "node_modules" / "onnxruntime-web" / "dist"
RUNTIME_FILES: Final = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MODELS: Final = {"tiny": "fast", "hearfelt": "more accurate"}  # the first is loaded with the page
NOT_COPIED: Final = {"package.json", "package-lock.json", "service-worker.js"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=ROOT / "build" / "site" / "try", help="where it is written"
    )
    folder = parser.parse_args().folder
    if not RUNTIME.is_dir():
        print(f"{RUNTIME}: missing; run `npm ci` in {SOURCE}, or `make try-page`", file=sys.stderr)
        return 1
    build(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"The page is in {folder} ({size / 1e6:.0f} MB); any web server can serve it")
    return 0


def build(folder: Path) -> None:
    """Write the page into a folder; an earlier page in it is removed.

    Raises:
        ValueError: if something else is in the folder.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / "service-worker.js").is_file():
            raise ValueError(f"{folder}: there is something else in this folder; name a new one")
        shutil.rmtree(folder)
    for below in ("models", "examples", "live"):
        (folder / below).mkdir(parents=True)
    for path in SOURCE.iterdir():
        if path.is_file() and path.name not in NOT_COPIED:
            shutil.copy(path, folder)
    for name in RUNTIME_FILES:
        shutil.copy(RUNTIME / name, folder)
    for name in MODELS:
        shutil.copy(model_path(name), folder / "models")
    for path in example_clips():
        shutil.copy(path, folder / "examples")
    _write_shared(folder)
    (folder / "constants.js").write_text(_constants_script(), encoding="utf-8")
    (folder / "service-worker.js").write_text(_service_worker(folder), encoding="utf-8")


def _write_shared(folder: Path) -> None:
    """Write what the page has in common with Streamlit's page and the live page."""
    written = {
        "waveform.js": [("reports", "waveform.js")],
        "waveform.css": [("reports", "waveform.css")],
        "player.js": [("reports", "waveform.js"), ("page", "player.js")],  # one module, as Streamlit's page has it
        "player.css": [("page", "player.css")],
        "icon.svg": [("page", "icon.svg")],
        "microphone.js": [("service", "microphone.js")],
        "live_waveform.js": [("service", "live_waveform.js")],
        "live/worklet.js": [("service", "worklet.js")],  # where microphone.js looks for it
    }
    for name, parts in written.items():
        text = "".join((files(f"hearfelt.{package}") / "static" / one).read_text("utf-8") for package, one in parts)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "colours.css").write_text(style_variables(), encoding="utf-8")


def _model(name: str, words: str) -> dict[str, Any]:
    path = model_path(name)
    # what follows the question mark changes with the file, so that a browser does not keep an old one
    address = f"models/{path.name}?{_digest(path)}"
    return {"name": name, "words": words, "address": address, "size": path.stat().st_size}


def _constants() -> dict[str, Any]:
    def shown(emotion: str) -> dict[str, str]:
        return {"emoji": look_of(emotion).emoji, "mark": f"--{tone_of(emotion)}"}

    examples = [
        {"name": path.stem.removeprefix("synthetic-"), "address": f"examples/{path.name}"} for path in example_clips()
    ]
    return {
        "EMOTIONS": {emotion: shown(emotion) for emotion in EMOTIONS},
        "OTHER_EMOTION": shown(""),
        "PLAYER_WORDS": player_words(),
        "MODELS": [_model(name, words) for name, words in MODELS.items()],
        "EXAMPLES": examples,
        "SURE_WORDS": SURE_WORDS,
        "UNSURE_WORD": UNSURE_WORD,
        "NO_SPEECH_WORDS": NO_SPEECH_WORDS,
        "CARD_KEY": CARD_KEY,
        "CARD_FORMAT": FORMAT,
        "BLOCK": BLOCK,
        "FRAME": windowing.FRAME,
        "LITTLE_SHARE": LITTLE_SHARE,
        "LOUDEST": LOUDEST,
        "QUIETER_DB": windowing.QUIETER_DB,
        "RATE_HZ": windowing.RATE_HZ,
        "SHORTEST_S": SHORTEST_S,
        "SILENCE_DB": SILENCE_DB,
    }


def _constants_script() -> str:
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in _constants().items()}
    lines = "".join(f"export const {name} = {value};\n" for name, value in values.items())
    return f"// Written by tools/make_try_page.py, from the package.\n\n{lines}"


def _service_worker(folder: Path) -> str:
    """Put the list of files in front of the service worker; a model file is kept by the page itself."""
    kept = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "models" and path.name != "service-worker.js"
    )
    script = (SOURCE / "service-worker.js").read_text(encoding="utf-8")
    hashes = [_digest(folder / name) for name in kept] + [hashlib.sha256(script.encode()).hexdigest()]
    version = hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]
    return f'const VERSION = "{version}";\nconst FILES = {json.dumps(["./", *kept])};\n\n{script}'


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


if __name__ == "__main__":
    raise SystemExit(main())
