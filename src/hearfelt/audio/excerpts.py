"""A part of a sound by time, cut out while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hearfelt.audio.inputs import AudioTrack, Source, name_of
from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import AudioError

if TYPE_CHECKING:
    from hearfelt.audio.decoders.raw import RawSound
    from hearfelt.audio.inputs import Samples

__all__ = ["Excerpt", "time_fragment"]

_ROUNDING_S: Final = 0.1  # an end may lie so far behind the sound's: tables are rounded, and encoders pad


def time_fragment(start_s: float, end_s: float | None) -> str:
    """Write a time range as a media fragment, ``#t=1,2`` (W3C, Media Fragments URI 1.0).

    Args:
        start_s: where the part begins.
        end_s: where it ends; None for the end of the sound.

    Example:
        >>> time_fragment(1.5, 3.25), time_fragment(0.0, 2.0), time_fragment(4.0, None), time_fragment(0.0, None)
        ('#t=1.5,3.25', '#t=0,2', '#t=4', '')
    """
    if end_s is None:
        return f"#t={_number(start_s)}" if start_s else ""
    return f"#t={_number(start_s)},{_number(end_s)}"


@dataclass(frozen=True)
class Excerpt:
    """A part of a sound; accepted wherever a sound is.

    Attributes:
        source: a path, the bytes of a file, an open binary file, a track of one, or raw samples.
        start_s: where the part begins, in seconds.
        end_s: where it ends; None for the end of the sound.

    Raises:
        AudioError: if it begins before the sound, or does not end after it begins.

    Example:
        >>> Excerpt("call.wav", 1.5, 3.0).name
        'call.wav#t=1.5,3'
    """

    source: Source | AudioTrack | RawSound
    start_s: float = 0.0
    end_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < (float("inf") if self.end_s is None else self.end_s):  # not with NaN either
            end = "the end" if self.end_s is None else f"{_number(self.end_s)} s"
            raise AudioError(
                f"{name_of(self.source)}: a part from {_number(self.start_s)} s to {end}; a start of 0 s or later and"
                " an end after it are wanted"
            )

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"{name_of(self.source)}{time_fragment(self.start_s, self.end_s)}"

    def frames_of(self, frames: int, rate_hz: int) -> int:
        """Compute the number of samples in the part; 0 if the length of the sound is unknown."""
        first, last = self._places(rate_hz)
        known = [place for place in (frames, last) if place]
        return max(0, min(known) - first) if known else 0

    def cut(self, parts: Iterator[Samples], rate_hz: int, name: str, warnings: list[SoundWarning]) -> Iterator[Samples]:
        """Keep the samples of the part, in constant memory; nothing is decoded after its end.

        Args:
            parts: ``(n,)`` float32, one after another, from the beginning of the sound.
            rate_hz: samples in a second.
            name: name of the part for messages.
            warnings: where ``cut_short`` is added if the sound ends more than 0.1 s before the part does.

        Raises:
            AudioError: if the sound ends before the part begins.
        """
        first, last = self._places(rate_hz)
        passed = 0
        for part in parts:
            begins, passed = passed, passed + len(part)
            if passed > first:
                yield part[max(0, first - begins) : None if last is None else last - begins]
            if last is not None and passed >= last:
                return
        ends_s = passed / rate_hz
        if passed <= first:
            raise AudioError(
                f"{name}: this part begins after the sound, which has {ends_s:.2f} s; times within it, in seconds, are"
                " wanted"
            )
        if self.end_s is not None and self.end_s - ends_s > _ROUNDING_S:
            text = f"the sound ends at {ends_s:.2f} s, and the part of it that is wanted at {self.end_s:.2f} s"
            there = {"there_s": round(ends_s - self.start_s, 3), "promised_s": round(self.end_s - self.start_s, 3)}
            warnings.append(SoundWarning("cut_short", text, there))

    def _places(self, rate_hz: int) -> tuple[int, int | None]:
        return round(self.start_s * rate_hz), None if self.end_s is None else round(self.end_s * rate_hz)


def _number(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
