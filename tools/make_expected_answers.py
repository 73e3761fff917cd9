"""Store the predictions of the shipped models for the bundled clips, for comparison on other machines.

    python tools/make_expected_answers.py

Run it when a shipped model or a bundled clip changes; ``tests/inference/test_same_answer.py`` compares.
"""

from __future__ import annotations

import json
from pathlib import Path

from hearfelt.audio.reader import audio_files
from hearfelt.inference.recognizer import Recognizer, shipped_models
from hearfelt.runtime.files import atomic_write

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "src" / "hearfelt" / "examples"
EXPECTED = ROOT / "tests" / "data" / "expected_answers.json"
DECIMALS = 6  # machines may differ by 0.001


def main() -> None:
    answers = {name: _answers_of(Recognizer.load(name, threads=1)) for name in shipped_models()}
    with atomic_write(EXPECTED) as file:
        file.write(json.dumps(answers, indent=1) + "\n")
    print(f"wrote {EXPECTED}")


def _answers_of(recognizer: Recognizer) -> dict[str, dict[str, float]]:
    """The probabilities of each clip, by file name."""
    return {
        path.name: {label: round(p, DECIMALS) for label, p in recognizer.recognize(path).probabilities.items()}
        for path in audio_files(EXAMPLES)
    }


if __name__ == "__main__":
    main()
