"""Find out whether a base model was trained on the same recordings, which would make the scores too good."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import Clips
from hearfelt.inference.card import ModelCard

__all__ = ["KnownRecordings", "find_known_recordings", "sounds_of"]

_BYTES: Final = 6  # of each sound's digest: two different sounds meet once in 10¹⁴ pairs


@dataclass(frozen=True)
class KnownRecordings:
    """What a base model was trained on already, of the clips that it is fine-tuned on.

    Attributes:
        sentences: one for each corpus, without their full stops; empty where nothing is known.
        is_certain: whether the base was trained on some of these clips or speakers.
    """

    sentences: tuple[str, ...]
    is_certain: bool


def sounds_of(digests: Sequence[str]) -> str:
    """Encode the digests of training sounds, short enough for a card: base64 of six bytes each, sorted.

    Example:
        >>> sounds_of(["00ff00ff00ff" + "0" * 52])
        'AP8A/wD/'
    """
    return base64.b64encode(b"".join(sorted(bytes.fromhex(digest)[:_BYTES] for digest in digests))).decode("ascii")


def find_known_recordings(clips: Clips, digests: Sequence[str], card: ModelCard) -> KnownRecordings:
    """Compare clips with what the base's card says about its training.

    Sounds are compared where the card lists them, as cards of fine-tuned models do. Besides, speakers are compared by
    name, sets of clips by fingerprint, and file names with those of every corpus in the card, so that recordings sorted
    into folders are recognized too. Renamed recordings of a corpus whose sounds are not listed are not.

    Args:
        clips: to fine-tune on.
        digests: of their sounds.
        card: of the base model.
    """
    sentences, is_certain = [], False
    own = {bytes.fromhex(digest)[:_BYTES] for digest in digests}
    for corpus, facts in card.corpora.items():
        known = own & _sounds_in(facts)
        if known or facts.get("fingerprint") == clips.fingerprint():
            count = len(known) or len(clips)
            sentences.append(f"{card.name} was trained on {count:,} of these {len(clips):,} very sounds")
            is_certain = True
        elif alike := _read_as(corpus, clips):
            sentences.append(_of_corpus(corpus, alike, card))
            is_certain |= bool(set(alike.speakers) & set(card.training_speakers))
    return KnownRecordings(tuple(dict.fromkeys(sentence for sentence in sentences if sentence)), is_certain)


def _of_corpus(corpus: str, alike: Clips, card: ModelCard) -> str:
    """Say what the card tells about the clips of one corpus, by their speakers."""
    speakers = sorted(set(alike.speakers) & set(card.training_speakers))
    if not speakers:
        if corpus == "folder":
            return ""  # everybody's own is called so
        return (
            f"{card.name} was trained on other speakers of {corpus}, who say the same in the same room: it does"
            " better on these clips than on others"
        )
    who = ", ".join(speakers[:3]) + (", …" if len(speakers) > 3 else "")
    of_them = f"{len(speakers)} of the {len(alike.speakers)} speakers"
    if corpus == "folder":
        return f"{card.name} was trained on somebody of the same name as {of_them} ({who})"
    return f"{card.name} was trained on {corpus}, with {of_them} of these clips ({who})"


def _read_as(corpus: str, clips: Clips) -> Clips:
    """Find the clips that belong to a corpus by what they are called."""
    own = clips.where(corpus=corpus)
    if own:
        return Clips(clip for clip in own if clip.speaker_is_known)
    form = CORPORA.get(corpus)
    if form is None or not clips:
        return Clips()
    names = [clip.clip for clip in clips.where(corpus="folder")]
    if not any(form.shape.search(name.rpartition(".")[0]) for name in names):
        return Clips()
    return Clips(form.parse(clips[0].root, names).clips)


def _sounds_in(facts: Mapping[str, Any]) -> set[bytes]:
    text = facts.get("sounds", "")
    try:
        listed = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        listed = b""  # a card from elsewhere may hold anything under this name
    return {listed[start : start + _BYTES] for start in range(0, len(listed), _BYTES)}
