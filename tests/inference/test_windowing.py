from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.audio.reader import AudioReader, open_audio, read_audio, resample
from hearfelt.errors import AudioError
from hearfelt.inference.windowing import LONG_S, RATE_HZ, BlockOutput, blocks_of, centred, frame_powers, pooled


def noise(seconds: float, rate_hz: int = RATE_HZ, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate_hz)).astype(np.float32)


def blocks(sound: np.ndarray | bytes, rate_hz: int | None, window_s: float) -> list[np.ndarray]:
    with open_audio(sound, rate_hz) as reader:
        return list(blocks_of(reader, window_s))


@settings(max_examples=60, deadline=None)
@given(seconds=st.floats(0.1, 20), window_s=st.floats(1, 8), rate_hz=st.sampled_from([8_000, 16_000, 22_050, 48_000]))
def test_blocks_are_equal_at_most_a_window_long_and_together_the_whole_sound(
    seconds: float, window_s: float, rate_hz: int
) -> None:
    sound = noise(seconds + 1e-3, rate_hz)
    parts = blocks(sound, rate_hz, window_s)
    lengths = [len(part) for part in parts]
    assert max(lengths) <= round(window_s * RATE_HZ)
    assert max(lengths) - min(lengths) < len(parts)
    assert len(parts) == -(-sum(lengths) // round(window_s * RATE_HZ))
    np.testing.assert_array_equal(np.concatenate(parts), resample(centred(sound), rate_hz, RATE_HZ))


def test_without_a_window_there_is_one_block() -> None:
    assert [len(part) for part in blocks(noise(7.5), RATE_HZ, 0.0)] == [120_000]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100])
def test_a_sound_too_long_to_be_held_gives_the_blocks_of_one_that_is(rate_hz: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, noise(LONG_S + 7.3, rate_hz), rate_hz, format="WAV", subtype="FLOAT")
    parts = blocks(file.getvalue(), None, 5.0)
    audio = read_audio(file.getvalue())
    whole = resample(centred(audio.samples), rate_hz, RATE_HZ)
    length = -(-len(whole) // 14)
    assert [len(part) for part in parts[:-1]] == [length] * 13
    joined = np.concatenate(parts)
    assert abs(len(joined) - len(whole)) <= 1
    shared = min(len(joined), len(whole))
    np.testing.assert_allclose(joined[:shared], whole[:shared], atol=1e-5)


@pytest.mark.parametrize("seconds", [1.0, LONG_S + 2])
def test_an_offset_is_gone_before_it_can_click(seconds: float) -> None:
    sound = noise(seconds, 22_050) * np.float32(0.01)
    plain, offset = (np.concatenate(blocks(one, 22_050, 5.0)) for one in (sound, sound + np.float32(0.3)))
    np.testing.assert_allclose(offset, plain, atol=1e-5)


def test_long_silence_is_refused_as_short_silence_is() -> None:
    for seconds in (1, LONG_S + 5):
        with pytest.raises(AudioError, match="only silence"):
            blocks(np.full(round(seconds * 8_000), 0.2, np.float32), 8_000, 5.0)


def test_the_power_of_a_sine_is_half_its_squared_height_whatever_its_offset() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    sine = (0.3 * np.sin(2 * np.pi * 400 * time_s) + 0.5).astype(np.float32)
    np.testing.assert_allclose(frame_powers(sine), np.full(50, 0.045), rtol=1e-4)


def test_each_block_weighs_as_much_as_there_is_sound_in_it() -> None:
    loud, half = np.full(100, 1.0), np.repeat([1.0, 9e-5], 50)  # 40 dB are a factor of 1e-4 in power
    answers = [BlockOutput(np.array([3.0, 0.0]), loud), BlockOutput(np.array([0.0, 9.0]), half)]
    np.testing.assert_allclose(pooled(answers), [2.0, 3.0])


def test_how_loud_everything_is_together_does_not_matter() -> None:
    powers = [np.full(10, 1.0), np.full(10, 2e-4), np.full(10, 5e-5)]
    for gain in (1e-6, 1.0, 1e6):
        answers = [BlockOutput(np.array([float(place)]), gain * power) for place, power in enumerate(powers)]
        np.testing.assert_allclose(pooled(answers), [0.5])


def test_one_block_is_answered_by_its_own_output_and_silence_everywhere_counts_alike() -> None:
    output = np.array([0.1, 0.2])
    assert pooled([BlockOutput(output, np.zeros(5))]) is output
    np.testing.assert_allclose(pooled([BlockOutput(output * k, np.zeros(5)) for k in (1, 3)]), output * 2)


@pytest.mark.parametrize("seconds", [20, 90])
@pytest.mark.parametrize("promised_s", [0, 1, 91.3, 40_000])
def test_a_promise_of_the_length_that_is_wrong_changes_no_sample_and_makes_no_long_block(
    seconds: int, promised_s: float
) -> None:
    parts = [noise(1, seed=number) for number in range(seconds)]
    reader = AudioReader(iter(parts), RATE_HZ, round(promised_s * RATE_HZ), channels=1, name="sound")
    given = list(blocks_of(reader, 5.0))
    assert max(map(len, given)) <= 5 * RATE_HZ
    joined = np.concatenate(given)
    np.testing.assert_allclose(joined, np.concatenate(parts)[: len(joined)], atol=1e-2)  # without its mean
    assert seconds - 0.1 <= len(joined) / RATE_HZ <= seconds
