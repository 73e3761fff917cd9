from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import open_audio
from hearfelt.errors import AudioError
from hearfelt.page.preview import NamedSound, Playable, PlayableWriter, read_playable, smaller

RATE_HZ = 16_000


def tone(seconds: float, level: float = 0.5) -> bytes:
    file = io.BytesIO()
    times_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    soundfile.write(file, level * np.sin(2 * np.pi * 440 * times_s), RATE_HZ, format="WAV")
    return file.getvalue()


def read(data: bytes, longest_s: float = 600) -> Playable:
    return read_playable(data, "a.wav", longest_s=longest_s)


def test_the_copy_of_a_short_sound_is_the_sound() -> None:
    found = read(tone(1.5))
    samples, rate_hz = soundfile.read(io.BytesIO(found.copy))
    assert (found.kind, rate_hz, len(samples)) == ("audio/wav", RATE_HZ, 24_000)
    assert found.outline.duration_s == 1.5
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.01)


def test_the_levels_of_a_tone_lie_in_one_place() -> None:
    levels = read(tone(1.0)).levels
    assert levels is not None
    assert levels.dtype == np.uint8
    loudest = levels[:, levels.shape[1] // 2]
    assert loudest.max() == pytest.approx(255, abs=12)
    assert (loudest > 200).sum() < 8


def test_a_long_sound_is_copied_small_and_as_long() -> None:
    found = read(tone(61))
    samples, rate_hz = soundfile.read(io.BytesIO(found.copy))
    assert (found.kind, found.levels) == ("audio/flac", None)
    assert len(samples) / rate_hz == pytest.approx(61, abs=0.2)
    assert len(found.copy) < 0.8 * len(tone(61))


def test_the_copy_of_a_long_sound_that_is_sent_on_is_smaller_and_as_long() -> None:
    found = read(tone(61))
    sent_on = smaller(found)
    assert (sent_on.kind, sent_on.outline) == ("audio/mpeg", found.outline)
    assert soundfile.info(io.BytesIO(sent_on.copy)).duration == pytest.approx(61, abs=0.2)
    assert len(sent_on.copy) < len(found.copy) / 3
    short = read(tone(1))
    assert smaller(short) is short


@pytest.mark.parametrize(
    ("data", "longest_s", "words"),
    [
        (tone(3), 2, "this page accepts up to 0:02"),
        (tone(1, level=0), 60, "only silence"),
        (tone(0.05), 60, "at least 0.1 s"),
        (b"no sound at all", 60, "no sound"),
    ],
)
def test_a_sound_that_cannot_be_used_is_refused_with_its_name(data: bytes, longest_s: float, words: str) -> None:
    with pytest.raises(AudioError, match=words) as caught:
        read(data, longest_s)
    assert str(caught.value).startswith("a.wav: ")


def test_what_was_read_so_far_can_be_drawn() -> None:
    with open_audio(NamedSound(tone(61), "a.wav")) as reader:
        writer = PlayableWriter(reader, longest_s=600)
        assert writer.expected_s == 61
        for part in writer.parts():
            assert part is not None
            assert writer.outline().duration_s == pytest.approx(reader.samples_read / RATE_HZ)
        assert writer.finish().outline.duration_s == 61


def test_a_part_of_a_file_is_decoded_by_itself() -> None:
    found = read_playable(Excerpt(NamedSound(tone(3), "a.wav"), 1.0, 2.5), "a.wav", longest_s=60)
    assert found.outline.duration_s == 1.5
