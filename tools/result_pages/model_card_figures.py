"""The figures of ``MODEL_CARD.md``: how well, which mistakes, how sure; each a table or a sentence of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from hearfelt.evaluation.metrics import BINS, per_class
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import Results
from hearfelt.reports.formatting import bare, interval, many, percent
from hearfelt.reports.shipped_scores import HONEST
from result_pages.results_ladder import is_ladder
from result_pages.results_markdown import NONE, markdown_table
from result_pages.results_pictures import RELIABILITY_PICTURE

__all__ = ["calibration", "each_emotion", "figure_on", "figures_table", "main_result"]

_CONFUSIONS: Final = 6  # told in words
_SURE: Final = (0.7, 0.8)


def main_result(own: Sequence[Results]) -> Results | None:
    """Choose the result that stands for a model: that over most speakers without a leak; None where there is none."""
    by_protocol = {one.protocol: one for one in own if not one.summary["leaky"] and not is_ladder(one)}
    return next((by_protocol[name] for name in (*HONEST, *by_protocol) if name in by_protocol), None)


def figures_table(own: Sequence[Results]) -> str:
    """List every result of a model but the ladder's, those without a leak first."""
    rows = []
    for one in sorted(own, key=lambda one: bool(one.summary["leaky"])):
        if is_ladder(one):
            continue
        protocol, mark = PROTOCOLS.get(one.protocol), "" if one.summary["leaky"] else "**"
        clips = len({(row.speaker, row.clip) for row in one.evaluation.rows})
        rows.append(
            (
                f"`{one.protocol}`",
                protocol.title if protocol else one.protocol,
                "this very file" if one.summary.get("model") else "its recipe, trained anew in every fold",
                f"{mark}{bare(one.figure('uar'))}{mark}",
                interval(one.interval("uar")),
                bare(one.figure("accuracy")),
                bare(one.summary["ece"]),
                f"{clips:,}",
                str(len(one.evaluation.speakers)),
                str(len(one.summary["seeds"])),
            )
        )
    header = (
        "protocol", "over what", "what answered", "UAR %", "95 %", "accuracy %", "calibration error %", "clips",
        "speakers", "seeds",
    )  # fmt: skip
    return markdown_table(header, rows, left=3)


def figure_on(protocol: str, name: str, results: Sequence[Results]) -> str:
    """Write a model's UAR on a protocol as per cent, without the sign; a dash where it was not measured."""
    found = (one for one in results if (one.protocol, one.name) == (protocol, name))
    return next((bare(one.figure("uar")) for one in found), NONE)


def each_emotion(one: Results) -> list[str]:
    """Tell how well each emotion is recognized, and which are taken for which most often."""
    confusion, emotions, seeds = one.evaluation.confusion, one.evaluation.emotions, len(one.evaluation.seeds)
    rows = [
        (c.emotion, bare(c.recall), bare(c.precision), bare(c.f1), f"{round(c.support / seeds):,}")
        for c in per_class(confusion, emotions)
    ]
    totals = np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    shares = np.where(np.eye(len(emotions), dtype=bool), 0.0, confusion / totals)
    worst = sorted(np.ndindex(shares.shape), key=lambda cell: -shares[cell])[:_CONFUSIONS]
    said = [
        f"{emotions[truth]} for {emotions[answer]} ({100 * shares[truth, answer]:.0f} %)"
        for truth, answer in worst
        if shares[truth, answer] > 0
    ]
    confused = f"Taken for another most often, in % of the emotion's clips: {', '.join(said)}." if said else ""
    table = markdown_table(("emotion", "recall %", "precision %", "F1 %", "clips"), rows)
    return [text for text in (table, confused) if text]


def calibration(one: Results) -> list[str]:
    """Tell whether its confidence can be believed."""
    evaluation = one.evaluation
    confidences, correct = evaluation.confidences, evaluation.correct
    low, high = _SURE
    among = (confidences >= low) & (confidences < high)
    answers = int(among.sum())
    sure = f"{low:.0%} to {high:.0%}".replace("%", " %")
    right = f"No answer had a confidence of {sure}."
    if answers:
        share = percent(float(correct[among].mean()))
        right = f"Of {many(answers, 'answer')} given with a confidence of {sure}, {share} were right."
    said, came_true = percent(float(confidences.mean())), percent(float(correct.mean()))
    words = (
        f"On average it said {said} and was right {came_true} of the time; the calibration error over {BINS} bins is"
        f" {percent(one.summary['ece'])}. {right} On sounds unlike these, such as other languages or noisy rooms, its"
        " confidence is not calibrated."
    )
    alt = f"Reliability diagram of {one.name} on {one.protocol}: how often answers of each confidence were right"
    return [words, f"![{alt}]({RELIABILITY_PICTURE})"]
