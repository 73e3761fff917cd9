from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import pytest
from tests.service.http_server import CLIP, Serving, serving
from tests.service.small_model import small_model
from websockets.sync import client

from hearfelt.cli.main import run
from hearfelt.errors import ModelError
from hearfelt.inference.recognizer import Recognizer, shipped_models
from hearfelt.service.model_registry import ModelRegistry


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    file = small_model(tmp_path_factory.mktemp("models") / "file.onnx", name="ours/of today")
    with serving(models=(file, "tiny")) as one:
        yield one


def test_the_shipped_models_have_the_names_of_their_files() -> None:
    assert {name: Recognizer.load(name).card.name for name in shipped_models()} == ModelRegistry(shipped_models()).files


def test_every_name_that_is_listed_can_be_asked_for(service: Serving) -> None:
    with service.client() as asker:
        listed = [one["name"] for one in asker.get("/v1/models").json()["models"]]
        assert listed == ["ours/of today", "tiny"]
        for name in listed:
            assert asker.get(f"/v1/models/{name.replace('/', '%2F')}").json()["name"] == name
            files = {"file": CLIP.read_bytes()}
            assert asker.post("/v1/recognize", files=files, params={"model": name}).json()["model"] == name
            assert asker.post("/v1/timeline", files=files, params={"model": name}).json()["model"] == name
            with client.connect(service.address.replace("http", "ws") + "/v1/stream") as socket:
                socket.send(json.dumps({"rate_hz": 16_000, "encoding": "pcm16", "model": name}))
                socket.send(json.dumps({"type": "end"}))
                assert list(socket) == []
                assert socket.close_code == 1000
        assert asker.post("/v1/recognize", files=files).json()["model"] == listed[0]


def test_where_a_file_lies_is_no_name_and_is_told_nobody(service: Serving) -> None:
    with service.client() as asker:
        refused = asker.post("/v1/recognize", files={"file": CLIP.read_bytes()}, params={"model": "nobody"})
        assert refused.status_code == asker.get("/v1/models/nobody").status_code == 404
        for answer in (refused, asker.get("/v1/models/nobody"), asker.get("/v1/models")):
            assert "ours/of today" in answer.text
            assert "file.onnx" not in answer.text


def test_two_models_of_one_name_are_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy.onnx"
    shutil.copy(str(resources.files("hearfelt.weights") / "tiny.onnx"), copy)
    with pytest.raises(ModelError, match=r"tiny and .*copy\.onnx are both called 'tiny'; offer only one of them"):
        ModelRegistry(["tiny", str(copy)])
    with pytest.raises(SystemExit) as ended:
        run(["serve", "--port", "0", "--model", "tiny", "--model", str(copy)])
    assert ended.value.code == 6
    assert "are both called 'tiny'" in capsys.readouterr().err


def test_a_model_without_a_name_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"file\.onnx: its card has no name"):
        ModelRegistry([small_model(tmp_path / "file.onnx", name=" ")])


def test_one_that_is_given_twice_is_offered_once() -> None:
    assert ModelRegistry(["svm", "tiny", "svm"]).files == {"svm": "svm", "tiny": "tiny"}


def test_a_model_is_loaded_once_for_its_card_and_all_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = small_model(tmp_path / "file.onnx", name="ours")
    models, asked = ModelRegistry(["tiny", "svm", file]), []
    card = models.card("tiny")
    load = Recognizer.load
    monkeypatch.setattr(Recognizer, "load", lambda *given, **options: asked.append(given[0]) or load(*given, **options))
    models.recognizer("ours")
    assert models.card("tiny") is card
    assert models.recognizer("tiny").card is card
    assert asked == []
    with ThreadPoolExecutor(4) as threads:
        loaded = list(threads.map(models.recognizer, [None, "tiny", None, "tiny"]))
    assert len(set(map(id, loaded))) == 1
    assert models.recognizer("svm").card == models.card("svm")


def test_a_file_that_is_not_offered_is_not_opened() -> None:
    with pytest.raises(ModelError, match=r"model '/etc/passwd' is not offered here; offered are tiny"):
        ModelRegistry(["tiny"]).recognizer("/etc/passwd")
