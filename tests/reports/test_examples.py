from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import Audio
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.file_statistics import FileStatistics, measure_files
from hearfelt.reports.examples import Example, choose_examples, trimmed

RATE_HZ = 16_000


def write(root: Path, name: str, seconds: float = 1.0, peak: float = 0.5) -> None:
    sound = peak * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    soundfile.write(root / name, sound, RATE_HZ)


def clip(root: Path, name: str, speaker: str, emotion: str, **more: str) -> Clip:
    write(root, name)
    return Clip("x", root, name, f"x/{speaker}", emotion, **more)


def chosen(clips: list[Clip]) -> list[str]:
    kept = Clips(clips)
    return [example.clip.name for example in choose_examples(kept, measure_files(clip.path for clip in kept))]


def test_one_speaker_with_the_same_words_stands_for_every_emotion(tmp_path: Path) -> None:
    clips = [
        clip(tmp_path, "1.wav", "a", "calm", statement="kids"),
        clip(tmp_path, "2.wav", "b", "calm", statement="kids"),
        clip(tmp_path, "3.wav", "b", "sad", statement="dogs"),
        clip(tmp_path, "4.wav", "b", "calm", statement="dogs"),
        clip(tmp_path, "5.wav", "b", "sad", statement="dogs", channel="song"),
    ]
    assert chosen(clips) == ["4.wav", "3.wav"]


def test_an_emotion_that_this_speaker_lacks_is_taken_from_another(tmp_path: Path) -> None:
    clips = [clip(tmp_path, f"{k}.wav", "a", emotion) for k, emotion in enumerate(("calm", "sad"))]
    assert chosen([*clips, clip(tmp_path, "9.wav", "b", "angry")]) == ["0.wav", "1.wav", "9.wav"]


def test_strong_feeling_is_preferred(tmp_path: Path) -> None:
    clips = [clip(tmp_path, f"{k}.wav", "a", "sad", intensity=i) for k, i in enumerate(("normal", "strong"))]
    assert chosen(clips) == ["1.wav"]


def test_unreadable_and_silent_clips_are_passed_over(tmp_path: Path) -> None:
    clips = [clip(tmp_path, f"{k}.wav", "a", "sad") for k in range(3)]
    (tmp_path / "0.wav").write_bytes(b"no sound")
    write(tmp_path, "1.wav", peak=0.0)
    assert chosen(clips) == ["2.wav"]
    assert chosen(clips[:2]) == []


def test_more_labels_than_fit_are_cut_off_in_order() -> None:
    clips = Clips(Clip("x", Path(), f"{k}", "x/a", f"label-{k:02d}") for k in range(20))
    facts = {clip.path: FileStatistics(error="x") for clip in clips}
    assert choose_examples(clips, facts) == ()


def test_silence_at_both_ends_goes_and_a_pause_within_stays() -> None:
    sound = np.zeros(5 * RATE_HZ, np.float32)
    sound[RATE_HZ : RATE_HZ + 8_000] = 0.5
    sound[3 * RATE_HZ : 3 * RATE_HZ + 8_000] = 0.5
    kept = trimmed(Audio(sound, RATE_HZ))
    assert kept.duration_s == pytest.approx(2.5 + 0.2, abs=0.02)


def test_of_a_long_clip_the_first_eight_seconds_are_kept() -> None:
    assert trimmed(Audio(np.full(60 * 1_000, 0.5, np.float32) * np.resize([1, -1], 60_000), 1_000)).duration_s == 8.0


def test_silence_stays_what_it_is() -> None:
    assert trimmed(Audio(np.zeros(1_000, np.float32), 1_000)).duration_s == 1.0


def test_the_player_gets_the_same_sound_at_most_at_24_khz() -> None:
    sound = (0.5 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000)).astype(np.float32)
    example = Example(Clip("x", Path(), "a.wav", "x/a", "sad"), Audio(sound, 48_000))
    heard, rate_hz = soundfile.read(io.BytesIO(example.flac()))
    assert rate_hz == 24_000
    np.testing.assert_allclose(heard[1_000:-1_000], sound[::2][1_000:-1_000], atol=0.01)
