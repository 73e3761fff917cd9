"""The report of an evaluation, from a folder of results, and that of a fine-tuned model, on held-out clips."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from hearfelt.evaluation.metrics import BINS, coverage_risk, figures_of, lowest_class, per_class, reliability
from hearfelt.evaluation.predictions import Evaluation
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.references import reference_sentence
from hearfelt.evaluation.results import Results
from hearfelt.inference.card import ModelCard
from hearfelt.reports.figures.results import (
    confusion_matrix,
    coverage_risk_curves,
    fold_bars,
    learning_curves,
    per_class_bars,
    reliability_diagram,
)
from hearfelt.reports.formatting import bare, interval, many, percent
from hearfelt.reports.pages import picture, table, write_page

__all__ = ["REPORT", "read_curves", "write_report", "write_teaching_report"]


REPORT: Final = "report.html"
CURVES: Final = "curves.csv"
_MOST_MISTAKES: Final = 10
_CALIBRATED: Final = 0.02  # difference of mean confidence and accuracy that counts as none


def write_report(results: Results) -> Path:
    """Write ``report.html`` into the folder of the results.

    Args:
        results: read from the folder; learning curves are taken from the file next to them, if there is one.

    Returns:
        The page's path.
    """
    summary, evaluation = results.summary, results.evaluation
    curves = read_curves(results.folder) if summary.get("model") is None else []  # else another recipe's may lie there
    clips = len({(row.speaker, row.clip) for row in evaluation.rows})
    protocol = PROTOCOLS.get(results.protocol)
    lead = (
        f"{many(clips, 'test clip')} of {many(len(evaluation.speakers), 'speaker')},"
        f" {protocol.title if protocol else results.protocol}. {_training(summary)}"
    )
    if reference := summary.get("reference"):
        lead += f" With references: {reference_sentence(reference)}."
    return write_page(
        results.folder / REPORT,
        "evaluation.html",
        f"{results.name} on {results.protocol}",
        lead=lead,
        leak=results.leak,
        left_out=_left_out(summary),
        headline=_headline(results),
        **_emotions(evaluation),
        **_confidence(results),
        **_runs(results),
        **_training_section(curves, summary),
        **_setup(summary),
        description=protocol.description if protocol else "",
    )


def read_curves(folder: Path) -> list[dict[str, float]]:
    """Read the learning curves next to results.

    Returns:
        One mapping for each epoch of each fold and seed, with numbers; empty where nothing was trained.
    """
    path = folder / CURVES
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    return [{**row, **{key: int(row[key]) for key in ("fold", "seed", "epoch")}} for row in rows]


def _headline(results: Results) -> dict[str, str]:
    worst = lowest_class(per_class(results.evaluation.confusion, results.evaluation.emotions))

    def between(ends: tuple[float, float] | None) -> str:
        return f" (95 %: {interval(ends)})" if ends else ""

    return {
        **{
            f"{name}{between(results.interval(metric))}": percent(results.figure(metric))
            for metric, name in (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1"))
        },
        f"lowest recall: {worst.emotion}": percent(worst.recall),
        "calibration error (ECE)": percent(results.summary["ece"]),
    }


def _emotions(evaluation: Evaluation) -> dict[str, object]:
    seeds = len(evaluation.seeds)
    classes = per_class(evaluation.confusion, evaluation.emotions)
    confused = [
        (share, truth, predicted)
        for truth, row in zip(evaluation.emotions, _shares(evaluation.confusion), strict=True)
        for predicted, share in zip(evaluation.emotions, row, strict=True)
        if truth != predicted
    ]
    share, truth, predicted = max(confused)
    worst = f"{truth.capitalize()} was most often recognized as {predicted}: {percent(share)} of its clips."
    rows = [
        (one.emotion, bare(one.precision), bare(one.recall), bare(one.f1), round(one.support / seeds))
        for one in classes
    ]
    return {
        "worst_confusion": worst if share else "No clip was recognized as another emotion.",
        "confusion": picture(
            confusion_matrix(evaluation.confusion / seeds, evaluation.emotions),
            alt=f"Confusion matrix. {worst}",
            caption="A row for each true emotion, with the number of its clips.",
        ),
        "per_class": picture(
            per_class_bars(
                evaluation.emotions,
                {"recall": [one.recall for one in classes], "precision": [one.precision for one in classes]},
            ),
            alt="Recall and precision of each emotion",
            caption="Recall: share of its clips that were recognized. Precision: share of its predictions that were"
            " correct.",
        ),
        "emotions": table(
            ("emotion", "precision %", "recall %", "F1 %", "clips"),
            rows,
            caption=f"Over {many(seeds, 'seed')}; clips are those of one seed." if seeds > 1 else "",
        ),
    }


def _confidence(results: Results) -> dict[str, object]:
    evaluation, ece, weights = results.evaluation, results.summary["ece"], results.weights
    mean = float(np.average(evaluation.confidences, weights=weights))
    accuracy = float(np.average(evaluation.correct, weights=weights))
    overconfident, underconfident = mean > accuracy + _CALIBRATED, mean < accuracy - _CALIBRATED
    mistakes = _mistakes(evaluation)
    return {
        "mean_confidence": mean,
        "accuracy": accuracy,
        "calibration": "overconfident"
        if overconfident
        else "underconfident"
        if underconfident
        else "well calibrated on average",
        "bins": BINS,
        "ece": ece,
        "reliability": picture(
            reliability_diagram(reliability(evaluation.confidences, evaluation.correct, weights=weights)),
            alt=f"Reliability diagram; calibration error {percent(ece)}",
            caption="On the line, 80 of 100 predictions with 80 % confidence are correct. Below: their number.",
        ),
        "coverage_risk": picture(
            coverage_risk_curves(_curves(results)),
            alt="Share of wrong predictions by the share of predictions that are kept",
            caption="Wrong predictions among the most confident ones (coverage-risk curve).",
        ),
        "mistakes": table(("clip", "true label", "predicted", "confidence"), mistakes) if mistakes else "",
    }


def _curves(results: Results) -> dict[str, NDArray[np.float64]]:
    """Compute the coverage-risk curve of all predictions, and of each corpus where a protocol compares corpora."""
    protocol, evaluation = PROTOCOLS.get(results.protocol), results.evaluation
    together = coverage_risk(evaluation.confidences, evaluation.correct, weights=results.weights)
    if protocol is None or not protocol.corpora:
        return {results.name: together}
    parts = {protocol.fold_title(fold): evaluation.of(fold=fold) for fold, _ in evaluation.runs}
    each = {name: coverage_risk(part.confidences, part.correct) for name, part in parts.items()}
    return {"mean of the corpora": together, **each}


def _mistakes(evaluation: Evaluation) -> list[tuple[str, str, str, str]]:
    """List wrong predictions with the highest confidence, each clip once, whatever the number of seeds."""
    wrong = np.flatnonzero(~evaluation.correct)
    first: dict[tuple[str, str], int] = {}
    for index in wrong[np.argsort(-evaluation.confidences[wrong], kind="stable")]:
        first.setdefault((evaluation.rows[index].speaker, evaluation.rows[index].clip), int(index))
    return [
        (
            PurePosixPath(evaluation.rows[index].clip).stem,
            evaluation.rows[index].label,
            evaluation.emotions[evaluation.predicted[index]],
            percent(evaluation.confidences[index]),
        )
        for index in list(first.values())[:_MOST_MISTAKES]
    ]


def _runs(results: Results) -> dict[str, object]:
    evaluation, protocol = results.evaluation, PROTOCOLS.get(results.protocol)
    by_corpus = protocol is not None and bool(protocol.corpora)
    runs = [
        {**run, "fold": protocol.fold_title(run["fold"]) if protocol else str(run["fold"])}
        for run in results.summary["runs"]
    ]
    first, error = ("corpus", ["ECE %"]) if by_corpus else ("fold", [])
    header = (first, "seed", "UAR %", "accuracy %", "macro-F1 %", *error, "epoch")
    seeds = len(evaluation.seeds)
    each = evaluation.confusions.sum(axis=0)  # (speakers, emotions, emotions)
    figures = {who: figures_of(one) for who, one in zip(evaluation.speakers, each, strict=True)}
    ranked = sorted(((who, one["uar"]) for who, one in figures.items()), key=lambda pair: pair[1])
    run_rows = [
        (
            run["fold"],
            str(run["seed"]),
            *(bare(run[name]) for name in ("uar", "accuracy", "macro_f1")),
            *([bare(run["ece"])] if by_corpus else []),
            "–" if run["epoch"] is None else str(run["epoch"]),
        )
        for run in runs
    ]
    speakers = [
        (who, round(int(one.sum()) / seeds), bare(figures[who]["uar"]), bare(figures[who]["accuracy"]))
        for who, one in zip(evaluation.speakers, each, strict=True)
    ]
    several = len({run["fold"] for run in runs}) > 1
    return {
        "runs": runs,
        "mean": results.summary.get("mean"),
        "sd": results.summary.get("sd"),
        "folds": picture(fold_bars(runs), alt=f"UAR of {many(len(runs), 'run')} by fold") if several else "",
        "best": ranked[-1] if len(ranked) > 1 else None,
        "worst": ranked[0],
        "run_table": table(header, run_rows),
        "speaker_table": table(("speaker", "clips", "UAR %", "accuracy %"), speakers),
    }


def _training_section(curves: list[dict[str, float]], summary: Mapping[str, Any]) -> dict[str, object]:
    runs = {(row["fold"], row["seed"]) for row in curves}
    epochs = [run["epoch"] for run in summary["runs"] if run["epoch"] is not None]
    plot: Markup | str = ""
    if curves:
        plot = picture(
            learning_curves(curves, chosen=epochs[0] if len(runs) == 1 and epochs else None),
            alt=f"Loss and accuracy by epoch of {many(len(runs), 'run')}",
            caption="Thin lines are runs, thick lines their mean." if len(runs) > 1 else "",
        )
    chosen_on_test = bool(summary.get("leaks", {}).get("chosen_on_test"))
    return {"curves": plot, "epochs": epochs, "chosen_on_test": chosen_on_test}


def _setup(summary: Mapping[str, Any]) -> dict[str, object]:
    corpora = [(name, one["clips"], one["fingerprint"]) for name, one in summary["corpora"].items()]
    auxiliary = summary.get("beside", {}).items()
    corpora += [(f"{name}, for training only", one["clips"], one["fingerprint"]) for name, one in auxiliary]
    unanswered = [(one["clip"], one["speaker"], one["reason"]) for one in summary.get("unanswered") or ()]
    return {
        "corpora": table(("corpus", "clips", "fingerprint"), corpora),
        "recipe": table(("key", "value"), list(_flat(summary["recipe"]))),
        "dropped": summary.get("dropped"),
        "unanswered": table(("clip", "speaker", "reason"), unanswered) if unanswered else "",
        "made_with": summary["version"],
    }


def _left_out(summary: Mapping[str, Any]) -> list[str]:
    parts = [f"{many(count, 'clip')} {reason}" for reason, count in summary.get("left_out", {}).items()]
    if unanswered := summary.get("unanswered"):
        parts.append(f"{many(len(unanswered), 'clip')} (unreadable or silent)")
    return parts


def _training(summary: Mapping[str, Any]) -> str:
    if summary.get("model"):
        return f"Nothing was trained: all predictions are of the finished model {summary['model']}."
    return f"Trained {many(len(summary['runs']), 'time')}, with {many(len(summary['seeds']), 'seed')}."


def _shares(confusion: Any) -> Any:
    totals = confusion.sum(axis=1, keepdims=True)
    return np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Flatten nested tables into rows: ``fit.epochs``, ``40``."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


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
