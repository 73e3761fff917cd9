"""The 162 features: the same numbers as librosa's, on tones, noise and clips of RAVDESS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.reference_sounds import EVERY_CLIP, answers, feature_sounds, noise, tone

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.errors import AudioError
from hearfelt.features.classic import FEATURE_NAMES, GROUPS, RATE_HZ, SEED_WINDOW, classic_features, measured_part

Samples = npt.NDArray[np.float32]

BAR = 1e-4


def our_features(paths: list[Path]) -> Samples:
    audios = map(read_audio, paths)
    return np.array([classic_features(audio.samples, audio.rate_hz) for audio in audios])


def deviations(ours: Samples, theirs: Samples) -> Samples:
    return np.abs(ours - theirs) / np.maximum(np.abs(theirs), theirs.std(axis=0))


def test_there_are_162_features_in_five_groups_without_a_gap() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 162
    assert list(GROUPS) == ["chroma", "mfcc", "zero_crossing_rate", "mel", "rms"]
    places = [place for group in GROUPS.values() for place in range(162)[group]]
    assert places == list(range(162))
    for group, span in GROUPS.items():
        assert all(name.startswith(group) for name in FEATURE_NAMES[span])


@pytest.mark.corpora
def test_clips_of_ravdess_have_the_numbers_of_the_seeds_librosa_calls(ravdess: Path) -> None:
    paths = audio_files(ravdess)
    assert len(paths) == 2_452
    worst = deviations(our_features(paths[::EVERY_CLIP]), answers()["features-ravdess"]).max(axis=0)
    assert worst.max() <= BAR, FEATURE_NAMES[worst.argmax()]


@pytest.mark.corpora
def test_ravdess_as_published_at_48_khz_has_the_numbers_of_the_seeds_librosa_calls(corpora_home: Path) -> None:
    paths = audio_files(corpora_home / "originals" / "ravdess")
    assert {read_audio(path).rate_hz for path in paths} == {48_000}
    assert {read_audio(path).channels for path in paths} == {1, 2}
    found = deviations(our_features(paths), answers()["features-48-khz"])
    chroma = np.arange(found.shape[1]) < GROUPS["chroma"].stop
    assert found[:, ~chroma].max() <= BAR
    # The tuning is the fullest bin of a histogram; where two are equally full, the processor's last digit decides.
    assert np.count_nonzero(found.max(axis=1) > BAR) <= 1
    assert found.max() <= 0.02


def test_noise_and_tones_at_many_rates_have_the_numbers_of_the_seeds_librosa_calls(tmp_path: Path) -> None:
    ours = our_features(feature_sounds(tmp_path))
    assert deviations(ours, answers()["features-made"]).max() <= BAR


def test_the_chroma_of_440_hz_is_highest_at_a_and_an_octave_higher_too() -> None:
    for frequency_hz in (220.0, 440.0, 880.0, 1760.0):
        chroma = classic_features(tone(frequency_hz), RATE_HZ)[GROUPS["chroma"]]
        assert FEATURE_NAMES[chroma.argmax()] == "chroma_a"
    middle_c = classic_features(tone(261.63), RATE_HZ)[GROUPS["chroma"]]
    assert FEATURE_NAMES[middle_c.argmax()] == "chroma_c"


def test_the_zero_crossing_rate_of_a_tone_is_twice_its_frequency() -> None:
    rate = classic_features(tone(1000.0), RATE_HZ)[GROUPS["zero_crossing_rate"]].item()
    edge_share = 2 * 1024 / (2.5 * RATE_HZ)  # half of the first and of the last frame is padding
    assert rate * RATE_HZ == pytest.approx(2000.0, rel=edge_share)


def test_the_rms_of_a_tone_is_its_amplitude_over_the_root_of_two() -> None:
    rms = classic_features(tone(1000.0, amplitude=0.8), RATE_HZ)[GROUPS["rms"]].item()
    assert rms == pytest.approx(0.8 / np.sqrt(2), rel=0.02)


def test_twice_as_loud_is_four_times_the_mel_power_and_no_change_of_notes() -> None:
    quiet, loud = (classic_features(gain * noise(3.0), RATE_HZ) for gain in (np.float32(0.5), np.float32(1.0)))
    np.testing.assert_allclose(loud[GROUPS["mel"]], 4 * quiet[GROUPS["mel"]], rtol=1e-5)
    np.testing.assert_allclose(loud[GROUPS["rms"]], 2 * quiet[GROUPS["rms"]], rtol=1e-5)
    np.testing.assert_allclose(loud[GROUPS["chroma"]], quiet[GROUPS["chroma"]], rtol=1e-5)
    six_db = 20 * np.log10(2) * np.sqrt(128)  # the first coefficient is the sum of the bands over their root
    mfcc = GROUPS["mfcc"]
    assert loud[mfcc][0] - quiet[mfcc][0] == pytest.approx(six_db, rel=1e-4)
    np.testing.assert_allclose(loud[mfcc][1:], quiet[mfcc][1:], atol=1e-3)


def test_a_tone_is_loudest_in_the_mel_band_around_it() -> None:
    mel = classic_features(tone(3000.0), RATE_HZ)[GROUPS["mel"]]

    # 3,000 Hz on Slaney's scale, of which 130 evenly spaced points from 0 Hz to 11,025 Hz bound 128 bands
    def place(frequency_hz: float) -> float:
        return 15 + np.log(frequency_hz / 1000) * 27 / np.log(6.4)

    assert mel.argmax() == round(place(3000.0) / place(11_025.0) * 129) - 1


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.7, 1.0, 3.0])
def test_silence_has_finite_features_without_power(seconds: float) -> None:
    features = classic_features(np.zeros(int(seconds * RATE_HZ), dtype=np.float32), RATE_HZ)
    assert np.isfinite(features).all()
    assert not features[GROUPS["chroma"]].any()
    assert not features[GROUPS["mel"]].any()
    assert features[GROUPS["rms"]].item() == 0
    assert features[GROUPS["mfcc"]][0] == pytest.approx(-100 * np.sqrt(128))
    np.testing.assert_allclose(features[GROUPS["mfcc"]][1:], 0, atol=1e-3)


@pytest.mark.parametrize("sound", [np.ones(9000), -np.ones(9000), np.full(9000, 2.0**-15), np.eye(1, 9000, 4000)[0]])
def test_full_scale_constant_and_single_click_have_finite_features(sound: Samples) -> None:
    assert np.isfinite(classic_features(sound.astype(np.float32), 8000)).all()


@pytest.mark.parametrize(
    ("seconds", "start", "end"),
    [
        (4.0, 0.6, 3.1),
        (3.1, 0.6, 3.1),
        (2.0, 0.6, 2.0),
        (1.6, 0.6, 1.6),
        (1.3, 0.3, 1.3),
        (1.0, 0.0, 1.0),
        (0.4, 0.0, 0.4),
    ],
)
def test_the_measured_part_slides_back_in_a_short_clip(seconds: float, start: float, end: float) -> None:
    clip = np.arange(round(1000 * seconds), dtype=np.float32)  # each sample is its own time in ms
    part = SEED_WINDOW.cut(clip, 1000)
    assert (part[0], part[-1]) == (round(1000 * start), round(1000 * end) - 1)


def test_what_is_outside_the_measured_part_changes_nothing() -> None:
    clip = noise(4.0, 48_000)
    other = clip.copy()
    other[: int(0.6 * 48_000)] = 0.9
    other[int(3.1 * 48_000) :] = -0.9
    np.testing.assert_array_equal(classic_features(clip, 48_000), classic_features(other, 48_000))


@pytest.mark.parametrize("size", [1, 700, 1_599, 1_600, 1_601, 3_099, 3_100, 3_101, 3_500, 9_000])
@pytest.mark.parametrize("block", [1, 999, 3_101, 10_000])
def test_of_a_sound_that_goes_by_as_much_is_kept_as_the_measured_part_needs(size: int, block: int) -> None:
    clip = np.arange(size, dtype=np.float32)
    head = SEED_WINDOW.head((clip[start : start + block] for start in range(0, size, block)), 1_000)
    np.testing.assert_array_equal(SEED_WINDOW.cut(head, 1_000), SEED_WINDOW.cut(clip, 1_000))
    assert len(head) <= 3_101


def test_without_a_window_the_whole_clip_is_measured() -> None:
    clip = noise(4.0)
    part = measured_part(clip, RATE_HZ)
    assert part.size == int(2.5 * RATE_HZ)
    np.testing.assert_array_equal(classic_features(part, RATE_HZ, window=None), classic_features(clip, RATE_HZ))
    assert measured_part(clip, RATE_HZ, window=None).size == clip.size


def test_a_clip_has_the_same_features_alone_and_after_others() -> None:
    clip = noise(3.0, seed=1)
    alone = classic_features(clip, RATE_HZ)
    classic_features(noise(3.0, seed=2), RATE_HZ)
    np.testing.assert_array_equal(classic_features(clip, RATE_HZ), alone)


@pytest.mark.parametrize("shape", [(0,), (2, 100), ()])
def test_what_is_no_mono_sound_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match="mono"):
        classic_features(np.zeros(shape, dtype=np.float32), RATE_HZ)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_sample_that_is_not_finite_is_refused_and_never_becomes_a_feature(wrong: float) -> None:
    clip = noise(2.0)
    clip[20_000] = wrong
    with pytest.raises(AudioError, match="not finite"):
        classic_features(clip, RATE_HZ)
