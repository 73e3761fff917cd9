"""Results of an evaluation: write them into a folder, and read them back with a check of all metrics.

``predictions.csv`` has every prediction; ``summary.json`` what is computed from it and what it was made with.
The summary is always computed from the written table, so that the two cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hearfelt.corpora.clips import Clips
from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import METRICS, bootstrap_of_means, ece, figures_of
from hearfelt.evaluation.plan import Plan
from hearfelt.evaluation.predictions import Evaluation, read_predictions, write_predictions
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.runtime.files import atomic_write

__all__ = [
    "PREDICTIONS",
    "SUMMARY",
    "FailedClip",
    "ModelFile",
    "Results",
    "ResultsInfo",
    "corpora_of",
    "counted_folds",
    "find_results",
    "read_results",
    "read_summary",
    "summarize",
    "write_results",
    "write_summary",
]

PREDICTIONS: Final = "predictions.csv"
SUMMARY: Final = "summary.json"
_DECIMALS: Final = 6
_FIGURES: Final = ("seeds", "runs", "mean", "sd", "pooled")
_KEYS: Final = ("protocol", "leaky", "corpora", "recipe", "version", *_FIGURES)


@dataclass(frozen=True)
class FailedClip:
    """A test clip without a prediction.

    Attributes:
        clip: path relative to the corpus.
        speaker: with the corpus before it.
        reason: one sentence.
    """

    clip: str
    speaker: str
    reason: str


@dataclass(frozen=True)
class ModelFile:
    """Size of a model.

    Attributes:
        bytes: of the file; of the largest, where each fold has its own.
        parameters: number of parameters according to its card; 0 where it is unknown.
    """

    bytes: int
    parameters: int = 0


@dataclass(frozen=True)
class ResultsInfo:
    """What a summary states besides its metrics.

    Attributes:
        plan: of the protocol, for the clips.
        recipe: the whole recipe, as JSON can hold it.
        epochs: the epoch chosen on validation clips for each ``(fold, seed)``; absent or None where there is none.
        model: name of the finished model that was evaluated; None where models were trained.
        failed: test clips without a prediction.
        file: of the model, or of the largest one; None where it is unknown.
        reference: how reference recordings were drawn; None where predictions are without.
    """

    plan: Plan
    recipe: Mapping[str, Any]
    epochs: Mapping[tuple[int, int], int | None] = field(default_factory=dict)
    model: str | None = None
    failed: Sequence[FailedClip] = ()
    file: ModelFile | None = None
    reference: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Results:
    """One folder of results, read back and checked.

    Attributes:
        folder: where it is.
        evaluation: every prediction.
        summary: the content of ``summary.json``.
    """

    folder: Path
    evaluation: Evaluation = field(repr=False)
    summary: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the model or recipe: that of the folder."""
        return self.folder.resolve().name

    @property
    def protocol(self) -> str:
        """Name of the protocol."""
        return str(self.summary["protocol"])

    @property
    def leak(self) -> str:
        """What training and test have in common, in words; empty where the protocol is not leaky."""
        if not self.summary["leaky"]:
            return ""
        leaks = self.summary.get("leaks", {})
        speakers, copies = leaks.get("speakers", 0), leaks.get("copies", 0)
        counted = [f"{speakers} speaker{'s' if speakers != 1 else ''}"] if speakers else []
        if copies:
            counted.append(f"{copies} sound{'s' if copies != 1 else ''} under different names")
        said = [f"{' and '.join(counted)} on both sides of the split"] if counted else []
        if leaks.get("copies_of_test"):
            said.append("augmented copies of the test clips were trained on")
        if leaks.get("chosen_on_test"):
            said.append("the epoch was chosen on the test clips")
        if not said:
            return f"{self.protocol} is leaky, though here no training speaker is tested."
        return (
            f"{self.protocol} is leaky: {'; '.join(said)}. Voices are easier to distinguish than emotions, so such a"
            " score says little about unseen speakers; compare it only with scores of the same split."
        )

    def figure(self, metric: str) -> float:
        """Compute the headline, 0 to 1: the mean over seeds of the metric over all folds together.

        Where a protocol compares corpora, it is the mean over seeds and over the corpora that count.
        """
        if counted_folds(self.protocol):
            return float(self.summary["mean"][metric])
        return float(np.mean([pooled[metric] for pooled in self.summary["pooled"].values()]))

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each prediction in what is computed from all together, ``(rows,)``.

        All alike, except where a protocol compares corpora: each corpus that counts has the same sum, others 0.
        """
        counted = counted_folds(self.protocol)
        folds = np.array([row.fold for row in self.evaluation.rows])
        if not counted:
            return np.ones(len(folds))
        sizes = {fold: np.count_nonzero(folds == fold) for fold in counted}
        return np.array([1 / sizes[fold] if fold in sizes else 0.0 for fold in folds.tolist()])

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Return the headline's 95 % interval over speakers, None where there are fewer than two."""
        intervals = self.summary.get("intervals")
        return tuple(intervals[metric]) if intervals else None


