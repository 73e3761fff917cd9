from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.evaluation.encoded_clips import DividedModel, EncodedClips, EncodedSound, encode_clips, encoding_pool


@pytest.fixture(scope="module")
def clips(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Four clips, and a silent one among them."""
    root = tmp_path_factory.mktemp("silent")
    soundfile.write(root / "silent.wav", np.zeros(16_000), 16_000)
    some = read_corpora({"toy": toy})[:4]
    return Clips([*some[:2], Clip("toy", root, "silent.wav", "toy/01", "sad"), *some[2:]])


class Counting(DividedModel):
    """Counts the sounds that it encodes."""

    count = 0

    def encode(self, sound: object) -> EncodedSound:
        self.count += 1
        return super().encode(sound)  # type: ignore[arg-type]


def alike(one: EncodedClips, other: EncodedClips) -> bool:
    assert (one.clips, one.failed) == (other.clips, other.failed)
    for mine, theirs in zip(one.sounds, other.sounds, strict=True):
        np.testing.assert_array_equal(mine.weights, theirs.weights)
        np.testing.assert_allclose(mine.statistics.statistics, theirs.statistics.statistics, atol=1e-6)
        np.testing.assert_array_equal(mine.statistics.probabilities, theirs.statistics.probabilities)
        for block, same in zip(mine.values, theirs.values, strict=True):
            assert block.keys() == same.keys()
            for name, values in block.items():
                np.testing.assert_array_equal(values, same[name])
    return True


def test_clips_without_sound_are_listed_apart(reference_model: Path, clips: Clips) -> None:
    seen: list[int] = []
    encoded = encode_clips(DividedModel(reference_model), clips, progress=seen.append)
    assert [clip.name for clip in encoded.clips] == [clip.name for clip in clips if clip.name != "silent.wav"]
    [failed] = encoded.failed
    assert (failed.clip, failed.speaker) == ("silent.wav", "toy/01")
    assert "silent" in failed.reason
    assert len(encoded.sounds) == 4
    assert sum(seen) == 5


def test_processes_encode_alike_and_one_that_dies_costs_its_clip(
    reference_model: Path, clips: Clips, dies_at: Callable[[str], None]
) -> None:
    model = DividedModel(reference_model)
    dies_at(clips[0].path.name)
    with encoding_pool(reference_model, len(clips), jobs=2) as pool:
        encoded = encode_clips(model, clips, pool=pool)
    assert "SIGSEGV" in encoded.failed[0].reason
    assert alike(encoded, replace(encode_clips(model, Clips(clips[1:])), failed=encoded.failed))
    assert [one.clip for one in encoded.failed] == [clips[0].name, "silent.wav"]


def test_a_second_call_encodes_nothing_again(reference_model: Path, clips: Clips, tmp_path: Path) -> None:
    model, store = Counting(reference_model), tmp_path / "encoded.npz"
    first = encode_clips(model, clips, store=store)
    assert model.count == 5
    seen: list[int] = []
    assert alike(encode_clips(model, clips, store=store, progress=seen.append), first)
    assert (model.count, sum(seen)) == (5, 5)


def test_other_clips_and_a_damaged_file_are_encoded_anew(reference_model: Path, clips: Clips, tmp_path: Path) -> None:
    model, store = Counting(reference_model), tmp_path / "encoded.npz"
    encode_clips(model, clips, store=store)
    other = Clips(replace(clip, emotion="happy") for clip in clips)
    assert encode_clips(model, other, store=store).clips.emotions == ("happy",)
    assert model.count == 10
    store.write_bytes(store.read_bytes()[:100])
    assert alike(encode_clips(model, clips, store=store), encode_clips(model, clips))
    assert model.count == 20
