"""What every network on the 162 features promises, whichever it is.

What those that take sound promise, which is more, is in ``test_sound_network.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import ModelError, RecipeError
from hearfelt.features.classic import FEATURE_NAMES, classic_features
from hearfelt.inference.card import ModelCard
from hearfelt.inference.model import REFERENCE_INPUTS
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.networks import NETWORKS, kind_of
from hearfelt.training.export import export, parity
from hearfelt.training.recipe import recipe_of
from hearfelt.training.trainer import train_model
from hearfelt.training.training_set import ClipFeatures, Features, TrainingSet

SETTINGS = {
    "classic": {"fit": {"epochs": 12, "patience": 12, "batch": 8, "logarithms": True}},
    "svm": {},
}

OF_8_BITS = 5e-3  # largest difference of a log-probability, or of an SVM's output


def _training_set(features: Features) -> TrainingSet:
    """Eight clips, one of each emotion, with features of our own choice, and 15 copies of each that are the same."""
    clips = Clips(Clip("folder", Path(), f"{emotion}.wav", f"folder/{emotion}", emotion) for emotion in EMOTIONS)
    copies = np.repeat(features[:, None], 15, axis=1)
    return TrainingSet(EMOTIONS, clips, clips, ClipFeatures(clips, features, copies))


@pytest.fixture(scope="module")
def eight() -> Features:
    generator = np.random.default_rng(5)
    sounds = generator.normal(size=(8, 20_000)).cumsum(axis=1) * np.geomspace(1e-5, 1e-3, 8)[:, None]
    return np.stack([classic_features(sound.astype(np.float32), 16_000) for sound in sounds])


@pytest.fixture(scope="module", params=sorted(SETTINGS))
def trained(request: pytest.FixtureRequest, eight: Features, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each network, trained on eight clips and exported."""
    name = request.param
    recipe = recipe_of({"name": name, "network": name, **SETTINGS[name]})
    folder = tmp_path_factory.mktemp(name)
    train_model(recipe, _training_set(eight), folder, seed=0)
    return folder / "model.onnx"


@pytest.fixture
def network(trained: Path) -> nn.Module:
    """The same network in torch, as the test of its file wants it: weights that were learned, not fresh ones."""
    torch.manual_seed(0)
    fresh = {"classic": _warm_classic, "svm": _fitted_svm}
    return fresh[Recognizer.load(trained).card.name]()


def _warm_classic() -> nn.Module:
    from hearfelt.models.classic import ClassicNetwork

    made = ClassicNetwork(8, logarithms=True)
    made.scaler.fit(_rows(64))
    made.train()
    for _ in range(30):
        made(torch.from_numpy(_rows(64)))  # batch normalization that has seen something
    return made.eval()


def _fitted_svm() -> nn.Module:
    from sklearn.svm import SVC

    from hearfelt.models.layers import Scaler
    from hearfelt.models.svm import SvmNetwork

    scaler = Scaler(len(FEATURE_NAMES))
    scaler.fit(_rows(200))
    indices = np.arange(200) % 8
    rows = scaler(torch.from_numpy(_rows(200))).numpy() + indices[:, None] / 8
    return SvmNetwork.of(SVC(C=10.0).fit(rows, indices), scaler).eval()


def _rows(count: int) -> Features:
    """Rows as loud as real ones: MFCC in hundreds, mel energies in tens, chroma below one."""
    generator = np.random.default_rng(count)
    scale = np.geomspace(0.1, 300.0, len(FEATURE_NAMES))
    return (generator.normal(size=(count, len(FEATURE_NAMES))) * scale).astype(np.float32)


def _run(network: nn.Module, rows: Features) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(rows)).numpy()


def test_no_network_on_features_goes_untested() -> None:
    assert {name for name, kind in NETWORKS.items() if kind.input == "classic-162"} == set(SETTINGS)


def test_eight_clips_are_learned_by_heart(trained: Path, eight: Features) -> None:
    logits = Recognizer.load(trained)._model.run(["logits"], eight)[0]
    assert logits.argmax(axis=1).tolist() == list(range(8))


def test_logits_are_the_same_alone_and_beside_others(network: nn.Module) -> None:
    rows = _rows(40)
    together = _run(network, rows)
    alone = np.concatenate([_run(network, row[None]) for row in rows])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together.std(axis=0).min() > 1e-3  # not the same answer for every row


def test_logits_are_finite_for_silence_and_full_scale(network: nn.Module) -> None:
    full = np.sign(np.random.default_rng(0).normal(size=40_000)).astype(np.float32)
    rows = np.stack([np.zeros(162, np.float32), classic_features(full * 0, 16_000), classic_features(full, 16_000)])
    for log_probabilities in (_run(network, rows), _run(network, rows * 1e6)):
        assert np.isfinite(log_probabilities).all()


def test_the_exported_file_answers_as_the_network_does(network: nn.Module, tmp_path: Path) -> None:
    card = ModelCard("mine", "1.0", EMOTIONS, "classic-162")
    export(network, card, _rows(16), tmp_path / "m.onnx")  # which compares them in full precision
    model = (tmp_path / "m.onnx").read_bytes()
    assert parity(network, model, _rows(100)) <= OF_8_BITS
    next(iter(network.buffers())).add_(0.5)
    assert parity(network, model, _rows(100)) > OF_8_BITS  # the measure sees a difference where there is one


def test_the_file_loads_and_names_its_labels(trained: Path) -> None:
    card = Recognizer.load(trained).card
    assert card.labels == EMOTIONS
    assert card.input == NETWORKS[card.name].input
    assert set(NETWORKS[card.name].limits) <= set(card.limits)


def test_a_reference_is_standardized_away(trained: Path, eight: Features) -> None:
    recognizer = Recognizer.load(trained, threads=1)
    if recognizer.card.name == "classic":
        with pytest.raises(ModelError, match="takes no reference recordings"):
            recognizer._model.require_reference_inputs()
        return
    statistics, plain = recognizer._model.run(["statistics", "logits"], eight)
    reference = [statistics.mean(axis=0), statistics.std(axis=0), np.ones(1)]
    model = recognizer._model.session
    inputs = {name: value.astype(np.float32) for name, value in zip(REFERENCE_INPUTS, reference, strict=True)}
    (relative,) = model.run(["logits"], {"features": eight, **inputs})
    # Clips whose statistics have mean 0 and deviation 1 already are the same with and without a reference.
    assert np.abs(statistics.mean(axis=0)).max() < 1e-4
    changing = statistics.std(axis=0) > 0.5
    np.testing.assert_allclose(statistics.std(axis=0)[changing], 1.0, atol=1e-3)
    np.testing.assert_allclose(relative, plain, atol=1e-2)
    moved = {**inputs, REFERENCE_INPUTS[0]: inputs[REFERENCE_INPUTS[0]] + 2.0}
    assert np.abs(model.run(["logits"], {"features": eight, **moved})[0] - plain).max() > 0.1


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_found_by_its_name(name: str) -> None:
    assert kind_of(name).name == name


def test_an_unknown_network_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match="no network is called 'clasic'; there are classic, svm"):
        kind_of("clasic")
