"""An evaluation protocol and its plan: how clips are split, what may be trained on, and what would leak.

The folds of RAVDESS that others published are facts, copied from their authors' own files:

- EmoBox (Ma et al. 2024, "EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and
  Benchmark"), ``data/ravdess/fold_*/`` of the repository emo-box/EmoBox at commit 08280f2.
- Luna-Jiménez et al. 2021, "A Proposal for Multimodal Emotion Recognition Using Aural Transformers and
  Action Units on RAVDESS Dataset" (Applied Sciences 12(1), 327), README and ``main_FineTuneWav2Vec_CV.py``
  of the repository cristinalunaj/MMEmotionRecognition.
- RAVDESS (Livingstone and Russo 2018), file names as described at Zenodo, record 1188976.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import PurePosixPath
from typing import Final, Literal

from hearfelt.corpora.base import stem_of
from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import Clip, Clips, duplicates
from hearfelt.corpora.splits import Fold, Leaks, find_leaks
from hearfelt.emotions import EMOTIONS, in_order
from hearfelt.errors import CorpusError
from hearfelt.inference.card import ModelCard

__all__ = [
    "DEFAULT_FOLDS",
    "EMOBOX",
    "LUNA_JIMENEZ",
    "EvaluationProtocol",
    "Plan",
    "SameSound",
    "emotion_code",
    "keep_labels",
    "leaks_of",
    "ravdess_names",
    "refuse_incomplete",
    "tested_speakers",
    "without_copies",
    "without_invalid",
]


DEFAULT_FOLDS: Final = 5

Split = Callable[[Clips, int], list[Fold]]
SameSound = tuple[tuple[Clip, ...], ...]  # groups of clips that hold the very same sound


@dataclass(frozen=True)
class EvaluationProtocol:
    """One way to evaluate.

    Attributes:
        name: as typed, such as ``"emobox-ravdess"``.
        title: half a sentence for tables.
        description: a few sentences for readers.
        split: makes the folds from the chosen clips and the wanted number of folds.
        by: what is split, speakers or clips; validation parts are held out in the same way.
        leaky: whether speakers or copies are known to be on both sides.
        channels: channels of RAVDESS that it uses; empty for a protocol of any corpus.
        fold_names: the published numbers of its folds; empty where their number is an option.
        needs_model: whether it is for finished models alone.
        copies_of_test: whether augmented copies of the test clips are trained on, as happens where clips are augmented
            before they are split. Only to measure the effect.
        chooses_on_test: whether the epoch, and with 162 features whatever else is chosen on validation clips, is
            chosen on the test clips instead. Only to measure the effect.
        holds_out: whether validation clips are held out of the training part.
        actors: actors of RAVDESS that it uses; empty for all, or with ``needs_model`` for those not trained on.
        recordings: whether recordings are made of its clips, and evaluated over time.
        corpora: the corpora that it tests, one a fold, each on all its speech and among its own labels; empty for a
            protocol that doesn't compare corpora.
        uncounted: those of them that are reported and not part of the mean.
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
    holds_out: bool = True
    actors: tuple[int, ...] = ()
    recordings: bool = False
    corpora: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()

    @property
    def counted(self) -> tuple[int, ...]:
        """Numbers of the folds whose mean is the headline score; empty where clips of all folds are pooled."""
        each = zip(self.fold_names, self.corpora, strict=False)
        return tuple(fold for fold, corpus in each if corpus not in self.uncounted)

    def fold_title(self, fold: int) -> str:
        """Give a fold's number, or the corpus that it tests."""
        return self.corpora[self.fold_names.index(fold)] if self.corpora else str(fold)

    def plan(
        self,
        clips: Clips,
        *,
        drop: Sequence[str] = (),
        folds: int | None = None,
        card: ModelCard | None = None,
        auxiliary: bool = False,
    ) -> Plan:
        """Choose clips, make the folds, and look for leaks.

        Args:
            clips: of one corpus or of several.
            drop: emotions whose clips are left out before the split.
            folds: number of folds, for a protocol that leaves it open; 5 by default.
            card: of the finished model to evaluate. Nothing is trained then: that model predicts every test clip, and
                the training speakers of its card are the training side.
            auxiliary: keep clips that the protocol does not use, such as other corpora or song, for training alone
                (:attr:`Plan.auxiliary`), instead of refusing or dropping them. Ignored with ``card``.

        Raises:
            CorpusError: if clips are missing, an emotion to drop is not there, too few clips are left to train on, or
                a speaker or a sound is on both sides of a protocol not listed as leaky.
        """
        self._refuse_what_has_no_meaning(folds, card)
        training_speakers = frozenset(card.training_speakers) if card else frozenset()
        valid = without_invalid(clips)
        chosen, others, left_out = self._choose(valid, training_speakers, auxiliary=auxiliary and card is None)
        if len(valid) < len(clips):
            left_out["silent, or the same sound as another under another label"] = len(clips) - len(valid)
        _refuse_unknown_emotions(drop, chosen)
        known = self._known_labels(card)
        who = "the model" if card else "hearfelt"
        chosen = keep_labels(chosen.without(emotion=drop), known, who, left_out)
        others = keep_labels(others.without(emotion=drop), chosen.emotions, self.name, left_out)
        if card:
            made = self._folds_to_predict(chosen, folds)
            leaks = Leaks(tuple(sorted({s for fold in made for s in fold.test.speakers} & training_speakers)), ())
            plan = Plan(self, chosen, tuple(made), tuple(drop), left_out, leaks)
        else:
            made, same_sound = self._folds_to_train(chosen, folds), tuple(duplicates([*chosen, *others]))
            plan = Plan(self, chosen, tuple(made), tuple(drop), left_out, Leaks((), ()), others, same_sound)
            plan = replace(plan, leaks=leaks_of(plan))
        if plan.leaks and not self.leaky:
            raise CorpusError(self._refusal(plan.leaks, card))
        return plan

    def folds(self, clips: Clips, *, drop: Sequence[str] = (), folds: int | None = None) -> list[Fold]:
        """Make the folds alone; :meth:`plan` has all the rest."""
        return list(self.plan(clips, drop=drop, folds=folds).folds)

    def _refuse_what_has_no_meaning(self, folds: int | None, card: ModelCard | None) -> None:
        if self.needs_model and card is None:
            raise CorpusError(f"{self.name} is for finished models, and trains nothing; give one with --model")
        if card and (self.copies_of_test or self.chooses_on_test):
            raise CorpusError(
                f"{self.name} shows what a leak in training is worth, and {card.name} is trained already; give a recipe"
            )
        if folds is not None and self.fold_names:
            raise CorpusError(f"{self.name} has its own folds ({len(self.fold_names)}); leave --folds {folds} out")

    def _choose(
        self, clips: Clips, training_speakers: Collection[str], *, auxiliary: bool
    ) -> tuple[Clips, Clips, dict[str, int]]:
        """Select the clips that it uses and the auxiliary clips, and count what is left out."""
        if self.corpora:
            return *self._choose_corpora(clips, auxiliary=auxiliary), {}
        if not self.channels:
            return clips, Clips(), {}
        if (other_corpora := [corpus for corpus in clips.corpora if corpus != "ravdess"]) and not auxiliary:
            raise CorpusError(f"{self.name} is over ravdess alone; leave --corpus {other_corpora[0]}=… out")
        chosen = clips.where(corpus="ravdess", channel=self.channels)
        others = Clips(c for c in clips if auxiliary and (c.corpus != "ravdess" or c.channel not in self.channels))
        left_out = {}
        actors = list(self.actors or ACTORS)
        if self.actors:
            chosen = chosen.where(speaker=[f"ravdess/{actor:02d}" for actor in actors])
        elif self.needs_model:
            actors = [actor for actor in ACTORS if f"ravdess/{actor:02d}" not in training_speakers]
            if not actors:
                raise CorpusError("the model was trained on all 24 speakers of ravdess; none is left to test it on")
            left_out["of speakers whom the model was trained on"] = len(chosen.where(speaker=training_speakers))
            chosen = chosen.without(speaker=training_speakers)
        refuse_incomplete(chosen, self.channels, actors, protocol=self.name)
        return chosen, others, left_out

    def _choose_corpora(self, clips: Clips, *, auxiliary: bool) -> tuple[Clips, Clips]:
        there = clips.corpora
        if missing := [corpus for corpus in self.corpora if corpus not in there]:
            raise CorpusError(
                f"{self.name} is over {', '.join(self.corpora)}; without {', '.join(missing)} the score is another, so"
                f" give --corpus {missing[0]}=FOLDER"
            )
        if (other := [corpus for corpus in there if corpus not in self.corpora]) and not auxiliary:
            raise CorpusError(f"{self.name} is over {', '.join(self.corpora)} alone; leave --corpus {other[0]}=… out")
        return clips.where(corpus=self.corpora), clips.where(corpus=other)

    def _known_labels(self, card: ModelCard | None) -> tuple[str, ...]:
        """List the labels that can be tested; calm can be wherever it counts as neutral."""
        if card is None:
            return EMOTIONS
        return (*card.labels, "calm") if self.corpora and "neutral" in card.labels else card.labels

    def _folds_to_predict(self, clips: Clips, folds: int | None) -> list[Fold]:
        """Make the folds for a finished model, without training parts."""
        if not clips:
            raise CorpusError(f"{self.name}: no clip is left to test; other emotions or another model are wanted")
        if not self.fold_names:  # folds by speaker have no meaning where nothing is trained
            return [Fold(1, Clips(), clips)]
        return [Fold(fold.name, Clips(), fold.test) for fold in self._split(clips, folds)]

    def _folds_to_train(self, clips: Clips, folds: int | None) -> list[Fold]:
        """Make the folds for training, each with enough training clips."""
        if len(clips.emotions) < 2:
            found = clips.emotions[0] if clips else "nothing"
            raise CorpusError(f"{self.name}: only {found} in {len(clips):,} clips; at least 2 emotions are needed")
        made = self._split(clips, folds)
        for fold in made:
            if absent := [name for name in fold.test.emotions if name not in fold.train.emotions]:
                raise CorpusError(
                    f"fold {fold.name} tests {absent[0]}, and its training part has no clip of it;"
                    f" more speakers, other folds or --drop {absent[0]} are wanted"
                )
        return made

    def _split(self, clips: Clips, folds: int | None) -> list[Fold]:
        return self.split(clips, len(self.fold_names) or folds or DEFAULT_FOLDS)

    def _refusal(self, leaks: Leaks, card: ModelCard | None) -> str:
        if card is None:
            return f"{self.name} leaks: {leaks.sentence()}; such a score is too good, so leave copies out"
        who = ", ".join(leaks.speakers[:3]) + (", …" if len(leaks.speakers) > 3 else "")
        if self.corpora:
            advice = "; give a recipe, which is trained without each corpus in turn"
            return (
                f"{self.name} would test {card.name} on {len(leaks.speakers)} of its training speakers ({who}){advice}"
            )
        other = self.channels and not self.actors
        advice = "; unheard-ravdess leaves them out" if other else "; test it on other speakers"
        return f"{self.name} would test {card.name} on {len(leaks.speakers)} of its training speakers ({who}){advice}"


