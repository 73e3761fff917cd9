"""One model from all clips at hand: what ``hearfelt train`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hearfelt.clips import Clips
from hearfelt.errors import CorpusError, HearfeltError
from hearfelt.training.admission import Admitted, admit, divide, generator_for
from hearfelt.training.dataset import Lesson, hear, sounds_to_hear
from hearfelt.training.loop import CHECKPOINT, EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.teach import RUN, Taught, teach
from hearfelt.training.tracking import track

__all__ = ["Bars", "Trained", "named_speakers", "no_bars", "train"]

# Shows how far a long job is: given what is done and how many there are, opens a function that counts.
Bars = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def no_bars(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    return nullcontext(lambda count: None)


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes:
        taught: the model and how well it did on validation clips.
        admitted: clips that took part, and how many did not.
        learned: speakers whom it learned from.
        validation: speakers on whom its epoch, temperature and threshold were chosen.
    """

    taught: Taught
    admitted: Admitted
    learned: tuple[str, ...]
    validation: tuple[str, ...]


def train(
    recipe: Recipe,
    clips: Clips,
    out: Path,
    *,
    seed: int = 0,
    drop: Sequence[str] = (),
    without_speakers: Sequence[str] = (),
    resume: bool = False,
    jobs: int | None = None,
    tracker: str | None = None,
    on_epoch: Callable[[EpochRow], None] | None = None,
    bars: Bars = no_bars,
) -> Trained:
    """Train one model on all clips given, some speakers held out for validation.

    Args:
        recipe: how.
        clips: from what; their speakers must be known.
        out: folder for the model and its curves.
        seed: decides every random number: the same seed gives the same weights.
        drop: emotions to leave out.
        without_speakers: people whom the model shall never hear, so that it can be tested on them.
        resume: go on with a training that was stopped; without it a folder that holds one is refused.
        jobs: processes that measure features; the training itself is one.
        tracker: ``"tensorboard"`` or ``"mlflow"``.
        on_epoch: told each epoch's row as it comes.
        bars: shows how far the measuring is.

    Raises:
        CorpusError: if no honest model can come of these clips.
        HearfeltError: if ``out`` holds a training and ``resume`` is not set.
    """
    if not resume and any((out / name).exists() for name in (RUN, CHECKPOINT)):
        raise HearfeltError(f"{out}: holds a training; --resume goes on with it, or give another folder with --out")
    away = named_speakers(without_speakers, clips.speakers)
    admitted = admit(clips.without(speaker=away), drop=drop)
    learn, validation = divide(admitted.clips, "speaker", recipe.validation, generator_for(seed, "validation"))
    with bars("measuring sounds", sounds_to_hear(recipe.augment, len(learn), len(validation))) as done:
        heard = hear(
            admitted.clips,
            recipe.augment,
            generator_for(seed, "copies"),
            learn=learn,
            validation=validation,
            processes=jobs,
            progress=done,
        )
    lesson = Lesson(admitted.clips.emotions, heard.of(learn), heard.of(validation, copies=False))
    with track(tracker, out, recipe, seed=seed) as tracked:

        def told(row: EpochRow) -> None:
            tracked(row)
            if on_epoch:
                on_epoch(row)

        taught = teach(recipe, lesson, out, seed=seed, on_epoch=told)
    return Trained(taught, admitted, learn.speakers, validation.speakers)


def named_speakers(names: Sequence[str], speakers: Sequence[str]) -> tuple[str, ...]:
    """Find speakers by their whole name, or by what stands behind the corpus where that is clear.

    Raises:
        CorpusError: if nobody, or more than one, is called so.

    Example:
        >>> named_speakers(["06", "emodb/03"], ["ravdess/06", "emodb/03", "emodb/08"])
        ('ravdess/06', 'emodb/03')
    """
    found = []
    for name in names:
        fitting = [speaker for speaker in speakers if name in (speaker, speaker.partition("/")[2])]
        if not fitting:
            near = get_close_matches(name, speakers, n=1) or list(speakers[:1])
            raise CorpusError(f"no speaker is called {name!r}; a name looks like {near[0] if near else 'ravdess/07'}")
        if len(fitting) > 1:
            raise CorpusError(f"{name!r} may be {' or '.join(fitting)}; give the whole name")
        found.extend(fitting)
    return tuple(dict.fromkeys(found))
