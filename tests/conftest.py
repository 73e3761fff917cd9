"""What many tests share: the corpora at hand, a corpus made by code, and a cache of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.toy import write_toy
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.model import REFERENCE_INPUTS

CORPORA = Path(os.environ.get("HEARFELT_CORPORA", Path(__file__).parents[2] / "shared" / "corpora"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests' cache out of the user's."""
    before = os.environ.get("HEARFELT_CACHE")
    os.environ["HEARFELT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["HEARFELT_CACHE"]
    else:
        os.environ["HEARFELT_CACHE"] = before


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Let programs that tests start end by Ctrl-C also in a shell's background, which ignores it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def corpora_home() -> Path:
    """The folder that holds the real corpora."""
    if not CORPORA.is_dir():
        pytest.skip("the real corpora are not here; set HEARFELT_CORPORA to the folder that holds them")
    return CORPORA


@pytest.fixture(scope="session")
def ravdess(corpora_home: Path) -> Path:
    """The real RAVDESS, speech and song."""
    return corpora_home / "ravdess"


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus made by code; tests must not change it."""
    return write_toy(tmp_path_factory.mktemp("toy") / "toy")


@pytest.fixture(scope="session")
def joined(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips of the toy corpus one after another in one file, and a table that says which part is which clip."""
    root = tmp_path_factory.mktemp("joined")
    parts, lines, start = [], ["file;start;end;label;speaker"], 0
    for clip in read_corpus(toy):
        samples, rate_hz = soundfile.read(clip.path, dtype="int16")
        end = start + len(samples)
        lines.append(f"all.wav;{start / rate_hz};{end / rate_hz};{clip.emotion};{clip.speaker}")
        parts.append(samples)
        start = end
    soundfile.write(root / "all.wav", np.concatenate(parts), rate_hz)
    (root / "parts.csv").write_text("\n".join(lines))
    return root


# A model that takes sound, made here node by node: how loud some tones are in it, then two linear layers. Level and
# offset are taken out inside, as the shipped files do.
SOUND_CARD = ModelCard(
    "sound-toy",
    "0.1.0",
    EMOTIONS,
    "sound",
    temperature=1.5,
    unsure_below=0.3,
    corpora={"toy": {"clips": 96, "fingerprint": "0" * 16, "licence": "CC BY-NC 4.0"}},
    training_speakers=("toy/01", "toy/02"),
    licence="CC BY-NC 4.0",
    description="The loudness of 16 tones and random weights.",
    limits=("It has learned nothing.",),
    window_s=2.0,
    parameters=136,
)
TONES_HZ = tuple(float(hz) for hz in np.geomspace(120, 7_000, 16))


class SoundModelMaker(Protocol):
    """Makes the bytes of a model that takes sound."""

    def __call__(
        self,
        card: Mapping[str, Any] | None = None,
        *,
        weights: np.ndarray | None = None,
        tones_hz: tuple[float, ...] = TONES_HZ,
        names: tuple[str, str, str] = ("samples", "logits", "embedding"),
        takes_reference: bool = False,
        checks_sound: bool = False,
    ) -> bytes: ...


@pytest.fixture(scope="session")
def make_sound_model() -> SoundModelMaker:
    """Makes models that take sound: with another card (fields to change), other weights, tones, names or inputs."""
    return _sound_model


@pytest.fixture(scope="session")
def sound_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small model that takes sound, 8 labels, blocks of at most 2 s; tests must not change it."""
    path = tmp_path_factory.mktemp("models") / "sound-toy.onnx"
    path.write_bytes(_sound_model())
    return path


@pytest.fixture(scope="session")
def reference_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the same model, which takes reference recordings: its statistics are its embedding."""
    path = tmp_path_factory.mktemp("models") / "sound-toy.onnx"
    path.write_bytes(_sound_model({"reference": {"shrinkage": 2.0, "temperature": 3.0}}, takes_reference=True))
    return path


def _sound_model(
    card: Mapping[str, Any] | None = None,
    *,
    weights: np.ndarray | None = None,
    tones_hz: tuple[float, ...] = TONES_HZ,
    names: tuple[str, str, str] = ("samples", "logits", "embedding"),
    takes_reference: bool = False,
    checks_sound: bool = False,
) -> bytes:
    said = replace(SOUND_CARD, **(card or {}))
    classes, tones = len(said.labels), len(tones_hz)
    if weights is None:
        weights = np.random.default_rng(5).normal(0, 0.4, (tones, classes))
    time_s = np.arange(512) / 16_000  # 32 ms
    swings = np.hanning(512) / 128 * np.exp(2j * np.pi * np.array(tones_hz)[:, None] * time_s)
    tensors = {
        "waves": np.concatenate([swings.real, swings.imag])[:, None],  # (2 * tones, 1, 512)
        "pairs": np.concatenate([np.eye(tones), np.eye(tones)]),  # (2 * tones, tones)
        "least": np.array(1e-4),
        "weights": weights,  # (tones, classes)
    }
    samples, logits, embedding = names
    nodes = [
        helper.make_node("ReduceMean", [samples], ["offset"], axes=[1], keepdims=1),
        helper.make_node("Sub", [samples, "offset"], ["centred"]),
        helper.make_node("ReduceL2", ["centred"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Shape", [samples], ["n"], start=1, end=2),
        helper.make_node("Cast", ["n"], ["many"], to=TensorProto.FLOAT),
        helper.make_node("Sqrt", ["many"], ["root"]),
        helper.make_node("Div", ["length", "root"], ["level"]),
        helper.make_node("Max", ["level", "least"], ["divisor"]),
        helper.make_node("Div", ["centred", "divisor"], ["even"]),
        helper.make_node("Unsqueeze", ["even", "axis"], ["channel"]),
        helper.make_node("Conv", ["channel", "waves"], ["swings"], strides=[160], pads=[256, 256]),
        helper.make_node("Mul", ["swings", "swings"], ["powers"]),
        helper.make_node("ReduceMean", ["powers"], ["means"], axes=[2], keepdims=0),  # (1, 2 * tones)
        helper.make_node("MatMul", ["means", "pairs"], ["loud"]),
        helper.make_node("Add", ["loud", "least"], ["some"]),
        helper.make_node("Log", ["some"], [embedding]),  # (1, tones)
        helper.make_node("MatMul", ["relative" if takes_reference else embedding, "weights"], [logits]),
    ]
    inputs = [helper.make_tensor_value_info(samples, TensorProto.FLOAT, [1, "n"])]
    outputs = [
        helper.make_tensor_value_info(logits, TensorProto.FLOAT, [1, classes]),
        helper.make_tensor_value_info(embedding, TensorProto.FLOAT, [1, tones]),
    ]
    if takes_reference:
        nodes[-1:] = _relative_nodes(embedding) + nodes[-1:]
        for name, values in zip(REFERENCE_INPUTS, (np.zeros(tones), np.ones(tones), np.zeros(1)), strict=True):
            tensors[name] = values
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape))
        outputs.append(helper.make_tensor_value_info("statistics", TensorProto.FLOAT, [1, tones]))
    if checks_sound:  # the lowest tone is speech and the highest is none; the one in the middle is unfamiliar
        ends = np.eye(tones)[:, :1] - np.eye(tones)[:, -1:]
        middle = np.eye(tones)[:, tones // 2, None]
        for name, of, values in (("speech", embedding, ends), ("distance", "loud", middle)):
            tensors[f"{name}.weights"] = values
            nodes.append(helper.make_node("MatMul", [of, f"{name}.weights"], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1]))
    graph = helper.make_graph(
        nodes,
        "sound-toy",
        inputs,
        outputs,
        [numpy_helper.from_array(np.asarray(values, np.float32), name) for name, values in tensors.items()]
        + [numpy_helper.from_array(np.array([1], np.int64), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {CARD_KEY: said.to_json()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _relative_nodes(embedding: str) -> list[onnx.NodeProto]:
    """Compare the statistics, which are the embedding here, with a reference."""
    mean, deviation, weight = REFERENCE_INPUTS
    return [
        helper.make_node("Identity", [embedding], ["statistics"]),
        helper.make_node("Mul", [mean, weight], ["centre"]),
        helper.make_node("Sub", ["statistics", "centre"], ["moved"]),
        helper.make_node("Pow", [deviation, weight], ["scale"]),
        helper.make_node("Div", ["moved", "scale"], ["relative"]),
    ]


# Put on the path of a process, this lets it die, as a fault in a decoder would, when it opens a certain file.
DEADLY = """
import os, signal, sys
def deadly(event, arguments):
    if event == "open" and str(arguments[0]).endswith({name!r}):
        os.kill(os.getpid(), signal.SIGSEGV)
sys.addaudithook(deadly)
"""


@pytest.fixture
def dies_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let processes that are started from now on die when they open a file with this name."""

    def dies(name: str) -> None:
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "sitecustomize.py").write_text(DEADLY.format(name=name))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "path"), os.environ.get("PYTHONPATH", "")]))

    return dies
