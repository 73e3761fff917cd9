"""Fixtures of the tests of training: a toy training set, small enough to train on in a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.training.clip_features import ClipFeatures, compute_features
from hearfelt.training.data_selection import generator_for, split_validation
from hearfelt.training.frames import EncoderFiles, Encoders
from hearfelt.training.loop import one_thread
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.training_set import TrainingSet


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
def features(toy_clips: Clips, quick: Recipe) -> ClipFeatures:
    return compute_features(toy_clips, quick.augment, generator_for(0, "copies"))


@pytest.fixture(scope="package")
def training_set(toy_clips: Clips, quick: Recipe, features: ClipFeatures) -> TrainingSet:
    train, validation = split_validation(toy_clips, "speaker", quick.validation, np.random.default_rng(0))
    return TrainingSet(toy_clips.emotions, train, validation, features)


@pytest.fixture(scope="package")
def encoders() -> Encoders:
    """Both encoders in their real size, with random weights."""
    torch.manual_seed(0)
    whisper, moonshine = (dict(made.state_dict()) for made in (WhisperEncoder(), MoonshineEncoder()))
    whisper["embed_positions.weight"] = whisper["embed_positions.weight"] * 0.1  # or they drown the sound
    return Encoders(whisper, moonshine)


@dataclass(frozen=True)
class HeldEncoders(EncoderFiles):
    """Weights that are in no file."""

    held: Encoders | None = None

    def read(self) -> Encoders:
        assert self.held is not None
        return self.held


@pytest.fixture(scope="package")
def encoder_files(encoders: Encoders) -> HeldEncoders:
    return HeldEncoders(held=encoders)
