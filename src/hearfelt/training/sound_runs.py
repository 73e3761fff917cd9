"""Lessons for the network that takes sound: who is learned from in each fold, clips beside the protocol's included."""

from __future__ import annotations

from pathlib import Path

from hearfelt.corpora.clips import Clips, duplicates
from hearfelt.errors import RecipeError
from hearfelt.evaluation.plan import Plan
from hearfelt.training.data_selection import admit
from hearfelt.training.progress import Bars, no_bars
from hearfelt.training.recipe import Recipe
from hearfelt.training.runs import RUNS, Run
from hearfelt.training.sound import prepare
from hearfelt.training.sound_training_set import PUBLISHED, EarFiles, SoundLesson, views_of

__all__ = ["lesson_of", "plan_sound_runs"]


def plan_sound_runs(
    recipe: Recipe,
    plan: Plan,
    *,
    seeds: int,
    out: Path,
    jobs: int | None = None,
    bars: Bars = no_bars,
    ears: EarFiles = PUBLISHED,
    device: str = "cpu",
) -> list[Run]:
    """Prepare every fold with every seed, and hear all that any of them needs.

    Args:
        recipe: how to train.
        plan: the folds, and the clips beside them.
        seeds: how many, counted from 0.
        out: folder of the experiment.
        jobs: processes that hear clips.
        bars: shows how far it is.
        ears: where the encoders' weights are.
        device: where the heads are taught.

    Raises:
        CorpusError: if training refuses a fold's clips.
        ModelError: if the encoders' weights are not what they should be.
        RecipeError: if the protocol learns from changed copies of test clips and the recipe makes none.
    """
    protocol, lessons = plan.protocol, {}
    if protocol.copies_of_test and not (recipe.views.spread or recipe.views.worn):
        raise RecipeError(
            f"{protocol.name} lets changed copies of test clips into training, and {recipe.name} makes no copies;"
            " it needs spread = 0.1 or worn = true under [views]"
        )
    for fold in plan.folds:
        learn = admit(plan.lessons_of(fold)).clips
        trained = set(fold.train)
        lessons[fold.name] = SoundLesson(
            plan.emotions,
            learn,
            Clips(clip for clip in learn if clip in trained),
            protocol.by,
            plan.same_sound,
            fold.test if protocol.copies_of_test else Clips(),
            fold.test if protocol.chooses_on_test else Clips(),
            ears,
            device,
        )
    wanted = {one for lesson in lessons.values() for one in views_of(recipe, lesson)}
    with bars("hearing sounds", len(wanted)) as done:
        prepare(recipe, list(lessons.values()), processes=jobs, progress=done)
    return [
        Run(recipe, lessons[fold.name], fold.test, fold.name, seed, out / RUNS / f"fold{fold.name}-seed{seed}")
        for seed in range(seeds)
        for fold in plan.folds
    ]


def lesson_of(recipe: Recipe, clips: Clips, ears: EarFiles, device: str = "cpu") -> SoundLesson:
    """Make the lesson of a single model, whose groups are speakers of the recipe's own corpus, if it is there.

    Args:
        recipe: names the corpus.
        clips: admitted.
        ears: where the encoders' weights are.
        device: where the heads are taught.
    """
    target = clips.where(corpus=recipe.ensemble.target, channel="speech") or clips
    return SoundLesson(clips.emotions, clips, target, "speaker", tuple(duplicates(clips)), ears=ears, device=device)
