from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt.audio.decoders.raw import RawFormat, RawSound
from hearfelt.inference.explain.occlusion import (
    BANDS_HZ,
    FADE,
    MOST_WINDOWS,
    Occlusion,
    occluded,
    windows,
    without_band,
    without_time,
)
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.windowing import RATE_HZ

LABELS = ("calm", "surprised")


def tone(hz: float, seconds: float = 3.0) -> np.ndarray:
    return (0.1 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


@pytest.fixture(scope="module")
def whistle_hearer(make_sound_model: Callable[..., bytes]) -> Recognizer:
    """A model that is surprised by 3 kHz and by nothing else."""
    return Recognizer(
        make_sound_model({"labels": LABELS, "window_s": 4.0}, tones_hz=(3_000.0,), weights=np.array([[-1.0, 1.0]]))
    )


def a_hum_with_a_whistle(seconds: float, start_s: float, end_s: float) -> np.ndarray:
    """A hum of three tones and quiet noise all along, and 3 kHz for a while."""
    hum = tone(200, seconds) + tone(1_400, seconds) + tone(5_000, seconds)
    sound = hum + np.random.default_rng(0).normal(0, 0.003, round(seconds * RATE_HZ))
    place = slice(round(start_s * RATE_HZ), round(end_s * RATE_HZ))
    sound[place] += 3 * tone(3_000, seconds)[place]
    return sound.astype(np.float32)


@pytest.mark.parametrize(("seconds", "start_s"), [(3.0, 1.9), (3.0, 0.0), (11.0, 7.1), (70.0, 41.0)])
def test_the_time_and_the_band_of_the_one_sound_it_reacts_to_stand_out(
    seconds: float, start_s: float, whistle_hearer: Recognizer
) -> None:
    length_s = max(0.3, seconds / 100)
    why = whistle_hearer.explain(a_hum_with_a_whistle(seconds, start_s, start_s + length_s), RATE_HZ)
    assert isinstance(why, Occlusion)
    assert why.times_s[why.strongest_time] == pytest.approx(start_s + length_s / 2, abs=why.window_s / 2 + 0.05)
    low, high = why.bands_hz[why.strongest_band]
    assert low < 3_000 < high
    effects = np.array(why.time_effects) * (1 if why.emotion == "surprised" else -1)
    near = np.abs(np.array(why.times_s) - start_s - length_s / 2) < (length_s + why.window_s) / 2 + 0.05
    assert effects[near].max() > 3 * np.abs(effects[~near]).max()
    bands = np.abs(np.delete(why.band_effects, why.strongest_band))
    assert abs(why.band_effects[why.strongest_band]) > 3 * bands.max()


def test_effects_are_in_log_odds_of_the_answer_and_the_answer_is_the_usual_one(whistle_hearer: Recognizer) -> None:
    sound = a_hum_with_a_whistle(2.0, 0.5, 1.0)
    why, answer = whistle_hearer.explain(sound, RATE_HZ), whistle_hearer.recognize(sound, RATE_HZ)
    assert isinstance(why, Occlusion)
    assert why.prediction == answer
    assert why.log_odds == pytest.approx(np.log(answer.confidence / (1 - answer.confidence)), abs=1e-6)
    place = why.strongest_band
    p = whistle_hearer.recognize(without_band(sound, why.bands_hz[place]), RATE_HZ).probabilities[answer.emotion]
    assert why.band_effects[place] == pytest.approx(why.log_odds - np.log(p / (1 - p)), abs=1e-4)


def test_it_becomes_json_and_says_that_it_is_no_cause(whistle_hearer: Recognizer) -> None:
    why = whistle_hearer.explain(a_hum_with_a_whistle(1.0, 0.5, 0.7), RATE_HZ)
    assert isinstance(why, Occlusion)
    said = json.loads(json.dumps(why.to_dict()))
    assert said["method"] == "occlusion"
    assert "not a cause" in said["says"]
    assert len(said["times_s"]) == len(said["time_effects"])
    assert len(said["bands_hz"]) == len(said["band_effects"]) == 8


@given(duration_s=st.floats(0.1, 36_000))
def test_however_long_a_sound_a_bounded_number_of_stretches_covers_it(duration_s: float) -> None:
    times_s, window_s = windows(duration_s)
    assert 1 < len(times_s) <= MOST_WINDOWS
    assert times_s[0] - window_s / 2 == pytest.approx(0, abs=1e-6)
    assert times_s[-1] + window_s / 2 == pytest.approx(duration_s)
    assert np.diff(times_s).max() <= window_s / 2
    assert window_s <= duration_s / 4 + 1e-9


def test_only_blocks_that_a_stretch_touches_are_run_again() -> None:
    seen = []

    def run(block: np.ndarray) -> np.ndarray:
        seen.append(len(block))
        return np.array([block.std(), 0.0])

    parts = [tone(300, 5.0)] * 12  # a minute
    runs = occluded(parts, run, 60.0)
    assert runs.without_time.shape == (len(windows(60.0)[0]), 2)
    assert runs.without_band.shape == (8, 2)
    assert len(seen) < 12 * (1 + 8) + 3 * MOST_WINDOWS


def test_a_stretch_taken_away_is_silent_and_the_rest_is_as_it_was() -> None:
    sound = tone(300) + 0.2
    quiet = without_time(sound, 10_000, 14_000)
    assert np.ptp(quiet[10_000:14_000]) == 0
    assert quiet[12_000] == pytest.approx(0.2, abs=1e-3)
    np.testing.assert_array_equal(quiet[: 10_000 - FADE], sound[: 10_000 - FADE])
    np.testing.assert_array_equal(quiet[14_000 + FADE :], sound[14_000 + FADE :])
    assert np.abs(np.diff(quiet)).max() < 1.2 * np.abs(np.diff(sound)).max()


@pytest.mark.parametrize("place", range(8))
def test_a_band_taken_away_is_gone_and_the_others_keep_their_level(place: int) -> None:
    for other, (low, high) in enumerate(BANDS_HZ):
        sound = tone((low + high) / 2)
        kept = without_band(sound, BANDS_HZ[place])[RATE_HZ : 2 * RATE_HZ].std() / sound.std()
        assert kept == pytest.approx(0.0 if other == place else 1.0, abs=0.01)


def test_bands_lie_side_by_side_from_nothing_to_8_khz_and_are_as_wide_as_the_ear_hears_them() -> None:
    assert BANDS_HZ[0][0] == 0
    assert BANDS_HZ[-1][1] == 8_000
    assert all(one[1] == other[0] for one, other in itertools.pairwise(BANDS_HZ))
    widths = [2595 * np.log10((700 + high) / (700 + low)) for low, high in BANDS_HZ]
    assert widths == pytest.approx([355] * 8, rel=0.01)


def test_a_pipe_of_unknown_length_is_explained_as_the_file_is(
    sound_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("windowing", "sound_model"):
        monkeypatch.setattr(f"hearfelt.inference.{module}.LONG_S", 2.0)  # a minute is a long time in a test
    noise = np.random.default_rng(3).normal(0, 0.1, 80_000)  # 10 s
    data = (noise * 32_767).astype("<i2").tobytes()
    recognizer = Recognizer.load(sound_model)

    class Pipe:
        def __init__(self) -> None:
            self._file = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self._file.read(size)

    form = RawFormat("s16le", 8_000)
    piped = recognizer.explain(RawSound(Pipe(), form))  # type: ignore[arg-type]
    whole = recognizer.explain(RawSound(data, form))
    assert isinstance(piped, Occlusion)
    assert isinstance(whole, Occlusion)
    assert piped.times_s == whole.times_s
    assert piped.emotion == whole.emotion
