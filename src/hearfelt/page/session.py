"""The session of one visitor: sounds and predictions, in memory only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import streamlit as st

from hearfelt.errors import HearfeltError
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.reference import Reference, SoundStatistics
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.preview import NamedSound, Playable

__all__ = ["LoadedSound", "ReceivedFile", "Result", "Visit", "current_visit", "example_names", "example_sound"]

_KEY: Final = "hearfelt-visit"


@dataclass(frozen=True)
class ReceivedFile:
    """A file as it was received.

    Attributes:
        name: the visitor's file name.
        data: all of it.
        note: its origin, if the visitor should know: that a voice is synthetic.
    """

    name: str
    data: bytes
    note: str = ""


@dataclass(eq=False)
class Result:
    """What one model found in one sound; timeline and explanation are added when they are computed."""

    prediction: Prediction
    timeline: Timeline | None = None
    explanation: Explanation | Occlusion | HearfeltError | None = None


@dataclass(eq=False)
class LoadedSound:
    """A sound that was decoded, and its results.

    Attributes:
        file: as it was received.
        playable: for its player.
        results: by name of the model.
        references: by name of the model, what its results were compared with.
        statistics: by name of the model, what it adds to a reference.
        key: identifies it within this visit.
    """

    file: ReceivedFile
    playable: Playable
    results: dict[str, Result] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    statistics: dict[str, SoundStatistics] = field(default_factory=dict)
    key: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.playable.outline.duration_s

    def opened(self) -> NamedSound:
        """Open it from its beginning."""
        return NamedSound(self.file.data, self.file.name)


@dataclass(eq=False)
class Visit:
    """What a visitor sent, in the order of arrival.

    Attributes:
        waiting: files that were not decoded yet.
        sounds: decoded sounds, by key.
        refused: error messages of files that cannot be used.
        chosen: key of the sound that is shown.
        is_together: whether all sounds are of one voice or one room, and so the reference of each other.
        remembered: of a voice that was asked to be remembered: statistics of its recordings, by model, and no sound.
        saved: a reference that was uploaded.
        round: counts arrivals, so that every input starts empty again.
    """

    waiting: list[ReceivedFile] = field(default_factory=list)
    sounds: dict[str, LoadedSound] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    chosen: str = ""
    is_together: bool = False
    remembered: dict[str, dict[str, SoundStatistics]] = field(default_factory=dict)
    saved: Reference | None = None
    round: int = 0

    def receive(self, *files: ReceivedFile) -> None:
        """Add files, and drop the error messages of earlier ones."""
        if files:
            self.waiting.extend(files)
            self.refused.clear()
            self.round += 1

    def keep(self, sound: LoadedSound) -> None:
        """Add a decoded sound."""
        self.sounds[sound.key] = sound

    def remember(self, sound: LoadedSound) -> None:
        """Remember the voice of a sound until :meth:`forget`, also when the sound is removed; or no longer."""
        if self.remembered.pop(sound.key, None) is None:
            self.remembered[sound.key] = sound.statistics

    @property
    def remembers_voice(self) -> bool:
        """Whether there is a voice to forget."""
        return bool(self.remembered) or self.saved is not None

    def forget(self) -> None:
        """Forget the voice that was remembered or uploaded."""
        self.remembered.clear()
        self.saved = None

    def clear(self) -> None:
        """Remove all sounds; a voice stays remembered."""
        self.waiting.clear()
        self.sounds.clear()
        self.refused.clear()
        self.chosen, self.is_together = "", False
        self.round += 1


def current_visit() -> Visit:
    """Return the visit of the running session."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Visit()
    visit: Visit = st.session_state[_KEY]
    return visit


def example_names() -> list[str]:
    """List the names of the bundled synthetic voices.

    Example:
        >>> "slow and low" in example_names()
        True
    """
    return sorted(one.name[len("synthetic-") : -len(".flac")].replace("-", " ") for one in _examples())


def example_sound(name: str) -> ReceivedFile:
    """Return a bundled voice by one of :func:`example_names`."""
    file = f"synthetic-{name.replace(' ', '-')}.flac"
    data = files("hearfelt.examples").joinpath(file).read_bytes()
    return ReceivedFile(file, data, "A synthetic voice, generated by a program: no person speaks.")


def _examples() -> list[Traversable]:
    return [one for one in files("hearfelt.examples").iterdir() if one.name.endswith(".flac")]
