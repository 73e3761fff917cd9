"""Protocols: named, fixed ways to divide clips into what is learned from and what is tested on.

A figure means something only together with its protocol. Each protocol chooses its clips, says in words what is
missing, makes its folds, and refuses a leak unless it is one of those that are listed as leaky.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from hearfelt.clips import Clips
from hearfelt.corpora.base import stem_of
from hearfelt.corpora.catalog import FORMS
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.published import (
    ACTORS,
    EMOBOX,
    LUNA_JIMENEZ,
    emotion_code,
    refuse_incomplete,
    tested_speakers,
)
from hearfelt.splits import Fold, Leaks, find_leaks, listed_folds, random_split, speaker_folds

if TYPE_CHECKING:
    from hearfelt.inference.card import ModelCard

__all__ = ["DEFAULT_FOLDS", "PROTOCOLS", "Plan", "Protocol", "protocol_called"]

DEFAULT_FOLDS: Final = 5

Split = Callable[[Clips, int], list[Fold]]


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
    """

    protocol: Protocol
    clips: Clips = field(repr=False)
    folds: tuple[Fold, ...] = field(repr=False)
    dropped: tuple[str, ...]
    left_out: dict[str, int]
    leaks: Leaks

    @property
    def emotions(self) -> tuple[str, ...]:
        """The labels of its clips, in order."""
        return self.clips.emotions


