"""Texts of the library and of the shipped model files that the page shows: named here, they are in the catalogues."""

from __future__ import annotations

from typing import Final

from hearfelt.audio.warnings import CODES
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.explain.occlusion import WHAT_IT_SAYS
from hearfelt.inference.explain.shapley import GROUPS_IN_WORDS
from hearfelt.inference.prediction import NO_SPEECH_WORDS, SURE_WORDS, UNSURE_WORD

__all__ = ["SENTENCES", "WORDS"]

WORDS: Final = (
    *EMOTIONS,
    *(word for _, word in SURE_WORDS),
    UNSURE_WORD,
    NO_SPEECH_WORDS,
    *(text for texts in GROUPS_IN_WORDS.values() for text in texts),
    f"Occlusion: {WHAT_IT_SAYS}.",
    "rain",
    "yours",
    "unknown",
)
"""Names, as they are shown beside others."""

_ERRORS: Final = (
    "{name}: the file is empty; a sound file is wanted",
    "{name}: only silence (peak {peak} dB); a voice needs more than {least} dB",
    "{name}: {seconds} s of sound; a clip needs at least {least} s",
    "{name}: {length} of sound; this page accepts up to {most}, and hearfelt timeline any length",
    "{name}: {size} MB; this page accepts files of up to {most} MB",
    "{name}: this is no sound that can be read ({reason}); {formats} can, and on the command line samples without a"
    " header, such as with --raw s16le:16000",
    "{name}: cannot be read ({reason})",
    "{error}; PyAV may read it: pip install 'hearfelt[formats]'",
    "{name}: this is {kind}, which PyAV reads and which is not installed; pip install 'hearfelt[formats]'",
    "{name}: no sound in it; its audio track is empty",
    "{name}: encrypted (DRM); a copy without protection is wanted",
    "{name}: its sound is stored in a way that FFmpeg does not know; convert it to WAV or FLAC",
    "{name}: cut short, its table of contents (moov) is missing, as after a recording that was broken off; copy or"
    " record the file again",
    "{name}: a WAV file with no sound in it; record the file again",
    "{name}: a rate of {rate} Hz; {lowest} to {highest} Hz is wanted",
    "{name}: {channels} channels; {least} to {most} are wanted",
    "{name}: samples reach {peak}; floats have to be scaled to -1 to 1",
    "{name}: this is no reference; a file that `hearfelt reference` wrote is wanted",
    "{name}: the reference is damaged ({reason}); make it again",
    "{name}: too large for a reference; a file that `hearfelt reference` wrote is wanted",
    "internal error: {error}",
)

_WARNINGS: Final = (
    *CODES.values(),
    "cut short: {there} s of {promised} s are there",
    "cut short: {there} s are there, and the end is missing",
    "a wrong header: {fault}; all that is there is used",
    "damaged after {after} s; what could not be decoded was left out",
    "after {after} s the format changes from {before} to {later}",
    "samples reach {peak} where 1 is full scale; they were divided by {divisor}",
    "mixed, the channels would cancel each other; channel {channel} is used, the loudest",
    "the file has {count} audio tracks, 0 to {last}; track {track} is used",
    "recorded too loud: {share} of the samples are cut off at the top, so the voice is distorted",
    "digital silence",
    "very quiet: its loudest peak is at {peak} dB",
    "little speech was found, in {speech} s of {whole} s",
    "the reference has {count} recording; {least} or more are better",
    "the reference has {count} recordings; {least} or more are better",
    "the recordings of the reference all sound {emotion}; some of other emotions are better",
    "the sound is unlike all sounds that the model was trained on, so the prediction may well be wrong",
)

_CARDS: Final = (
    "A CNN-BiLSTM on 162 features of a clip: the student project's network, trained and measured honestly.",
    "Small heads on statistics of the first layers of Whisper base and on pitch statistics, from sound to emotion in"
    " one file; takes reference recordings.",
    "A support vector machine on 162 features of a clip: the plain baseline.",
    "Small heads on an ear that learned to imitate Whisper base, and on an ear for pitch, in less than 1 MB.",
    "Its 162 features are means over at most 2.5 s of a clip: how a voice moves in time is not in them.",
    "Its 162 features are means over at most 2.5 s of a clip: changes over time are not in them.",
    "Its LSTM runs over two halves of the feature axis and not over time; it is kept so as the named baseline.",
    "It has heard {count} speakers; other voices, rooms and microphones are new to it.",
    "Trained on {count} speakers; voices, rooms and microphones unlike theirs are new to it.",
    "It has heard one language ({language}).",
    "Trained on one language ({language}).",
    "RAVDESS is acted by professionals who all say the same two sentences: everyday speech is subtler.",
    "Trained on acted speech, in which emotions are plainer than in everyday life.",
    "It learned from acted speech: what people show when they play a feeling is plainer than what they show in life.",
    "Trained on a few dozen sentences in three languages; other languages and long speech are new to it.",
    "It learned from a few dozen sentences in three languages; other languages and long speech are new to it.",
    "It recognizes how a voice sounds; what a person feels, it cannot know.",
    "It hears a voice and not a person: what somebody feels, it cannot know.",
    "Calm and surprise come from one corpus alone, RAVDESS or TESS, and are the least certain in other recordings.",
    "for non-commercial use only: trained on {corpora}",
)

_SCORES: Final = (
    "five corpora, each tested without training on it",
    "RAVDESS speech, EmoBox's 6 folds by actor",
    "RAVDESS speech, Luna-Jiménez's 5 folds by actor",
    "RAVDESS speech and song, random 80/20 by clip (leaky)",
    "RAVDESS speech of the actors a model was not trained on",
    "no leakage: split by speaker",
    "split by clip: test speakers are in training",
    "and augmented copies of test clips are in training",
    "and the epoch is chosen on the test set",
)

SENTENCES: Final = (*_ERRORS, *_WARNINGS, *_CARDS, *_SCORES)
"""Whole sentences, with ``{name}`` where a value stands."""
