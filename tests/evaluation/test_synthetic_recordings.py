from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import read_audio, resample
from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import AudioError, CorpusError
from hearfelt.evaluation.metrics import frame_labels
from hearfelt.evaluation.synthetic_recordings import Script, room_noise, speech_within, write_scripts

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    return read_corpora({"toy": toy})


@pytest.fixture(scope="module")
def invented() -> Clips:
    """Four people with sixty clips each, and no sound behind them."""
    return Clips(
        Clip("mine", Path("nowhere"), f"{who}/{who}{k:02d}.wav", f"mine/{who}", EMOTIONS[k % 8])
        for who in "dacb"
        for k in range(60)
    )


def test_two_hundred_recordings_are_as_the_protocol_says(invented: Clips) -> None:
    scripts = write_scripts(invented, 200)
    assert Counter(script.speaker for script in scripts) == {f"mine/{who}": 50 for who in "abcd"}
    assert len({script.name for script in scripts}) == len({script.noise_seed for script in scripts}) == 200
    sizes = Counter(len(script.clips) for script in scripts)
    assert set(sizes) == set(range(1, 9))
    assert min(sizes.values()) > 10  # each number about as often
    for script in scripts:
        assert len({clip.name for clip in script.clips}) == len(script.clips)
        assert {clip.speaker for clip in script.clips} == {script.speaker}
        assert len(script.pauses_s) == len(script.clips) - 1
        assert 15 <= script.snr_db <= 30
    pauses_s = [pause_s for script in scripts for pause_s in script.pauses_s]
    assert 0 <= min(pauses_s) < 0.05
    assert 1.95 < max(pauses_s) <= 2
    assert np.mean(pauses_s) == pytest.approx(1, abs=0.1)


def test_the_draw_hangs_on_seed_and_names_alone(invented: Clips) -> None:
    scripts = write_scripts(invented, 12)
    shuffled = Clips(invented[int(place)] for place in np.random.default_rng(1).permutation(len(invented)))
    assert write_scripts(shuffled, 12) == scripts
    assert write_scripts(invented, 5) == scripts[:5]
    assert write_scripts(invented, 12, seed=1) != scripts
    first = scripts[0]
    # The same on every machine, or figures of different machines would be of different recordings.
    assert [clip.name[3:5] for clip in first.clips] == ["34", "15", "00", "04", "17", "02", "28"]
    assert (first.pauses_s[:2], first.snr_db, first.noise_seed) == ((1.95, 1.46), 27.238, 2881392816)


def test_a_recording_is_the_same_every_time(clips: Clips) -> None:
    script = write_scripts(clips, 3)[2]
    one, other = script.record(), script.record()
    np.testing.assert_array_equal(one.samples, other.samples)
    assert one.spans == other.spans


def test_clips_follow_each_other_whole_with_the_pauses_of_the_script(clips: Clips) -> None:
    script = Script("000", tuple(clips[:3]), (0.5, 0.0), 200.0, 1)  # a room nobody hears
    recording = script.record()
    for span, clip in zip(recording.spans, clips[:3], strict=True):
        audio = read_audio(clip.path)
        wanted = resample(audio.samples, audio.rate_hz, RATE_HZ)
        start = round(span.clip_start_s * RATE_HZ)
        np.testing.assert_allclose(recording.samples[start : start + len(wanted)], wanted, atol=1e-6)
    starts_s = [span.clip_start_s for span in recording.spans]
    assert [later - earlier for earlier, later in pairwise(starts_s)] == pytest.approx([1.7, 1.2])  # clips of 1.2 s
    assert recording.duration_s == pytest.approx(3 * 1.2 + 0.5)
    pause = recording.samples[round(1.21 * RATE_HZ) : round(1.69 * RATE_HZ)]
    assert float(np.abs(pause).max()) < 1e-6


