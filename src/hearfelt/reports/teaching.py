"""The page about a taught model: its scores on clips that it had not learned from, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearfelt.evaluation.metrics import figures_of, lowest_class, per_class
from hearfelt.evaluation.predictions import Evaluation
from hearfelt.inference.card import ModelCard
from hearfelt.reports.figures.results import confusion_matrix, per_class_bars, reliability_diagram
from hearfelt.reports.formatting import bare, many, percent
from hearfelt.reports.pages import Block, Section, bullets, facts, picture, section, table, warning, write_page

__all__ = ["write_teaching_report"]


def write_teaching_report(
    path: Path,
    card: ModelCard,
    evaluation: Evaluation,
    curve: Sequence[tuple[float, int, float]],
    *,
    warnings: Sequence[str] = (),
) -> Path:
    """Write a page that stands alone.

    Args:
        path: the HTML file.
        card: of the taught model.
        evaluation: its answers to clips that it had not learned from.
        curve: for each part of the learning curve the share learned from, how many clips that is, and UAR.
        warnings: what makes the scores flatter, a sentence each without its full stop.

    Returns:
        The page's path.
    """
    figures = per_class(evaluation.confusion, evaluation.emotions)
    worst = lowest_class(figures)
    shown = {name: percent(value) for name, value in figures_of(evaluation.confusion).items()}
    names = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro-F1"}
    blocks: list[Block | Section] = [
        warning(f"{sentence[0].upper()}{sentence[1:]}.", title="These scores may flatter") for sentence in warnings
    ]
    blocks.append(
        facts(
            {
                **{names[name]: value for name, value in shown.items()},
                "UAR by chance": percent(1 / len(evaluation.emotions)),
                f"lowest recall: {worst.emotion}": percent(worst.recall),
            }
        )
    )
    recalls = {"recall": [one.recall for one in figures]}
    confusion = picture(
        confusion_matrix(evaluation.confusion, evaluation.emotions),
        alt="what each label was taken for",
        caption="Each row's clips, in per cent of the row.",
    )
    bars = picture(per_class_bars(evaluation.emotions, recalls), alt="recall of each label")
    counts = table(
        ("label", "clips", "recall %", "precision %"),
        [(one.emotion, one.support, bare(one.recall), bare(one.precision)) for one in figures],
    )
    blocks.append(section("Labels", confusion, bars, counts))
    growth = table(
        ("learned from", "clips", "UAR %"),
        [(percent(share), clips, bare(uar)) for share, clips, uar in curve],
        caption="The score on the same clips, by heads that learned from a part of the others.",
    )
    blocks.append(section("Would more clips help?", growth))
    blocks.append(
        section(
            "How sure it may be",
            picture(
                reliability_diagram(evaluation.confidences, evaluation.correct),
                alt="how often answers of each confidence were right",
            ),
        )
    )
    blocks.append(section("What it cannot do", bullets(card.limits)))
    lead = f"{card.description} {many(len(evaluation), 'answer')} by heads that had not learned from the clip."
    return write_page(path, card.name, *blocks, lead=lead)
