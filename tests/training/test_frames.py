"""Frames: what is heard once is remembered by its sound, and stands beside others without a trace of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.pitch_statistics import PitchFrontEnd, pitch_statistics
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.frontend import LogMel
from hearfelt.models.hearfelt import Whitening
from hearfelt.models.pooling import HeadSize, PlainHead
from hearfelt.runtime.cache import Cache
from hearfelt.training import frames as module
from hearfelt.training.augmented_copies import Variant, at_speed
from hearfelt.training.frames import (
    FEATURE_COUNT,
    MAX_CLIP_S,
    WHITENED_DIMENSIONS,
    Encoders,
    FrameExtractor,
    Frames,
    cache_frames,
    extract_frames,
    fit_whitenings,
)

Whitenings = tuple[Whitening, Whitening]
Wanted = Sequence[tuple[Clip, Variant]]


@pytest.fixture(scope="module")
def few(toy_clips: Clips) -> Clips:
    return Clips([*toy_clips.where(speaker="toy/01", emotion=("angry", "sad"))])


@pytest.fixture(scope="module")
def whitenings(encoders: Encoders, few: Clips, tmp_path_factory: pytest.TempPathFactory) -> Whitenings:
    cache = Cache(tmp_path_factory.mktemp("whitenings") / "kept.sqlite")
    return fit_whitenings(encoders, few, np.random.default_rng(0), cache=cache)


@pytest.fixture
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache in which nothing is."""
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "fresh"))


def test_a_part_is_heard_as_if_it_had_been_cut_out_before(toy_clips: Clips, joined: Path) -> None:
    for clip, part in zip(toy_clips[:4], read_corpus(joined)[:4], strict=True):
        assert part.clip == "all.wav"
        np.testing.assert_array_equal(module.samples_of(part), module.samples_of(clip))


def report(encoders: Encoders, whitenings: Whitenings, wanted: Wanted) -> list[int]:
    """Tell how many views were remembered, then 1 for each that was not."""
    counts: list[int] = []
    cache_frames(encoders, whitenings, wanted, processes=1, progress=counts.append)
    return counts


