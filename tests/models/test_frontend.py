"""The front end: the same mel as librosa's, and nothing that says how loud, how early or how far away a voice is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.reference_sounds import answers
from torch import Tensor

from hearfelt.audio.reader import read_audio, resample
from hearfelt.models.frontend import BANDS, CONTEXT, FLOOR, FRAME, HOP, LEVEL, RATE_HZ, SPEECH_RANGE, LogMel, mel_bank

EXAMPLES = Path(__file__).parents[2] / "src" / "hearfelt" / "examples"
CENTRES_HZ = answers()["mel-centres-hz"]


@pytest.fixture(scope="module")
def voice() -> Tensor:
    """An example's sound, ``(1, n)``."""
    audio = read_audio(EXAMPLES / "synthetic-happy.flac")
    return torch.from_numpy(resample(audio.samples, audio.rate_hz, RATE_HZ))[None]


def tone(frequency_hz: float, seconds: float = 1.0) -> Tensor:
    times = torch.arange(int(seconds * RATE_HZ), dtype=torch.float64) / RATE_HZ
    return (0.3 * torch.sin(2 * torch.pi * frequency_hz * times)).float()[None]


def noise(seconds: float, deviation: float = 1.0, seed: int = 0) -> Tensor:
    values = np.random.default_rng(seed).normal(0, deviation, (1, int(seconds * RATE_HZ)))
    return torch.from_numpy(values.astype(np.float32))


