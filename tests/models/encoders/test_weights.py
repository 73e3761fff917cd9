"""Where the encoders' weights come from: a file, their published place or an installed package; never a wrong one."""

from __future__ import annotations

import os
import runpy
import sys
import zipfile
from pathlib import Path

import flatbuffers
import huggingface_hub.constants
import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.errors import DownloadError, ExtraMissingError, ModelError
from hearfelt.models.encoders import moonshine, weights
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.weights import (
    OrtFile,
    Published,
    fingerprint,
    moonshine_arrays,
    moonshine_weights,
    read_ort,
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
        assert WhisperEncoder.of(real)(torch.zeros(1, 80, 40)).isfinite().all()


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


# Moonshine

STORED = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "small": np.array([[1, 255]], np.uint8),
    "scalar": np.float32(0.5).reshape(()),
}
NODES = {"/first/MatMul": ("input", "weight"), "/second/Add": ("hidden", "small", "scalar"), "": ()}
TYPES = {"float32": 1, "uint8": 2}


def ort_bytes(tensors: dict[str, np.ndarray], nodes: dict[str, tuple[str, ...]], *, kind: int | None = None) -> bytes:
    """Write a file as ONNX Runtime lays it out, with its tensors and nodes alone."""
    builder = flatbuffers.Builder(1024)
    stored_tensors = []
    for name, values in tensors.items():
        text = builder.CreateString(name)
        shape = builder.CreateNumpyVector(np.array(values.shape, np.int64)) if values.ndim else None
        content = builder.CreateByteVector(values.tobytes())
        builder.StartObject(7)
        builder.PrependUOffsetTRelativeSlot(0, text, 0)
        if shape is not None:
            builder.PrependUOffsetTRelativeSlot(2, shape, 0)
        builder.PrependInt32Slot(3, TYPES[values.dtype.name] if kind is None else kind, 0)
        builder.PrependUOffsetTRelativeSlot(4, content, 0)
        stored_tensors.append(builder.EndObject())
    stored_nodes = []
    for name, inputs in nodes.items():
        text, taken = builder.CreateString(name), vector(builder, [builder.CreateString(one) for one in inputs])
        builder.StartObject(13)
        builder.PrependUOffsetTRelativeSlot(0, text, 0)
        builder.PrependUOffsetTRelativeSlot(8, taken, 0)
        stored_nodes.append(builder.EndObject())
    graph = table(builder, 9, {0: vector(builder, stored_tensors), 2: vector(builder, stored_nodes)})
    model = table(builder, 10, {7: graph})
    builder.Finish(table(builder, 4, {1: model}), file_identifier=b"ORTM")
    return bytes(builder.Output())


def vector(builder: flatbuffers.Builder, entries: list[int]) -> int:
    builder.StartVector(4, len(entries), 4)
    for entry in reversed(entries):
        builder.PrependUOffsetTRelative(entry)
    return builder.EndVector()


def table(builder: flatbuffers.Builder, fields: int, entries: dict[int, int]) -> int:
    builder.StartObject(fields)
    for number, entry in entries.items():
        builder.PrependUOffsetTRelativeSlot(number, entry, 0)
    return builder.EndObject()


CONTENT = ort_bytes(STORED, NODES)


def test_every_tensor_comes_back_with_its_type_shape_and_numbers() -> None:
    read = read_ort(CONTENT, name="toy.ort").tensors
    assert set(read) == set(STORED)
    for name, values in STORED.items():
        assert read[name].dtype == values.dtype
        np.testing.assert_array_equal(read[name], values, strict=True)


def test_every_node_names_what_goes_into_it() -> None:
    assert dict(read_ort(CONTENT, name="toy.ort").inputs) == NODES


def test_a_tensor_of_text_is_passed_over() -> None:
    assert read_ort(ort_bytes({"text": np.zeros(3, np.uint8)}, {}, kind=8), name="toy.ort").tensors == {}


def test_a_model_without_anything_in_it_is_empty() -> None:
    empty = read_ort(ort_bytes({}, {}), name="toy.ort")
    assert (empty.tensors, empty.inputs) == ({}, {})


