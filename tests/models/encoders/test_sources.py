"""Where the encoders' weights come from: a file, their published place or an installed package; never a wrong one."""

from __future__ import annotations

import os
import runpy
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.corpora.web import Web
from hearfelt.errors import DownloadError, ExtraMissingError, ModelError
from hearfelt.models.encoders import moonshine, sources
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.moonshine_file import moonshine_tensors
from hearfelt.models.encoders.ort_file import read_ort
from hearfelt.models.encoders.published import Published, fingerprint
from hearfelt.models.encoders.sources import MOONSHINE_TINY, WHISPER_BASE, moonshine_weights, whisper_weights
from hearfelt.models.encoders.whisper import WhisperEncoder

TESTS = Path(__file__).parents[2]
EXAMPLES = TESTS.parent / "src" / "hearfelt" / "examples"
SHARED = Path(os.environ.get("HEARFELT_PRETRAINED", TESTS.parents[1] / "shared" / "pretrained"))
server = runpy.run_path(str(TESTS / "corpora" / "server.py"))
loopback = server["loopback"]
ort_bytes = runpy.run_path(str(Path(__file__).with_name("test_ort_file.py")))["ort_bytes"]
moonshine_toy = runpy.run_path(str(Path(__file__).with_name("test_moonshine_file.py")))

