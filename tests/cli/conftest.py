"""What the tests of the command line share: a tiny real model, a voice, and the program itself."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper

from hearfelt.cli.main import run
from hearfelt.emotions import EMOTIONS
from hearfelt.inference.card import BACKGROUND_KEY, CARD_KEY, ModelCard

Here = Callable[..., tuple[int, str, str]]
Hearfelt = Callable[..., "subprocess.CompletedProcess[str]"]


def write_tiny_model(path: Path, *, unsure_below: float = 0.3) -> Path:
    """Write a model of one linear layer with fixed random weights, whole in every other respect."""
    generator = np.random.default_rng(7)
    weights = generator.normal(0, 0.02, (162, 8)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["features", "weights"], ["logits"])],
        "tiny",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 162])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 8])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    card = ModelCard(
        "tiny",
        "0.1.0",
        EMOTIONS,
        "classic-162",
        temperature=2.0,
        unsure_below=unsure_below,
        corpora={"toy": {"clips": 96, "fingerprint": "0" * 16, "licence": "CC0"}},
        training_speakers=("toy/01", "toy/02"),
        licence="CC0",
        description="One linear layer with random weights.",
        scores={"by-speaker": {"uar": 0.125}},
        limits=("It has learned nothing.",),
    )
    background = generator.normal(0, 1, (8, 162)).astype("<f4")
    texts = {CARD_KEY: card.to_json(), BACKGROUND_KEY: base64.b64encode(background.tobytes()).decode()}
    helper.set_model_props(model, texts)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def voice(seconds: float = 1.2, rate_hz: int = 16_000, pitch_hz: float = 140.0) -> np.ndarray:
    """A buzz with harmonics and a slow swell, ``(n,)`` float64: enough of a voice for every feature."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    harmonics = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in range(1, 12) if pitch_hz * k < rate_hz / 2)
    return 0.2 * np.asarray(harmonics) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.wav"
    soundfile.write(path, voice(), 16_000)
    return path


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Here:
    """Run a command in this process; gives its exit code, standard output and standard error."""

    def run_here(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run_here


@pytest.fixture
def hearfelt(tmp_path: Path) -> Hearfelt:
    """Run the program as a shell would, in an empty folder, with its output in pipes."""

    def start(*arguments: object, stdin: str | None = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "80", **variables}
        return subprocess.run(
            [sys.executable, "-m", "hearfelt", *(str(argument) for argument in arguments)],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            timeout=120,
        )

    return start
