"""The protocols: named, fixed ways to split clips into training and test parts.

A score means something only together with its protocol. Folds are published lists of speakers, or drawn by speaker or
by clip.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.splits import Fold, listed_folds, random_split, speaker_folds
from hearfelt.errors import CorpusError
from hearfelt.evaluation.plan import EMOBOX, LUNA_JIMENEZ, EvaluationProtocol, emotion_code, tested_speakers

__all__ = ["CORPORA", "PROTOCOLS", "across_corpora", "by_clip", "protocol_called"]

CORPORA: Final = ("ravdess", "cremad", "tess", "emodb", "nemo")  # folds 1 to 5 of across-corpora
CLIP_SEED: Final = 7  # of the folds by clip; any number would do, but it must stay


def protocol_called(name: str) -> EvaluationProtocol:
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


def emobox(clips: Clips, folds: int) -> list[Fold]:
    """Make EmoBox's 6 folds by actor."""
    return list(listed_folds(clips, tested_speakers(EMOBOX)))


def luna_jimenez(clips: Clips, folds: int) -> list[Fold]:
    """Make the 5 folds by actor of Luna-Jiménez et al. 2021."""
    return list(listed_folds(clips, tested_speakers(LUNA_JIMENEZ)))


def student_split(clips: Clips, folds: int) -> list[Fold]:
    """Make the student project's split: file names sorted, one in five drawn regardless of the speaker."""
    by_name = sorted(clips, key=_file_name)
    return [random_split(by_name, [emotion_code(clip.name) for clip in by_name], share=0.2, seed=42)]


def by_speaker(clips: Clips, folds: int) -> list[Fold]:
    """Make folds of about equally many clips, no speaker in two of them."""
    return list(speaker_folds(clips, folds))


def by_clip(clips: Clips, folds: int) -> list[Fold]:
    """Assign the clips of each emotion to folds at random, regardless of the speaker: all speakers are in every fold.

    The draw depends on the file names and on nothing else, so that it is the same on every machine.

    Args:
        clips: to split.
        folds: number of folds.

    Returns:
        Folds named from 1, each with the same share of every emotion, to within a clip.

    Example:
        >>> from pathlib import Path
        >>> made = [Clip("mine", Path(), f"{e}{k}.wav", "mine/a", e) for e in ("calm", "sad") for k in range(6)]
        >>> [fold.test.count("emotion") for fold in by_clip(Clips(made), 3)]
        [{'calm': 2, 'sad': 2}, {'calm': 2, 'sad': 2}, {'calm': 2, 'sad': 2}]
    """
    by_name = Clips(sorted(clips, key=_file_name))
    generator = np.random.default_rng(CLIP_SEED)
    fold_of: dict[Clip, int] = {}
    for emotion in by_name.emotions:
        own = by_name.where(emotion=emotion)
        first = len(fold_of)  # where the last emotion ended, so that odd clips don't all land in the first fold
        for position, index in enumerate(generator.permutation(len(own)), first):
            fold_of[own[int(index)]] = position % folds
    return [
        Fold(
            name + 1,
            Clips(clip for clip in by_name if fold_of[clip] != name),
            Clips(clip for clip in by_name if fold_of[clip] == name),
        )
        for name in range(folds)
    ]


def across_corpora(clips: Clips, folds: int) -> list[Fold]:
    """Make a fold of each corpus: trained on all others, tested on its speech.

    Calm counts as neutral among the test clips: no other corpus teaches it.

    Args:
        clips: of all five corpora; RAVDESS's song is trained on where its speech is.
        folds: number of folds, 5.

    Example:
        >>> from pathlib import Path
        >>> made = [Clip(corpus, Path(), "a.wav", f"{corpus}/a", "calm") for corpus in CORPORA]
        >>> [(fold.test.corpora, fold.test.emotions) for fold in across_corpora(Clips(made), 5)][:2]
        [(('ravdess',), ('neutral',)), (('cremad',), ('neutral',))]
    """
    return [
        Fold(
            number,
            clips.without(corpus=corpus),
            Clips(
                replace(clip, emotion="neutral") if clip.emotion == "calm" else clip
                for clip in clips.where(corpus=corpus, channel="speech")
            ),
        )
        for number, corpus in enumerate(CORPORA, 1)
    ]


def whole(clips: Clips, folds: int) -> list[Fold]:
    """Test every clip and train on none: for a finished model."""
    return [Fold(1, Clips(), clips)]


def _file_name(clip: Clip) -> str:
    return PurePosixPath(clip.name).name


