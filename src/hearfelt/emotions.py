"""The emotions: labels, their order, spellings in other corpora, emoji and colours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["EMOTIONS", "Emotion", "in_order", "look_of", "standard_label"]


@dataclass(frozen=True)
class Emotion:
    """One emotion, with its emoji and colour.

    Attributes:
        name: the label, as in files and predictions.
        emoji: one character.
        colour: ``#rrggbb``, from a palette for colour-blind readers (Okabe and Ito 2008, with Tol's indigo as the
            eighth).
        spellings: its names in other corpora, lower case.

    Example:
        >>> look_of("sad")
        Emotion(name='sad', emoji='😢', colour='#0072b2', spellings=('sadness',))
    """

    name: str
    emoji: str
    colour: str
    spellings: tuple[str, ...] = ()


_EMOTIONS: Final = (
    Emotion("neutral", "😐", "#8a8f98", ("neu", "neutrality")),
    Emotion("calm", "😌", "#56b4e9", ("relaxed",)),
    Emotion("happy", "😄", "#e69f00", ("hap", "happiness", "joy", "joyful")),
    Emotion("sad", "😢", "#0072b2", ("sadness",)),
    Emotion("angry", "😠", "#d55e00", ("ang", "anger")),
    Emotion("fearful", "😨", "#5b3fa0", ("fea", "fear", "afraid", "anxiety", "anxious")),
    Emotion("disgust", "🤢", "#009e73", ("dis", "disgusted")),
    Emotion("surprised", "😮", "#cc79a7", ("sur", "surprise", "ps", "pleasant_surprise", "pleasant_surprised")),
)

EMOTIONS: Final[tuple[str, ...]] = tuple(emotion.name for emotion in _EMOTIONS)

_BY_NAME: Final = {emotion.name: emotion for emotion in _EMOTIONS}
_BY_SPELLING: Final = {
    spelling: emotion.name for emotion in _EMOTIONS for spelling in (emotion.name, *emotion.spellings)
}


def standard_label(spelling: str) -> str:
    """Turn a corpus's spelling into hearfelt's label; an unknown label is kept, in lower case.

    Example:
        >>> standard_label(" Anger"), standard_label("Boredom")
        ('angry', 'boredom')
    """
    name = spelling.strip().casefold().replace(" ", "_")
    return _BY_SPELLING.get(name, name)


def look_of(name: str) -> Emotion:
    """Give the emotion of a label, with emoji and colour; labels outside the eight share one neutral style.

    Example:
        >>> look_of("happy").emoji, look_of("boredom").colour
        ('😄', '#6b7078')
    """
    return _BY_NAME.get(name, Emotion(name, "🔹", "#6b7078"))


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sort labels in the order used everywhere: the eight first, then others by name, each once.

    Example:
        >>> in_order(["boredom", "sad", "neutral", "sad"])
        ('neutral', 'sad', 'boredom')
    """
    rank = {name: index for index, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))
