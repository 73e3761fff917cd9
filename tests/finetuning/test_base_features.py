from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearfelt.corpora.catalog import read_corpus
from hearfelt.errors import ModelError
from hearfelt.finetuning.base_features import base_features, load_base
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.cache import Cache


def test_a_row_is_what_the_recognizer_says_of_the_clip(sound_model: Path, toy: Path) -> None:
    base, clips = load_base(sound_model), read_corpus(toy)[:4]
    assert (base.embedding_size, base.dimensions) == (16, 24)
    features = base_features(base, clips, cache=Cache(None))
    recognizer = Recognizer.load(sound_model, threads=1)
    for row, clip in zip(features.rows, clips, strict=True):
        wanted = np.concatenate([recognizer.embed(clip.path), recognizer.logits(clip.path)])
        assert row == pytest.approx(wanted, abs=1e-6)


def test_what_was_heard_before_is_remembered(sound_model: Path, toy: Path, tmp_path: Path) -> None:
    base, clips, cache = load_base(sound_model), read_corpus(toy)[:4], Cache(tmp_path / "cache.sqlite")
    speaker_of: list[int] = []
    first = base_features(base, clips, cache=cache, progress=speaker_of.append)
    assert [one for one in speaker_of if one] == [1, 1, 1, 1]
    speaker_of.clear()
    again = base_features(base, clips, cache=cache, progress=speaker_of.append)
    assert speaker_of == [4]
    assert again.rows.tolist() == first.rows.tolist()


def test_a_clip_that_cannot_be_heard_is_named_and_the_others_stay(sound_model: Path, toy: Path, tmp_path: Path) -> None:
    clips = read_corpus(toy)[:3]
    broken = replace(clips[1], root=tmp_path, name="broken.wav")
    broken.path.write_bytes(b"RIFF")
    features = base_features(load_base(sound_model), [clips[0], broken, clips[2]], cache=Cache(None))
    assert len(features.rows) == 2
    assert list(features.failed) == [broken]
    assert "broken.wav" in features.failed[broken]


@pytest.mark.parametrize("base", ["svm", "classic"])
def test_a_base_on_features_is_refused(base: str) -> None:
    with pytest.raises(ModelError, match=f"{base}: it takes 162 features and has no embedding to build on"):
        load_base(base)


def test_a_base_that_is_not_there_is_told(tmp_path: Path) -> None:

    with pytest.raises(ModelError, match="there is no such model file"):
        load_base(tmp_path / "no.onnx")
