"""The tables of ``docs/results.md``, from our results and published ones."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import lowest_class, per_class
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import Results
from hearfelt.reports.formatting import bare, interval, many, percent
from result_pages.ladder import is_ladder
from result_pages.markdown import NONE, count, markdown_table, megabytes, speed

__all__ = [
    "Anchor",
    "details",
    "is_comparable",
    "other_table",
    "read_anchors",
    "seen_table",
    "size_of",
    "unseen_table",
]


@dataclass(frozen=True)
class Anchor:
    """A published result.

    Attributes:
        table: ``"unseen"`` or ``"seen"``: whether test speakers are in the training set.
        system: name of the system.
        protocol: how it was measured.
        parameters: number of parameters, as text.
        uar: per cent, as published.
        accuracy: per cent, as published.
        remark: a note for readers.
        source: address of the paper or repository.
    """

    table: str
    system: str
    protocol: str
    parameters: str = ""
    uar: str = ""
    accuracy: str = ""
    remark: str = ""
    source: str = ""

    @property
    def title(self) -> str:
        """The system, linked to its source, with the remark."""
        name = f"[{self.system}]({self.source})" if self.source else self.system
        return f"{name}; *{self.remark}*" if self.remark else name


def read_anchors(path: Path) -> list[Anchor]:
    """Read ``docs/anchors.toml``; empty if it is missing.

    Raises:
        CorpusError: if it is not valid TOML, or a key is unknown or missing.
    """
    if not path.is_file():
        return []
    try:
        return [Anchor(**one) for one in tomllib.loads(path.read_text(encoding="utf-8")).get("anchor", [])]
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise CorpusError(f"{path}: {error}; an [[anchor]] has table, system, protocol and figures") from error


def is_comparable(results: Results) -> bool:
    """Whether a result belongs to the table of RAVDESS speech, all eight emotions, unseen speakers."""
    protocol = PROTOCOLS.get(results.protocol)
    return (
        protocol is not None
        and protocol.channels == ("speech",)
        and not results.summary["leaky"]
        and not results.summary.get("dropped")
        and not is_ladder(results)
    )


def unseen_table(
    results: Sequence[Results], anchors: Sequence[Anchor], speeds: Mapping[str, float] | None = None
) -> str:
    """Our comparable results and the published ones, sorted by UAR.

    Args:
        results: all of them.
        anchors: published results.
        speeds: for each model the seconds of sound per second.
    """
    rows: list[tuple[float, Sequence[str]]] = []
    ours = [one for one in results if is_comparable(one)]
    if ours:
        rows.append(_majority(ours[0]))
    for one in ours:
        parameters, size = size_of(one, results)
        figures = (f"`{one.protocol}`", f"**{bare(one.figure('uar'))}**", *_rest(one))
        cells = (f"**{one.name}**", count(parameters), *figures, megabytes(size), speed((speeds or {}).get(one.name)))
        rows.append((100 * one.figure("uar"), cells))
    for anchor in anchors:
        if anchor.table == "unseen":
            published = (anchor.uar or NONE, NONE, anchor.accuracy or NONE, NONE, NONE, NONE, NONE)
            row = (anchor.title, anchor.parameters or NONE, anchor.protocol, *published)
            rows.append((_number(anchor.uar or anchor.accuracy), row))
    header = ("system", "parameters", "protocol", "UAR %", "95 %", "accuracy %", "macro-F1 %", "seeds", "MB", "speed")
    return markdown_table(header, [cells for _, cells in sorted(rows, key=lambda row: row[0])], left=3)


def size_of(one: Results, results: Sequence[Results]) -> tuple[int, int]:
    """Parameters and bytes of a result's model; 0 if unknown.

    A result without them has the size of another result of the same name, since both have the same architecture.
    """
    files = [other.summary.get("file") or {} for other in (one, *results) if other.name == one.name]
    parameters, size = (next((file[key] for file in files if file.get(key)), 0) for key in ("parameters", "bytes"))
    return parameters, size


def other_table(results: Sequence[Results]) -> str:
    """Results without leakage that are not comparable with published ones; empty if there are none."""
    rows = [
        (
            f"**{one.name}**",
            f"`{one.protocol}`",
            ", ".join(f"{name} ({many(facts['clips'], 'clip')})" for name, facts in one.summary["corpora"].items()),
            str(len(one.evaluation.emotions)),
            f"**{bare(one.figure('uar'))}**",
            *_rest(one),
        )
        for one in results
        if not one.summary["leaky"] and not is_comparable(one) and not is_ladder(one)
    ]
    header = ("model", "protocol", "corpora", "emotions", "UAR %", "95 %", "accuracy %", "macro-F1 %", "seeds")
    return markdown_table(header, rows, left=3) if rows else ""


def seen_table(results: Sequence[Results], anchors: Sequence[Anchor]) -> str:
    """Results with leakage, ours and published ones, sorted by accuracy."""
    rows: list[tuple[float, Sequence[str]]] = []
    for one in results:
        if one.summary["leaky"] and not is_ladder(one):
            emotions = f"{len(one.evaluation.emotions)} emotions"
            dropped = f", without {', '.join(one.summary['dropped'])}" if one.summary.get("dropped") else ""
            worst = lowest_class(per_class(one.evaluation.confusion, one.evaluation.emotions))
            cells = (
                f"**{one.name}**, {emotions}{dropped}",
                f"`{one.protocol}`",
                f"**{bare(one.figure('accuracy'))}**",
                bare(one.figure("uar")),
                bare(one.figure("macro_f1")),
                f"{worst.emotion} {bare(worst.recall)}",
                str(len(one.summary["seeds"])),
            )
            rows.append((100 * one.figure("accuracy"), cells))
    for anchor in anchors:
        if anchor.table == "seen":
            cells = (anchor.title, anchor.protocol, anchor.accuracy, anchor.uar or NONE, NONE, NONE, NONE)
            rows.append((_number(anchor.accuracy), cells))
    header = ("system", "protocol", "accuracy %", "UAR %", "macro-F1 %", "lowest recall %", "seeds")
    return markdown_table(header, [cells for _, cells in sorted(rows, key=lambda row: row[0])], left=2)


def details(one: Results) -> str:
    """One result: headline scores, classification report, confusion matrix, folds and seeds."""
    summary = one.summary
    runs, seeds = summary["runs"], summary["seeds"]
    spread = ""
    if len(runs) > 1:
        mean, sd = summary["mean"]["uar"], summary["sd"]["uar"]
        spread = f" Over its {len(runs)} runs: UAR {percent(mean)} ± {bare(sd)}."
    ends = one.interval("uar")
    between = f" (95 % over speakers: {interval(ends)})" if ends else ""
    made = f"the finished model {summary['model']}" if summary.get("model") else f"{many(len(seeds), 'seed')}"
    parts = [
        f"### {one.name} on {one.protocol}{' (leaky)' if summary['leaky'] else ''}",
        f"UAR **{percent(one.figure('uar'))}**{between}, accuracy {percent(one.figure('accuracy'))}, macro-F1"
        f" {percent(one.figure('macro_f1'))}, calibration error {percent(summary['ece'])}; {made}.{spread}",
        one.leak,
        _classification_report(one),
        "Confusion matrix, in % of the row (rows: true emotion, columns: prediction):",
        _confusion(one),
        _folds(one),
    ]
    if summary.get("unanswered"):
        parts.append(f"{many(len(summary['unanswered']), 'clip')} have no prediction; `summary.json` lists them.")
    return "\n\n".join(part for part in parts if part)


def _rest(one: Results) -> tuple[str, str, str, str]:
    figures = (bare(one.figure("accuracy")), bare(one.figure("macro_f1")))
    return (interval(one.interval("uar")), *figures, str(len(one.summary["seeds"])))


def _majority(one: Results) -> tuple[float, Sequence[str]]:
    """The scores of always predicting the most frequent emotion."""
    support = one.evaluation.confusion.sum(axis=1)
    right, classes = support.max() / support.sum(), int((support > 0).sum())
    f1 = 2 * right / (1 + right) / classes
    figures = ("any", bare(1 / classes), NONE, bare(right), bare(f1))
    return 100 / classes, ("always the most frequent emotion", "0", *figures, NONE, NONE, NONE)


def _classification_report(one: Results) -> str:
    seeds, confusion = len(one.summary["seeds"]), one.evaluation.confusion
    figures = per_class(confusion, one.evaluation.emotions)
    rows = [
        [c.emotion, bare(c.precision), bare(c.recall), bare(c.f1), f"{round(c.support / seeds):,}"] for c in figures
    ]
    clips = f"{round(int(confusion.sum()) / seeds):,}"
    there = [c for c in figures if c.support]
    table = np.array([[c.precision, c.recall, c.f1] for c in there])
    weights = np.array([c.support for c in there], dtype=np.float64)
    for name, means in (
        ("*mean of the emotions*", table.mean(axis=0)),
        ("*mean of the clips*", np.average(table, axis=0, weights=weights)),
    ):
        rows.append([name, *(bare(float(mean)) for mean in means), clips])
    return markdown_table(("emotion", "precision %", "recall %", "F1 %", "clips"), rows)


def _confusion(one: Results) -> str:
    emotions, confusion = one.evaluation.emotions, one.evaluation.confusion
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    rows = []
    for place, emotion in enumerate(emotions):
        cells = [f"{100 * share:.0f}" for share in shares[place]]
        cells[place] = f"**{cells[place]}**"
        rows.append([emotion, *cells])
    return markdown_table(("", *emotions), rows)


def _folds(one: Results) -> str:
    """The UAR of every fold and seed; empty for a single run."""
    scores = {(run["fold"], run["seed"]): run["uar"] for run in one.summary["runs"]}
    if len(scores) < 2:
        return ""
    seeds = one.summary["seeds"]
    folds = sorted({fold for fold, _ in scores})
    rows = [[str(fold), *(bare(scores[fold, seed]) for seed in seeds)] for fold in folds if len(folds) > 1]
    rows.append(["all", *(bare(one.summary["pooled"][str(seed)]["uar"]) for seed in seeds)])
    return markdown_table(("UAR %, fold", *(f"seed {seed}" for seed in seeds)), rows)


def _number(text: str) -> float:
    """The first number of a published score, such as 62.3 of ``62.3 ± 1.2``."""
    found = re.search(r"\d+(\.\d+)?", text)
    return float(found.group()) if found else 0.0