TOY = {"conv1.weight": torch.arange(6.0).reshape(2, 3), "layers.0.fc1.bias": torch.linspace(-1, 1, 5)}
SOURCE = Published(
    "Toy ear", {name: tuple(tensor.shape) for name, tensor in TOY.items()}, fingerprint(TOY), prefix="model.encoder."
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
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pretrained"


@pytest.fixture
def mirror(loopback, file, monkeypatch):
    loopback.files["model.safetensors"] = file
    monkeypatch.setenv("HEARFELT_WHISPER", f"{loopback.base}/model.safetensors")
    return loopback


@pytest.fixture
def web():
    return Web(pause=lambda seconds: None, tries=2, place="HEARFELT_WHISPER")


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
        ({"model.encoder.conv1.weight": None}, "there is no tensor model.encoder.conv1.weight; Toy ear has it"),
        (
            {"model.encoder.conv1.weight": torch.ones(3, 2)},
            r"tensor model.encoder.conv1.weight is \[3, 2\]; in Toy ear",
        ),
        ({"model.encoder.conv1.weight": torch.full((2, 3), torch.nan)}, "holds numbers that are not finite"),
        ({"model.encoder.conv1.weight": torch.full((2, 3), 1e6)}, "holds numbers that are not finite"),
        ({"model.encoder.conv1.weight": torch.randn(2, 3)}, "the names are Toy ear's and the numbers are not"),
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


def test_a_stranger_gets_them_from_their_published_place_once(mirror, cache, web):
    assert is_toy(whisper_weights(source=SOURCE, web=web))
    assert len(list(cache.iterdir())) == 1
    mirror.forget()
    assert is_toy(whisper_weights(source=SOURCE, web=web))
    assert mirror.requests == []


def test_the_published_place_is_asked_where_no_other_is_named(loopback, file, cache, web, monkeypatch):
    monkeypatch.delenv("HEARFELT_WHISPER", raising=False)
    loopback.files["published"] = file
    assert is_toy(whisper_weights(source=replace(SOURCE, url=f"{loopback.base}/published"), web=web))


def test_wrong_numbers_from_a_server_are_deleted_and_never_load(mirror, cache, web, file):
    save_file(PUBLISHED | {"model.encoder.conv1.weight": torch.ones(2, 3)}, file)
    with pytest.raises(DownloadError, match=r"numbers are not .* it was deleted, run this again to start over"):
        whisper_weights(source=SOURCE, web=web)
    assert list(cache.iterdir()) == []
    save_file(PUBLISHED, file)
    assert is_toy(whisper_weights(source=SOURCE, web=web))


def test_a_damaged_file_in_the_cache_is_noticed(mirror, cache, web):
    whisper_weights(source=SOURCE, web=web)
    kept = next(cache.iterdir())
    content = bytearray(kept.read_bytes())
    content[-2] ^= 0x40
    kept.write_bytes(content)
    with pytest.raises(DownloadError, match="it was deleted"):
        whisper_weights(source=SOURCE, web=web)
    assert is_toy(whisper_weights(source=SOURCE, web=web))


def test_a_server_that_does_not_have_them_says_where_another_place_is_named(mirror, cache, web):
    mirror.files.clear()
    with pytest.raises(DownloadError, match=r"404.*HEARFELT_WHISPER"):
        whisper_weights(source=SOURCE, web=web)


def test_without_a_cache_a_path_is_asked_for(monkeypatch):
    monkeypatch.setenv("HEARFELT_CACHE", "off")
    with pytest.raises(DownloadError, match=r"HEARFELT_CACHE is off.*give the path of a file instead"):
        whisper_weights(source=SOURCE)


def test_the_shapes_are_those_of_our_networks():
    assert {name: tuple(t.shape) for name, t in WhisperEncoder().state_dict().items()} == WHISPER_BASE.shapes
    assert {name: tuple(t.shape) for name, t in MoonshineEncoder().state_dict().items()} == MOONSHINE_TINY.shapes


def test_the_real_whisper_loads_into_our_network():
    path = SHARED / "whisper_base_encoder_first4.safetensors"
    if not path.is_file():
        pytest.skip("Whisper base's weights are not here; set HEARFELT_PRETRAINED to the folder that holds them")
    weights = whisper_weights(path)
    assert round(sum(tensor.numel() for tensor in weights.values()) / 1e6, 1) == 14.3
    with torch.inference_mode():
        assert WhisperEncoder.of(weights)(torch.zeros(1, 80, 40)).isfinite().all()


# Moonshine

TOY_MOON = moonshine_toy["SHAPES"]
TOY_ORT = ort_bytes(moonshine_toy["TENSORS"], moonshine_toy["INPUTS"])
TOY_MOONSHINE = Published("Toy moon", TOY_MOON, fingerprint(moonshine_tensors(read_ort(TOY_ORT, name="toy"), TOY_MOON)))


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
    assert set(moonshine_weights(source=TOY_MOONSHINE)) == set(TOY_MOON)
    assert "moonshine_voice" not in sys.modules


@pytest.mark.parametrize("suffix", [".ort", ".whl"])
def test_a_file_or_a_wheel_gives_the_same(tmp_path, suffix):
    path = tmp_path / f"moon{suffix}"
    if suffix == ".ort":
        path.write_bytes(TOY_ORT)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr("moonshine_voice/assets/tiny-en/encoder_model.ort", TOY_ORT)
    weights = moonshine_weights(path, source=TOY_MOONSHINE)
    assert fingerprint(weights) == TOY_MOONSHINE.fingerprint


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
    changed = {**moonshine_toy["TENSORS"], "bias": np.ones(4, np.float32)}
    path.write_bytes(ort_bytes(changed, moonshine_toy["INPUTS"]))
    with pytest.raises(ModelError, match="the names are Toy moon's and the numbers are not"):
        moonshine_weights(path, source=TOY_MOONSHINE)


@pytest.fixture(scope="module")
def real_moonshine(tmp_path_factory):
    """The published encoder, out of the file that HEARFELT_MOONSHINE names or of the installed package."""
    named = os.environ.get("HEARFELT_MOONSHINE")
    try:
        path = Path(named) if named else sources._installed_moonshine()
    except ExtraMissingError as error:
        pytest.skip(str(error))
    copy = tmp_path_factory.mktemp("moon") / "encoder_model.ort"
    copy.write_bytes(sources._ort_content(path))
    return copy


def test_the_real_moonshine_loads_into_our_network(real_moonshine):
    weights = moonshine_weights(real_moonshine)
    with torch.inference_mode():
        assert MoonshineEncoder.of(weights)(torch.zeros(1, 16_000)).isfinite().all()


def test_our_network_with_the_real_moonshines_six_layers_answers_as_onnx_runtime_does(real_moonshine, monkeypatch):
    model = read_ort(real_moonshine.read_bytes(), name="moonshine")
    weights = moonshine_tensors(model, sources._moonshine_shapes(6))
    encoder = MoonshineEncoder()
    encoder.layers.extend(moonshine._Layer() for _ in range(2))
    encoder.load_state_dict(weights)
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
