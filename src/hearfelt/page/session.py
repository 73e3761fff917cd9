"""The sounds of one visit: in memory, in this visitor's session alone, and gone with it."""

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
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.preview import NamedSound, Playable

__all__ = ["Answered", "Arrived", "OneSound", "Visit", "example_names", "example_sound", "this_visit"]

_KEY: Final = "hearfelt-visit"


@dataclass(frozen=True)
class Arrived:
    """A file as it came.

    Attributes:
        name: what its owner calls it.
        data: all of it.
        note: where it is from, if people should know: that a voice is synthetic.
    """

    name: str
    data: bytes
    note: str = ""


@dataclass(eq=False)
class Answered:
    """What one model said about one sound; what was not asked yet is None."""

    prediction: Prediction
    timeline: Timeline | None = None
    why: Explanation | Occlusion | HearfeltError | None = None


@dataclass(eq=False)
class OneSound:
    """A sound that can be heard, and the answers to it.

    Attributes:
        file: as it came.
        playable: for its player.
        answers: by name of the model.
        key: tells it from all others of this visit.
    """

    file: Arrived
    playable: Playable
    answers: dict[str, Answered] = field(default_factory=dict)
    key: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def duration_s(self) -> float:
        """How long it is, in seconds."""
        return self.playable.outline.duration_s

    def opened(self) -> NamedSound:
        """Open it from its beginning."""
        return NamedSound(self.file.data, self.file.name)


@dataclass(eq=False)
class Visit:
    """What a visitor brought, in the order in which it came.

    Attributes:
        waiting: what has not been read yet.
        sounds: what can be heard, by key.
        refused: sentences about what cannot.
        chosen: key of the sound that is shown.
        round: counts what came, so that every input begins empty again.
    """

    waiting: list[Arrived] = field(default_factory=list)
    sounds: dict[str, OneSound] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    chosen: str = ""
    round: int = 0

    def receive(self, *files: Arrived) -> None:
        """Take in files; what was said about earlier ones is over."""
        if files:
            self.waiting.extend(files)
            self.refused.clear()
            self.round += 1

    def keep(self, sound: OneSound) -> None:
        """Keep a sound that can be heard."""
        self.sounds[sound.key] = sound

    def forget(self) -> None:
        """Let go of everything."""
        self.waiting.clear()
        self.sounds.clear()
        self.refused.clear()
        self.chosen = ""
        self.round += 1


def this_visit() -> Visit:
    """Give the visit of the session that runs."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Visit()
    visit: Visit = st.session_state[_KEY]
    return visit


def example_names() -> list[str]:
    """Name the voices that come with the package, as people read them.

    Example:
        >>> "slow and low" in example_names()
        True
    """
    return sorted(one.name[len("synthetic-") : -len(".flac")].replace("-", " ") for one in _examples())


def example_sound(name: str) -> Arrived:
    """Fetch a voice by one of :func:`example_names`."""
    file = f"synthetic-{name.replace(' ', '-')}.flac"
    data = files("hearfelt.examples").joinpath(file).read_bytes()
    return Arrived(file, data, "A synthetic voice, made by a program: nobody is heard in it.")


def _examples() -> list[Traversable]:
    return [one for one in files("hearfelt.examples").iterdir() if one.name.endswith(".flac")]
