"""Whether a base has heard what it is taught: then every score of it flatters, and that has to be said."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import Clips
from hearfelt.inference.card import ModelCard

__all__ = ["Heard", "heard_before", "sounds_of"]

_BYTES: Final = 6  # of each sound's digest: two different sounds meet once in 10¹⁴ pairs


@dataclass(frozen=True)
class Heard:
    """What a base has heard of the clips that it is taught.

    Attributes:
        sentences: what is known, without their full stops; empty where nothing is.
        is_certain: whether its own answers about some of the clips are answers by heart.
    """

    sentences: tuple[str, ...]
    is_certain: bool


def sounds_of(digests: Sequence[str]) -> str:
    """Write which sounds were learned from, short enough for a card: base64 of six bytes each, sorted.

    Example:
        >>> sounds_of(["00ff00ff00ff" + "0" * 52])
        'AP8A/wD/'
    """
    return base64.b64encode(b"".join(sorted(bytes.fromhex(digest)[:_BYTES] for digest in digests))).decode("ascii")


def heard_before(clips: Clips, digests: Sequence[str], card: ModelCard) -> Heard:
    """Find out what a base has heard of the clips, as far as its card says.

    Sounds are compared where the card lists them, which cards of taught models do. Besides, speakers are compared by
    name, sets of clips by fingerprint, and file names with those of every corpus that the card lists, so that
    recordings sorted into folders of one's own are noticed, too. Renamed recordings of a corpus whose sounds are not
    listed are not.

    Args:
        clips: to be taught.
        digests: of their sounds.
        card: the base's.
    """
    said, is_certain = [], False
    own = {bytes.fromhex(digest)[:_BYTES] for digest in digests}
    for corpus, facts in card.corpora.items():
        known = own & _sounds_in(facts)
        if known or facts.get("fingerprint") == clips.fingerprint():
            count = len(known) or len(clips)
            said.append(f"{card.name} has learned from {count:,} of these {len(clips):,} very sounds")
            is_certain = True
        elif alike := _read_as(corpus, clips):
            said.append(_of_corpus(corpus, alike, card))
            is_certain |= bool(set(alike.speakers) & set(card.training_speakers))
    return Heard(tuple(dict.fromkeys(sentence for sentence in said if sentence)), is_certain)


def _of_corpus(corpus: str, alike: Clips, card: ModelCard) -> str:
    """Say what the card tells about the clips of one corpus, by their speakers."""
    speakers = sorted(set(alike.speakers) & set(card.training_speakers))
    if not speakers:
        if corpus == "folder":
            return ""  # everybody's own is called so
        return (
            f"{card.name} has learned from other speakers of {corpus}, who say the same in the same room: it does"
            " better on these clips than on others"
        )
    who = ", ".join(speakers[:3]) + (", …" if len(speakers) > 3 else "")
    of_them = f"{len(speakers)} of the {len(alike.speakers)} speakers"
    if corpus == "folder":
        return f"{card.name} has learned from somebody of the same name as {of_them} ({who})"
    return f"{card.name} has learned from {corpus}, where it heard {of_them} of these clips ({who})"


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