def counted_folds(protocol: str) -> tuple[int, ...]:
    """List the folds whose mean is a protocol's headline score; none where clips of all folds are pooled.

    Example:
        >>> counted_folds("across-corpora"), counted_folds("emobox-ravdess")
        ((1, 2, 4, 5), ())
    """
    return PROTOCOLS[protocol].counted if protocol in PROTOCOLS else ()


def summarize(
    evaluation: Evaluation, epochs: Mapping[tuple[int, int], int | None], counted: Sequence[int] = ()
) -> dict[str, Any]:
    """Compute every metric of ``summary.json``.

    Args:
        evaluation: all predictions.
        epochs: for each ``(fold, seed)`` the chosen epoch.
        counted: the folds of the headline, where each is a corpus of its own (:func:`counted_folds`).

    Returns:
        ``seeds``; ``runs``, one object for each fold and seed; ``mean`` and ``sd`` over the runs (the sample's
        standard deviation, None of one run); ``pooled``, for each seed the figures over the clips of all its folds
        together; ``intervals``, 95 % over speakers, of the mean over seeds of the pooled figures; ``ece``, of all
        seeds together. With ``counted``, ``mean`` and ``sd`` are over the runs of these folds alone, ``intervals`` are
        those of ``mean``, each run has its own ``ece``, and the ``ece`` of all is the mean over the counted folds, each
        with all seeds together. All are shares of 1, rounded to 6 decimals.
    """
    parts = {run: evaluation.of(fold=run[0], seed=run[1]) for run in evaluation.runs}
    each = {run: figures_of(part.confusion) for run, part in parts.items()}
    if counted:
        for run, part in parts.items():
            each[run]["ece"] = _ece(part)
    columns = {
        metric: [figures[metric] for (fold, _), figures in each.items() if not counted or fold in counted]
        for metric in METRICS
    }
    pooled = {str(seed): _rounded(figures_of(evaluation.of(seed=seed).confusion)) for seed in evaluation.seeds}
    corpora = [evaluation.of(fold=fold) for fold in counted] or [evaluation]
    intervals = bootstrap_of_means([corpus.confusions for corpus in corpora])
    return {
        "seeds": list(evaluation.seeds),
        "runs": [
            {"fold": fold, "seed": seed, **_rounded(figures), "epoch": epochs.get((fold, seed))}
            for (fold, seed), figures in each.items()
        ],
        "mean": _rounded({metric: float(np.mean(column)) for metric, column in columns.items()}),
        "sd": {
            metric: round(float(np.std(column, ddof=1)), _DECIMALS) if len(column) > 1 else None
            for metric, column in columns.items()
        },
        "pooled": pooled,
        "intervals": intervals and {name: [round(end, _DECIMALS) for end in ends] for name, ends in intervals.items()},
        "ece": round(float(np.mean([_ece(corpus) for corpus in corpora])), _DECIMALS),
    }


def corpora_of(clips: Clips) -> dict[str, dict[str, Any]]:
    """Describe the clips of each corpus: ``{"ravdess": {"clips": …, "fingerprint": …}}``."""
    each = ((corpus, clips.where(corpus=corpus)) for corpus in clips.corpora)
    return {corpus: {"clips": len(own), "fingerprint": own.fingerprint()} for corpus, own in each}


