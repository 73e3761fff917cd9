"""The ensemble: heads for each group held out, which tell how sure it may be, and those that stay."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from hearfelt.corpora.clips import Clips
from hearfelt.corpora.splits import speaker_folds
from hearfelt.errors import ModelError
from hearfelt.evaluation.calibration import fit_temperature, log_softmax
from hearfelt.evaluation.plan import without_copies
from hearfelt.models.encoders.pitch_statistics import PITCH_DIMENSIONS
from hearfelt.models.pooling import Discriminant
from hearfelt.training.augmented_copies import View
from hearfelt.training.checkpoint import Checkpoint, arrays_of, load_arrays, read_checkpoint, write_checkpoint
from hearfelt.training.data_selection import generator_for
from hearfelt.training.discriminant import fit_discriminant
from hearfelt.training.frames import Frames
from hearfelt.training.heads import AnyHead, Member, answer_frames, new_head, teach_member
from hearfelt.training.heads import Taught as TaughtHead
from hearfelt.training.loop import EpochRow
from hearfelt.training.recipe import Recipe
from hearfelt.training.sound_training_set import SoundLesson

__all__ = ["Taught", "Teacher", "teach_ensemble"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Taught:
    """What was taught, and what tells how sure it may be.

    Attributes:
        heads: kinds of heads.
        discriminant: scaled so that its probabilities mean what they say.
        curves: of the heads of the first kind that held out a group, which checked them.
        epoch: whose weights the heads of the first kind have, on average.
        held_out: answers to every target clip by heads that never heard its group, and the places of the truth.
    """

    heads: tuple[tuple[AnyHead, ...], ...]
    discriminant: Discriminant
    curves: tuple[tuple[EpochRow, ...], ...]
    epoch: int
    held_out: tuple[Floats, Places]


class Teacher:
    """Teaches the members of one ensemble, and keeps each as soon as it is done.

    Args:
        recipe: how.
        lesson: from what.
        frames: everything that the lesson needs, heard.
        folder: for members that are done.
        key: names the training.
    """

    def __init__(self, recipe: Recipe, lesson: SoundLesson, frames: Frames, folder: Path, key: str) -> None:
        self.recipe, self.lesson, self.frames, self.folder, self.key = recipe, lesson, frames, folder, key
        self.labels = np.array([lesson.labels.index(clip.emotion) for clip in frames.clips], np.int64)
        self.near = np.isin([clip.corpus for clip in frames.clips], lesson.target.corpora)
        plain = {clip: place for place, clip in enumerate(frames.clips) if frames.views[place] == View()}
        self.place_of = plain
        channels = {clip.channel for clip in lesson.target}
        like = [clip.corpus in lesson.target.corpora and clip.channel in channels for clip in frames.clips]
        kinds = sorted({(clip.corpus, clip.channel) for clip in frames.clips})
        self.groups = np.array(
            [
                0 if one else 1 + kinds.index((clip.corpus, clip.channel))
                for one, clip in zip(like, frames.clips, strict=True)
            ]
        )

    @property
    def kinds(self) -> dict[str, int]:
        """How many heads of each kind the network has."""
        settings = self.recipe.ensemble
        if self.recipe.network == "tiny":
            return {"small": settings.plain}
        return {"attentive": settings.attentive, "plain": settings.plain}

    def places(self, clips: Clips) -> Places:
        """Find the views in which clips are heard as they are."""
        return np.array([self.place_of[clip] for clip in clips], np.int64)

    def head(self, name: str, kind: str, chances: Floats, checked: Clips, *, seed: int) -> TaughtHead:
        """Teach one head, or read what an earlier call kept."""
        settings, lesson, classes = self.recipe.ensemble, self.lesson, len(self.lesson.labels)
        path = self.folder / f"{name}.npz"
        untaught = new_head(kind, settings, classes, described=self.frames.numbers)
        if kept := _kept(path, self.key, untaught):
            return kept
        draws = round(
            len(lesson.learn.where(corpus=lesson.target.corpora)) * (1.0 + settings.beside * _has_beside(lesson))
        )
        basis = np.flatnonzero(self.near & (chances > 0))
        asked = self.places(lesson.chooser or checked)
        member = Member(self.frames, self.labels, chances, asked, basis, draws, classes, lesson.device)
        taught = teach_member(member, kind, settings, seed=seed, choose=bool(lesson.chooser))
        _keep(path, self.key, taught)
        return taught

    def discriminant(self, chances: Floats) -> Discriminant:
        """Fit the discriminant to the target's corpora, and to others for emotions that these lack."""
        lacking = ~np.isin(self.labels, self.labels[self.near & (chances > 0)])
        used = np.flatnonzero((self.near | lacking) & (chances > 0))
        return fit_discriminant(
            self.frames.described(used),
            self.labels[used],
            self.groups[used],
            chances[used].astype(np.float32),
            classes=len(self.lesson.labels),
            shrinkage=self.recipe.ensemble.shrinkage,
            emphasis=self._emphasis(),
        )

    def _emphasis(self) -> npt.NDArray[np.float32]:
        emphasis = np.ones(self.frames.numbers, np.float32)
        emphasis[-PITCH_DIMENSIONS:] = self.recipe.ensemble.melody
        return emphasis

    def answers(self, discriminant: Discriminant, places: Places) -> Floats:
        """Let a discriminant answer for views: logits ``(views, classes)``."""
        with torch.inference_mode():
            described = torch.from_numpy(self.frames.described(places))
            logits: Floats = discriminant(described).double().numpy()
        return logits


