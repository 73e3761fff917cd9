"""Where the encoders' weights come from: a file, their published place or an installed package; never a wrong one."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import save_file

from hearfelt.errors import DownloadError, ModelError
from hearfelt.models.encoders.weights import (
    Published,
    fingerprint,
    whisper_weights,
)
from hearfelt.models.encoders.whisper import WhisperEncoder

TESTS = Path(__file__).parents[2]
EXAMPLES = TESTS.parent / "src" / "hearfelt" / "examples"
SHARED = Path(os.environ.get("HEARFELT_PRETRAINED", TESTS.parents[1] / "shared" / "pretrained"))
server = runpy.run_path(str(TESTS / "corpora" / "server.py"))
loopback = server["loopback"]

TOY = {"conv1.weight": torch.arange(6.0).reshape(2, 3), "layers.0.fc1.bias": torch.linspace(-1, 1, 5)}
SOURCE = Published(
    "Toy encoder",
    {name: tuple(tensor.shape) for name, tensor in TOY.items()},
    fingerprint(TOY),
    prefix="model.encoder.",
    repository="toy/encoder",
)
PUBLISHED = {f"model.encoder.{name}": tensor for name, tensor in TOY.items()} | {
    "model.decoder.layers.0.fc1.weight": torch.ones(50, 50),
    "model.encoder.layers.5.fc1.bias": torch.ones(5),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(PUBLISHED, path)
    return path


@pytest.fixture
def hub(loopback, file, tmp_path, monkeypatch):
    """A mirror of the Hugging Face Hub that has the toy."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", loopback.base)
    template = f"{loopback.base}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    loopback.files["toy/encoder/resolve/main/model.safetensors"] = file
    return loopback


def is_toy(weights):
    return set(weights) == set(TOY) and all(torch.equal(weights[name], TOY[name].half().float()) for name in TOY)


def test_a_file_gives_its_encoder_and_the_rest_is_passed_over(file):
    assert is_toy(whisper_weights(file, source=SOURCE))


def test_every_copy_gives_the_same_numbers_whatever_its_precision(file, tmp_path):
    other = tmp_path / "half.safetensors"
    save_file({name: tensor.half() for name, tensor in PUBLISHED.items()}, other)
    one, two = (whisper_weights(path, source=SOURCE) for path in (file, other))
    assert all(torch.equal(one[name], two[name]) for name in TOY)
    assert {tensor.dtype for tensor in (one | two).values()} == {torch.float32}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model.encoder.conv1.weight": None}, "tensor model.encoder.conv1.weight is missing; Toy encoder has it"),
        (
            {"model.encoder.conv1.weight": torch.ones(3, 2)},
            r"tensor model.encoder.conv1.weight is \[3, 2\]; in Toy encoder",
        ),
        ({"model.encoder.conv1.weight": torch.full((2, 3), torch.nan)}, "holds numbers that are not finite"),
        ({"model.encoder.conv1.weight": torch.full((2, 3), 1e6)}, "holds numbers that are not finite"),
        ({"model.encoder.conv1.weight": torch.randn(2, 3)}, "the names are Toy encoder's and the numbers are not"),
    ],
)
def test_a_wrong_tensor_is_refused_and_named(tmp_path, changed, message):
    path = tmp_path / "wrong.safetensors"
    merged = PUBLISHED | changed
    save_file({name: tensor for name, tensor in merged.items() if tensor is not None}, path)
    with pytest.raises(ModelError, match=message):
        whisper_weights(path, source=SOURCE)


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(100), None])
def test_what_is_no_such_file_is_one_sentence(tmp_path, content):
    path = tmp_path / "pytorch_model.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"pytorch_model.bin: (this is|there is) no (such file|\.safetensors file)"):
        whisper_weights(path, source=SOURCE)


def test_a_cut_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"this is no \.safetensors file"):
        whisper_weights(file, source=SOURCE)


def test_a_folder_with_one_such_file_gives_the_same(file):
    assert is_toy(whisper_weights(file.parent, source=SOURCE))
    file.with_name("other.safetensors").write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match=r"2 files \*\.safetensors in this folder; give the path of one file"):
        whisper_weights(file.parent, source=SOURCE)


