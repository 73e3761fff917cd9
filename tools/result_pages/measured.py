"""The figures of the shipped models that come with the package, gathered from result files."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Final

from hearfelt.evaluation.metrics import Reliability, reliability
from hearfelt.evaluation.protocols import PROTOCOLS
from hearfelt.evaluation.results import Results
from hearfelt.reports.shipped_scores import Ladder, Measured, Measurement
from result_pages.results_ladder import LADDER, is_ladder, ladder_models, scores_of

__all__ = ["measured", "measured_text"]

_BINS: Final = 10  # of the reliability that people look at
_DECIMALS: Final = 6


def measured(results: Sequence[Results], models: Collection[str]) -> Measured:
    """Gather what results say of some models.

    Args:
        results: all there are.
        models: names of those that are shipped.
    """
    own = [one for one in results if one.name in models and not is_ladder(one) and not one.summary.get("dropped")]
    climbed = ladder_models(results)
    ladder = None
    if climbed:
        honest = next(iter(climbed.values()))[LADDER[0].protocol].evaluation.confusion.sum(axis=1)
        scores = {name: tuple(scores_of(steps, "accuracy")) for name, steps in climbed.items()}
        ladder = Ladder(tuple(step.words for step in LADDER), scores, round(float(honest.max() / honest.sum()), 6))
    return Measured(tuple(_measurement(one) for one in own), ladder)


def _measurement(one: Results) -> Measurement:
    evaluation, protocol = one.evaluation, PROTOCOLS.get(one.protocol)
    bins = reliability(evaluation.confidences, evaluation.correct, bins=_BINS)
    return Measurement(
        model=one.name,
        protocol=one.protocol,
        title=protocol.title if protocol else one.protocol,
        leaky=bool(one.summary["leaky"]),
        very_file=bool(one.summary.get("model")),
        uar=round(one.figure("uar"), _DECIMALS),
        uar_ends=one.interval("uar"),
        accuracy=round(one.figure("accuracy"), _DECIMALS),
        calibration_error=one.summary["ece"],
        clips=len({(row.speaker, row.clip) for row in evaluation.rows}),
        speakers=len(evaluation.speakers),
        seeds=len(evaluation.seeds),
        emotions=evaluation.emotions,
        confusion=tuple(tuple(int(count) for count in row) for row in evaluation.confusion),
        reliability=tuple(Reliability(*(round(value, _DECIMALS) for value in asdict(bin).values())) for bin in bins),
    )


def measured_text(known: Measured) -> str:
    """Write what is known as JSON, a line for each measurement."""
    lines = ",\n".join(json.dumps(asdict(one), ensure_ascii=False) for one in known.measurements)
    ladder = json.dumps(asdict(known.ladder) if known.ladder else None, ensure_ascii=False)
    return f'{{"measurements": [\n{lines}\n],\n"ladder": {ladder}}}\n'