@dataclass(frozen=True)
class Protocol:
    """One way to measure.

    Attributes:
        name: as typed, such as ``"emobox-ravdess"``.
        title: half a sentence for tables.
        description: a few sentences for people.
        split: makes the folds from the chosen clips and the number of folds asked for.
        by: what is divided, speakers or clips; validation parts are taken in the same way.
        leaky: whether it is known to let speakers or copies onto both sides.
        channels: which channels of RAVDESS it is over; empty for a protocol of any corpus.
        fold_names: the published numbers of its folds; empty where their number is asked for.
        needs_model: whether it only measures a finished model.
    """

    name: str
    title: str
    description: str
    split: Split = field(repr=False)
    by: Literal["speaker", "clip"] = "speaker"
    leaky: bool = False
    channels: tuple[str, ...] = ()
    fold_names: tuple[int, ...] = ()
    needs_model: bool = False

    def plan(
        self, clips: Clips, *, drop: Sequence[str] = (), folds: int | None = None, card: ModelCard | None = None
    ) -> Plan:
        """Choose clips, make the folds, and look for leaks.

        Args:
            clips: of one corpus or of several.
            drop: emotions whose clips leave before the split.
            folds: how many, for a protocol that leaves it open; 5 by default.
            card: of the finished model to be measured. Nothing is trained then: every test clip is answered by
                that model, and the speakers that its card says it heard are the training side.

        Raises:
            CorpusError: if clips are missing, an emotion to drop is not there, too little is left to learn
                something from, or anybody or any sound stands on both sides of a protocol not listed as leaky.
        """
        if self.needs_model and card is None:
            raise CorpusError(f"{self.name} measures a finished model and trains nothing; give one with --model")
        if folds is not None and self.fold_names:
            raise CorpusError(f"{self.name} has its own folds ({len(self.fold_names)}); leave --folds {folds} out")
        heard = frozenset(card.heard_speakers) if card else frozenset()
        fit = _without_unfit(clips)
        chosen, left_out = self._choose(fit, heard)
        if len(fit) < len(clips):
            left_out["silent, or the same sound as another under another label"] = len(clips) - len(fit)
        _refuse_unknown_emotions(drop, chosen)
        chosen = chosen.without(emotion=tuple(drop))
        for emotion, count in chosen.count("emotion").items():
            if emotion not in (card.labels if card else EMOTIONS):
                left_out[f"of {emotion}, which {'the model' if card else 'hearfelt'} does not tell apart"] = count
        chosen = chosen.where(emotion=card.labels if card else EMOTIONS)
        if card:
            made = self._answered(chosen, folds)
            leaks = Leaks(tuple(sorted({s for fold in made for s in fold.test.speakers} & heard)), ())
        else:
            made = self._learned(chosen, folds)
            leaks = _all_leaks(made)
        if leaks and not self.leaky:
            raise CorpusError(self._refusal(leaks, card))
        return Plan(self, chosen, tuple(made), tuple(drop), left_out, leaks)

    def folds(self, clips: Clips, *, drop: Sequence[str] = (), folds: int | None = None) -> list[Fold]:
        """Make the folds alone; :meth:`plan` tells what else there is to know."""
        return list(self.plan(clips, drop=drop, folds=folds).folds)

    def _choose(self, clips: Clips, heard: Collection[str]) -> tuple[Clips, dict[str, int]]:
        if not self.channels:
            return clips, {}
        if strangers := [corpus for corpus in clips.corpora if corpus != "ravdess"]:
            raise CorpusError(f"{self.name} is over ravdess alone; leave --corpus {strangers[0]}=… out")
        chosen = clips.where(channel=self.channels)
        left_out = {}
        actors = list(ACTORS)
        if self.needs_model:
            actors = [actor for actor in ACTORS if f"ravdess/{actor:02d}" not in heard]
            if not actors:
                raise CorpusError("the model has heard all 24 speakers of ravdess; nobody is left to test it on")
            left_out["of speakers whom the model has heard"] = len(chosen.where(speaker=heard))
            chosen = chosen.without(speaker=heard)
        refuse_incomplete(chosen, self.channels, actors, protocol=self.name)
        return chosen, left_out

    def _answered(self, clips: Clips, folds: int | None) -> list[Fold]:
        """Make the folds of a finished model, which has nothing to learn from them."""
        if not clips:
            raise CorpusError(f"{self.name}: no clip is left to answer; other emotions or another model are wanted")
        if not self.fold_names:  # folds by speaker have no meaning where nothing is trained
            return [Fold(1, Clips(), clips)]
        return [Fold(fold.name, Clips(), fold.test) for fold in self.split(clips, folds or DEFAULT_FOLDS)]

    def _learned(self, clips: Clips, folds: int | None) -> list[Fold]:
        """Make the folds of something that is trained, each with enough to learn from."""
        if len(clips.emotions) < 2:
            found = clips.emotions[0] if clips else "nothing"
            raise CorpusError(f"{self.name}: only {found} in {len(clips):,} clips; at least 2 emotions are needed")
        made = self.split(clips, folds or DEFAULT_FOLDS)
        for fold in made:
            if absent := [name for name in fold.test.emotions if name not in fold.train.emotions]:
                raise CorpusError(
                    f"fold {fold.name} tests {absent[0]}, and its training part has no clip of it;"
                    f" more speakers, other folds or --drop {absent[0]} are wanted"
                )
        return made

    def _refusal(self, leaks: Leaks, card: ModelCard | None) -> str:
        if card is None:
            return f"{self.name} leaks: {leaks.sentence()}; such a score flatters, so leave copies out"
        who = ", ".join(leaks.speakers[:3]) + (", …" if len(leaks.speakers) > 3 else "")
        advice = "; unheard-ravdess leaves them out" if self.channels else "; test it on speakers new to it"
        return (
            f"{self.name} would test {card.name} on {len(leaks.speakers)} of the speakers it has heard ({who}){advice}"
        )


