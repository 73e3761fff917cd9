"""References that a job makes of its own sounds: one for each folder, or for each value of a column."""

from __future__ import annotations

from collections.abc import Iterable

from hearfelt.batch.checkpoints import read_answers
from hearfelt.batch.plan import Part, Plan
from hearfelt.inference.reference import ReferenceBuilder, SoundStatistics

__all__ = ["references_by_setting"]


def references_by_setting(folder: str, parts: Iterable[Part], plan: Plan, model_hash: str) -> dict[str, str]:
    """Make the reference of each setting from the statistics of its sounds.

    Args:
        folder: with the parts.
        parts: of the stage ``"statistics"``, all answered.
        plan: of the job.
        model_hash: of the model's file, as references have it.

    Returns:
        The JSON of each setting's reference; a setting in which no sound can be read has none.
    """
    builders: dict[str, ReferenceBuilder] = {}
    for part in parts:
        for source, (_, rows) in zip(part.sources, read_answers(folder, part), strict=True):
            if source.setting and "statistics" in rows[0]:
                builders.setdefault(source.setting, ReferenceBuilder()).add(SoundStatistics.from_dict(rows[0]))
    return {
        setting: builder.reference(plan.model, model_hash, plan.labels).to_json()
        for setting, builder in builders.items()
    }
