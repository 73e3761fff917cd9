"""Write the scores on unseen speakers and the known answer into the card of each shipped model.

    python tools/write_scores.py

Reads ``results/unheard-ravdess/NAME/`` for each ``NAME.onnx`` of the package. A file is not changed if its card has
these scores and a known answer within 0.001 of the file's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from hearfelt.evaluation.metrics import METRICS
from hearfelt.evaluation.results import read_results
from hearfelt.inference.recognizer import Recognizer, model_path, shipped_models
from hearfelt.training.export import replace_card

RESULTS: Final = Path(__file__).parents[1] / "results" / "unheard-ravdess"
TOLERANCE: Final = 1e-3  # between processors


def main() -> None:
    for name in shipped_models():
        results = read_results(RESULTS / name)
        scores = {results.protocol: {metric: round(results.figure(metric), 6) for metric in METRICS}}
        recognizer = Recognizer.load(name, threads=1)
        card = replace(recognizer.card, scores=scores, known_answer=_known_answer(recognizer))
        if card != recognizer.card:
            replace_card(model_path(name), card)
        print(name, scores)


def _known_answer(recognizer: Recognizer) -> Mapping[str, Any]:
    """The card's known answer, or a new one for the same clip if the file's prediction differs."""
    known = recognizer.card.known_answer
    if not known:
        return known
    clip = resources.files("hearfelt.examples") / known["example"]
    answer = recognizer.recognize(clip.read_bytes()).probabilities
    is_right = all(abs(answer[label] - share) <= TOLERANCE for label, share in known["probabilities"].items())
    return known if is_right else {**known, "probabilities": dict(answer)}


if __name__ == "__main__":
    main()
