"""Statistics of clips: computed once for each sound and encoder, whatever is computed beside them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import AudioError
from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd
from hearfelt.models.encoders.tiny import TinyEncoder
from hearfelt.models.frontend import LogMel
from hearfelt.models.sound_network import clip_statistics
from hearfelt.training import clip_statistics as module
from hearfelt.training.augmented_copies import Variant, at_speed, degrade_reproducibly
from hearfelt.training.clip_statistics import (
    MAX_CLIP_S,
    ClipStatistics,
    EncoderFiles,
    Extractor,
    extract_sounds,
    extract_statistics,
    samples_of,
)
from hearfelt.training.recipe import recipe_of
from hearfelt.training.sound_network import _student

Wanted = Sequence[tuple[Clip, Variant]]


def make_encoder(seed: int = 0) -> nn.Module:
    """A small encoder with random weights; what its states mean is no matter here."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TinyEncoder(16, fine_blocks=1, coarse_blocks=2, dimensions=8).eval()


@pytest.fixture(scope="module")
def few(toy_clips: Clips) -> Clips:
    return toy_clips.where(speaker="toy/01", emotion=("angry", "sad"))


@pytest.fixture
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that is empty."""
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "fresh"))


def report(wanted: Wanted, seed: int = 0) -> list[int]:
    """List the number of variants that were in the cache, then 1 for each that was not."""
    counts: list[int] = []
    extract_statistics(partial(make_encoder, seed), wanted, processes=1, progress=counts.append)
    return counts


def extract(wanted: Wanted) -> ClipStatistics:
    return extract_statistics(make_encoder, wanted, processes=1)


def test_statistics_are_those_of_the_network(few: Clips) -> None:
    wanted = [(few[0], Variant()), (few[1], Variant(0.9)), (few[2], Variant(degraded=True))]
    found = extract(wanted)
    assert (found.clips, found.variants, len(found)) == (tuple(few[:3]), tuple(one for _, one in wanted), 3)
    assert found.values.dtype == np.float16
    encoder = make_encoder()
    for row, (clip, variant) in zip(found.values, wanted, strict=True):
        samples, _ = soundfile.read(clip.path, dtype="float32")
        played = degrade_reproducibly(samples) if variant.degraded else samples
        mel, wave = LogMel(variant.speed)(torch.from_numpy(played)[None])
        wave = torch.from_numpy(at_speed(wave[0].numpy(), variant.speed))[None]
        with torch.inference_mode():
            expected = clip_statistics(encoder(mel), PitchFrontEnd()(wave))[0]
        np.testing.assert_allclose(row, expected, atol=2e-3, rtol=2e-3)  # 16 bits


def test_variants_of_a_clip_differ(few: Clips) -> None:
    variants = [Variant(), Variant(0.9), Variant(1.1), Variant(degraded=True)]
    rows = extract([(few[0], one) for one in variants]).values.astype(np.float32)
    apart = np.abs(rows[:, None] - rows[None]).max(axis=2) + np.eye(4)
    assert apart.min() > 0.01


# The cache


@pytest.mark.usefixtures("_fresh")
def test_a_second_call_computes_nothing(few: Clips) -> None:
    wanted = [(clip, variant) for clip in few[:2] for variant in (Variant(), Variant(degraded=True))]
    assert report(wanted) == [0, 1, 1, 1, 1]
    assert report(wanted[::-1]) == [4]
    one, other = extract(wanted), extract(wanted[::-1])
    assert other.clips == one.clips[::-1]
    np.testing.assert_array_equal(other.values, one.values[::-1])


@pytest.mark.usefixtures("_fresh")
def test_they_are_cached_by_sound_and_not_by_name(few: Clips, tmp_path: Path) -> None:
    def clip(name: str) -> list[tuple[Clip, Variant]]:
        return [(replace(few[0], root=tmp_path, name=name), Variant())]

    shutil.copy(few[0].path, tmp_path / "one.wav")
    assert report(clip("one.wav")) == [0, 1]
    first = extract(clip("one.wav")).values
    shutil.copy(few[0].path, tmp_path / "copy.wav")
    assert report(clip("copy.wav")) == [1]
    shutil.copy(few[1].path, tmp_path / "one.wav")  # another sound under the old name
    assert report(clip("one.wav")) == [0, 1]
    assert not np.array_equal(extract(clip("one.wav")).values, first)


@pytest.mark.usefixtures("_fresh")
def test_they_are_cached_by_variant_and_encoder(few: Clips) -> None:
    wanted = [(few[0], Variant())]
    assert report(wanted) == [0, 1]
    for other in (Variant(0.9), Variant(1.1), Variant(degraded=True)):
        assert report([(few[0], other)]) == [0, 1]
    assert report(wanted, seed=1) == [0, 1]
    assert report(wanted) == report(wanted, seed=1) == [1]


def test_without_a_cache_everything_is_computed(few: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = extract([(few[0], Variant())])
    monkeypatch.setenv("HEARFELT_CACHE", "off")
    assert report([(few[0], Variant())]) == [0, 1]
    assert report([(few[0], Variant())]) == [0, 1]
    np.testing.assert_array_equal(extract([(few[0], Variant())]).values, cached.values)


@pytest.mark.usefixtures("_fresh")
def test_what_was_computed_before_a_bad_clip_is_cached(few: Clips, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000), 16_000)
    silent = replace(few[0], root=tmp_path, name="silent.wav")
    with pytest.raises(AudioError, match=r"silent\.wav"):
        extract([(few[0], Variant()), (silent, Variant())])
    assert report([(few[0], Variant())]) == [1]


def test_a_degraded_clip_is_the_same_whatever_is_computed_beside_it(
    few: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [(clip, Variant(degraded=True)) for clip in few[:2]]
    rows = []
    for name, some in (("both", wanted), ("last", wanted[1:])):
        monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / name))
        rows.append(extract(some).values[-1])
    np.testing.assert_array_equal(*rows)


def test_several_processes_compute_what_one_does(few: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CLIPS_PER_PROCESS", 1)  # so few clips would not pay for another process
    wanted = [(clip, Variant(speed, degraded=speed > 1)) for clip in few[:2] for speed in (1.0, 1.1)]
    small = {"width": 16, "fine_blocks": 1, "coarse_blocks": 2, "dimensions": 8}
    recipe = recipe_of({"name": "mine", "network": "tiny", "distillation": small})
    weights = {name: value.numpy() for name, value in make_encoder().state_dict().items()}
    make, rows = partial(_student, recipe, weights), []  # a process can import it
    for processes in (1, 2):
        monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / str(processes)))
        rows.append(extract_statistics(make, wanted, processes=processes).values)
        assert report(wanted) == [4]
    np.testing.assert_allclose(*rows, atol=0.01, rtol=0.01)


# Sounds


@pytest.mark.usefixtures("_fresh")
def test_sounds_without_a_file_are_cached_by_their_samples(few: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = [samples_of(clip) for clip in few[:2]]
    found = extract_sounds(make_encoder, sounds)
    np.testing.assert_array_equal(found, extract([(clip, Variant()) for clip in few[:2]]).values)

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(Extractor, "extract", refuse)
    np.testing.assert_array_equal(extract_sounds(make_encoder, sounds[::-1]), found[::-1])
    with pytest.raises(AssertionError, match="computed again"):
        extract_sounds(make_encoder, [0.5 * sounds[0]])
    with pytest.raises(AssertionError, match="computed again"):
        extract_sounds(partial(make_encoder, 1), sounds)


# Clips


def test_a_part_is_read_as_if_it_had_been_cut_out_before(toy_clips: Clips, joined: Path) -> None:
    for clip, part in zip(toy_clips[:4], read_corpus(joined)[:4], strict=True):
        assert part.clip == "all.wav"
        np.testing.assert_array_equal(samples_of(part), samples_of(clip))


def test_of_a_long_clip_the_beginning_is_read(few: Clips, tmp_path: Path) -> None:
    samples, _ = soundfile.read(few[0].path, dtype="float32")
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 14), 16_000)
    found = samples_of(replace(few[0], root=tmp_path, name="long.wav"))
    assert len(found) == MAX_CLIP_S * 16_000
    np.testing.assert_allclose(found[: len(samples)], samples, atol=1e-4)


@pytest.mark.parametrize("speed", [0.75, 1.0, 1.25])
def test_a_tenth_of_a_second_is_enough(speed: float) -> None:
    samples = np.sin(np.arange(1_600) / 9).astype(np.float32)
    assert np.isfinite(Extractor(make_encoder()).extract(samples, speed)).all()


def test_a_clip_played_faster_is_the_clip_that_was_resampled() -> None:
    """A swelling hum, whose loudest sample is the same at any speed: frames begin there."""
    extractor, times = Extractor(make_encoder()), np.arange(-8_000, 8_000)
    samples = (np.exp(-((times / 3_000) ** 2)) * np.cos(times * (2 * np.pi * 100 / 16_000))).astype(np.float32)
    faster, reference = extractor.extract(samples, 1.1), extractor.extract(at_speed(samples, 1.1))
    plain = extractor.extract(samples)

    def apart(one: np.ndarray) -> float:
        return float(np.abs(one.astype(np.float32) - reference).mean())

    assert apart(faster) < 0.3 * apart(plain)


def test_weights_are_read_from_the_file_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path | None] = []
    monkeypatch.setattr(module, "whisper_weights", lambda path: asked.append(path) or {})
    assert EncoderFiles(Path("mine.safetensors")).read() == {}
    EncoderFiles().read()
    assert asked == [Path("mine.safetensors"), None]
