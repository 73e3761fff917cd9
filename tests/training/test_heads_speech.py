"""The head that tells whether somebody speaks: on rows made up, and on toy clips against noise made by code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from hearfelt.augmentation.noises import NOISES
from hearfelt.corpora.clips import Clips
from hearfelt.errors import AudioError
from hearfelt.models.encoders.tiny import TinyEncoder
from hearfelt.training import heads
from hearfelt.training.augmented_copies import ORIGINAL, degrade_reproducibly
from hearfelt.training.clip_statistics import MAX_CLIP_S, extract_sounds, extract_statistics
from hearfelt.training.heads import SpeechHead, fit_speech_head, noise_sounds


def rows_of(count: int, middle: float, seed: int) -> np.ndarray:
    """Rows whose first number tells, and nine that do not."""
    rows = np.random.default_rng(seed).normal(size=(count, 10))
    rows[:, 0] += middle
    return rows.astype(np.float32)


def logits_of(head: SpeechHead, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return head.layer(torch.from_numpy(rows))[:, 0].numpy()


@pytest.fixture(scope="module")
def fitted() -> SpeechHead:
    return fit_speech_head(rows_of(300, 4.0, 0), ["a", "b"] * 150, rows_of(40, -4.0, 1), ["rain", "tone"] * 20)


def test_speech_is_above_the_threshold_and_noise_below(fitted: SpeechHead) -> None:
    assert (logits_of(fitted, rows_of(100, 4.0, 2)) > fitted.threshold).mean() > 0.97
    assert (logits_of(fitted, rows_of(100, -4.0, 3)) < fitted.threshold).mean() > 0.97


def test_the_number_that_tells_weighs_most(fitted: SpeechHead) -> None:
    weights = fitted.layer.weight.detach().numpy()[0]
    assert weights[0] > 5 * np.abs(weights[1:]).max()
    assert not fitted.layer.training


def test_few_sounds_without_a_voice_count_as_much_as_many_with_one() -> None:
    """Rows that overlap, forty times as many of them speech: the logit is 0 between both all the same."""
    speech, noise = rows_of(4_000, 0.5, 0), rows_of(100, -0.5, 1)
    head = fit_speech_head(speech, ["a"] * 4_000, noise, ["rain"] * 100)
    assert logits_of(head, np.zeros((1, 10), np.float32))[0] == pytest.approx(0.0, abs=0.2)


def test_a_kind_of_noise_that_is_near_speech_has_its_say() -> None:
    """The threshold is between the hardest kind and speech, however many easy sounds there are."""
    easy, hard, speech = rows_of(500, -20.0, 0), rows_of(20, -1.0, 1), rows_of(200, 3.0, 2)
    head = fit_speech_head(speech, ["a"] * 200, np.concatenate([easy, hard]), ["rain"] * 500 + ["notes"] * 20)
    assert (logits_of(head, hard) < head.threshold).mean() > 0.75
    assert (logits_of(head, speech) > head.threshold).mean() > 0.9


# Sounds


def test_noise_of_every_kind_is_made_and_is_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_OF_EACH_KIND", 2)
    (sounds, kinds), (again, _) = noise_sounds(), noise_sounds()
    assert kinds == [kind for kind in NOISES for _ in range(2)]
    for one, other in zip(sounds, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({sound.tobytes() for sound in sounds}) == len(sounds)


def test_files_of_a_folder_are_used_as_they_are_and_degraded(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name, rate_hz, seconds in (("car-horn-12-0.wav", 16_000, 1), ("rain3.wav", 8_000, 20)):
        soundfile.write(tmp_path / name, generator.normal(0, 0.1, rate_hz * seconds), rate_hz)
    (tmp_path / "sources.txt").write_text("no sound")
    made = len(noise_sounds()[0])
    sounds, kinds = noise_sounds(tmp_path)
    assert kinds[made:] == ["car-horn", "car-horn", "rain", "rain"]
    assert [len(sound) for sound in sounds[made::2]] == [16_000, MAX_CLIP_S * 16_000]  # at 16 kHz, and not too long
    for plain, worn in zip(sounds[made::2], sounds[made + 1 :: 2], strict=True):
        np.testing.assert_array_equal(worn, degrade_reproducibly(plain))


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="there is no such folder"):
        noise_sounds(tmp_path / "none")


def make_encoder() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TinyEncoder(16, fine_blocks=1, coarse_blocks=2, dimensions=8).eval()


def test_noise_is_told_from_toy_speech(toy_clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    """By statistics of a random encoder and of pitch, scaled as a network scales them."""
    monkeypatch.setattr(heads, "_OF_EACH_KIND", 3)
    sounds, kinds = noise_sounds()
    clips = toy_clips[::3]
    speech = extract_statistics(make_encoder, [(clip, ORIGINAL) for clip in clips], processes=1).values
    noise = extract_sounds(make_encoder, sounds)
    speech, noise = speech.astype(np.float32), noise.astype(np.float32)
    mean, deviation = speech.mean(axis=0), speech.std(axis=0) + 0.01
    speech, noise = (((rows - mean) / deviation).clip(-8, 8) for rows in (speech, noise))
    half = np.arange(len(noise)) % 3 > 0
    head = fit_speech_head(speech[::2], [clip.corpus for clip in clips[::2]], noise[half], np.array(kinds)[half])
    assert (logits_of(head, speech[1::2]) > head.threshold).mean() >= 0.8
    assert (logits_of(head, noise[~half]) < head.threshold).mean() >= 0.8