def protocol_called(name: str) -> Protocol:
    """Find a protocol by its name.

    Raises:
        CorpusError: if there is none, with the nearest name.

    Example:
        >>> protocol_called("seed-ravdess").leaky
        True
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    near = get_close_matches(name, PROTOCOLS, n=1)
    advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(PROTOCOLS)}"
    raise CorpusError(f"no protocol is called {name!r}; {advice}")


def _without_unfit(clips: Clips) -> Clips:
    """Leave out the recordings that are known to answer nothing, such as three pairs of CREMA-D."""
    unfit = {name: form.published.unfit for name, form in FORMS.items() if form.published}
    return Clips(clip for clip in clips if stem_of(clip.name) not in unfit.get(clip.corpus, ()))


def _refuse_unknown_emotions(drop: Sequence[str], clips: Clips) -> None:
    for emotion in drop:
        if emotion not in clips.emotions:
            raise CorpusError(f"--drop {emotion}: no clip has this label; there are {', '.join(clips.emotions)}")


def _all_leaks(folds: Sequence[Fold]) -> Leaks:
    found = [find_leaks(fold) for fold in folds]
    speakers = tuple(sorted({speaker for leaks in found for speaker in leaks.speakers}))
    return Leaks(speakers, tuple(dict.fromkeys(group for leaks in found for group in leaks.copies)))


def _emobox(clips: Clips, folds: int) -> list[Fold]:
    return list(listed_folds(clips, tested_speakers(EMOBOX)))


def _luna_jimenez(clips: Clips, folds: int) -> list[Fold]:
    return list(listed_folds(clips, tested_speakers(LUNA_JIMENEZ)))


def _seed(clips: Clips, folds: int) -> list[Fold]:
    by_name = sorted(clips, key=lambda clip: PurePosixPath(clip.name).name)
    return [random_split(by_name, [emotion_code(clip.name) for clip in by_name], share=0.2, seed=42)]


def _by_speaker(clips: Clips, folds: int) -> list[Fold]:
    return list(speaker_folds(clips, folds))


def _whole(clips: Clips, folds: int) -> list[Fold]:
    return [Fold(1, Clips(), clips)]


_ALL: Final = (
    Protocol(
        "emobox-ravdess",
        "RAVDESS speech, EmoBox's 6 folds by actor",
        "All 1,440 speech clips of RAVDESS; each of EmoBox's 6 folds tests 4 actors and learns from the other 20."
        " Nobody tested was heard before, so the score holds for strangers. Figures of many published systems"
        " stand beside it.",
        _emobox,
        channels=("speech",),
        fold_names=tuple(EMOBOX),
    ),
    Protocol(
        "luna-jimenez-ravdess",
        "RAVDESS speech, Luna-Jiménez's 5 folds by actor",
        "All 1,440 speech clips of RAVDESS in the 5 folds by actor of Luna-Jiménez et al. 2021, numbered 0 to 4;"
        " four test 5 actors and one tests 4.",
        _luna_jimenez,
        channels=("speech",),
        fold_names=tuple(LUNA_JIMENEZ),
    ),
    Protocol(
        "seed-ravdess",
        "RAVDESS speech and song, random 80/20 by clip (leaky)",
        "All 2,452 clips of RAVDESS, speech and song, sorted by file name and divided at random by clip, stratified"
        " by emotion, with seed 42: 491 test clips, the student project's split. Every actor is on both sides, so"
        " the score says how well familiar voices are told apart, not how well a stranger is.",
        _seed,
        by="clip",
        leaky=True,
        channels=("speech", "song"),
        fold_names=(1,),
    ),
    Protocol(
        "by-speaker",
        "any corpus, k folds by speaker",
        "Any corpus whose speakers are known, in 5 folds (or --folds K) of about equally many clips; nobody is in two"
        " of them. A finished model answers all clips as one fold.",
        _by_speaker,
    ),
    Protocol(
        "unheard-ravdess",
        "RAVDESS speech of the actors a model never heard",
        "For a finished model: the speech clips of those RAVDESS actors that its card does not list as heard. Anyone"
        " can check the very file that ships.",
        _whole,
        channels=("speech",),
        fold_names=(1,),
        needs_model=True,
    ),
)

PROTOCOLS: Final = {protocol.name: protocol for protocol in _ALL}
