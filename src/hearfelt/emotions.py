"""The emotions hearfelt names: their order, how other corpora spell them, how each looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["EMOTIONS", "Emotion", "emotion_called", "in_order", "look_of"]


@dataclass(frozen=True)
class Emotion:
    """One emotion and how it looks wherever it is shown.

    Attributes:
        name: the label, as in files and answers.
        emoji: one character that stands for it.
        colour: ``#rrggbb``, from one palette that colour-blind eyes can tell apart (Okabe and Ito 2008,
            with Tol's indigo for the eighth).
        spellings: what other corpora call it.
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
_CALLED: Final = {spelling: emotion.name for emotion in _EMOTIONS for spelling in (emotion.name, *emotion.spellings)}


def emotion_called(spelling: str) -> str:
    """Turn a corpus's spelling into hearfelt's label; a label that hearfelt lacks keeps its own name.

    Example:
        >>> emotion_called(" Anger"), emotion_called("Boredom")
        ('angry', 'boredom')
    """
    name = spelling.strip().casefold().replace(" ", "_")
    return _CALLED.get(name, name)


def look_of(name: str) -> Emotion:
    """Give emoji and colour of a label; labels outside the eight share one neutral look.

    Example:
        >>> look_of("happy").emoji, look_of("boredom").colour
        ('😄', '#6b7078')
    """
    return _BY_NAME.get(name, Emotion(name, "🔹", "#6b7078"))


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sort labels as they stand everywhere: the eight in their order, then others by name, each once.

    Example:
        >>> in_order(["boredom", "sad", "neutral", "sad"])
        ('neutral', 'sad', 'boredom')
    """
    rank = {name: place for place, name in enumerate(EMOTIONS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))
