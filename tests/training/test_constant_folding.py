"""Filters that are computed on loading: the same answers from a much smaller file."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from hearfelt.models.fourier import FourierFilters
from hearfelt.training.constant_folding import with_computed_filters


class Powers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fourier = FourierFilters(range(64), 256, 512)

    def forward(self, samples: Tensor) -> Tensor:
        cosines, sines = self.fourier(samples[:, None], 128)
        return cosines * cosines + sines * sines


@pytest.fixture(scope="module")
def stored() -> tuple[Powers, bytes]:
    network, file = Powers().eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 4_000),),
            file,
            dynamo=False,
            opset_version=17,
            input_names=["samples"],
            output_names=["powers"],
        )
    return network, file.getvalue()


def powers(model: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    samples = np.random.default_rng(0).normal(size=(1, 4_000)).astype(np.float32)
    return np.asarray(session.run(["powers"], {"samples": samples})[0])


def test_the_file_is_much_smaller_and_says_the_same(stored: tuple[Powers, bytes]) -> None:
    network, model = stored
    computed = with_computed_filters(model, [network.fourier])
    onnx.checker.check_model(onnx.load_from_string(computed))
    assert len(computed) < 0.1 * len(model)
    np.testing.assert_allclose(powers(computed), powers(model), rtol=1e-3, atol=1e-4)


def test_other_filters_are_left_alone(stored: tuple[Powers, bytes]) -> None:
    _, model = stored
    same = with_computed_filters(model, [FourierFilters(range(64), 256, 511)])
    assert len(same) == pytest.approx(len(model), rel=0.01)
    np.testing.assert_array_equal(powers(same), powers(model))
