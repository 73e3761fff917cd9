"""The session of one visitor: sounds and predictions, in memory only."""

from __future__ import annotations

import ctypes
import gc
import secrets
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from weakref import finalize

import numpy as np
import streamlit as st

from hearfelt.audio.excerpts import Excerpt, time_fragment
from hearfelt.errors import HearfeltError
from hearfelt.examples.clips import example_clips
from hearfelt.features.display import Outline
from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.prediction import Prediction
from hearfelt.inference.reference import Reference, SoundStatistics
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.page.jobs import Job
from hearfelt.page.preview import NamedSound, Playable, PlayableWriter

__all__ = [
    "ONE_EMOTION_S",
    "Correction",
    "LoadedSound",
    "ReceivedFile",
    "Result",
    "Visit",
    "current_visit",
    "example_names",
    "example_sound",
]

ONE_EMOTION_S: Final = 15.0
"""In a longer sound emotions may change, so that one name for all of it would say little."""

_RELEASED_AFTER_S: Final = 3.0  # when Streamlit has dropped the uploads, too
_KEY: Final = "hearfelt-visit"
_NOTHING: Final = np.zeros(0, np.float32)


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
    """What one model found in one sound; each part is added when it is computed.

    Attributes:
        prediction: for the sound as a whole; None for a long one, which has segments only.
        timeline: the segments.
        explanation: what the prediction depends on, or why there is no explanation.
        is_explanation_wanted: whether the visitor asked for it.
    """

    prediction: Prediction | None = None
    timeline: Timeline | None = None
    explanation: Explanation | Occlusion | HearfeltError | None = None
    is_explanation_wanted: bool = False


@dataclass(eq=False)
class LoadedSound:
    """A sound, and its results.

    Attributes:
        file: as it was received.
        playable: for its player; None until all of it was decoded.
        writer: while it is decoded, what there is of it for its player.
        stretch: start and end in seconds, if only this part of the file is meant.
        results: by name of the model.
        references: by name of the model, what its results were compared with.
        statistics: by name of the model, what it adds to a reference.
        key: identifies it within this visit.
    """

    file: ReceivedFile
    playable: Playable | None = None
    writer: PlayableWriter | None = None
    stretch: tuple[float, float] | None = None
    results: dict[str, Result] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    statistics: dict[str, SoundStatistics] = field(default_factory=dict)
    key: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def name(self) -> str:
        """The name of the file, with the stretch as a media fragment if only a part is meant."""
        return self.file.name + (time_fragment(*self.stretch) if self.stretch else "")

    @property
    def outline(self) -> Outline:
        """The outline of what was decoded so far."""
        if self.playable is not None:
            return self.playable.outline
        return self.writer.outline() if self.writer is not None else Outline(_NOTHING, _NOTHING, 1.0, 0.0)

    @property
    def duration_s(self) -> float:
        """Length in seconds; while it is decoded, as the file promises it, or what was decoded."""
        if self.playable is not None:
            return self.playable.outline.duration_s
        expected_s = self.writer.expected_s if self.writer is not None else 0.0
        return max(expected_s, self.outline.duration_s)

    @property
    def is_long(self) -> bool:
        """Whether its result is a share of time for each emotion, instead of one prediction."""
        return self.playable is None or self.duration_s > ONE_EMOTION_S

    def result(self, model: str) -> Result:
        """Return the result of a model; empty at first."""
        return self.results.setdefault(model, Result())

    def is_answered(self, model: str) -> bool:
        """Whether a model has said what it finds."""
        result = self.results.get(model)
        return result is not None and (result.timeline if self.is_long else result.prediction) is not None

    def opened(self) -> NamedSound | Excerpt:
        """Open it from its beginning."""
        whole = NamedSound(self.file.data, self.file.name)
        return Excerpt(whole, *self.stretch) if self.stretch else whole


@dataclass(frozen=True)
class Correction:
    """What a visitor says about a stretch of a file.

    Attributes:
        path: the name of the file.
        start_s: where the stretch begins, in seconds.
        end_s: where it ends.
        emotion: the label that the visitor chose.
    """

    path: str
    start_s: float
    end_s: float
    emotion: str


