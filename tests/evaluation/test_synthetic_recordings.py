from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import read_audio, resample
from hearfelt.corpora.catalog import read_corpora
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.emotions import EMOTIONS
from hearfelt.errors import AudioError, CorpusError, ModelError
from hearfelt.evaluation.metrics import LabelSpan, frame_labels
from hearfelt.evaluation.synthetic_recordings import (
    NAIVE,
    TIMELINE,
    Script,
    SyntheticRecording,
    clipped_to,
    naive_windows,
    predict_recordings,
    room_noise,
    speech_within,
    window_starts,
    write_scripts,
)
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.pool import Pool

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


@pytest.fixture(scope="module")
def recognizer(sound_model: Path) -> Recognizer:
    return Recognizer.load(sound_model, threads=1)


@pytest.mark.parametrize("duration_s", [0.5, 2.0, 2.01, 3.0, 7.43, 12.0])
def test_windows_of_two_seconds_begin_each_second_and_reach_the_end(duration_s: float) -> None:
    windows = window_starts(duration_s)
    assert windows[0][0] == 0.0
    assert windows[-1][1] == pytest.approx(duration_s)
    assert all(end - start == pytest.approx(min(2.0, duration_s)) for start, end in windows)
    assert [start for start, _ in windows[:-1]] == list(range(len(windows) - 1))
    assert all(start <= duration_s - 2.0 + 1e-9 for start, _ in windows[1:])


def test_every_segment_takes_the_answer_of_the_window_whose_middle_is_nearest(
    recognizer: Recognizer, clips: Clips
) -> None:
    recording = write_scripts(clips, 8)[3].record()
    predictions = naive_windows(recognizer, recording)
    middles = [(start + end) / 2 for start, end in window_starts(recording.duration_s)]
    assert len(predictions) == len(middles) > 3
    for one, middle in zip(predictions, middles, strict=True):
        for time_s in np.linspace(one.segment.start_s + 0.001, one.segment.end_s - 0.001, 7):
            assert min(middles, key=lambda other: abs(other - time_s)) == middle
    assert predictions[0].segment.start_s == 0.0
    assert predictions[-1].segment.end_s == recording.duration_s
    assert predictions[1].segment == LabelSpan(1.5, 2.5, predictions[1].segment.emotion)
    wanted = recognizer.recognize(recording.samples[16_000:48_000], 16_000)
    assert predictions[1].segment.emotion == wanted.emotion
    assert predictions[1].probabilities == tuple(wanted.probabilities[emotion] for emotion in EMOTIONS)


def test_a_window_in_which_nothing_can_be_heard_says_nothing(recognizer: Recognizer, clips: Clips) -> None:
    recording = write_scripts(clips, 1)[0].record()
    sound = np.concatenate([recording.samples[:48_000], np.zeros(48_000, np.float32)])
    predictions = naive_windows(recognizer, SyntheticRecording(recording.script, sound, recording.spans))
    assert [one.segment.end_s for one in predictions] == [1.5, 2.5, 3.5]  # the windows from 3 s on are silent


def test_recordings_are_answered_in_both_ways_here_and_in_processes(
    recognizer: Recognizer, sound_model: Path, clips: Clips, dies_at: Callable[[str], None]
) -> None:
    scripts, done = write_scripts(clips, 2), []
    predicted = predict_recordings(recognizer, scripts, progress=done.append)
    assert (done, [one.script for one in predicted]) == ([1, 1], list(scripts))
    load = partial(Recognizer.load, sound_model, threads=1)
    with Pool(load, 2) as pool:
        assert predict_recordings(recognizer, scripts, pool=pool) == predicted
    dies_at(scripts[1].clips[0].path.name)
    with Pool(load, 1) as pool, pytest.raises(AudioError, match=r"recording 001 of .* cannot be read .*SIGSEGV"):
        predict_recordings(recognizer, scripts, pool=pool)
    for one in predicted:
        recording = one.script.record()
        assert (one.duration_s, one.spans) == (recording.duration_s, recording.spans)
        assert one.predictions[NAIVE] == naive_windows(recognizer, recording)
        segments = recognizer.timeline(recording.samples, 16_000).segments
        assert [found.segment for found in one.predictions[TIMELINE]] == [
            LabelSpan(m.start_s, m.end_s, m.emotion) for m in segments
        ]


def test_a_model_that_lacks_a_clip_s_label_is_refused(make_sound_model: Callable[..., bytes], clips: Clips) -> None:
    few = make_sound_model({"labels": ("calm", "sad")}, weights=np.zeros((16, 2)))
    with pytest.raises(ModelError, match="not among the model's labels"):
        predict_recordings(Recognizer(few, threads=1), write_scripts(clips.where(emotion="happy"), 1))


def test_what_lies_within_is_cut_at_both_ends_and_keeps_its_emotion() -> None:
    predictions = [LabelSpan(0.0, 1.5, "sad"), LabelSpan(1.5, 2.5, "calm"), LabelSpan(2.5, 4.0, "sad")]
    assert clipped_to(predictions, [LabelSpan(1.0, 2.0, "x"), LabelSpan(3.0, 3.5, "y")]) == [
        LabelSpan(1.0, 1.5, "sad"),
        LabelSpan(1.5, 2.0, "calm"),
        LabelSpan(3.0, 3.5, "sad"),
    ]
    assert clipped_to(predictions, []) == []
