"""Evaluate ``hearfelt teach`` on the seven labels of EMO-DB, with a base model not trained on it, and ``svm``.

    python tools/show_teaching.py --base hearfelt-without-emodb.onnx --corpus ~/emodb
    python tools/show_teaching.py                                     # only update the page

Both use the same clips and speaker-independent folds. The scores go to ``results/teaching/emodb.json``, from there into
``docs/teach.md``, with a confusion matrix. A base model whose card lists EMO-DB is refused.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hearfelt.evaluation.metrics import confusion_matrix, figures_of, per_class
from hearfelt.features.table import features_of
from hearfelt.finetuning.finetune import FinetunedModel, finetune
from hearfelt.finetuning.training_set import FinetuningSet, read_finetuning_set
from hearfelt.reports.figures.canvas import save_figure
from hearfelt.reports.figures.results import confusion_matrix as confusion_picture
from hearfelt.runtime.files import atomic_write
from hearfelt.training.recipe import read_recipe
from result_pages.markdown import replace_between

HERE = Path(__file__).parents[1]
FIGURES = HERE / "results" / "teaching" / "emodb.json"
PAGE = HERE / "docs" / "teach.md"
PICTURE = HERE / "docs" / "pictures" / "teaching.png"
START, END = "<!-- figures of tools/show_teaching.py -->", "<!-- end of figures -->"


def answers_of_svm(training_set: FinetuningSet, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Predictions of the recipe svm for each fold, trained on the others: ``(clips,)``."""
    settings = read_recipe("svm").svm
    features = features_of(training_set.clips)
    answers = np.zeros(len(labels), np.int64)
    for fold in np.unique(folds):
        learned = folds != fold
        scaler = StandardScaler().fit(features[learned])
        machine = SVC(C=settings.c, gamma="scale", class_weight="balanced" if settings.balanced else None)
        machine.fit(scaler.transform(features[learned]), labels[learned])
        answers[~learned] = machine.predict(scaler.transform(features[~learned]))
    return answers


def figures_for(model: FinetunedModel, seconds: float) -> dict[str, Any]:
    training_set, validation = model.training_set, model.validation
    labels = np.array([training_set.labels.index(clip.emotion) for clip in training_set.clips])
    by_svm = confusion_matrix(labels, answers_of_svm(training_set, labels, validation.folds), len(training_set.labels))
    by_head = model.evaluation.confusion
    return {
        "corpus": training_set.corpus,
        "base": {"name": model.card.recipe["base"], "sha256": model.card.recipe["base_sha256"]},
        "clips": len(training_set.clips),
        "speakers": len(training_set.clips.speakers),
        "labels": list(training_set.labels),
        "scored_by": model.grouping.by,
        "folds": int(validation.folds.max()) + 1,
        "setting": {"shrinkage": validation.setting.shrinkage, "trust_in_base": validation.setting.base_weight},
        "seconds": round(seconds, 1),
        "learning_curve": [
            {"share": point.share, "clips": point.clips, "uar": round(point.uar, 6)} for point in validation.curve
        ],
        "taught": _result(by_head, training_set.labels),
        "svm": _result(by_svm, training_set.labels),
    }


def _result(confusion: np.ndarray, labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: round(value, 6) for name, value in figures_of(confusion).items()},
        "recall": {one.emotion: round(one.recall, 6) for one in per_class(confusion, labels)},
        "confusion": confusion.tolist(),
    }


def table_of(shown: dict[str, Any]) -> str:
    """The text between the marks of the page."""
    names = {"taught": f"`teach` with `{shown['base']['name']}`", "svm": "`svm`, same clips and folds"}
    lines = [
        f"EMO-DB: {shown['clips']} clips of {shown['speakers']} speakers, {len(shown['labels'])} labels,"
        f" {shown['folds']} speaker-independent folds, base model `{shown['base']['name']}` trained without EMO-DB."
        " UAR, accuracy and recall in %.",
        "",
        f"| | UAR | accuracy | {' | '.join(shown['labels'])} |",
        f"|---|{'--:|' * (2 + len(shown['labels']))}",
    ]
    for key, name in names.items():
        one = shown[key]
        cells = [one["uar"], one["accuracy"], *(one["recall"][label] for label in shown["labels"])]
        lines.append(f"| {name} | {' | '.join(f'{cell * 100:.1f}' for cell in cells)} |")
    curve = ", ".join(f"{point['uar'] * 100:.1f} % with {point['clips']}" for point in shown["learning_curve"])
    lines += ["", f"Learning curve: UAR {curve} clips.", ""]
    lines.append("![Confusion matrix](pictures/teaching.png)")
    return "\n".join(lines)


def with_figures(page: str, shown: dict[str, Any]) -> str:
    return replace_between(page, START, END, f"\n{table_of(shown)}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", type=Path, help="a model that takes sound and was not trained on EMO-DB")
    parser.add_argument("--corpus", type=Path, help="the folder of EMO-DB")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="file for the scores (%(default)s)")
    parser.add_argument("--try", dest="only_try", action="store_true", help="print the scores and write nothing")
    asked = parser.parse_args()
    if asked.base is not None:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            training_set = read_finetuning_set(asked.corpus, corpus="emodb")
            model = finetune(training_set, Path(folder) / "emodb.onnx", base=asked.base)
            shown = figures_for(model, time.monotonic() - began)
        if asked.only_try:
            print(*model.warnings, table_of(shown), sep="\n")
            return
        if model.warnings:
            raise SystemExit(f"nothing was written: {model.warnings[0]}")
        with atomic_write(asked.figures) as file:
            json.dump(shown, file, indent=1)
            file.write("\n")
    shown = json.loads(asked.figures.read_text(encoding="utf-8"))
    save_figure(confusion_picture(shown["taught"]["confusion"], shown["labels"], title="EMO-DB, by speaker"), PICTURE)
    page = PAGE.read_text(encoding="utf-8")
    with atomic_write(PAGE) as file:
        file.write(with_figures(page, shown))


if __name__ == "__main__":
    main()
