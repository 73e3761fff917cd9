"""Fixtures of the tests of training: a toy training set, small enough to train on in a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.training import heads
from hearfelt.training.clip_statistics import EncoderFiles
from hearfelt.training.data_selection import generator_for, split_validation
from hearfelt.training.loop import one_thread
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.training_set import ClipFeatures, TrainingSet, compute_features


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """On a busy machine torch's threads wait for each other longer than they compute."""
    with one_thread():
        yield


@pytest.fixture(scope="package", autouse=True)
def _little_noise() -> Iterator[None]:
    """One sound of each kind instead of dozens, which an encoder in its real size takes long for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "_OF_EACH_KIND", 1)
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
def whisper() -> dict[str, Tensor]:
    """Random weights of the encoder, in its real size."""
    torch.manual_seed(0)
    made = dict(WhisperEncoder().state_dict())
    made["embed_positions.weight"] = made["embed_positions.weight"] * 0.1  # or they drown the sound
    return made


@dataclass(frozen=True)
class HeldWeights(EncoderFiles):
    """Weights that are in no file."""

    held: dict[str, Tensor] = field(default_factory=dict)

    def read(self) -> dict[str, Tensor]:
        return self.held


@pytest.fixture(scope="package")
def encoder_files(whisper: dict[str, Tensor]) -> HeldWeights:
    return HeldWeights(held=whisper)


@pytest.fixture(scope="module")
def few(toy_clips: Clips) -> Clips:
    """Six speakers, two emotions, one take: twelve clips."""
    return toy_clips.where(emotion=("calm", "angry"), repetition="1")


@pytest.fixture(scope="module")
def songs(few: Clips, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """What the same people sing."""
    root = write_toy(tmp_path_factory.mktemp("songs"), clips_each=1, seed=5)
    sung = read_corpus(root, "toy").where(emotion=few.emotions)
    return Clips(replace(clip, channel="song") for clip in sung)


@pytest.fixture(scope="module")
def others(few: Clips, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Two people of another corpus."""
    root = write_toy(tmp_path_factory.mktemp("others"), speakers=2, clips_each=1, seed=8)
    said = read_corpus(root, "toy").where(emotion=few.emotions)
    return Clips(replace(clip, corpus="folder", speaker=clip.speaker.replace("toy", "folder")) for clip in said)