@dataclass(frozen=True)
class Plan:
    """What a protocol makes of the clips at hand.

    Attributes:
        protocol: of the plan.
        clips: all clips that are trained or tested on, without auxiliary ones.
        folds: in their order; for a finished model their training parts are empty.
        dropped: emotions that were left out on demand.
        left_out: number of clips left out before the split, by reason.
        leaks: what is on both sides; empty unless the protocol is leaky.
        auxiliary: clips of other corpora or channels, which are not tested on; a model may be trained on those that
            :meth:`training_clips` includes. Empty unless asked for.
        same_sound: groups of clips with the very same sound, among ``clips`` and ``auxiliary``.
    """

    protocol: EvaluationProtocol
    clips: Clips = field(repr=False)
    folds: tuple[Fold, ...] = field(repr=False)
    dropped: tuple[str, ...]
    left_out: dict[str, int]
    leaks: Leaks
    auxiliary: Clips = field(default=Clips(), repr=False)
    same_sound: SameSound = field(default=(), repr=False)

    @property
    def emotions(self) -> tuple[str, ...]:
        """The labels of its clips, in order."""
        return self.clips.emotions

    def scored_labels(self, fold: Fold) -> tuple[str, ...] | None:
        """List the labels among which a fold's answers are scored: its corpus's own; None for all of the model's."""
        return fold.test.emotions if self.protocol.corpora else None

    @property
    def all_scored_labels(self) -> tuple[str, ...] | None:
        """List the labels of all folds together, where each is scored among its own; else None."""
        return in_order(clip.emotion for fold in self.folds for clip in fold.test) if self.protocol.corpora else None

    def training_clips(self, fold: Fold) -> Clips:
        """List all clips that a model for ``fold`` may be trained on: its training part, then auxiliary clips.

        Auxiliary clips of test speakers, and copies of test sounds, are excluded. A leaky protocol that splits by clip
        has all speakers on both sides by design; there only copies are excluded. An auxiliary clip never adds a label.

        Args:
            fold: one of the plan's folds.
        """
        return Clips([*fold.train, *_auxiliary_for(self, fold)])


