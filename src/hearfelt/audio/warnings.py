"""Warnings about sounds that can be recognized all the same: one list of codes and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from hearfelt.frozen import FrozenDict

__all__ = ["CODES", "FILE_FAULTS", "SoundWarning", "codes_of", "cut_short", "damaged", "format_changes", "texts_of"]

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cut_short": "less sound is there than the file promises",
        "wrong_header": "the file's header contradicts what is in the file",
        "damaged": "parts of the sound could not be decoded",
        "format_changes": "the sampling rate or the number of channels changes in the middle",
        "not_scaled": "floating-point samples go far beyond -1 to 1",
        "channels_cancel": "mixing the channels would cancel the voice; the loudest channel is used",
        "other_tracks": "the file has more than one audio track",
        "clipped": "the recording was too loud for its format and is distorted",
        "very_quiet": "the recording is very quiet",
        "no_speech": "no speech was found",
        "little_speech": "little speech was found",
        "short_reference": "the reference has only a few recordings",
        "uniform_reference": "the recordings of the reference all sound like one emotion",
        "unfamiliar": "the sound is unlike all sounds that the model was trained on",
    }
)
"""Every code, and what it means."""

FILE_FAULTS: Final = frozenset(("cut_short", "wrong_header", "damaged", "format_changes"))
"""Codes of files that are not what they should be; ``strict`` reading refuses them."""


@dataclass(frozen=True)
class SoundWarning:
    """A warning about a sound.

    Attributes:
        code: one of :data:`CODES`.
        text: a sentence for people, without the sound's name.
        numbers: what was measured, by name with its unit; may be empty.

    Example:
        >>> warning = SoundWarning("cut_short", "1.00 s of 2.00 s are there", {"there_s": 1.0, "promised_s": 2.0})
        >>> warning.to_dict()["promised_s"]
        2.0
    """

    code: str
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"no warning has the code {self.code!r}; one of {', '.join(CODES)} is wanted")
        object.__setattr__(self, "numbers", FrozenDict(self.numbers))

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON: ``code``, ``text`` and the numbers by their names."""
        return {"code": self.code, "text": self.text, **self.numbers}


def cut_short(there_s: float, promised_s: float = 0.0) -> SoundWarning:
    """Warn that the end of a sound is missing.

    Args:
        there_s: how many seconds are there.
        promised_s: how many were promised; 0 if unknown.

    Example:
        >>> cut_short(1.0, 2.0).text
        'cut short: 1.00 s of 2.00 s are there'
    """
    if not promised_s:
        text = f"cut short: {there_s:.2f} s are there, and the end is missing"
        return SoundWarning("cut_short", text, {"there_s": round(there_s, 3)})
    text = f"cut short: {there_s:.2f} s of {promised_s:.2f} s are there"
    return SoundWarning("cut_short", text, {"there_s": round(there_s, 3), "promised_s": round(promised_s, 3)})


def damaged(after_s: float) -> SoundWarning:
    """Warn that parts of a sound could not be decoded.

    Args:
        after_s: where the first of them is.
    """
    text = f"damaged after {after_s:.2f} s; what could not be decoded was left out"
    return SoundWarning("damaged", text, {"after_s": round(after_s, 3)})


def format_changes(after_s: float, before: tuple[int, int], after: tuple[int, int]) -> SoundWarning:
    """Warn that the sampling rate or the channels change.

    Args:
        after_s: where.
        before: the rate in Hz and the number of channels.
        after: the same from there on.
    """
    old, new = (f"{rate} Hz with {channels} channel{'s' * (channels > 1)}" for rate, channels in (before, after))
    text = f"after {after_s:.2f} s the format changes from {old} to {new}"
    return SoundWarning("format_changes", text, {"after_s": round(after_s, 3)})


def codes_of(warnings: Iterable[SoundWarning]) -> str:
    """Join the codes with ``;``, as tables have them; empty for none.

    Example:
        >>> codes_of([SoundWarning("clipped", "clipped"), SoundWarning("very_quiet", "very quiet")])
        'clipped;very_quiet'
    """
    return ";".join(warning.code for warning in warnings)


def texts_of(warnings: Iterable[SoundWarning]) -> str:
    """Join the sentences into one line; empty for none.

    Example:
        >>> texts_of([SoundWarning("clipped", "it is distorted"), SoundWarning("very_quiet", "it is very quiet")])
        'it is distorted; it is very quiet'
    """
    return "; ".join(warning.text for warning in warnings)
