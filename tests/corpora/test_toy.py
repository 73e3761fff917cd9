from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.toy import write_toy
from hearfelt.emotions import EMOTIONS


def test_every_speaker_says_every_emotion_as_often_as_asked(tmp_path: Path) -> None:
    clips = read_corpus(write_toy(tmp_path, speakers=3, clips_each=2))
    assert clips.count("emotion") == dict.fromkeys(EMOTIONS, 6)
    assert clips.count("speaker") == {"toy/01": 16, "toy/02": 16, "toy/03": 16}
    assert clips.count("sex") == {"female": 16, "male": 32}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    one, again, other = (
        write_toy(tmp_path / name, speakers=1, clips_each=1, seed=seed)
        for name, seed in (("one", 3), ("again", 3), ("other", 4))
    )
    for path in one.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()
        assert path.read_bytes() != (other / path.name).read_bytes()


def test_a_larger_toy_contains_the_smaller_one(toy: Path, tmp_path: Path) -> None:
    small = write_toy(tmp_path, speakers=1, clips_each=1)
    assert all(path.read_bytes() == (toy / path.name).read_bytes() for path in small.iterdir())


def test_a_toy_clip_is_one_channel_of_16_khz_and_1_2_seconds(toy: Path) -> None:
    info = soundfile.info(toy / "01_angry_1.wav")
    assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 19_200)


def test_angry_is_louder_than_sad_and_no_clip_reaches_full_scale(toy: Path) -> None:
    level = {name: np.abs(soundfile.read(toy / f"01_{name}_1.wav")[0]).max() for name in EMOTIONS}
    assert level["angry"] > 4 * level["sad"]
    assert max(level.values()) < 0.96


def test_an_odd_speaker_has_a_lower_voice_than_an_even_one(toy: Path) -> None:
    def pitch_hz(name: str) -> float:
        samples = soundfile.read(toy / name)[0]
        spectrum = np.abs(np.fft.rfft(samples))
        return float(np.argmax(spectrum) * 16_000 / len(samples))

    assert pitch_hz("01_neutral_1.wav") < 150 < pitch_hz("02_neutral_1.wav")


@pytest.mark.parametrize(("speakers", "clips_each"), [(0, 1), (100, 1), (1, 0)])
def test_an_impossible_size_is_refused_and_nothing_is_written(tmp_path: Path, speakers: int, clips_each: int) -> None:
    with pytest.raises(ValueError, match="a toy corpus has"):
        write_toy(tmp_path / "toy", speakers=speakers, clips_each=clips_each)
    assert not (tmp_path / "toy").exists()
