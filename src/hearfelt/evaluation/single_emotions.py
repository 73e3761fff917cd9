"""References in which all recordings have one emotion: what such a reference costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from hearfelt.emotions import in_order
from hearfelt.errors import CorpusError
from hearfelt.evaluation.metrics import ece, uar
from hearfelt.evaluation.predictions import Evaluation, Row
from hearfelt.evaluation.references import ReferenceOptions
from hearfelt.evaluation.results import ResultsInfo, corpora_of
from hearfelt.evaluation.with_references import EncodedFold, predict_with_reference, predict_with_references
from hearfelt.runtime.files import atomic_write

__all__ = ["SINGLE_EMOTIONS", "SingleEmotions", "find_single_emotions", "read_single_emotions", "write_single_emotions"]

SINGLE_EMOTIONS: Final = "single_emotions.json"
_DECIMALS: Final = 6


@dataclass(frozen=True)
class SingleEmotions:
    """What references cost in which all recordings have one emotion.

    Attributes:
        folder: where it is; its name says which model and references.
        content: of ``single_emotions.json``. Its ``runs`` have ``fold``, ``seed``, ``emotion``, ``uar`` and ``ece``;
            those without a reference have no emotion.
    """

    folder: Path
    content: Mapping[str, Any] = field(repr=False)

    def uar(self, emotion: str | None) -> dict[int, float]:
        """Compute the mean UAR over draws and seeds of each fold that has clips of an emotion; None: no reference."""
        scores: dict[int, list[float]] = {}
        for run in self.content["runs"]:
            if run["emotion"] == emotion:
                scores.setdefault(run["fold"], []).append(run["uar"])
        return {fold: fmean(some) for fold, some in scores.items()}

    def change(self, emotion: str) -> dict[int, float]:
        """Compute what a reference of this emotion changes in the UAR of each fold that has clips of it."""
        alone = self.uar(None)
        return {fold: score - alone[fold] for fold, score in self.uar(emotion).items()}

    @property
    def emotions(self) -> tuple[str, ...]:
        """The emotions that references were made of, in order."""
        return in_order(run["emotion"] for run in self.content["runs"] if run["emotion"])


def write_single_emotions(
    parts: Sequence[EncodedFold], out: Path, options: ReferenceOptions, info: ResultsInfo
) -> SingleEmotions:
    """Measure references in which all recordings have one emotion, and write ``single_emotions.json``.

    Args:
        parts: each fold and seed.
        out: folder for the file.
        options: how references are drawn; ``emotion`` is each in turn, as far as a fold has clips of it.
        info: what the models were made with.
    """
    content = {
        "protocol": info.plan.protocol.name,
        "corpora": corpora_of(info.plan.clips),
        "recipe": dict(info.recipe),
        "model": info.model,
        "version": version("hearfelt"),
        "reference": options.to_dict(),
        "runs": _single_emotions(parts, options),
    }
    with atomic_write(out / SINGLE_EMOTIONS) as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
    return read_single_emotions(out)


def read_single_emotions(folder: Path) -> SingleEmotions:
    """Read what :func:`write_single_emotions` wrote.

    Raises:
        CorpusError: if the file is missing or damaged.
    """
    path = folder / SINGLE_EMOTIONS
    try:
        content = json.loads(path.read_text("utf-8"))
        runs = [{key: run[key] for key in ("fold", "seed", "emotion", "uar", "ece")} for run in content["runs"]]
        return SingleEmotions(folder, {**content, "runs": runs})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error!r}); 'hearfelt evaluate' writes it") from error


def find_single_emotions(home: Path) -> list[SingleEmotions]:
    """Read every ``PROTOCOL/NAME/single_emotions.json`` below a folder, sorted."""
    return [read_single_emotions(path.parent) for path in sorted(home.glob(f"*/*/{SINGLE_EMOTIONS}"))]


def _single_emotions(parts: Iterable[EncodedFold], options: ReferenceOptions) -> list[dict[str, Any]]:
    """Measure each fold without a reference and with references of each emotion of which it has clips."""
    found: list[dict[str, Any]] = []
    for part in parts:
        rows = predict_with_reference(part, range(len(part.encoded.clips)), None, part.seed * options.draws)
        found.append({"fold": part.fold, "seed": part.seed * options.draws, "emotion": None, **_figures(part, rows)})
        for emotion in part.encoded.clips.emotions:
            predictions = predict_with_references(part, replace(options, emotion=emotion))
            for seed in range(part.seed * options.draws, (part.seed + 1) * options.draws):
                rows = [row for row in predictions.rows if row.seed == seed]
                found.append({"fold": part.fold, "seed": seed, "emotion": emotion, **_figures(part, rows)})
    return found


def _figures(part: EncodedFold, rows: Sequence[Row]) -> dict[str, float]:
    evaluation = Evaluation(part.emotions, rows)
    error = ece(evaluation.confidences, evaluation.correct)
    return {"uar": round(uar(evaluation.confusion), _DECIMALS), "ece": round(error, _DECIMALS)}