def teach_ensemble(teacher: Teacher, *, seed: int) -> Taught:
    """Teach heads for each group held out, to know how sure they may be, and then those that stay, on everything."""
    lesson, settings = teacher.lesson, teacher.recipe.ensemble
    by_head, by_discriminant, truth, curves = [], [], [], []
    for number, group in enumerate(_groups(lesson, settings.groups, seed)):
        chances = _chances(teacher.recipe, lesson, teacher.frames, group)
        checked = teacher.places(group)
        logits: list[Floats] = []
        for kind in teacher.kinds:
            one = teacher.head(f"group{number}-{kind}", kind, chances, group, seed=1000 * seed + number)
            curves += [one.curve] if not logits else []
            logits.append(log_softmax(answer_frames(one.head, teacher.frames, checked)))
        by_head.append(np.stack(logits))  # (kinds, clips, classes)
        by_discriminant.append(teacher.answers(teacher.discriminant(chances), checked))
        truth.append(teacher.labels[checked])
    places, flat = np.concatenate(truth), np.concatenate(by_discriminant)
    temperature = fit_temperature(flat, places)
    held_out = np.concatenate([np.concatenate(by_head, axis=1), log_softmax(flat / temperature)[None]]).mean(axis=0)
    everything = _chances(teacher.recipe, lesson, teacher.frames, Clips())
    kinds = []
    for kind, count in teacher.kinds.items():
        kinds.append(
            [
                teacher.head(f"{kind}{number}", kind, everything, lesson.target, seed=1000 * seed + 100 + number)
                for number in range(count)
            ]
        )
    discriminant = teacher.discriminant(everything)
    with torch.no_grad():
        discriminant.slopes.div_(temperature)
        discriminant.offsets.div_(temperature)
    return Taught(
        tuple(tuple(one.head for one in some) for some in kinds),
        discriminant,
        tuple(curves),
        round(float(np.mean([one.epoch for one in kinds[0]]))),
        (held_out, places),
    )


def _groups(lesson: SoundLesson, count: int, seed: int) -> list[Clips]:
    """Divide the target's speakers, or its clips emotion by emotion, into groups."""
    if lesson.by == "speaker":
        return [fold.test for fold in speaker_folds(lesson.target, count, seed=seed)]
    generator = generator_for(seed, "validation")
    shuffled = [lesson.target[int(place)] for place in generator.permutation(len(lesson.target))]
    dealt = sorted(shuffled, key=lambda clip: clip.emotion)
    return [Clips(dealt[number::count]) for number in range(count)]


def _chances(recipe: Recipe, lesson: SoundLesson, frames: Frames, held_out: Clips) -> Floats:
    """Tell how often each view is drawn: never what is held out, nor the same person or sound."""
    settings, near = recipe.ensemble, set(lesson.target.corpora)
    channels, speakers = {clip.channel for clip in lesson.target}, set(held_out.speakers)
    allowed = set(without_copies(Clips([*lesson.learn, *lesson.copied]), held_out, lesson.same_sound))
    plain_only = set(lesson.chooser) - set(lesson.learn)
    chances = np.zeros(len(frames))
    for place, (clip, view) in enumerate(zip(frames.clips, frames.views, strict=True)):
        apart = lesson.by == "clip" or clip.speaker not in speakers
        if clip in allowed and apart and not (clip in plain_only and view == View()):
            chances[place] = (settings.worn if view.is_worn else 1.0) * (
                1.0 if clip.corpus not in near or clip.channel in channels else settings.song
            )
    corpora = np.array([clip.corpus for clip in frames.clips])
    own = np.isin(corpora, sorted(near))
    chances[own] /= chances[own].sum()
    roots = {corpus: np.sqrt((chances[corpora == corpus] > 0).sum()) for corpus in lesson.learn.corpora}
    roots = {corpus: root for corpus, root in roots.items() if corpus not in near and root > 0}
    for corpus, root in roots.items():
        some = corpora == corpus
        chances[some] *= settings.beside * root / sum(roots.values()) / chances[some].sum()
    return chances


def _has_beside(lesson: SoundLesson) -> bool:
    return len(lesson.learn.corpora) > len(lesson.target.corpora)


def _keep(path: Path, key: str, taught: TaughtHead) -> None:
    curve = [asdict(row) for row in taught.curve]
    write_checkpoint(path, Checkpoint(arrays_of(taught.head), {"key": key, "curve": curve, "epoch": taught.epoch}))


def _kept(path: Path, key: str, head: AnyHead) -> TaughtHead | None:
    """Read a head that is taught already, into an untaught one."""
    kept = read_checkpoint(path)
    if kept is None:
        return None
    if kept.facts["key"] != key:
        raise ModelError(f"{path}: of another recipe or other clips; delete the folder, or give another one")
    load_arrays(head, kept.arrays)
    curve = tuple(EpochRow(**row) for row in kept.facts["curve"])
    return TaughtHead(head.eval(), np.zeros((0, 0)), curve, kept.facts["epoch"])
