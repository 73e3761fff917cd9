"""A plan: what a protocol makes of the clips at hand, and who may be learned from where somebody is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hearfelt.corpora.base import stem_of
from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.splits import Fold, Leaks, find_leaks

if TYPE_CHECKING:
    from hearfelt.evaluation.protocols import Protocol

__all__ = ["Plan", "SameSound", "leaks_of", "tell_apart", "without_copies", "without_unfit"]

SameSound = tuple[tuple[Clip, ...], ...]  # groups of clips that hold the very same sound


@dataclass(frozen=True)
class Plan:
    """What a protocol makes of the clips at hand.

    Attributes:
        protocol: whose plan it is.
        clips: all clips it is over, learned from or tested on.
        folds: in their order; where a finished model is measured, their training parts are empty.
        dropped: emotions that were asked to leave.
        left_out: how many clips left before the split, by reason.
        leaks: what stands on both sides; empty unless the protocol is leaky.
        beside: clips that the protocol is not over and nobody is tested on, such as other corpora; a model may
            learn from those that :meth:`lessons_of` lets in. Empty unless asked for.
        same_sound: groups of clips with the very same sound, among ``clips`` and ``beside``.
    """

    protocol: Protocol
    clips: Clips = field(repr=False)
    folds: tuple[Fold, ...] = field(repr=False)
    dropped: tuple[str, ...]
    left_out: dict[str, int]
    leaks: Leaks
    beside: Clips = field(default=Clips(), repr=False)
    same_sound: SameSound = field(default=(), repr=False)

    @property
    def emotions(self) -> tuple[str, ...]:
        """The labels of its clips, in order."""
        return self.clips.emotions

    def lessons_of(self, fold: Fold) -> Clips:
        """List everything a model may learn from where ``fold`` is tested: its training part, then clips beside it.

        Beside it stay what a tested speaker sings or says elsewhere, and every copy of a tested sound. A protocol
        that is listed as leaky and divides clips has everybody on both sides by design; there, only copies stay out.

        Args:
            fold: one of the plan's folds.
        """
        return Clips([*fold.train, *_let_in(self, fold)])


def without_copies(clips: Clips, of: Clips, same_sound: SameSound) -> Clips:
    """Leave out the clips whose very sound is one of ``of``.

    Args:
        clips: some of them are kept, in their order.
        of: the other side.
        same_sound: the groups that are known among both.
    """
    other = {_place(clip) for clip in of}
    copies = {
        _place(clip) for group in same_sound if any(_place(clip) in other for clip in group) for clip in group
    } | other
    return Clips(clip for clip in clips if _place(clip) not in copies)


def leaks_of(plan: Plan) -> Leaks:
    """Find who and what stands on both sides of any fold, clips beside it included."""
    found = [
        find_leaks(Fold(fold.name, plan.lessons_of(fold), fold.test), same_sound=plan.same_sound) for fold in plan.folds
    ]
    speakers = tuple(sorted({speaker for leaks in found for speaker in leaks.speakers}))
    return Leaks(speakers, tuple(dict.fromkeys(group for leaks in found for group in leaks.copies)))


def without_unfit(clips: Sequence[Clip]) -> Clips:
    """Leave out the recordings that are known to answer nothing, such as three pairs of CREMA-D."""
    unfit = {name: form.published.unfit for name, form in CORPORA.items() if form.published}
    return Clips(clip for clip in clips if stem_of(clip.name) not in unfit.get(clip.corpus, ()))


def tell_apart(clips: Clips, emotions: Sequence[str], who: str, left_out: dict[str, int]) -> Clips:
    """Keep the clips of some emotions, and count those of others."""
    for emotion, count in clips.count("emotion").items():
        if emotion not in emotions:
            reason = f"of {emotion}, which {who} does not tell apart"
            left_out[reason] = left_out.get(reason, 0) + count
    return clips.where(emotion=emotions)


def _let_in(plan: Plan, fold: Fold) -> Clips:
    if not plan.beside:
        return Clips()
    by_design = plan.protocol.by == "clip" and plan.protocol.leaky
    beside = plan.beside if by_design else plan.beside.without(speaker=fold.test.speakers)
    return without_copies(beside, fold.test, plan.same_sound)


def _place(clip: Clip) -> tuple[object, str]:
    return clip.root, clip.name