def without_copies(clips: Clips, of: Clips, same_sound: SameSound) -> Clips:
    """Leave out the clips whose very sound is one of ``of``.

    Args:
        clips: in their order.
        of: the other side.
        same_sound: groups of clips with the same sound, among both.
    """
    other = {_key(clip) for clip in of}
    copies = {
        _key(clip) for group in same_sound if any(_key(clip) in other for clip in group) for clip in group
    } | other
    return Clips(clip for clip in clips if _key(clip) not in copies)


def leaks_of(plan: Plan) -> Leaks:
    """Find speakers and sounds on both sides of any fold, auxiliary clips included."""
    found = [
        find_leaks(Fold(fold.name, plan.training_clips(fold), fold.test), same_sound=plan.same_sound)
        for fold in plan.folds
    ]
    speakers = tuple(sorted({speaker for leaks in found for speaker in leaks.speakers}))
    return Leaks(speakers, tuple(dict.fromkeys(group for leaks in found for group in leaks.copies)))


def without_invalid(clips: Sequence[Clip]) -> Clips:
    """Leave out recordings that are known to be unusable, such as three pairs of CREMA-D."""
    invalid = {name: form.published.unfit for name, form in CORPORA.items() if form.published}
    return Clips(clip for clip in clips if stem_of(clip.name) not in invalid.get(clip.corpus, ()))


