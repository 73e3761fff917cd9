"""The report of an evaluation: one page that a person reads, made from a folder of results."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from hearfelt.evaluation.metrics import BINS, figures_of, lowest_class, per_class
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import Results
from hearfelt.reports.figures.results import (
    confusion_matrix,
    fold_bars,
    learning_curves,
    per_class_bars,
    reliability_diagram,
)
from hearfelt.reports.formatting import bare, interval, many, percent
from hearfelt.reports.pages import (
    Block,
    Section,
    beside,
    card,
    facts,
    folded,
    notice,
    picture,
    prose,
    section,
    table,
    warning,
    write_page,
)

__all__ = ["REPORT", "read_curves", "write_report"]

REPORT: Final = "report.html"
CURVES: Final = "curves.csv"
_SUREST: Final = 10  # mistakes listed


def write_report(results: Results) -> Path:
    """Write ``report.html`` into the folder of the results.

    Args:
        results: read back from the folder; learning curves are taken from the runs beside them, where there are any.

    Returns:
        The page's path.
    """
    summary, evaluation = results.summary, results.evaluation
    blocks: list[Block | Section] = []
    if results.leak:
        blocks.append(warning(results.leak, title="This score is flattering"))
    if remark := _remark(summary):
        blocks.append(notice(remark, title="Not every clip was answered"))
    blocks.append(_headline(results))
    blocks.append(_emotions(results))
    blocks.append(_confidence(results))
    blocks.append(_people(results))
    curves = read_curves(results.folder) if summary.get("model") is None else []  # else another recipe's may lie there
    if curves:
        blocks.append(_learning(curves, results))
    blocks.append(_setting(results))
    clips = len({(row.speaker, row.clip) for row in evaluation.rows})
    lead = (
        f"{many(clips, 'test clip')} of {many(len(evaluation.speakers), 'speaker')}, {_protocol_title(results)}."
        f" {_trained(summary)}"
    )
    return write_page(results.folder / REPORT, f"{results.name} on {results.protocol}", *blocks, lead=lead)


def read_curves(folder: Path) -> list[dict[str, float]]:
    """Read the learning curves that lie beside results.

    Returns:
        One mapping an epoch of every fold and seed, with its figures as numbers; empty where nothing was trained.
    """
    path = folder / CURVES
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    return [{**row, **{key: int(row[key]) for key in ("fold", "seed", "epoch")}} for row in rows]


def _headline(results: Results) -> Block:
    worst = lowest_class(per_class(results.evaluation.confusion, results.evaluation.emotions))
    shown = {
        **{
            f"{name}{_between(results.interval(metric))}": percent(results.figure(metric))
            for metric, name in (("uar", "UAR"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1"))
        },
        f"lowest recall: {worst.emotion}": percent(worst.recall),
        "calibration error (ECE)": percent(results.summary["ece"]),
    }
    return facts(shown)


def _between(ends: tuple[float, float] | None) -> str:
    return f" (95 %: {interval(ends)})" if ends else ""


def _emotions(results: Results) -> Section:
    evaluation = results.evaluation
    seeds = len(evaluation.seeds)
    figures = per_class(evaluation.confusion, evaluation.emotions)
    worst = [
        (share, truth, answer)
        for truth, row in zip(evaluation.emotions, _shares(evaluation.confusion), strict=True)
        for answer, share in zip(evaluation.emotions, row, strict=True)
        if truth != answer
    ]
    share, truth, answer = max(worst)
    columns = {
        "recall": [one.recall for one in figures],
        "precision": [one.precision for one in figures],
    }
    rows = [
        (one.emotion, bare(one.precision), bare(one.recall), bare(one.f1), round(one.support / seeds))
        for one in figures
    ]
    said = f"{truth.capitalize()} was taken for {answer} most often: {percent(share)} of its clips."
    return section(
        "Each emotion",
        prose(said if share else "No clip was taken for another emotion."),
        beside(
            picture(
                confusion_matrix(evaluation.confusion / seeds, evaluation.emotions),
                alt=f"Confusion matrix. {said}",
                caption="A row for each true emotion; the number of its clips stands beside it.",
            ),
            picture(
                per_class_bars(evaluation.emotions, columns),
                alt="Recall and precision of each emotion",
                caption="Recall: how many of its clips were recognized. Precision: how many answers of it were right.",
            ),
        ),
        table(("emotion", "precision %", "recall %", "F1 %", "clips"), rows, caption=_over(seeds)),
    )


def _confidence(results: Results) -> Section:
    evaluation = results.evaluation
    confidences, correct = evaluation.confidences, evaluation.correct
    wrong = np.flatnonzero(~correct)
    surest: dict[tuple[str, str], int] = {}  # each clip once, whatever the number of seeds
    for place in wrong[np.argsort(-confidences[wrong], kind="stable")]:
        surest.setdefault((evaluation.rows[place].speaker, evaluation.rows[place].clip), int(place))
    rows = [
        (
            PurePosixPath(evaluation.rows[place].clip).stem,
            evaluation.rows[place].label,
            evaluation.emotions[evaluation.answers[place]],
            percent(confidences[place]),
        )
        for place in list(surest.values())[:_SUREST]
    ]
    mean, right = float(confidences.mean()), float(correct.mean())
    words = "surer than right" if mean > right + 0.02 else "less sure than right" if mean < right - 0.02 else "true"
    diagram = picture(
        reliability_diagram(confidences, correct),
        alt=f"Reliability diagram; calibration error {percent(results.summary['ece'])}",
        caption="On the line, an answer given with 80 % is right 80 times in 100. Below: the number of answers.",
    )
    mistakes = table(("clip", "meant", "answered", "confidence"), rows)
    return section(
        "How sure, and how right",
        prose(
            f"On average it said {percent(mean)} and was right {percent(right)} of the time: its confidence is {words}."
            f" The calibration error over {BINS} bins is {percent(results.summary['ece'])}."
        ),
        beside(diagram, card("The surest mistakes", mistakes)) if rows else diagram,
    )


def _people(results: Results) -> Section:
    evaluation, runs = results.evaluation, results.summary["runs"]
    seeds = len(evaluation.seeds)
    each = evaluation.confusions.sum(axis=0)  # (speakers, emotions, emotions)
    figures = {who: figures_of(one) for who, one in zip(evaluation.speakers, each, strict=True)}
    best, worst = (pick(figures, key=lambda who: figures[who]["uar"]) for pick in (max, min))
    blocks = []
    if len(runs) > 1:
        mean, sd = results.summary["mean"]["uar"], results.summary["sd"]["uar"]
        blocks.append(
            prose(f"Over {many(len(runs), 'run')} the UAR is {percent(mean)} ± {bare(sd)} (mean, deviation).")
        )
    if len({run["fold"] for run in runs}) > 1:
        blocks.append(picture(fold_bars(runs), alt=f"UAR of {many(len(runs), 'run')} by fold"))
    if len(figures) > 1:
        blocks.append(
            prose(
                f"Best recognized is {best} (UAR {percent(figures[best]['uar'])}), worst {worst}"
                f" ({percent(figures[worst]['uar'])})."
            )
        )
    run_rows = [
        (
            str(run["fold"]),
            str(run["seed"]),
            *(bare(run[name]) for name in ("uar", "accuracy", "macro_f1")),
            "–" if run["epoch"] is None else str(run["epoch"]),
        )
        for run in runs
    ]
    people = [
        (who, round(int(one.sum()) / seeds), bare(figures[who]["uar"]), bare(figures[who]["accuracy"]))
        for who, one in zip(evaluation.speakers, each, strict=True)
    ]
    header = ("fold", "seed", "UAR %", "accuracy %", "macro-F1 %", "epoch")
    blocks.append(folded("Every run", table(header, run_rows)))
    blocks.append(folded("Every speaker", table(("speaker", "clips", "UAR %", "accuracy %"), people)))
    return section("Folds, seeds and speakers", *blocks)


def _learning(curves: list[dict[str, float]], results: Results) -> Section:
    runs = {(row["fold"], row["seed"]) for row in curves}
    epochs = [run["epoch"] for run in results.summary["runs"] if run["epoch"] is not None]
    chosen = epochs[0] if len(runs) == 1 and epochs else None
    kept = f"Kept were epochs {min(epochs)} to {max(epochs)}. " if len(epochs) > 1 else ""
    how = "The epoch was chosen on validation clips, which are part of neither training nor test."
    if results.summary.get("leaks", {}).get("chosen_on_test"):
        how = "The epoch was chosen on the test clips, to show what this is worth."
    return section(
        "Learning",
        prose(f"{kept}{how}"),
        picture(
            learning_curves(curves, chosen=chosen),
            alt=f"Loss and accuracy by epoch of {many(len(runs), 'run')}",
            caption="Thin lines are runs, thick ones their mean." if len(runs) > 1 else "",
        ),
    )


def _setting(results: Results) -> Section:
    summary = results.summary
    corpora = [(name, one["clips"], one["fingerprint"]) for name, one in summary["corpora"].items()]
    beside = summary.get("beside", {}).items()
    corpora += [(f"{name}, learned from alone", one["clips"], one["fingerprint"]) for name, one in beside]
    protocol = PROTOCOLS.get(results.protocol)
    blocks = [
        prose(protocol.description if protocol else ""),
        table(("corpus", "clips", "fingerprint"), corpora),
        folded("The recipe", table(("key", "value"), list(_flat(summary["recipe"])))),
    ]
    if summary.get("dropped"):
        blocks.insert(1, prose(f"Left out on purpose: {', '.join(summary['dropped'])}."))
    if summary.get("unanswered"):
        rows = [(one["clip"], one["speaker"], one["reason"]) for one in summary["unanswered"]]
        blocks.append(folded("Clips without an answer", table(("clip", "speaker", "why"), rows)))
    blocks.append(
        prose(f"Made with hearfelt {summary['version']}; every answer is in `predictions.csv` beside this page.")
    )
    return section("What was measured", *blocks)


def _remark(summary: Mapping[str, Any]) -> str:
    parts = [f"{many(count, 'clip')} {reason}" for reason, count in summary.get("left_out", {}).items()]
    if unanswered := summary.get("unanswered"):
        parts.append(f"{many(len(unanswered), 'clip')} in which nothing can be heard or read")
    return f"Left out: {'; '.join(parts)}." if parts else ""


def _trained(summary: Mapping[str, Any]) -> str:
    if summary.get("model"):
        return f"Nothing was trained: the finished model {summary['model']} answered every clip."
    return f"Trained anew {many(len(summary['runs']), 'time')}, with {many(len(summary['seeds']), 'seed')}."


def _protocol_title(results: Results) -> str:
    protocol = PROTOCOLS.get(results.protocol)
    return protocol.title if protocol else results.protocol


def _over(seeds: int) -> str:
    return f"Over {many(seeds, 'seed')} together; clips are those of one seed." if seeds > 1 else ""


def _shares(confusion: Any) -> Any:
    totals = confusion.sum(axis=1, keepdims=True)
    return np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Turn nested tables into rows: ``fit.epochs``, ``40``."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
