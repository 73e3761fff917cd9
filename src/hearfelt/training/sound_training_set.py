"""The lesson of a network that takes sound: clips to learn from, who they are like, and how each is heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.evaluation.plan import SameSound
from hearfelt.models.encoders.weights import moonshine_weights, whisper_weights
from hearfelt.training.augmented_copies import View
from hearfelt.training.data_selection import Division
from hearfelt.training.frames import Encoders
from hearfelt.training.recipe import Recipe

__all__ = ["PUBLISHED", "EarFiles", "SoundLesson", "views_of"]


@dataclass(frozen=True)
class EarFiles:
    """Where the ears' weights are; None for their published place.

    Attributes:
        whisper: a ``.safetensors`` file.
        moonshine: the ``.ort`` file or the wheel that holds it.
    """

    whisper: Path | None = None
    moonshine: Path | None = None

    def read(self) -> Encoders:
        """Read and check both.

        Raises:
            ModelError: if a file is not what it should be.
        """
        return Encoders(whisper_weights(self.whisper), moonshine_weights(self.moonshine))


PUBLISHED: Final = EarFiles()


@dataclass(frozen=True, eq=False)
class SoundLesson:
    """Everything one model is taught with.

    Attributes:
        labels: what it shall tell apart, in order.
        learn: what it learns from.
        target: those of them that are like what it will be tested on; group by group they are held out of one head.
        by: what the groups are made of.
        same_sound: groups of clips with the very same sound.
        copied: test clips whose changed copies are learned from too. Empty but for the protocols that show this leak.
        chooser: test clips that the epoch is chosen on. Empty but for the protocol that shows this leak.
        ears: where the encoders' weights are.
        device: where the heads are taught.
    """

    labels: tuple[str, ...]
    learn: Clips = field(repr=False)
    target: Clips = field(repr=False)
    by: Division = "speaker"
    same_sound: SameSound = field(default=(), repr=False)
    copied: Clips = field(default=Clips(), repr=False)
    chooser: Clips = field(default=Clips(), repr=False)
    ears: EarFiles = PUBLISHED
    device: str = "cpu"

    @property
    def clips(self) -> Clips:
        """All clips that have a say in the model."""
        return Clips(dict.fromkeys([*self.learn, *self.copied, *self.chooser]))


def views_of(recipe: Recipe, lesson: SoundLesson) -> list[tuple[Clip, View]]:
    """List what is heard: clips of the corpora that are tested in many ways, the others once."""
    spread = recipe.views.spread
    speeds = (1.0,) if not spread else (1.0, round(1.0 - spread, 4), round(1.0 + spread, 4))
    near = set(lesson.target.corpora)
    wanted: list[tuple[Clip, View]] = []
    for clip in lesson.learn:
        wanted += [(clip, View(speed)) for speed in (speeds if clip.corpus in near else speeds[:1])]
    if recipe.views.worn:
        wanted += [(clip, View(is_worn=True)) for clip in lesson.learn if clip.corpus in near]
    wanted += [(clip, View(speed)) for clip in lesson.copied for speed in speeds[1:]]
    wanted += [(clip, View(is_worn=True)) for clip in lesson.copied if recipe.views.worn]
    copied = set(wanted)
    wanted += [(clip, View()) for clip in lesson.chooser if (clip, View()) not in copied]
    return wanted
