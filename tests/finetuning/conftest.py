"""What the tests of teaching share: recordings of one's own, in a folder for each label."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus

OwnFolder = Callable[..., Path]
LABELS = {"angry": "Furious", "sad": "Bored stiff", "happy": "Happy"}


@pytest.fixture
def own_folder(toy: Path, tmp_path: Path) -> OwnFolder:
    """Sorts clips of the toy corpus into folders called as one likes; ``Furious/01 0007.wav`` is spoken by 01."""

    def make(labels: Mapping[str, str] = LABELS, name: str = "mine") -> Path:
        clips = read_corpus(toy).where(emotion=labels)
        for number, clip in enumerate(clips):
            target = tmp_path / name / labels[clip.emotion] / f"{clip.speaker[-2:]} {number:04}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip.path, target)
        return tmp_path / name

    return make
