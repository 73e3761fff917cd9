from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.decoders.raw import RawFormat, RawSound
from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import BLOCK, open_audio, read_audio
from hearfelt.errors import AudioError
from hearfelt.runtime.cache import sound_digests

RATE = 16_000
NOISE = np.random.default_rng(7).integers(-9_000, 9_000, 3 * BLOCK, dtype=np.int16)  # of several blocks


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "call.wav"
    soundfile.write(path, NOISE, RATE)
    return path


@pytest.mark.parametrize(
    ("first", "last"), [(0, 4_800), (16_001, 24_003), (BLOCK - 5_000, 2 * BLOCK + 7), (3 * BLOCK - 9_000, None)]
)
def test_a_part_is_these_very_samples_wherever_they_come_from(sound: Path, first: int, last: int | None) -> None:
    times = (first / RATE, None if last is None else last / RATE)
    sources = (sound, str(sound), sound.read_bytes(), io.BytesIO(sound.read_bytes()))
    for source in (*sources, RawSound(NOISE.tobytes(), RawFormat("s16le", RATE))):
        audio = read_audio(Excerpt(source, *times))
        np.testing.assert_array_equal(audio.samples * 32_768, NOISE[first:last])


def test_how_long_a_part_is_is_known_before_it_is_read(sound: Path) -> None:
    for times, seconds in (((1.0, 3.5), 2.5), ((1.0, None), len(NOISE) / RATE - 1), ((0.0, 2.0), 2.0)):
        with open_audio(Excerpt(sound, *times)) as reader:
            assert reader.duration_s == pytest.approx(seconds)
            assert sum(map(len, reader.parts())) == round(seconds * RATE)


def test_a_part_has_the_channel_that_is_asked_for(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "two.wav", np.stack([NOISE, NOISE // 2], axis=1), RATE)
    audio = read_audio(Excerpt(tmp_path / "two.wav", 1.0, 2.0), channel=1)
    np.testing.assert_array_equal(audio.samples * 32_768, NOISE[RATE : 2 * RATE] // 2)


def test_nothing_behind_the_part_is_decoded(sound: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.flac"
    soundfile.write(whole, NOISE, RATE)
    broken = tmp_path / "broken.flac"
    content = whole.read_bytes()
    broken.write_bytes(content[: len(content) * 9 // 10])  # its last tenth is lost
    assert read_audio(broken).warnings
    part = read_audio(Excerpt(broken, 1.0, 2.0), strict=True)
    np.testing.assert_array_equal(part.samples * 32_768, NOISE[RATE : 2 * RATE])


def test_an_end_a_little_behind_the_sound_is_its_end(sound: Path) -> None:
    seconds = len(NOISE) / RATE
    np.testing.assert_array_equal(
        read_audio(Excerpt(sound, 1.0, seconds + 0.09)).samples, read_audio(Excerpt(sound, 1.0)).samples
    )


def test_what_is_there_of_a_part_is_given_and_a_missing_end_is_said(sound: Path) -> None:
    audio = read_audio(Excerpt(sound, 1.0, 60.0))
    np.testing.assert_array_equal(audio.samples * 32_768, NOISE[RATE:])
    (warning,) = audio.warnings
    assert (warning.code, warning.text) == (
        "cut_short",
        "the sound ends at 49.15 s, and the part of it that is wanted at 60.00 s",
    )
    assert warning.numbers == {"there_s": 48.152, "promised_s": 59.0}
    with pytest.raises(AudioError, match=r"call\.wav#t=1,60: the sound ends at 49\.15 s"):
        read_audio(Excerpt(sound, 1.0, 60.0), strict=True)


@pytest.mark.parametrize("times", [(50.0, 60.0), (50.0, None)])
def test_a_part_that_begins_after_the_sound_is_refused(sound: Path, times: tuple[float, float | None]) -> None:
    with pytest.raises(AudioError, match=r"call\.wav#t=50(,60)?: this part begins after the sound, which has 49\.15 s"):
        read_audio(Excerpt(sound, *times))


@pytest.mark.parametrize("times", [(2.0, 1.0), (2.0, 2.0), (-1.0, 2.0), (float("nan"), 2.0), (float("inf"), None)])
def test_times_that_cannot_be_meant_are_refused(times: tuple[float, float | None]) -> None:
    with pytest.raises(AudioError, match=r"call\.wav: a part from"):
        Excerpt("call.wav", *times)


def test_a_part_that_is_too_short_is_refused_as_a_sound_would_be(sound: Path) -> None:
    with pytest.raises(AudioError, match=r"call\.wav#t=1,1\.05: 0\.05 s of sound"):
        read_audio(Excerpt(sound, 1.0, 1.05))


def test_parts_are_named_by_their_file_and_their_times(sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.wav"
    copy.write_bytes(sound.read_bytes())
    sounds = [
        sound,
        copy,
        Excerpt(sound, 1.0, 2.0),
        Excerpt(copy, 1.0, 2.0),
        Excerpt(sound, 1.0, 3.0),
        tmp_path / "gone.wav",
    ]
    whole, other, part, its_copy, longer, gone = sound_digests(sounds).values()
    assert whole == other
    assert part == its_copy
    assert len({whole, part, longer, gone}) == 4
    assert gone == ""