def test_the_room_is_as_far_under_the_voice_as_the_script_says_and_alone_in_pauses(clips: Clips) -> None:
    script = Script("000", (clips[0], clips[9], clips[20]), (2.0, 2.0), 20.0, 7)
    recording, clean = script.record(), Script("000", script.clips, script.pauses_s, 300.0, 7).record()
    noise = recording.samples - clean.samples
    levels_db = [
        10 * np.log10(np.var(clean.samples[round(span.start_s * RATE_HZ) : round(span.end_s * RATE_HZ)]))
        for span in recording.spans
    ]
    assert np.mean(levels_db) - 10 * np.log10(np.var(noise)) == pytest.approx(20, abs=0.01)
    pause = slice(round(1.3 * RATE_HZ), round(3.1 * RATE_HZ))
    np.testing.assert_allclose(recording.samples[pause], noise[pause], atol=1e-6)
    assert float(np.std(recording.samples[pause])) > 0


def test_truth_is_where_the_script_s_clips_speak_and_lies_on_frames(tmp_path: Path) -> None:
    tone = np.sin(np.arange(RATE_HZ) / 3) * 0.5  # 1 s
    for name, before_s, after_s in (("a", 0.4, 0.6), ("b", 0.1, 0.333)):
        silence = (np.zeros(round(some * RATE_HZ)) for some in (before_s, after_s))
        soundfile.write(tmp_path / f"{name}.wav", np.concatenate([next(silence), tone, next(silence)]), RATE_HZ)
    clips = tuple(Clip("mine", tmp_path, f"{n}.wav", "mine/x", e) for n, e in (("a", "sad"), ("b", "happy")))
    recording = Script("000", clips, (0.25,), 20.0, 1).record()
    assert [(one.start_s, one.end_s, one.emotion) for one in recording.truth] == [
        (pytest.approx(0.4), pytest.approx(1.4), "sad"),
        (pytest.approx(2.0 + 0.25 + 0.1), pytest.approx(3.35), "happy"),
    ]
    assert recording.duration_s == pytest.approx(2.0 + 0.25 + 1.44)  # the last clip is filled up to a frame
    labels = frame_labels(recording.truth, recording.duration_s, ("happy", "sad"))
    assert (len(labels), int((labels == 1).sum()), int((labels == 0).sum())) == (369, 100, 100)


def test_speech_ends_where_it_is_40_db_under_the_loudest_frame() -> None:
    tone = np.sin(np.arange(3_200) / 3).astype(np.float32)
    fading = np.concatenate([tone * 10 ** (-level_db / 20) for level_db in (60, 39.5, 0, 20, 39.5, 40.5)])
    offset = fading.astype(np.float32) + np.float32(0.3)  # a constant is no sound
    assert speech_within(offset) == (3_200, 16_000)


def test_a_silent_clip_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE_HZ), RATE_HZ)
    silent = Clip("mine", tmp_path, "silent.wav", "mine/a", "sad")
    with pytest.raises(AudioError, match=r"silent\.wav: silent"):
        Script("000", (silent,), (), 20.0, 1).record()


def test_the_room_is_pink() -> None:
    noise = room_noise(1 << 19, np.random.default_rng(2))
    powers = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    bands_db = [
        10 * np.log10(powers[(hz >= low) & (hz < 2 * low)].mean()) for low in (100, 200, 400, 800, 1_600, 3_200)
    ]
    assert [one - other for one, other in pairwise(bands_db)] == pytest.approx([3.01] * 5, abs=0.3)


def test_nobody_and_nothing_make_no_recording(clips: Clips) -> None:
    with pytest.raises(CorpusError, match="200 recordings of 0 clips"):
        write_scripts(Clips())
    with pytest.raises(CorpusError, match="0 recordings of 96 clips"):
        write_scripts(clips, 0)


def test_somebody_with_few_clips_says_no_clip_twice() -> None:
    few = Clips(Clip("mine", Path("nowhere"), f"{k}.wav", "mine/a", "sad") for k in range(3))
    assert max(len(script.clips) for script in write_scripts(few, 30)) == 3


def test_clips_of_ravdess_speak_about_half_the_time(ravdess: Path) -> None:
    clips = read_corpora({"ravdess": ravdess}).where(channel="speech", speaker="ravdess/01")
    recording = [script.record() for script in write_scripts(clips, 6)]
    spoken_s = sum(span.end_s - span.start_s for one in recording for span in one.spans)
    assert 0.35 < spoken_s / sum(one.duration_s for one in recording) < 0.6
