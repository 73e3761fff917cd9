"""The report of a fine-tuned model: its scores on clips that were not used in training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearfelt.evaluation.metrics import figures_of, lowest_class, per_class, reliability
from hearfelt.evaluation.predictions import Evaluation
from hearfelt.inference.card import ModelCard
from hearfelt.reports.figures.results import confusion_matrix, per_class_bars, reliability_diagram
from hearfelt.reports.formatting import bare, many, percent
from hearfelt.reports.pages import picture, table, write_page

__all__ = ["write_teaching_report"]


def write_teaching_report(
    path: Path,
    card: ModelCard,
    evaluation: Evaluation,
    curve: Sequence[tuple[float, int, float]],
    *,
    warnings: Sequence[str] = (),
) -> Path:
    """Write the report as one HTML file.

    Args:
        path: of the file.
        card: of the model.
        evaluation: predictions for clips that were not used in training.
        curve: for each point of the learning curve the share of the clips, their number, and UAR.
        warnings: what makes the scores too good, a sentence each without its full stop.

    Returns:
        The page's path.
    """
    classes = per_class(evaluation.confusion, evaluation.emotions)
    worst, figures = lowest_class(classes), figures_of(evaluation.confusion)
    names = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro-F1"}
    return write_page(
        path,
        "teaching.html",
        card.name,
        lead=f"{card.description} {many(len(evaluation), 'prediction')} by heads that were not trained on the clip.",
        warnings=warnings,
        headline={
            **{names[name]: percent(value) for name, value in figures.items()},
            "UAR by chance": percent(1 / len(evaluation.emotions)),
            f"lowest recall: {worst.emotion}": percent(worst.recall),
        },
        confusion=picture(
            confusion_matrix(evaluation.confusion, evaluation.emotions),
            alt="confusion matrix",
            caption="Each row's clips, in per cent of the row.",
        ),
        recalls=picture(
            per_class_bars(evaluation.emotions, {"recall": [one.recall for one in classes]}),
            alt="recall of each label",
        ),
        labels=table(
            ("label", "clips", "recall %", "precision %"),
            [(one.emotion, one.support, bare(one.recall), bare(one.precision)) for one in classes],
        ),
        growth=table(
            ("training clips", "clips", "UAR %"),
            [(percent(share), clips, bare(uar)) for share, clips, uar in curve],
            caption="The score on the same clips, by heads that were trained on a part of the others.",
        ),
        reliability=picture(
            reliability_diagram(reliability(evaluation.confidences, evaluation.correct)),
            alt="reliability diagram: how often predictions of each confidence were correct",
        ),
        limits=list(card.limits),
    )