def write_results(out: Path, evaluation: Evaluation, info: ResultsInfo) -> Results:
    """Write ``predictions.csv`` and then, computed from it, ``summary.json``.

    An old summary is removed before new predictions are written, so that a lost process cannot leave a pair that does
    not belong together.

    Args:
        out: folder, made where missing.
        evaluation: every prediction of every fold and seed.
        info: what it was made with.

    Returns:
        What is read back from the folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / SUMMARY).unlink(missing_ok=True)
    write_predictions(evaluation, out / PREDICTIONS)
    written = read_predictions(out / PREDICTIONS)  # rounded as in the file
    plan = info.plan
    summary = {
        "protocol": plan.protocol.name,
        "leaky": plan.protocol.leaky,
        "leaks": {
            "speakers": len(plan.leaks.speakers),
            "copies": len(plan.leaks.copies),
            "copies_of_test": plan.protocol.copies_of_test,
            "chosen_on_test": plan.protocol.chooses_on_test,
        },
        "corpora": corpora_of(plan.clips),
        "beside": corpora_of(plan.auxiliary),
        "recipe": dict(info.recipe),
        "model": info.model,
        "file": asdict(info.file) if info.file else None,
        "reference": dict(info.reference) if info.reference else None,
        "version": version("hearfelt"),
        "dropped": list(plan.dropped),
        "left_out": plan.left_out,
        "unanswered": [asdict(one) for one in info.failed],
        **summarize(written, info.epochs, counted_folds(plan.protocol.name)),
    }
    write_summary(out, summary)
    return read_results(out)


def read_results(folder: Path) -> Results:
    """Read a folder that :func:`write_results` wrote, and check the summary against the predictions.

    Raises:
        CorpusError: if a file is missing or damaged, or the summary is not what the predictions give.
    """
    summary = read_summary(folder, _KEYS)
    evaluation = read_predictions(folder / PREDICTIONS)
    _hold_to(summary, evaluation, folder / SUMMARY)
    return Results(folder, evaluation, summary)


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json`` into a folder of results."""
    with atomic_write(folder / SUMMARY) as file:
        json.dump(summary, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def read_summary(folder: Path, keys: Sequence[str]) -> dict[str, Any]:
    """Read the ``summary.json`` of a folder of results.

    Raises:
        CorpusError: if it is missing or damaged, or lacks one of the keys.
    """
    path = folder / SUMMARY
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); 'hearfelt evaluate' writes it") from error
    if not isinstance(summary, dict) or (missing := [key for key in keys if key not in summary]):
        lacking = "an object" if not isinstance(summary, dict) else repr(missing[0])
        raise CorpusError(f"{path}: {lacking} is missing; 'hearfelt evaluate' writes it")
    return summary


def find_results(home: Path) -> list[Results]:
    """Read every ``PROTOCOL/NAME/`` below a folder, sorted; none where the folder is missing.

    Results over time, of protocols that make recordings, are read elsewhere.

    Raises:
        CorpusError: if one of them is damaged or stands under another protocol's name.
    """
    over_time = {name for name, protocol in PROTOCOLS.items() if protocol.recordings}
    paths = (path for path in sorted(home.glob(f"*/*/{SUMMARY}")) if path.parent.parent.name not in over_time)
    found = [read_results(path.parent) for path in paths]
    for one in found:
        if one.folder.parent.name != one.protocol:
            raise CorpusError(f"{one.folder}: results of {one.protocol}; they belong under {home / one.protocol}")
    return found


def _hold_to(summary: Mapping[str, Any], evaluation: Evaluation, path: Path) -> None:
    """Refuse a summary whose metrics are not those of the predictions."""
    try:
        epochs = {(run["fold"], run["seed"]): run["epoch"] for run in summary["runs"]}
        computed = summarize(evaluation, epochs, counted_folds(summary["protocol"]))
        apart = [name for name in _FIGURES if not _alike(summary[name], computed[name])]
    except (KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{path}: not as 'hearfelt evaluate' writes it ({error!r}); evaluate again") from error
    if apart:
        raise CorpusError(f"{path}: {apart[0]!r} is not what {PREDICTIONS} gives; evaluate again")


def _alike(one: Any, other: Any) -> bool:
    """Compare JSON values, numbers to within the rounding of the last decimal."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1.5 * 10**-_DECIMALS
    return bool(one == other)


def _ece(evaluation: Evaluation) -> float:
    return ece(evaluation.confidences, evaluation.correct)


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DECIMALS) for name, value in figures.items()}
