from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hearfelt.errors import ModelError
from hearfelt.service.stream_models import StreamModels


def test_a_model_is_loaded_once_for_all() -> None:
    models = StreamModels(["tiny", "svm"])
    with ThreadPoolExecutor(4) as threads:
        loaded = list(threads.map(models.load, [None, "tiny", None, "tiny"]))
    assert len(set(map(id, loaded))) == 1
    assert models.load("svm").card.name == "svm"


def test_a_model_that_is_not_offered_is_not_opened() -> None:
    with pytest.raises(ModelError, match=r"model '/etc/passwd' is not offered here; there is tiny"):
        StreamModels(["tiny"]).load("/etc/passwd")