@pytest.mark.parametrize("content", [b"", b"ORTM", b"\x08\0\0\0ONNX" + bytes(100), b"PK\x03\x04" + bytes(60)])
def test_what_is_no_ort_file_is_one_sentence(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^toy.ort: this is no model in ONNX Runtime's format; .* ends in .ort"):
        read_ort(content, name="toy.ort")


def test_a_tensor_with_too_few_bytes_is_named() -> None:
    content = ort_bytes({"weight": np.zeros((2, 2), np.uint8)}, {}, kind=1)  # 4 bytes for 4 floats
    with pytest.raises(ModelError, match=r"the file is damaged"):
        read_ort(content, name="toy.ort")


def test_a_cut_file_is_refused_or_lacks_tensors_and_nothing_else() -> None:
    refused = 0
    for length in range(8, len(CONTENT)):
        try:
            read_ort(CONTENT[:length], name="toy.ort")
        except ModelError:
            refused += 1
    assert refused > len(CONTENT) / 2


def test_flipped_bytes_are_refused_or_read_and_nothing_else() -> None:
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(1_000):
        damaged = bytearray(CONTENT)
        for place in generator.integers(8, len(CONTENT), size=3):
            damaged[place] ^= int(generator.integers(1, 256))
        try:
            read_ort(bytes(damaged), name="toy.ort")
        except ModelError:
            refused += 1
    assert 100 < refused < 1_000  # many bytes are the numbers of a tensor, of which any is as good as another


# The tensors of the encoder

SHAPES = {
    "conv1.weight": (2, 1, 3),
    "groupnorm.weight": (2,),
    "groupnorm.bias": (2,),
    "conv2.weight": (4, 2, 3),
    "conv2.bias": (4,),
    "layers.0.q.weight": (2, 3),
    "layers.0.fc1.weight": (4, 2),
    "layers.0.fc1.bias": (4,),
    "layers.0.attention_norm.weight": (2,),
    "layers.0.norm.weight": (2,),
}


def quantized(name: str, values: np.ndarray, zero: int, scale: float) -> dict[str, np.ndarray]:
    return {
        f"{name}_quantized": values.astype(np.uint8),
        f"{name}_zero_point": np.uint8(zero).reshape(()),
        f"{name}_scale": np.float32(scale).reshape(()),
    }


TENSORS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 1, 3),
    "onnx::Mul_7": np.array([[1.0], [2.0]], np.float32),
    "onnx::Add_8": np.array([[3.0], [4.0]], np.float32),
    "c": np.ones((4, 2, 3), np.float32),
    "d": np.ones(4, np.float32),
    **quantized("onnx::MatMul_1", np.array([[10, 20], [30, 40], [50, 60]]), 30, 0.5),
    **quantized("onnx::MatMul_2", np.full((2, 4), 3), 1, 2.0),
    "bias": np.arange(4, dtype=np.float32),
    "before": np.full(2, 5, np.float32),
    "after": np.full(2, 6, np.float32),
}
INPUTS = {
    "/conv1/Conv": ("x", "a"),
    "/groupnorm/Mul": ("x", "onnx::Mul_7"),
    "/groupnorm/Add": ("x", "onnx::Add_8"),
    "/conv2/Conv": ("x", "c", "d"),
    "/layers.0/self_attn/q_proj/MatMul_quant": ("x", "onnx::MatMul_1_quantized", "s", "onnx::MatMul_1_scale"),
    "/layers.0/mlp/fc1/MatMul_quant": ("x", "onnx::MatMul_2_quantized", "onnx::MatMul_2_scale", "z", "bias"),
    "/layers.0/input_layernorm/LayerNormalization": ("x", "before", "nothing"),
    "/layers.0/post_attention_layernorm/LayerNormalization": ("x", "after", "nothing"),
}


def test_every_tensor_is_found_in_its_own_shape() -> None:
    found = moonshine_arrays(OrtFile(TENSORS, INPUTS), SHAPES)
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == SHAPES
    assert all(tensor.dtype == np.float32 for tensor in found.values())


