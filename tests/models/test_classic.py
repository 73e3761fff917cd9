from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hearfelt.models import classic
from hearfelt.models.classic import ClassicNetwork


@pytest.fixture
def network() -> ClassicNetwork:
    torch.manual_seed(1)
    return ClassicNetwork(8).eval()


def test_the_layers_are_the_students(network: ClassicNetwork) -> None:
    convolutions = [layer for layer in network.convolutions if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [32, 64, 128, 256]
    assert [layer.p for layer in network.convolutions if isinstance(layer, nn.Dropout)] == [0.25, 0.25, 0.3, 0.3]
    kinds = ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Dropout"] * 4
    assert [type(layer).__name__ for layer in network.convolutions] == kinds
    head = ["Linear", "ReLU", "BatchNorm1d", "Dropout"] * 2 + ["Linear", "LogSoftmax"]
    assert [type(layer).__name__ for layer in network.head] == head
    assert network.lstm.num_layers == 2
    assert network.lstm.bidirectional
    assert network.lstm.hidden_size == 128


def test_the_lstm_gets_two_steps_of_2304(network: ClassicNetwork) -> None:
    maps = network.convolutions(torch.zeros(3, 1, 9, 18))
    assert maps.shape == (3, 256, 9, 2)
    seen: list[torch.Size] = []
    network.lstm.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0].shape))
    network(torch.zeros(3, 162))
    assert seen == [(3, 2, 2304)]


def test_the_two_steps_are_columns_of_the_feature_image(network: ClassicNetwork) -> None:
    steps: list[torch.Tensor] = []
    network.lstm.register_forward_hook(lambda layer, inputs, output: steps.append(inputs[0]))
    rows = torch.randn(2, 162)
    network(rows)
    maps = network.convolutions(rows.reshape(2, 1, 9, 18))  # no axis of these is time
    for step in (0, 1):
        torch.testing.assert_close(steps[0][:, step], maps[:, :, :, step].reshape(2, 2304))


def test_outputs_are_log_probabilities(network: ClassicNetwork) -> None:
    probabilities = network(torch.randn(5, 162)).exp()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(5))


def test_the_scaler_is_inside(network: ClassicNetwork) -> None:
    rows = np.random.default_rng(0).normal(100.0, 20.0, size=(50, 162)).astype(np.float32)
    plain = network(torch.from_numpy((rows - rows.mean(0)) / rows.std(0)))
    network.scaler.fit(rows)
    torch.testing.assert_close(network(torch.from_numpy(rows)), plain, atol=1e-4, rtol=1e-4)


def test_energies_are_scaled_as_logarithms_and_nothing_else() -> None:
    rows = np.random.default_rng(0).lognormal(-3.0, 2.0, size=(50, 162)).astype(np.float32)
    rows[0, 40] = 0.0  # of silence
    network = ClassicNetwork(8, logarithms=True).eval()
    network.scaler.fit(rows)
    scaled = network.scaler(torch.from_numpy(rows)).numpy()
    expected = np.concatenate([rows[:, :33], np.log(np.maximum(rows[:, 33:], 1e-6))], axis=1)
    np.testing.assert_allclose(scaled, (expected - expected.mean(0)) / expected.std(0), atol=1e-4)


def test_the_weakness_that_is_kept_is_named() -> None:
    assert "not run over" in str(classic.__doc__)
    assert any("not over time" in limit for limit in classic.LIMITS)
