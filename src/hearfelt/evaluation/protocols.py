"""Protocols: named, fixed ways to divide clips into what is learned from and what is tested on.

A figure means something only together with its protocol. Each protocol chooses its clips, says in words what is
missing, makes its folds, and refuses a leak unless it is one of those that are listed as leaky.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, Literal

from hearfelt.corpora.clips import Clips, duplicates
from hearfelt.corpora.splits import Fold, Leaks
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import Plan, leaks_of, tell_apart, without_unfit
from hearfelt.evaluation.published import ACTORS, EMOBOX, LUNA_JIMENEZ, refuse_incomplete
from hearfelt.evaluation.split_functions import by_clip, by_speaker, emobox, luna_jimenez, student_split, whole

if TYPE_CHECKING:
    from hearfelt.inference.card import ModelCard

__all__ = ["DEFAULT_FOLDS", "PROTOCOLS", "Protocol", "protocol_called"]

DEFAULT_FOLDS: Final = 5

Split = Callable[[Clips, int], list[Fold]]


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
        copies_of_test: whether changed copies of the test clips are learned from, as happens to everybody who
            augments before splitting. Only to show what that is worth.
        chooses_on_test: whether the epoch, and on the 162 features whatever else is chosen on validation clips, is
            chosen on the test clips instead. Only to show what that is worth.
        actors: the actors of RAVDESS it is over; empty for all, or with ``needs_model`` for those never heard.
        recordings: whether recordings are made of its clips, and answered segment by segment.
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
    copies_of_test: bool = False
    chooses_on_test: bool = False
    actors: tuple[int, ...] = ()
    recordings: bool = False

    def plan(
        self,
        clips: Clips,
        *,
        drop: Sequence[str] = (),
        folds: int | None = None,
        card: ModelCard | None = None,
        beside: bool = False,
    ) -> Plan:
        """Choose clips, make the folds, and look for leaks.

        Args:
            clips: of one corpus or of several.
            drop: emotions whose clips leave before the split.
            folds: how many, for a protocol that leaves it open; 5 by default.
            card: of the finished model to be measured. Nothing is trained then: every test clip is answered by
                that model, and the speakers that its card says it heard are the training side.
            beside: keep clips that the protocol is not over, such as other corpora or song, for learning alone
                (:attr:`Plan.beside`), instead of refusing or forgetting them. Nothing with ``card``, since a
                finished model learns nothing.

        Raises:
            CorpusError: if clips are missing, an emotion to drop is not there, too little is left to learn
                something from, or anybody or any sound stands on both sides of a protocol not listed as leaky.
        """
        self._refuse_what_has_no_meaning(folds, card)
        heard = frozenset(card.training_speakers) if card else frozenset()
        fit = without_unfit(clips)
        chosen, others, left_out = self._choose(fit, heard, beside=beside and card is None)
        if len(fit) < len(clips):
            left_out["silent, or the same sound as another under another label"] = len(clips) - len(fit)
        _refuse_unknown_emotions(drop, chosen)
        known = card.labels if card else EMOTIONS
        who = "the model" if card else "hearfelt"
        chosen = tell_apart(chosen.without(emotion=drop), known, who, left_out)
        others = tell_apart(others.without(emotion=drop), chosen.emotions, self.name, left_out)
        if card:
            made = self._answered(chosen, folds)
            leaks = Leaks(tuple(sorted({s for fold in made for s in fold.test.speakers} & heard)), ())
            plan = Plan(self, chosen, tuple(made), tuple(drop), left_out, leaks)
        else:
            made, same_sound = self._learned(chosen, folds), tuple(duplicates([*chosen, *others]))
            plan = Plan(self, chosen, tuple(made), tuple(drop), left_out, Leaks((), ()), others, same_sound)
            plan = replace(plan, leaks=leaks_of(plan))
        if plan.leaks and not self.leaky:
            raise CorpusError(self._refusal(plan.leaks, card))
        return plan

    def folds(self, clips: Clips, *, drop: Sequence[str] = (), folds: int | None = None) -> list[Fold]:
        """Make the folds alone; :meth:`plan` tells what else there is to know."""
        return list(self.plan(clips, drop=drop, folds=folds).folds)

    def _refuse_what_has_no_meaning(self, folds: int | None, card: ModelCard | None) -> None:
        if self.needs_model and card is None:
            raise CorpusError(f"{self.name} measures a finished model and trains nothing; give one with --model")
        if card and (self.copies_of_test or self.chooses_on_test):
            raise CorpusError(
                f"{self.name} shows what a leak in training is worth, and {card.name} is trained already; give a recipe"
            )
        if folds is not None and self.fold_names:
            raise CorpusError(f"{self.name} has its own folds ({len(self.fold_names)}); leave --folds {folds} out")

    def _choose(self, clips: Clips, heard: Collection[str], *, beside: bool) -> tuple[Clips, Clips, dict[str, int]]:
        """Take the clips it is over, those that may stand beside them, and count what left."""
        if not self.channels:
            return clips, Clips(), {}
        if (strangers := [corpus for corpus in clips.corpora if corpus != "ravdess"]) and not beside:
            raise CorpusError(f"{self.name} is over ravdess alone; leave --corpus {strangers[0]}=… out")
        chosen = clips.where(corpus="ravdess", channel=self.channels)
        others = Clips(c for c in clips if beside and (c.corpus != "ravdess" or c.channel not in self.channels))
        left_out = {}
        actors = list(self.actors or ACTORS)
        if self.actors:
            chosen = chosen.where(speaker=[f"ravdess/{actor:02d}" for actor in actors])
        elif self.needs_model:
            actors = [actor for actor in ACTORS if f"ravdess/{actor:02d}" not in heard]
            if not actors:
                raise CorpusError("the model has heard all 24 speakers of ravdess; nobody is left to test it on")
            left_out["of speakers whom the model has heard"] = len(chosen.where(speaker=heard))
            chosen = chosen.without(speaker=heard)
        refuse_incomplete(chosen, self.channels, actors, protocol=self.name)
        return chosen, others, left_out

    def _answered(self, clips: Clips, folds: int | None) -> list[Fold]:
        """Make the folds of a finished model, which has nothing to learn from them."""
        if not clips:
            raise CorpusError(f"{self.name}: no clip is left to answer; other emotions or another model are wanted")
        if not self.fold_names:  # folds by speaker have no meaning where nothing is trained
            return [Fold(1, Clips(), clips)]
        return [Fold(fold.name, Clips(), fold.test) for fold in self._divided(clips, folds)]

    def _learned(self, clips: Clips, folds: int | None) -> list[Fold]:
        """Make the folds of something that is trained, each with enough to learn from."""
        if len(clips.emotions) < 2:
            found = clips.emotions[0] if clips else "nothing"
            raise CorpusError(f"{self.name}: only {found} in {len(clips):,} clips; at least 2 emotions are needed")
        made = self._divided(clips, folds)
        for fold in made:
            if absent := [name for name in fold.test.emotions if name not in fold.train.emotions]:
                raise CorpusError(
                    f"fold {fold.name} tests {absent[0]}, and its training part has no clip of it;"
                    f" more speakers, other folds or --drop {absent[0]} are wanted"
                )
        return made

    def _divided(self, clips: Clips, folds: int | None) -> list[Fold]:
        return self.split(clips, len(self.fold_names) or folds or DEFAULT_FOLDS)

    def _refusal(self, leaks: Leaks, card: ModelCard | None) -> str:
        if card is None:
            return f"{self.name} leaks: {leaks.sentence()}; such a score flatters, so leave copies out"
        who = ", ".join(leaks.speakers[:3]) + (", …" if len(leaks.speakers) > 3 else "")
        other = self.channels and not self.actors
        advice = "; unheard-ravdess leaves them out" if other else "; test it on speakers new to it"
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


def _refuse_unknown_emotions(drop: Sequence[str], clips: Clips) -> None:
    for emotion in drop:
        if emotion not in clips.emotions:
            raise CorpusError(f"--drop {emotion}: no clip has this label; there are {', '.join(clips.emotions)}")


def _step(
    name: str, title: str, description: str, *, copies_of_test: bool = False, chooses_on_test: bool = False
) -> Protocol:
    """Make a step of the leak ladder: RAVDESS speech, divided by clip."""
    return Protocol(
        name,
        title,
        description,
        by_clip,
        by="clip",
        leaky=True,
        channels=("speech",),
        fold_names=tuple(EMOBOX),
        copies_of_test=copies_of_test,
        chooses_on_test=chooses_on_test,
    )


_ALL: Final = (
    Protocol(
        "emobox-ravdess",
        "RAVDESS speech, EmoBox's 6 folds by actor",
        "All 1,440 speech clips of RAVDESS; each of EmoBox's 6 folds tests 4 actors and learns from the other 20."
        " Nobody tested was heard before, so the score holds for strangers. Figures of many published systems"
        " stand beside it.",
        emobox,
        channels=("speech",),
        fold_names=tuple(EMOBOX),
    ),
    Protocol(
        "luna-jimenez-ravdess",
        "RAVDESS speech, Luna-Jiménez's 5 folds by actor",
        "All 1,440 speech clips of RAVDESS in the 5 folds by actor of Luna-Jiménez et al. 2021, numbered 0 to 4;"
        " four test 5 actors and one tests 4.",
        luna_jimenez,
        channels=("speech",),
        fold_names=tuple(LUNA_JIMENEZ),
    ),
    Protocol(
        "seed-ravdess",
        "RAVDESS speech and song, random 80/20 by clip (leaky)",
        "All 2,452 clips of RAVDESS, speech and song, sorted by file name and divided at random by clip, stratified"
        " by emotion, with seed 42: 491 test clips, the student project's split. Every actor is on both sides, so"
        " the score says how well familiar voices are told apart, not how well a stranger is.",
        student_split,
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
        by_speaker,
    ),
    Protocol(
        "unheard-ravdess",
        "RAVDESS speech of the actors a model never heard",
        "For a finished model: the speech clips of those RAVDESS actors that its card does not list as heard. Anyone"
        " can check the very file that ships.",
        whole,
        channels=("speech",),
        fold_names=(1,),
        needs_model=True,
    ),
    Protocol(
        "ravdess-conversations",
        "200 recordings made of clips of four unheard RAVDESS actors",
        "For a finished model: which emotion is heard when, in 200 recordings made of the speech clips of RAVDESS"
        " actors 06, 13, 17 and 22, one speaker each, 1 to 8 clips with pauses between them in a noisy room. Frames"
        " of 10 ms, no collar; beside the timeline stands the naive way, plain windows of 2 s.",
        whole,
        channels=("speech",),
        fold_names=(1,),
        needs_model=True,
        actors=EMOBOX[6],
        recordings=True,
    ),
    Protocol(
        "ladder-strangers",
        "the leak ladder, ground: EmoBox's 6 folds by actor",
        "The ground on which the leak ladder stands: the folds of emobox-ravdess, nobody tested was heard before."
        " Each step above adds one leak to the one below, with the same clips and folds of the same size.",
        emobox,
        channels=("speech",),
        fold_names=tuple(EMOBOX),
    ),
    _step(
        "ladder-clips",
        "the leak ladder, step 1: 6 folds random by clip (leaky)",
        "The first leak: the clips of each emotion are dealt to 6 folds at random, whoever speaks. Every tested voice"
        " is heard in training.",
    ),
    _step(
        "ladder-copies",
        "the leak ladder, step 2: changed copies of test clips (leaky)",
        "The second leak: the folds of ladder-clips, and changed copies of the test clips are learned from, as"
        " happens where clips are augmented before they are divided. A recipe that makes no copies is refused.",
        copies_of_test=True,
    ),
    _step(
        "ladder-epoch",
        "the leak ladder, step 3: the epoch is chosen on test (leaky)",
        "The third leak: as ladder-copies, and the epoch that answers the test clips best is the one that is kept.",
        copies_of_test=True,
        chooses_on_test=True,
    ),
)

PROTOCOLS: Final = {protocol.name: protocol for protocol in _ALL}