def test_eight_bit_numbers_become_real_ones_and_products_are_turned_round() -> None:
    found = moonshine_arrays(OrtFile(TENSORS, INPUTS), SHAPES)
    assert found["layers.0.q.weight"].tolist() == [[-10.0, 0.0, 10.0], [-5.0, 5.0, 15.0]]  # (value - 30) * 0.5, turned
    assert found["layers.0.fc1.weight"].tolist() == [[4.0, 4.0]] * 4
    assert found["layers.0.fc1.bias"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_the_norms_are_not_mixed_up() -> None:
    found = moonshine_arrays(OrtFile(TENSORS, INPUTS), SHAPES)
    assert found["layers.0.attention_norm.weight"].tolist() == [5.0, 5.0]
    assert found["layers.0.norm.weight"].tolist() == [6.0, 6.0]
    assert found["groupnorm.weight"].tolist() == [1.0, 2.0]
    assert found["groupnorm.bias"].tolist() == [3.0, 4.0]


def test_what_is_not_in_the_file_is_not_in_the_answer() -> None:
    without_scale = {name: values for name, values in TENSORS.items() if name != "onnx::MatMul_1_scale"}
    without_node = {name: inputs for name, inputs in INPUTS.items() if name != "/conv2/Conv"}
    found = moonshine_arrays(OrtFile(without_scale, without_node), SHAPES)
    assert set(SHAPES) - set(found) == {"layers.0.q.weight", "conv2.weight", "conv2.bias"}


def tensors_of(model, shapes):
    return {name: torch.from_numpy(array) for name, array in moonshine_arrays(model, shapes).items()}


TOY_ORT = ort_bytes(TENSORS, INPUTS)
TOY_MOONSHINE = Published("Toy moon", SHAPES, fingerprint(tensors_of(read_ort(TOY_ORT, name="toy"), SHAPES)))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that must not be imported, with the encoder in it."""
    package = tmp_path / "site" / "moonshine_voice"
    (package / "assets" / "tiny-en").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "assets" / "tiny-en" / "encoder_model.ort").write_bytes(TOY_ORT)
    monkeypatch.syspath_prepend(str(package.parent))
    return package


def test_the_installed_package_gives_its_encoder_without_being_imported(installed):
    assert set(moonshine_weights(source=TOY_MOONSHINE)) == set(SHAPES)
    assert "moonshine_voice" not in sys.modules


@pytest.mark.parametrize("suffix", [".ort", ".whl"])
def test_a_file_or_a_wheel_gives_the_same(tmp_path, suffix):
    path = tmp_path / f"moon{suffix}"
    if suffix == ".ort":
        path.write_bytes(TOY_ORT)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr("moonshine_voice/assets/tiny-en/encoder_model.ort", TOY_ORT)
    assert fingerprint(moonshine_weights(path, source=TOY_MOONSHINE)) == TOY_MOONSHINE.fingerprint
    if suffix == ".ort":
        assert fingerprint(moonshine_weights(tmp_path, source=TOY_MOONSHINE)) == TOY_MOONSHINE.fingerprint


def test_without_the_package_it_says_how_to_get_it(installed, monkeypatch):
    (installed / "assets" / "tiny-en" / "encoder_model.ort").unlink()
    with pytest.raises(
        ExtraMissingError, match=r"pip install moonshine-voice==0\.0\.48, or give the path of its wheel"
    ):
        moonshine_weights()


@pytest.mark.parametrize("name", ["moon.ort", "moon.whl", "nothing.ort", "nothing.whl"])
def test_a_wrong_file_is_one_sentence(tmp_path, name):
    path = tmp_path / name
    if name.startswith("moon"):
        path.write_bytes(b"not what it seems")
    with pytest.raises(
        ModelError, match=rf"{name}: (this is no model|the encoder cannot be read|there is no such file)"
    ):
        moonshine_weights(path)


def test_a_wheel_of_something_else_is_one_sentence(tmp_path):
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("other/__init__.py", "")
    with pytest.raises(ModelError, match="the encoder cannot be read out of it"):
        moonshine_weights(path)


def test_other_numbers_in_the_right_places_never_load(tmp_path):
    path = tmp_path / "moon.ort"
    changed = {**TENSORS, "bias": np.ones(4, np.float32)}
    path.write_bytes(ort_bytes(changed, INPUTS))
    with pytest.raises(ModelError, match="the names are Toy moon's and the numbers are not"):
        moonshine_weights(path, source=TOY_MOONSHINE)


@pytest.fixture(scope="module")
def real_moonshine(tmp_path_factory):
    """The published encoder, out of the file that HEARFELT_MOONSHINE names or of the installed package."""
    named = os.environ.get("HEARFELT_MOONSHINE")
    try:
        path = Path(named) if named else weights._installed_moonshine()
    except ExtraMissingError as error:
        pytest.skip(str(error))
    copy = tmp_path_factory.mktemp("moon") / "encoder_model.ort"
    copy.write_bytes(weights._ort_content(path))
    return copy


def test_the_real_moonshine_loads_into_our_network(real_moonshine):
    with torch.inference_mode():
        assert MoonshineEncoder.of(moonshine_weights(real_moonshine))(torch.zeros(1, 16_000)).isfinite().all()


def test_our_network_with_the_real_moonshines_six_layers_answers_as_onnx_runtime_does(real_moonshine, monkeypatch):
    model = read_ort(real_moonshine.read_bytes(), name="moonshine")
    encoder = MoonshineEncoder()
    encoder.layers.extend(moonshine._Layer() for _ in range(2))
    encoder.load_state_dict(tensors_of(model, {name: one.shape for name, one in encoder.state_dict().items()}))
    monkeypatch.setattr(moonshine, "TAKEN", (5,))
    sound = read_audio(audio_files(EXAMPLES)[0])
    assert sound.rate_hz == 16_000
    wave = sound.samples[None] / np.abs(sound.samples).max()
    session = onnxruntime.InferenceSession(str(real_moonshine), providers=["CPUExecutionProvider"])
    asked = {"input_values": wave, "attention_mask": np.ones(wave.shape, np.int64)}
    theirs = session.run(None, asked)[0][0]
    with torch.inference_mode():
        states = encoder.eval()(torch.from_numpy(wave))
        normed = torch.nn.functional.layer_norm(
            states, (288,), torch.from_numpy(model.tensors["layer_norm.weight"].copy())
        )
    ours = normed[0].numpy()
    assert ours.shape == theirs.shape
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98  # theirs rounds what goes into each product to 8 bits
    turned = model.tensors["onnx::Expand_202"].ravel()
    np.testing.assert_allclose(encoder.frequencies.numpy(), turned, rtol=1e-5)