def test_they_come_from_the_hub_once_and_then_work_offline(hub, monkeypatch):
    assert is_toy(whisper_weights(source=SOURCE))
    hub.forget()
    assert is_toy(whisper_weights(source=SOURCE))
    assert not [path for path, *_ in hub.requests if "resolve" in path]
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert is_toy(whisper_weights(source=SOURCE))


def test_wrong_numbers_from_the_hub_never_load(hub, file):
    save_file(PUBLISHED | {"model.encoder.conv1.weight": torch.ones(2, 3)}, file)
    with pytest.raises(ModelError, match="numbers are not"):
        whisper_weights(source=SOURCE)


def test_a_hub_that_does_not_have_them_is_one_sentence(hub):
    hub.files.clear()
    with pytest.raises(DownloadError, match=r"toy/encoder: its weights cannot be fetched .*HF_ENDPOINT") as caught:
        whisper_weights(source=SOURCE)
    assert "\n" not in str(caught.value)


def test_the_real_whisper_loads_into_our_network():
    path = SHARED / "whisper_base_encoder_first4.safetensors"
    if not path.is_file():
        pytest.skip("Whisper base's weights are not here; set HEARFELT_PRETRAINED to the folder that holds them")
    real = whisper_weights(path)
    assert round(sum(tensor.numel() for tensor in real.values()) / 1e6, 1) == 14.3
    with torch.inference_mode():
        assert all(states.isfinite().all() for states in WhisperEncoder.of(real)(torch.zeros(1, 80, 40)))


# The check

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
CHECKED = Published(
    "Toy", {name: tuple(tensor.shape) for name, tensor in WEIGHTS.items()}, fingerprint(WEIGHTS), prefix="model."
)


def test_the_published_tensors_pass() -> None:
    assert CHECKED.checked(WEIGHTS, "toy.safetensors") is WEIGHTS


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"a.weight": WEIGHTS["a.weight"]}, "tensor model.a.bias is missing; Toy has it"),
        ({**WEIGHTS, "a.bias": torch.ones(3)}, r"tensor model.a.bias is \[3\]; in Toy it is \[2\]"),
        ({**WEIGHTS, "a.weight": WEIGHTS["a.weight"].T}, r"tensor model.a.weight is \[3, 2\]; in Toy it is \[2, 3\]"),
        (
            {**WEIGHTS, "a.bias": torch.tensor([1.0, float("nan")])},
            "tensor model.a.bias holds numbers that are not fin",
        ),
        (
            {**WEIGHTS, "a.bias": torch.tensor([1.0, float("inf")])},
            "tensor model.a.bias holds numbers that are not fin",
        ),
        ({**WEIGHTS, "a.bias": torch.tensor([1.0, 1.001])}, "the names are Toy's and the numbers are not"),
    ],
)
def test_anything_else_is_refused_and_the_tensor_is_named(changed: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ModelError, match=f"^toy.safetensors: {message}"):
        CHECKED.checked(changed, "toy.safetensors")


def test_random_weights_of_the_right_shapes_never_load() -> None:
    torch.manual_seed(0)
    with pytest.raises(ModelError, match="the numbers are not"):
        CHECKED.checked({name: torch.randn(shape) for name, shape in CHECKED.shapes.items()}, "random")


def test_a_fingerprint_hangs_on_names_shapes_and_numbers_and_not_on_order_or_precision() -> None:
    mark = fingerprint(WEIGHTS)
    assert fingerprint(dict(reversed(WEIGHTS.items()))) == mark
    assert fingerprint({name: tensor.half() for name, tensor in WEIGHTS.items()}) == mark
    assert fingerprint({name: tensor.double() for name, tensor in WEIGHTS.items()}) == mark
    assert fingerprint({"b.weight": WEIGHTS["a.weight"], "a.bias": WEIGHTS["a.bias"]}) != mark
    assert fingerprint({**WEIGHTS, "a.weight": WEIGHTS["a.weight"].reshape(3, 2)}) != mark
    assert fingerprint({**WEIGHTS, "a.bias": torch.tensor([1.0, 1.001])}) != mark


def test_a_view_has_the_fingerprint_of_its_numbers() -> None:
    turned = WEIGHTS["a.weight"].T
    assert fingerprint({"w": turned}) == fingerprint({"w": turned.contiguous()})