def same(one: Frames, other: Frames, index: int = 0, other_place: int = 0) -> bool:
    pairs = zip(one.arrays[index], other.arrays[other_place], strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def pencil() -> Frames:
    """Three views of 1, 3 and 2 frames of the large ear, and 2, 1 and 2 of the small one, all numbers alike."""
    clips = tuple(Clip("folder", Path(), f"{name}.wav", f"folder/{name}", "sad") for name in "abc")
    large, small = ([1], [2, 3, 4], [5, 6]), ([10, 20], [30], [40, 50])
    arrays = tuple(
        (_frames(one, WHITENED_DIMENSIONS[0]), _frames(other, WHITENED_DIMENSIONS[1]))
        for one, other in zip(large, small, strict=True)
    )
    features = [np.array([index, 2 * index], np.float16) for index in range(3)]
    return Frames(clips, (Variant(),) * 3, tuple((*one, other) for one, other in zip(arrays, features, strict=True)))


def _frames(values: list[int], feature_count: int) -> np.ndarray:
    return np.repeat(np.array(values, np.float16)[:, None], feature_count, axis=1)


# Batches


def test_views_stand_side_by_side_with_padding_and_a_mask() -> None:
    (large, small), (large_mask, small_mask) = pencil().batch(np.array([2, 0, 1]))
    assert large.shape == (3, 3, WHITENED_DIMENSIONS[0])
    assert small.shape == (3, 2, WHITENED_DIMENSIONS[1])
    assert large[:, :, 0].tolist() == [[5, 6, 0], [1, 0, 0], [2, 3, 4]]
    assert small[:, :, 0].tolist() == [[40, 50], [10, 20], [30, 0]]
    assert torch.equal(large, large[:, :, :1].expand_as(large))
    assert large_mask.tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert small_mask.tolist() == [[1, 1], [1, 1], [1, 0]]
    assert {one.dtype for one in (large, small, large_mask, small_mask)} == {torch.float32}


def test_a_view_may_be_drawn_twice_and_is_as_long_as_it_is() -> None:
    frames = pencil()
    (large, _), (mask, _) = frames.batch(np.array([0, 0]))
    assert large[:, :, 0].tolist() == [[1], [1]]
    assert mask.tolist() == [[1], [1]]
    assert frames.lengths.tolist() == [1, 3, 2]
    assert len(frames) == 3


def test_statistics_stand_in_the_order_asked() -> None:
    features = pencil().features(np.array([2, 0, 2]))
    assert features.tolist() == [[2, 4], [0, 0], [2, 4]]
    assert features.dtype == np.float32


def test_segments_are_what_a_plain_head_makes_of_a_batch() -> None:
    frames = pencil()
    segments = torch.from_numpy(frames.frame_statistics)
    assert segments[1, [0, WHITENED_DIMENSIONS[0], 2 * WHITENED_DIMENSIONS[0], -1]].tolist() == pytest.approx(
        [3, (2 / 3) ** 0.5, 30, 0], abs=0.01
    )
    features = PlainHead(HeadSize(WHITENED_DIMENSIONS, (8, 8)), 2).frame_statistics(*frames.batch(np.arange(3)))
    torch.testing.assert_close(segments, features)


def test_a_batch_is_a_copy() -> None:
    frames = pencil()
    frames.batch(np.array([0]))[0][0].add_(100)
    assert frames.arrays[0][0][0, 0] == 1


def test_packed_arrays_are_unpacked_the_same(encoders: Encoders, few: Clips) -> None:
    extractor, samples = FrameExtractor(encoders), module.samples_of(few[0])
    plain, packed = extractor.extract(samples), extractor.pack(samples, 1.0)
    sizes = [1536, 864]
    counts = np.frombuffer(packed[:8], "<i4").tolist()
    assert counts == [len(one) for one in plain[:2]]
    parts = np.split(
        np.frombuffer(packed, "<f2", offset=8), np.cumsum([n * s for n, s in zip(counts, sizes, strict=True)])
    )
    for one, back in zip(plain, parts, strict=True):
        np.testing.assert_array_equal(back.reshape(one.shape), one.half().numpy())


# Hearing


def test_frames_are_those_that_the_ears_hear(encoders: Encoders, whitenings: Whitenings, few: Clips) -> None:
    wanted = [(few[0], Variant()), (few[1], Variant(0.9)), (few[2], Variant())]
    frames = extract_frames(encoders, whitenings, wanted)
    assert (frames.clips, frames.variants) == (tuple(few[:3]), (Variant(), Variant(0.9), Variant()))
    extractor = FrameExtractor(encoders, whitenings)
    for index, (clip, variant) in enumerate(wanted):
        samples, _ = soundfile.read(clip.path, dtype="float32")
        for mine, theirs in zip(frames.arrays[index], extractor.extract(samples, variant.speed), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=0.01, rtol=0.002)  # 16 bits


@pytest.mark.usefixtures("_fresh")
def test_a_second_call_hears_nothing(encoders: Encoders, whitenings: Whitenings, few: Clips) -> None:
    wanted = [(clip, variant) for clip in few[:2] for variant in (Variant(), Variant(degraded=True))]
    assert report(encoders, whitenings, wanted) == [0, 1, 1, 1, 1]
    assert report(encoders, whitenings, wanted[::-1]) == [4]
    one, other = (extract_frames(encoders, whitenings, some) for some in (wanted, wanted[::-1]))
    assert other.clips == one.clips[::-1]
    assert all(same(one, other, index, 3 - index) for index in range(4))


@pytest.mark.usefixtures("_fresh")
def test_it_is_remembered_by_its_sound_and_not_by_its_name(
    encoders: Encoders, whitenings: Whitenings, few: Clips, tmp_path: Path
) -> None:
    def clip(name: str) -> list[tuple[Clip, Variant]]:
        return [(replace(few[0], root=tmp_path, name=name), Variant())]

    shutil.copy(few[0].path, tmp_path / "one.wav")
    assert report(encoders, whitenings, clip("one.wav")) == [0, 1]
    first = extract_frames(encoders, whitenings, clip("one.wav"))
    shutil.copy(few[0].path, tmp_path / "copy.wav")
    assert report(encoders, whitenings, clip("copy.wav")) == [1]
    assert same(extract_frames(encoders, whitenings, clip("copy.wav")), first)
    shutil.copy(few[1].path, tmp_path / "one.wav")  # another sound under the old name
    assert report(encoders, whitenings, clip("one.wav")) == [0, 1]
    assert not same(extract_frames(encoders, whitenings, clip("one.wav")), first)


@pytest.mark.usefixtures("_fresh")
def test_other_ears_and_other_whitenings_hear_anew(encoders: Encoders, whitenings: Whitenings, few: Clips) -> None:
    wanted = [(few[0], Variant())]
    assert report(encoders, whitenings, wanted) == [0, 1]
    moved = Whitening(1536, WHITENED_DIMENSIONS[0])
    moved.load_state_dict(whitenings[0].state_dict())
    moved.mean.add_(1.0)
    assert report(encoders, (moved, whitenings[1]), wanted) == [0, 1]
    deaf = replace(encoders, moonshine={**encoders.moonshine, "conv3.bias": encoders.moonshine["conv3.bias"] + 0.5})
    assert report(deaf, whitenings, wanted) == [0, 1]
    assert report(encoders, whitenings, wanted) == [1]


def test_a_clip_is_worn_in_the_same_way_whatever_stands_beside_it(
    encoders: Encoders, whitenings: Whitenings, few: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [(clip, Variant(degraded=True)) for clip in few[:2]]
    arrays = []
    for name, some in (("both", wanted), ("last", wanted[1:])):
        monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / name))
        arrays.append(extract_frames(encoders, whitenings, some))
    assert same(arrays[0], arrays[1], 1, 0)
    assert not same(extract_frames(encoders, whitenings, [(few[1], Variant())]), arrays[1])