def keep_labels(clips: Clips, emotions: Sequence[str], who: str, left_out: dict[str, int]) -> Clips:
    """Keep the clips of some emotions, and count those of others."""
    for emotion, count in clips.count("emotion").items():
        if emotion not in emotions:
            reason = f"of {emotion}, which {who} does not know"
            left_out[reason] = left_out.get(reason, 0) + count
    return clips.where(emotion=emotions)


def _auxiliary_for(plan: Plan, fold: Fold) -> Clips:
    if not plan.auxiliary:
        return Clips()
    by_design = plan.protocol.by == "clip" and plan.protocol.leaky
    auxiliary = plan.auxiliary if by_design else plan.auxiliary.without(speaker=fold.test.speakers)
    return without_copies(auxiliary.where(emotion=fold.train.emotions), fold.test, plan.same_sound)


def _key(clip: Clip) -> tuple[object, str]:
    return clip.root, clip.name


def _refuse_unknown_emotions(drop: Sequence[str], clips: Clips) -> None:
    for emotion in drop:
        if emotion not in clips.emotions:
            raise CorpusError(f"--drop {emotion}: no clip has this label; there are {', '.join(clips.emotions)}")


# Test actors of each fold. Odd numbers are men; EmoBox's fold 2 tests women only.
EMOBOX: Final[Mapping[int, tuple[int, ...]]] = {
    1: (1, 11, 20, 21),
    2: (4, 10, 12, 14),
    3: (8, 9, 19, 23),
    4: (3, 5, 7, 24),
    5: (2, 15, 16, 18),
    6: (6, 13, 17, 22),
}
LUNA_JIMENEZ: Final[Mapping[int, tuple[int, ...]]] = {
    0: (2, 5, 14, 15, 16),
    1: (3, 6, 7, 13, 18),
    2: (10, 11, 12, 19, 20),
    3: (8, 17, 21, 23, 24),
    4: (1, 4, 9, 22),
}