def power(samples: Tensor) -> Tensor:
    """Mel power ``(bands, frames)`` as torch and librosa compute it, with none of our own code."""
    centred = (samples - samples.mean()).double()
    loudest = int(centred.abs().argmax())
    centred = torch.nn.functional.pad(centred, (-loudest % HOP, 0))  # to the middle of a frame
    window = torch.hann_window(FRAME, periodic=True, dtype=torch.float64)
    bins = torch.stft(centred, FRAME, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    bank = torch.from_numpy(answers()["mel-whisper"]).double()
    return bank @ bins[0, :, :-1].abs().square()


# The mel


def test_the_mel_filters_are_librosas() -> None:
    np.testing.assert_allclose(mel_bank().numpy(), answers()["mel-whisper"], atol=1e-6)


@pytest.mark.parametrize("frame", [280, 360, 400, 440, 520])
def test_filters_of_another_frame_are_the_same_bands_40_hz_a_bin(frame: int) -> None:
    bins = min(frame // 2, FRAME // 2) + 1
    torch.testing.assert_close(mel_bank(frame)[:, :bins], mel_bank()[:, :bins])
    assert mel_bank(frame)[:, bins:].count_nonzero() == 0  # what is above 8 kHz is not heard


def test_steady_noise_gives_the_frames_of_a_plain_fourier_transform() -> None:
    samples = noise(1.0, 0.1)
    expected = power(samples)
    level = expected.sum(dim=0).mean()
    mel, wave = LogMel()(samples)
    torch.testing.assert_close(mel[0].double(), ((expected / level).log10() + LEVEL + 4) / 4, atol=1e-4, rtol=0)
    torch.testing.assert_close(
        wave[:, -samples.shape[1] :], (samples - samples.mean()) * (10**LEVEL / level).sqrt().float()
    )


def test_a_voice_gives_them_levelled_by_its_spoken_frames_and_cut_at_the_floor(voice: Tensor) -> None:
    expected = power(voice).numpy()
    energy = expected.sum(axis=0)
    is_speech = energy[energy > energy.max() * 10**-SPEECH_RANGE]
    logarithm = np.log10(np.maximum(expected / is_speech.mean(), 1e-30)) + LEVEL
    floored = np.maximum(logarithm, logarithm.max() - FLOOR)
    mel = LogMel()(voice)[0][0].numpy()
    whole = floored.shape[1] - mel.shape[1]
    starts = [np.abs((floored[:, start : start + mel.shape[1]] + 4) / 4 - mel).max() for start in range(whole + 1)]
    assert min(starts) < 1e-3


# Pitch and speed


@pytest.mark.parametrize("speed", [0.8, 0.9, 1.0, 1.1, 1.2])
def test_a_tone_of_1000_hz_is_heard_at_1000_hz_times_the_speed(speed: float) -> None:
    mel, _ = LogMel(speed)(tone(1_000))
    loudest = int(mel[0].mean(dim=1).argmax())
    assert abs(CENTRES_HZ[loudest] - 1_000 * speed) < 40  # the bins are 40 Hz apart


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_hearing_faster_is_what_playing_faster_would_be(voice: Tensor, speed: float) -> None:
    played = torch.from_numpy(resample(voice[0].numpy(), round(10_000 * speed), 10_000))[None]
    is_kept, reference = LogMel(speed)(voice)[0][0], LogMel()(played)[0][0]
    assert abs(is_kept.shape[1] - reference.shape[1]) <= 1
    frames = min(is_kept.shape[1], reference.shape[1])
    low = slice(0, 65)  # the resampler's filter takes the highest bands away
    assert np.corrcoef(is_kept[low, :frames].ravel(), reference[low, :frames].ravel())[0, 1] > 0.98


# Level and offset


@pytest.mark.parametrize("gain_db", [-20, 20])
def test_gain_changes_nothing(voice: Tensor, gain_db: float) -> None:
    for before, after in zip(LogMel()(voice), LogMel()(voice * 10 ** (gain_db / 20)), strict=True):
        torch.testing.assert_close(after, before, atol=1e-3, rtol=0)


@pytest.mark.parametrize("offset", [-0.3, 0.05])
def test_an_offset_changes_nothing(voice: Tensor, offset: float) -> None:
    for before, after in zip(LogMel()(voice), LogMel()(voice + offset), strict=True):
        torch.testing.assert_close(after, before, atol=1e-3, rtol=0)


def test_a_click_changes_the_level_by_little(voice: Tensor) -> None:
    clicked = voice.clone()
    clicked[0, 8_000] += 3 * voice.abs().max()
    before, after = (float(LogMel()(sound)[1].square().mean()) for sound in (voice, clicked))
    assert abs(10 * np.log10(after / before)) < 3


def test_what_was_levelled_once_stays_as_it_is(voice: Tensor) -> None:
    once = LogMel()(voice)[1]
    twice = LogMel()(once)[1]
    torch.testing.assert_close(twice, once, atol=0.01 * float(once.abs().max()), rtol=0)


# Ends


def test_silence_at_the_ends_is_trimmed(voice: Tensor) -> None:
    alone = LogMel()(voice)[0]
    padded = torch.cat([torch.zeros(1, RATE_HZ), voice, torch.zeros(1, 2 * RATE_HZ)], dim=1)
    mel, wave = LogMel()(padded)
    assert wave.shape[1] == mel.shape[2] * HOP
    assert alone.shape[2] <= mel.shape[2] <= alone.shape[2] + 2 * CONTEXT + 2


def test_white_noise_35_db_under_the_voice_does_not_bring_silence_back(voice: Tensor) -> None:
    padded = torch.cat([torch.zeros(1, RATE_HZ), voice, torch.zeros(1, RATE_HZ)], dim=1)
    loudness = float(voice.square().mean().sqrt())
    hiss = noise(padded.shape[1] / RATE_HZ, loudness * 10 ** (-35 / 20))
    silent, noisy = LogMel()(padded)[0].shape[2], LogMel()(padded + hiss)[0].shape[2]
    assert abs(noisy - silent) <= 5
    assert noisy < padded.shape[1] // HOP - 100


def test_a_pause_between_words_is_kept() -> None:
    words = torch.cat([tone(300), torch.zeros(1, RATE_HZ), tone(300)], dim=1)
    assert LogMel()(words)[0].shape[2] == 300


# What is hard to hear


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("n", [1_600, 1_601, 1_759])
def test_a_tenth_of_a_second_is_enough(n: int, speed: float) -> None:
    mel, wave = LogMel(speed)(tone(500)[:, :n])
    hop = round(HOP * speed)
    assert mel.shape[:2] == (1, BANDS)
    assert mel.shape[2] - n // hop in (0, 1)  # the loudest sample comes to the middle of a frame
    assert mel.isfinite().all()
    assert wave.shape[1] >= 1_500


@pytest.mark.parametrize(
    "samples",
    [
        tone(220).sign(),
        100 * tone(220).sign(),
        noise(1.0, 1e-6),
        noise(1.0, 1e-12),
        torch.zeros(1, RATE_HZ),
        torch.full((1, RATE_HZ), 0.5),
        torch.nn.functional.one_hot(torch.tensor([5_000]), RATE_HZ).float(),
    ],
    ids=["square wave", "40 dB over full scale", "near silence", "nearer silence", "silence", "offset", "click"],
)
def test_every_sound_has_finite_frames(samples: Tensor) -> None:
    mel, wave = LogMel()(samples)
    assert mel.isfinite().all()
    assert wave.isfinite().all()
    assert mel.shape[2] >= 1
    assert mel.max() - mel.min() <= FLOOR / 4 + 1e-5


# Where frames begin


@pytest.mark.parametrize("before", [1, 37, 80, 160, 1_001, 4_000])
def test_silence_before_a_voice_changes_nothing_at_all(before: int) -> None:
    """Half a frame more or less would change one answer in twenty."""
    quiet = torch.zeros(1, 3_000)
    is_speech = torch.cat([quiet, tone(440.0) * torch.hann_window(RATE_HZ)[None], quiet], dim=1)
    later = torch.cat([torch.zeros(1, before), is_speech], dim=1)
    for one, other in zip(LogMel()(is_speech), LogMel()(later), strict=True):
        torch.testing.assert_close(other, one, atol=1e-3, rtol=1e-3)