def test_several_processes_hear_what_one_does(
    encoders: Encoders, whitenings: Whitenings, few: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLIPS_PER_PROCESS", 1)  # a process for so few clips, which would not pay
    wanted = [(clip, Variant(speed)) for clip in few[:2] for speed in (1.0, 1.1)]
    arrays = []
    for processes in (1, 2):
        monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / str(processes)))
        cache_frames(encoders, whitenings, wanted, processes=processes)
        assert report(encoders, whitenings, wanted) == [4]
        arrays.append(extract_frames(encoders, whitenings, wanted))
    for one, other in zip(arrays[0].arrays, arrays[1].arrays, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=0.01)


def test_without_a_cache_nothing_is_remembered_and_all_is_heard(
    encoders: Encoders, whitenings: Whitenings, few: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [(few[0], Variant())]
    kept = extract_frames(encoders, whitenings, wanted)
    monkeypatch.setenv("HEARFELT_CACHE", "off")
    assert report(encoders, whitenings, wanted) == [0, 1]
    assert report(encoders, whitenings, wanted) == [0, 1]
    assert same(extract_frames(encoders, whitenings, wanted), kept)


def test_a_folder_that_cannot_keep_anything_is_told(
    encoders: Encoders, whitenings: Whitenings, few: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "file"))
    with pytest.raises(HearfeltError, match="could not be cached; is the disk full"):
        extract_frames(encoders, whitenings, [(few[0], Variant())])


@pytest.mark.usefixtures("_fresh")
def test_what_was_heard_before_a_bad_clip_is_kept(
    encoders: Encoders, whitenings: Whitenings, few: Clips, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000), 16_000)
    silent = replace(few[0], root=tmp_path, name="silent.wav")
    with pytest.raises(AudioError, match=r"silent\.wav"):
        extract_frames(encoders, whitenings, [(few[0], Variant()), (silent, Variant())])
    assert report(encoders, whitenings, [(few[0], Variant())]) == [1]


# The listener


def test_a_clip_heard_faster_has_fewer_frames(encoders: Encoders, few: Clips) -> None:
    extractor = FrameExtractor(encoders)
    samples, _ = soundfile.read(few[0].path, dtype="float32")
    counts = {speed: [len(ear) for ear in extractor.extract(samples, speed)[:2]] for speed in (0.9, 1.0, 1.1)}
    for ear, rate in ((0, 25.0), (1, 125 / 6)):  # frames a second
        for speed, arrays in counts.items():
            assert arrays[ear] == pytest.approx(len(samples) / 16_000 / speed * rate, abs=2)
    assert [ear.shape[-1] for ear in extractor.extract(samples)] == [1536, 864, FEATURE_COUNT]


def test_a_clip_is_described_by_statistics_of_all_its_states_and_its_melody(encoders: Encoders, few: Clips) -> None:
    samples, _ = soundfile.read(few[0].path, dtype="float32")
    mel, wave = LogMel()(torch.from_numpy(samples)[None])
    with torch.inference_mode():
        states = [WhisperEncoder.of(encoders.whisper)(mel)[0], MoonshineEncoder.of(encoders.moonshine)(wave)[0]]
    expected = [part for some in states for part in (some.mean(dim=0), (some.var(dim=0, unbiased=False) + 1e-5).sqrt())]
    expected.append(pitch_statistics(PitchFrontEnd()(wave))[0])
    torch.testing.assert_close(FrameExtractor(encoders).extract(samples)[2], torch.cat(expected), atol=1e-3, rtol=1e-3)