ACTORS: Final = range(1, 25)
WITHOUT_SONG: Final = 18  # this actor's songs were lost before publication
_CHANNEL_CODES: Final = {"speech": "01", "song": "02"}
_EMOTION_CODES: Final = {"speech": range(1, 9), "song": range(1, 7)}  # song has neither disgust nor surprise


def tested_speakers(folds: Mapping[int, tuple[int, ...]]) -> dict[int, list[str]]:
    """Write published actors as hearfelt names speakers.

    Example:
        >>> tested_speakers(EMOBOX)[1]
        ['ravdess/01', 'ravdess/11', 'ravdess/20', 'ravdess/21']
    """
    return {fold: [f"ravdess/{actor:02d}" for actor in actors] for fold, actors in folds.items()}


def ravdess_names(channel: str, actors: Iterable[int] = ACTORS) -> list[str]:
    """List the names, without suffix, of every RAVDESS clip of one channel: 60 or 44 an actor.

    Neutral has one intensity and every other emotion two; each comes with two sentences, said twice.

    Example:
        >>> names = ravdess_names("song")
        >>> len(ravdess_names("speech")), len(names), names[0]
        (1440, 1012, '03-02-01-01-01-01-01')
    """
    return [
        f"03-{_CHANNEL_CODES[channel]}-{emotion:02d}-{intensity}-{sentence}-{take}-{actor:02d}"
        for actor in actors
        if channel == "speech" or actor != WITHOUT_SONG
        for emotion, intensity in product(_EMOTION_CODES[channel], ("01", "02"))
        if emotion != 1 or intensity == "01"
        for sentence, take in product(("01", "02"), repeat=2)
    ]


def emotion_code(name: str) -> str:
    """Read the two-digit emotion code from a RAVDESS name.

    Example:
        >>> emotion_code("Actor_01/03-01-05-02-01-01-01.wav")
        '05'
    """
    return PurePosixPath(name).stem.split("-")[2]


def refuse_incomplete(clips: Clips, channels: Iterable[str], actors: Iterable[int], *, protocol: str) -> None:
    """Raise an error unless the clips are exactly those that a published split of RAVDESS is defined over.

    Raises:
        CorpusError: with the number of missing clips and the first of them, or with one that is there twice.
    """
    actors = list(actors)
    wanted = [name for channel in channels for name in ravdess_names(channel, actors)]
    there = Counter(PurePosixPath(clip.name).stem for clip in clips)
    missing = [name for name in wanted if name not in there]
    if missing:
        raise CorpusError(
            f"ravdess: {len(missing):,} of the {len(wanted):,} clips that {protocol} is defined over are missing,"
            f" the first is {missing[0]}; 'hearfelt corpora check' lists them"
        )
    twice = [name for name, count in there.items() if count > 1]
    if twice:
        paths = [clip.name for clip in clips if PurePosixPath(clip.name).stem == twice[0]]
        raise CorpusError(
            f"ravdess: {len(twice):,} clips are there more than once, the first as {' and '.join(paths[:2])};"
            f" {protocol} needs each of its {len(wanted):,} clips once"
        )
