from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from hearfelt.emotions import EMOTIONS
from hearfelt.errors import ModelError
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.recognizer import Recognizer
from hearfelt.models.classic import ClassicNetwork
from hearfelt.models.scaler import Scaler, relative_to_reference
from hearfelt.training.export import OPSET, export, replace_card
from hearfelt.training.loop import one_thread

CARD = ModelCard("mine", "1.0", EMOTIONS, "classic-162", temperature=1.5, training_speakers=("ravdess/07",))
BACKGROUND = np.random.default_rng(0).normal(size=(5, 162)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> ClassicNetwork:
    torch.manual_seed(0)
    made = ClassicNetwork(8)
    made.scaler.fit(BACKGROUND * 3.0 + 1.0)
    return made


@pytest.fixture(scope="module")
def path(network: ClassicNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "m.onnx"
    export(network, CARD, BACKGROUND, path)
    return path


def test_the_card_and_the_background_are_inside(path: Path) -> None:
    recognizer = Recognizer.load(path)
    assert recognizer.card == replace(CARD, parameters=recognizer.card.parameters)
    assert recognizer.card.parameters > 3_000_000  # counted in the graph, since the card leaves it
    np.testing.assert_array_equal(recognizer._model._background, BACKGROUND)


def test_it_is_one_file_of_a_current_opset(path: Path) -> None:
    assert [item.name for item in path.parent.iterdir()] == ["m.onnx"]
    model = onnx.load(path)
    assert model.opset_import[0].version == OPSET >= 17
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert [value.name for value in model.graph.input] == ["features"]
    assert [value.name for value in model.graph.output] == ["logits"]


def test_the_same_network_gives_the_same_bytes(network: ClassicNetwork, path: Path, tmp_path: Path) -> None:
    export(network, CARD, BACKGROUND, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_nothing_of_the_machine_is_in_the_file(path: Path) -> None:
    content = path.read_bytes()
    for index in (Path(__file__).parents[2], Path.home(), Path(torch.__file__).parent):
        assert str(index).encode() not in content


def test_exporting_leaves_dropout_asleep(network: ClassicNetwork, path: Path) -> None:
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert "Dropout" not in kinds
    assert "LSTM" in kinds
    network.train()
    with one_thread(), torch.no_grad():
        first, second = network(torch.from_numpy(BACKGROUND)), network(torch.from_numpy(BACKGROUND))
    assert not torch.equal(first, second)


class _Unfaithful(nn.Module):
    """A network whose traced graph forgets something: the branch that the example did not take."""

    takes_reference = True

    def __init__(self) -> None:
        super().__init__()
        self.scaler = Scaler(162)

    def forward(self, features: Tensor, *reference: Tensor) -> Tensor:
        rows = relative_to_reference(features, *reference)[:, :8]
        return rows if torch.jit.is_tracing() else rows + 2e-4


def test_a_file_that_differs_from_its_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"differs from the network by 0\.0002; at most 0\.0001"):
        export(_Unfaithful(), CARD, BACKGROUND, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


class _NotANumber(_Unfaithful):
    def forward(self, features: Tensor, *reference: Tensor) -> Tensor:
        return relative_to_reference(features, *reference)[:, :8] / 0.0 * 0.0


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="differs from the network by nan"):
        export(_NotANumber(), CARD, BACKGROUND, tmp_path / "m.onnx")


def test_the_cards_key_is_the_one_that_readers_look_for(path: Path) -> None:
    keys = {entry.key for entry in onnx.load(path).metadata_props}
    assert CARD_KEY in keys


def test_another_card_leaves_the_answers_and_the_background_alone(path: Path, tmp_path: Path) -> None:
    scored, card = tmp_path / "scored.onnx", replace(CARD, scores={"by-speaker": {"uar": 0.5}})
    scored.write_bytes(path.read_bytes())
    replace_card(scored, card)
    before, after = Recognizer.load(path), Recognizer.load(scored)
    assert after.card == replace(card, parameters=before.card.parameters)
    np.testing.assert_array_equal(after._model._background, before._model._background)
    sound = np.sin(np.arange(32_000) / 20).astype(np.float32)
    np.testing.assert_array_equal(after.logits(sound, 16_000), before.logits(sound, 16_000))