def _step(
    name: str, title: str, description: str, *, copies_of_test: bool = False, chooses_on_test: bool = False
) -> EvaluationProtocol:
    """Make a step of the leak ladder: RAVDESS speech, split by clip."""
    return EvaluationProtocol(
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
    EvaluationProtocol(
        "emobox-ravdess",
        "RAVDESS speech, EmoBox's 6 folds by actor",
        "All 1,440 speech clips of RAVDESS; each of EmoBox's 6 folds tests 4 actors and trains on the other 20."
        " No test speaker is in training, so the score holds for unseen speakers. Many published systems are"
        " measured in this way.",
        emobox,
        channels=("speech",),
        fold_names=tuple(EMOBOX),
    ),
    EvaluationProtocol(
        "luna-jimenez-ravdess",
        "RAVDESS speech, Luna-Jiménez's 5 folds by actor",
        "All 1,440 speech clips of RAVDESS in the 5 folds by actor of Luna-Jiménez et al. 2021, numbered 0 to 4;"
        " four test 5 actors and one tests 4.",
        luna_jimenez,
        channels=("speech",),
        fold_names=tuple(LUNA_JIMENEZ),
    ),
    EvaluationProtocol(
        "seed-ravdess",
        "RAVDESS speech and song, random 80/20 by clip (leaky)",
        "All 2,452 clips of RAVDESS, speech and song, sorted by file name and split at random by clip, stratified"
        " by emotion, with seed 42: 491 test clips, the student project's split. Every actor is on both sides, so"
        " the score holds for training speakers, not for unseen ones.",
        student_split,
        by="clip",
        leaky=True,
        channels=("speech", "song"),
        fold_names=(1,),
    ),
    EvaluationProtocol(
        "student-ravdess",
        "the student project's own way, the epoch chosen on test (leaky)",
        "The student project's own way, to compare its published score with: the split of seed-ravdess, all training"
        " clips are trained on, and the epoch with the best score on the 491 test clips is kept.",
        student_split,
        by="clip",
        leaky=True,
        channels=("speech", "song"),
        fold_names=(1,),
        chooses_on_test=True,
        holds_out=False,
    ),
    EvaluationProtocol(
        "by-speaker",
        "any corpus, k folds by speaker",
        "Any corpus whose speakers are known, in 5 folds (or --folds K) of about equally many clips; no speaker is in"
        " two of them. A finished model predicts all clips as one fold.",
        by_speaker,
    ),
    EvaluationProtocol(
        "across-corpora",
        "five corpora, each tested without training on it",
        "Corpora that a model was not trained on: each fold leaves one of RAVDESS, CREMA-D, TESS, EMO-DB and nEMO out"
        " of training and tests all its speech, among the labels of that corpus. Calm counts as neutral. The score is"
        " the mean over four corpora; TESS, of two speakers, is reported and not counted.",
        across_corpora,
        fold_names=(1, 2, 3, 4, 5),
        corpora=CORPORA,
        uncounted=("tess",),
    ),
    EvaluationProtocol(
        "unheard-ravdess",
        "RAVDESS speech of the actors a model was not trained on",
        "For a finished model: the speech clips of those RAVDESS actors that are not among the training speakers of"
        " its card. Anyone can check the very file that ships.",
        whole,
        channels=("speech",),
        fold_names=(1,),
        needs_model=True,
    ),
    EvaluationProtocol(
        "ravdess-conversations",
        "200 recordings made of clips of four unseen RAVDESS actors",
        "For a finished model: emotions over time, in 200 synthetic recordings made of the speech clips of RAVDESS"
        " actors 06, 13, 17 and 22, one speaker each, 1 to 8 clips with pauses between them in a noisy room. Frames"
        " of 10 ms, no collar; compared with the naive way, plain windows of 2 s.",
        whole,
        channels=("speech",),
        fold_names=(1,),
        needs_model=True,
        actors=EMOBOX[6],
        recordings=True,
    ),
    EvaluationProtocol(
        "ladder-strangers",
        "the leak ladder, ground: EmoBox's 6 folds by actor",
        "The ground of the leak ladder: the folds of emobox-ravdess, with no test speaker in training. Each step adds"
        " one leak to the one below, with the same clips and folds of the same size.",
        emobox,
        channels=("speech",),
        fold_names=tuple(EMOBOX),
    ),
    _step(
        "ladder-clips",
        "the leak ladder, step 1: 6 folds random by clip (leaky)",
        "The first leak: the clips of each emotion are assigned to 6 folds at random, regardless of the speaker. Every"
        " test speaker is in training.",
    ),
    _step(
        "ladder-copies",
        "the leak ladder, step 2: changed copies of test clips (leaky)",
        "The second leak: the folds of ladder-clips, and augmented copies of the test clips are trained on, as"
        " happens where clips are augmented before they are split. A recipe that makes no copies is refused.",
        copies_of_test=True,
    ),
    _step(
        "ladder-epoch",
        "the leak ladder, step 3: the epoch is chosen on test (leaky)",
        "The third leak: as ladder-copies, and the epoch with the best score on the test clips is kept.",
        copies_of_test=True,
        chooses_on_test=True,
    ),
)

PROTOCOLS: Final = {protocol.name: protocol for protocol in _ALL}
