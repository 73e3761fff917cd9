"""Show teaching on EMO-DB: its seven labels, boredom included, on top of a base that never heard it, beside ``svm``.

    python tools/show_teaching.py --base hearfelt-without-emodb.onnx --corpus ~/emodb
    python tools/show_teaching.py                                     # only write the page anew

Both learn from the same clips and are tested in the same folds, in which nobody is learned from and tested on. The
figures go to ``results/teaching/emodb.json``, from there into ``docs/teach.md``, and a picture beside it. A base whose
card says that it heard EMO-DB is refused: its figures would flatter.
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
from hearfelt.finetuning.teach import Taught, teach
from hearfelt.finetuning.training_set import Lesson, gather
from hearfelt.reports.figures.canvas import save_figure
from hearfelt.reports.figures.results import confusion_matrix as confusion_picture
from hearfelt.runtime.files import atomic_write
from hearfelt.training.recipe import read_recipe

HERE = Path(__file__).parents[1]
FIGURES = HERE / "results" / "teaching" / "emodb.json"
PAGE = HERE / "docs" / "teach.md"
PICTURE = HERE / "docs" / "pictures" / "teaching.png"
START, END = "<!-- figures of tools/show_teaching.py -->", "<!-- end of figures -->"


def answers_of_svm(lesson: Lesson, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Let recipes/svm.toml's machine answer each fold after learning from the others: ``(clips,)``."""
    settings = read_recipe(HERE / "recipes" / "svm.toml").svm
    features = features_of(lesson.clips)
    answers = np.zeros(len(labels), np.int64)
    for fold in np.unique(folds):
        learned = folds != fold
        scaler = StandardScaler().fit(features[learned])
        machine = SVC(C=settings.c, gamma="scale", class_weight="balanced" if settings.balanced else None)
        machine.fit(scaler.transform(features[learned]), labels[learned])
        answers[~learned] = machine.predict(scaler.transform(features[~learned]))
    return answers


def figures_for(taught: Taught, seconds: float) -> dict[str, Any]:
    lesson, scored = taught.lesson, taught.scored
    labels = np.array([lesson.labels.index(clip.emotion) for clip in lesson.clips])
    by_svm = confusion_matrix(labels, answers_of_svm(lesson, labels, scored.folds), len(lesson.labels))
    by_head = taught.evaluation.confusion
    return {
        "corpus": lesson.corpus,
        "base": {"name": taught.card.recipe["base"], "sha256": taught.card.recipe["base_sha256"]},
        "clips": len(lesson.clips),
        "speakers": len(lesson.clips.speakers),
        "labels": list(lesson.labels),
        "scored_by": taught.grouping.by,
        "folds": int(scored.folds.max()) + 1,
        "setting": {"shrinkage": scored.setting.shrinkage, "trust_in_base": scored.setting.trust},
        "seconds": round(seconds, 1),
        "learning_curve": [
            {"share": point.share, "clips": point.clips, "uar": round(point.uar, 6)} for point in scored.curve
        ],
        "taught": _result(by_head, lesson.labels),
        "svm": _result(by_svm, lesson.labels),
    }


def _result(confusion: np.ndarray, labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: round(value, 6) for name, value in figures_of(confusion).items()},
        "recall": {one.emotion: round(one.recall, 6) for one in per_class(confusion, labels)},
        "confusion": confusion.tolist(),
    }


def table_of(told: dict[str, Any]) -> str:
    """Write the part of the page that stands between the marks."""
    names = {"taught": f"taught on top of `{told['base']['name']}`", "svm": "`svm`, the same clips and folds"}
    lines = [
        f"EMO-DB: {told['clips']} clips of {told['speakers']} speakers, {len(told['labels'])} labels, each speaker"
        f" tested by heads that learned from the others ({told['folds']} folds), on top of a `{told['base']['name']}`"
        " that was trained without EMO-DB. UAR, accuracy and recall in %.",
        "",
        f"| | UAR | accuracy | {' | '.join(told['labels'])} |",
        f"|---|{'--:|' * (2 + len(told['labels']))}",
    ]
    for key, name in names.items():
        one = told[key]
        cells = [one["uar"], one["accuracy"], *(one["recall"][label] for label in told["labels"])]
        lines.append(f"| {name} | {' | '.join(f'{cell * 100:.1f}' for cell in cells)} |")
    curve = ", ".join(f"{point['uar'] * 100:.1f} % from {point['clips']}" for point in told["learning_curve"])
    lines += ["", f"Learning curve: UAR {curve} clips.", ""]
    lines.append("![What was answered for what](pictures/teaching.png)")
    return "\n".join(lines)


def with_figures(page: str, told: dict[str, Any]) -> str:
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{table_of(told)}\n\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", type=Path, help="a model that takes sound and has not heard EMO-DB")
    parser.add_argument("--corpus", type=Path, help="the folder of EMO-DB")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="where the figures are kept")
    parser.add_argument("--try", dest="only_try", action="store_true", help="print the figures, and keep nothing")
    asked = parser.parse_args()
    if asked.base is not None:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            lesson = gather(asked.corpus, corpus="emodb")
            taught = teach(lesson, Path(folder) / "emodb.onnx", base=asked.base)
            told = figures_for(taught, time.monotonic() - began)
        if asked.only_try:
            print(*taught.warnings, table_of(told), sep="\n")
            return
        if taught.warnings:
            raise SystemExit(f"nothing is kept: {taught.warnings[0]}")
        with atomic_write(asked.figures) as file:
            json.dump(told, file, indent=1)
            file.write("\n")
    told = json.loads(asked.figures.read_text(encoding="utf-8"))
    save_figure(confusion_picture(told["taught"]["confusion"], told["labels"], title="EMO-DB, by speaker"), PICTURE)
    page = PAGE.read_text(encoding="utf-8")
    with atomic_write(PAGE) as file:
        file.write(with_figures(page, told))


if __name__ == "__main__":
    main()