def test_the_small_ear_hears_the_clip_played_at_that_speed(encoders: Encoders) -> None:
    """A swelling hum, whose loudest sample is the same at any speed: frames begin there."""
    extractor = FrameExtractor(encoders)
    times = np.arange(-8_000, 8_000)
    samples = (np.exp(-((times / 3_000) ** 2)) * np.cos(times * (2 * np.pi * 100 / 16_000))).astype(np.float32)
    small, reference = extractor.extract(samples, 1.1)[1], extractor.extract(at_speed(samples, 1.1))[1]
    frames = min(len(small), len(reference))
    assert np.corrcoef(small[:frames].ravel(), reference[:frames].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("speed", [0.75, 1.0, 1.25])
def test_a_tenth_of_a_second_is_heard(encoders: Encoders, whitenings: Whitenings, speed: float) -> None:
    samples = np.sin(np.arange(1_600) / 9).astype(np.float32)
    for arrays in FrameExtractor(encoders, whitenings).extract(samples, speed):
        assert arrays.isfinite().all()
        assert len(arrays) >= 1


@pytest.mark.usefixtures("_fresh")
def test_of_a_long_clip_the_beginning_is_heard(
    encoders: Encoders, whitenings: Whitenings, few: Clips, tmp_path: Path
) -> None:
    samples, _ = soundfile.read(few[0].path)
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 14), 16_000)
    frames = extract_frames(encoders, whitenings, [(replace(few[0], root=tmp_path, name="long.wav"), Variant())])
    assert frames.lengths[0] == MAX_CLIP_S * 25


# Whitening


def test_whitened_frames_repeat_nothing(encoders: Encoders, whitenings: Whitenings, few: Clips) -> None:
    """On the frames that it was learned from, which here are all there are."""
    frames = extract_frames(encoders, whitenings, [(clip, Variant()) for clip in few])
    for ear in (0, 1):
        table = np.concatenate([arrays[ear] for arrays in frames.arrays])
        covariance = np.cov(table.astype(np.float64).T, bias=True)
        deviations = np.sqrt(np.diag(covariance))
        assert (np.diff(deviations[:20]) < 1e-3).all()  # in their order
        strong = deviations > 0.02 * deviations[0]
        likeness = (covariance / np.outer(deviations, deviations))[np.ix_(strong, strong)]
        assert np.abs(likeness - np.eye(len(likeness))).max() < 0.02
        assert np.abs(table.mean(axis=0, dtype=np.float64)).max() < 0.01


def test_a_whitening_is_learned_once(encoders: Encoders, few: Clips, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "kept.sqlite")

    def train(clips: Clips, seed: int = 0) -> Whitenings:
        return fit_whitenings(encoders, clips, np.random.default_rng(seed), cache=cache)

    first = train(few[:1])
    again = train(few[:1])
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.mean, other.mean)
        assert torch.equal(one.components, other.components)
    (key,) = _keys(cache)
    cache.put_many({key: np.zeros_like(np.frombuffer(cache.get_many([key])[key], np.float32)).tobytes()})
    assert not train(few[:1])[0].components.any()  # it is what was kept
    assert train(few[1:2])[0].components.any()  # other clips are another matter


def test_a_whitening_depends_on_sound_and_not_on_labels_names_or_folders(
    encoders: Encoders, few: Clips, tmp_path: Path
) -> None:
    moved = Clips(
        replace(clip, root=tmp_path, name=f"{index}.wav", emotion="happy", speaker="toy/09")
        for index, clip in enumerate(few[:2])
    )
    for clip, copy in zip(few[:2], moved, strict=True):
        shutil.copy(clip.path, copy.path)
    one, other = (
        fit_whitenings(encoders, clips, np.random.default_rng(0), cache=Cache(None)) for clips in (few[:2], moved)
    )
    for mine, theirs in zip(one, other, strict=True):
        assert torch.equal(mine.components, theirs.components)


def _keys(cache: Cache) -> list[str]:
    connection = cache._connect()
    assert connection is not None
    try:
        return [key for (key,) in connection.execute("SELECT key FROM kept")]
    finally:
        connection.close()
