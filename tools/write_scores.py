"""Write into each shipped model's card what that very file was measured to be worth on speakers it never heard.

    python tools/write_scores.py

Reads ``results/unheard-ravdess/NAME/`` for each ``NAME.onnx`` of the package; a file whose card says so already stays
untouched.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hearfelt.evaluation.metrics import METRICS
from hearfelt.evaluation.results import read_results
from hearfelt.inference.recognizer import Recognizer, model_path, shipped_models
from hearfelt.training.export import replace_card

RESULTS = Path(__file__).parents[1] / "results" / "unheard-ravdess"


def main() -> None:
    for name in shipped_models():
        results = read_results(RESULTS / name)
        scores = {results.protocol: {metric: round(results.figure(metric), 6) for metric in METRICS}}
        card = Recognizer.load(name).card
        if card.scores != scores:
            replace_card(model_path(name), replace(card, scores=scores))
        print(name, scores)


if __name__ == "__main__":
    main()