@dataclass(eq=False)
class Visit:
    """What a visitor sent, in the order of arrival.

    Attributes:
        waiting: files that were not decoded yet.
        stretches: parts of sounds that were not decoded yet.
        sounds: decoded sounds, by key.
        refused: error messages of files that cannot be used.
        chosen: key of the sound that is shown.
        is_together: whether all sounds are of one voice or one room, and so the reference of each other.
        remembered: of a voice that was asked to be remembered: statistics of its recordings, by model, and no sound.
        saved: a reference that was uploaded.
        corrections: what the visitor said about stretches, in the order of files and times.
        plays: counts how often a sound was chosen in order to be played.
        jobs: work that was begun, by what it is.
        round: counts arrivals, so that every input starts empty again.
    """

    waiting: list[ReceivedFile] = field(default_factory=list)
    stretches: list[LoadedSound] = field(default_factory=list)
    sounds: dict[str, LoadedSound] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    chosen: str = ""
    is_together: bool = False
    remembered: dict[str, dict[str, SoundStatistics]] = field(default_factory=dict)
    saved: Reference | None = None
    corrections: list[Correction] = field(default_factory=list)
    plays: int = 0
    jobs: dict[tuple[str, ...], Job] = field(default_factory=dict)
    round: int = 0

    def __post_init__(self) -> None:
        finalize(self, _stop, self.jobs)  # when the visitor is gone

    def receive(self, *files: ReceivedFile) -> None:
        """Add files, and drop the error messages of earlier ones."""
        if files:
            self.waiting.extend(files)
            self.refused.clear()
            self.round += 1

    def keep(self, sound: LoadedSound) -> None:
        """Add a decoded sound."""
        self.sounds[sound.key] = sound

    def take_stretch(self, sound: LoadedSound, start_s: float, end_s: float) -> None:
        """Add a stretch of a sound as a sound of its own; again, if it was there before, it is only chosen."""
        from_s = sound.stretch[0] if sound.stretch else 0.0
        stretch = (round(from_s + start_s, 2), round(from_s + end_s, 2))
        same = (one for one in self.sounds.values() if one.file is sound.file and one.stretch == stretch)
        if (known := next(same, None)) is not None:
            self.chosen = known.key
        else:
            self.stretches.append(LoadedSound(sound.file, stretch=stretch))
            self.refused.clear()

    def correct(self, sound: LoadedSound, start_s: float, end_s: float, emotion: str) -> None:
        """Keep what the visitor says about a stretch of a sound, in place of what was said about it before."""
        from_s = sound.stretch[0] if sound.stretch else 0.0
        one = Correction(sound.file.name, round(from_s + start_s, 2), round(from_s + end_s, 2), emotion)
        place = (one.path, one.start_s, one.end_s)
        others = [other for other in self.corrections if (other.path, other.start_s, other.end_s) != place]
        self.corrections = sorted([*others, one], key=lambda one: (one.path, one.start_s, one.end_s))

    def remove(self, key: str) -> None:
        """Remove a sound, and end the work on it."""
        self.stop(key)
        self.sounds.pop(key, None)
        if self.chosen == key:
            self.chosen = next(iter(self.sounds), "")

    def stop(self, key: str) -> None:
        """End the work on a sound."""
        for job in [self.jobs.pop(name) for name in list(self.jobs) if key in name]:
            job.stop()

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
        """Remove all sounds and end all work; a voice stays remembered."""
        _stop(self.jobs)
        self.waiting.clear()
        self.stretches.clear()
        self.corrections.clear()
        self.sounds.clear()
        self.refused.clear()
        self.chosen, self.is_together = "", False
        self.round += 1
        timer = threading.Timer(_RELEASED_AFTER_S, _release_memory)
        timer.daemon = True
        timer.start()


def _stop(jobs: dict[tuple[str, ...], Job]) -> None:
    for job in jobs.values():
        job.stop()
    jobs.clear()


def _release_memory() -> None:
    """Give back to the system what is no longer used; glibc would keep it for later sounds."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def current_visit() -> Visit:
    """Return the visit of the running session."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Visit()
    visit: Visit = st.session_state[_KEY]
    return visit


def example_names() -> list[str]:
    """List the names of the bundled synthetic clips.

    Example:
        >>> "angry" in example_names()
        True
    """
    return [one.stem.removeprefix("synthetic-") for one in example_clips()]


def example_sound(name: str) -> ReceivedFile:
    """Return a bundled clip by one of :func:`example_names`."""
    [clip] = [one for one in example_clips() if one.stem == f"synthetic-{name}"]
    return ReceivedFile(clip.name, clip.read_bytes(), "A synthetic sound, generated by a program: no person speaks.")
