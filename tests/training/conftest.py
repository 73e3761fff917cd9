"""What the tests of training share: a toy lesson, small enough to be learned in a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.training.data_selection import divide, generator_for
from hearfelt.training.dataset import Heard, Lesson, hear
from hearfelt.training.frames import Encoders
from hearfelt.training.loop import one_thread
from hearfelt.training.recipe import Recipe, recipe_of


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """On a busy machine torch's threads wait for each other longer than they compute."""
    with one_thread():
        yield


@pytest.fixture(scope="package")
def toy_clips(toy: Path) -> Clips:
    return read_corpus(toy, "toy")


@pytest.fixture(scope="package")
def quick() -> Recipe:
    """The classic network for three epochs, with everything that a training has."""
    return recipe_of(
        {
            "name": "quick",
            "network": "classic",
            "augment": {"copies": 1},
            "balance": {"smote": True},
            "fit": {"epochs": 3, "patience": 3},
        }
    )


@pytest.fixture(scope="package")
def plain() -> Recipe:
    return recipe_of({"name": "plain", "network": "svm"})


@pytest.fixture(scope="package")
def heard(toy_clips: Clips, quick: Recipe) -> Heard:
    return hear(toy_clips, quick.augment, generator_for(0, "copies"))


@pytest.fixture(scope="package")
def lesson(toy_clips: Clips, quick: Recipe, heard: Heard) -> Lesson:
    learn, validation = divide(toy_clips, "speaker", quick.validation, np.random.default_rng(0))
    return Lesson(toy_clips.emotions, heard.of(learn), heard.of(validation, copies=False))


@pytest.fixture(scope="package")
def encoders() -> Encoders:
    """Both ears as large as they are, with random weights."""
    torch.manual_seed(0)
    whisper, moonshine = (dict(made.state_dict()) for made in (WhisperEncoder(), MoonshineEncoder()))
    whisper["embed_positions.weight"] = whisper["embed_positions.weight"] * 0.1  # or they drown the sound
    return Encoders(whisper, moonshine)
