from __future__ import annotations

import io
import os
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.reader import AudioReader, audio_files, open_audio, read_audio, refuse_silence, resample
from hearfelt.audio.warnings import codes_of
from hearfelt.errors import AudioError

RATE = 16_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


def wav(samples: np.ndarray = TONE, rate: int = RATE, subtype: str = "PCM_16", format: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype=subtype, format=format)
    return buffer.getvalue()


def test_stereo_is_mixed_and_not_cut() -> None:
    left, right = TONE, np.zeros_like(TONE)
    audio = read_audio(wav(np.stack([left, right], axis=1)))
    assert audio.channels == 2
    assert audio.samples.shape == TONE.shape
    np.testing.assert_allclose(audio.samples, TONE / 2, atol=1e-4)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_one_channel_is_taken_as_it_is_stored(subtype: str) -> None:
    sides = np.stack([TONE, TONE / 4], axis=1)  # (n, channels)
    for channel in (0, 1):
        audio = read_audio(wav(sides, subtype=subtype), channel=channel)
        np.testing.assert_allclose(audio.samples, sides[:, channel], atol=1e-4)
        assert audio.channels == 2
        from_array = read_audio(sides.T, RATE, channel=channel)
        np.testing.assert_array_equal(from_array.samples, sides[:, channel])
        assert from_array.channels == 2
    assert read_audio(wav(), channel=0).digest() == read_audio(wav()).digest()


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_channel_that_is_not_there_is_refused_with_those_that_are(channel: int) -> None:
    sides = np.stack([TONE, TONE])
    for sound, rate in ((sides, RATE), (wav(sides.T), None)):
        with pytest.raises(AudioError, match=f"no channel {channel}; this sound has 2, channels 0 to 1"):
            read_audio(sound, rate, channel=channel)
    with pytest.raises(AudioError, match="this sound has one, channel 0"):
        read_audio(TONE, RATE, channel=1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_depth_gives_the_same_sound(subtype: str) -> None:
    np.testing.assert_allclose(read_audio(wav(subtype=subtype)).samples, TONE, atol=0.01)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [("FLAC", "PCM_16"), ("AIFF", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")],
)
def test_every_container_is_read_by_its_content(format: str, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / "misnamed.wav"
    path.write_bytes(wav(format=format, subtype=subtype))
    audio = read_audio(path)
    assert audio.rate_hz == (RATE if subtype != "OPUS" else audio.rate_hz)
    assert audio.duration_s == pytest.approx(1, abs=0.2)
    spectrum = np.abs(np.fft.rfft(audio.samples))
    assert np.argmax(spectrum) * audio.rate_hz / len(audio.samples) == pytest.approx(440, abs=2)


def test_a_path_bytes_an_open_file_and_samples_are_the_same_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(subtype="FLOAT"))
    with path.open("rb") as file:
        answers = [
            read_audio(path),
            read_audio(str(path)),
            read_audio(path.read_bytes()),
            read_audio(file),
            read_audio(TONE, RATE),
        ]
    assert len({audio.digest() for audio in answers}) == 1


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32, np.float64])
def test_samples_of_every_kind_are_scaled_to_one(kind: type) -> None:
    scale = 1 if np.issubdtype(kind, np.floating) else np.iinfo(kind).max
    audio = read_audio((TONE.astype(np.float64) * scale).astype(kind), RATE)
    np.testing.assert_allclose(audio.samples, TONE, atol=1e-4)


def test_channels_come_first_in_samples_and_the_other_way_is_refused_in_words() -> None:
    assert read_audio(np.stack([TONE, TONE]), RATE).channels == 2
    with pytest.raises(AudioError, match="transpose"):
        read_audio(np.stack([TONE, TONE], axis=1), RATE)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 0), "nothing in them"),
        ((0, RATE), "nothing in them"),
        ((2, 2), "fewer channels than samples"),
        ((RATE, 2), "transpose"),
        ((65, RATE), "fewer channels than samples"),
        ((), "0 axes"),
        ((2, 2, RATE), "3 axes"),
    ],
)
def test_a_shape_in_which_channels_cannot_be_told_is_refused(shape: tuple[int, ...], words: str) -> None:
    expect_refusal(np.zeros(shape, np.float32), words, RATE)


def test_samples_in_another_order_of_bytes_are_the_same_sound() -> None:
    tone = (TONE * 32_767).astype(np.int16)
    assert read_audio(tone.astype(">i2"), RATE).digest() == read_audio(tone, RATE).digest()


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64, np.float16, np.bool_, object])
def test_other_kinds_of_samples_are_refused_by_name(kind: type) -> None:
    expect_refusal(np.zeros(RATE, kind), f"type {np.dtype(kind)}; int16, int32, float32 or float64", RATE)


@pytest.mark.parametrize("rate", ["16000", 16_000.5, float("nan"), None, True])
def test_a_rate_that_is_no_whole_number_is_refused(rate: object) -> None:
    expect_refusal(TONE, "Hz", rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", ["left", 0.5])
def test_a_channel_that_is_no_number_is_refused(channel: object) -> None:
    with pytest.raises(AudioError, match=f"no channel {channel}"):
        read_audio(np.stack([TONE, TONE]), RATE, channel=channel)  # type: ignore[arg-type]


def test_a_chunk_before_the_data_does_not_shift_the_sound() -> None:
    plain = wav()
    start = plain.index(b"data")
    extra = b"LIST" + struct.pack("<I", 6) + b"abcdef"
    assert read_audio(plain[:start] + extra + plain[start:]).digest() == read_audio(plain).digest()


def expect_refusal(sound: bytes | Path | np.ndarray, words: str, rate: int | None = None) -> None:
    with pytest.raises(AudioError, match=words) as caught:
        read_audio(sound, rate)
    assert "\n" not in str(caught.value)


def test_broken_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    no_channels = bytearray(wav())
    no_channels[22:24] = b"\0\0"
    expect_refusal(b"", "empty")
    expect_refusal(b"hello, I am a letter\n" * 50, "no sound that can be read")
    expect_refusal(bytes(no_channels), "no sound that can be read")
    expect_refusal(wav()[:44], "no sound in it")
    expect_refusal(wav()[:30], "no data chunk")
    expect_refusal(tmp_path / "nowhere.wav", "no such file")
    expect_refusal(tmp_path, "folder")
    expect_refusal("", "empty path")  # type: ignore[arg-type]


def test_a_wav_from_a_pipe_whose_length_nobody_knew_is_read() -> None:
    piped = bytearray(wav())
    place = piped.index(b"data") + 4
    piped[place : place + 4] = piped[4:8] = b"\xff\xff\xff\xff"
    assert read_audio(bytes(piped)).duration_s == pytest.approx(1, abs=0.01)


def with_length(length: int, riff: int | None = None) -> bytes:
    """A WAV with 1 s of sound, 32,000 bytes, whose header says another length."""
    lying = bytearray(wav())
    place = lying.index(b"data") + 4
    lying[place : place + 4] = struct.pack("<I", length)
    lying[4:8] = lying[4:8] if riff is None else struct.pack("<I", riff)
    return bytes(lying)


@pytest.mark.parametrize("length", [0, 16_000, 30_001, 0xFFFFFFFF, 0x7FFFFFFF, 32_010, 32_044, 64_000])
@pytest.mark.parametrize("riff", [None, 0, 36, 4_088, 0xFFFFFFFF])
def test_all_sound_of_a_wav_is_there_whatever_length_its_header_says(length: int, riff: int | None) -> None:
    audio = read_audio(with_length(length, riff))
    assert audio.digest() == read_audio(wav()).digest()
    matters = {0: "wrong_header", 16_000: "wrong_header", 30_001: "wrong_header", 64_000: "cut_short"}
    assert codes_of(audio.warnings) == matters.get(length, "")


def test_a_wav_that_was_cut_says_how_much_is_missing() -> None:
    (warning,) = read_audio(wav()[: 44 + 24_000]).warnings
    assert warning.to_dict() == {
        "code": "cut_short",
        "text": "cut short: 0.75 s of 1.00 s are there",
        "there_s": 0.75,
        "promised_s": 1.0,
    }


@pytest.mark.parametrize(("at", "form", "value"), [(34, "<H", 24), (32, "<H", 1), (32, "<H", 4), (28, "<I", 1)])
def test_of_bits_frame_size_and_byte_rate_two_that_agree_are_right(at: int, form: str, value: int) -> None:
    lying = bytearray(wav())
    lying[at : at + struct.calcsize(form)] = struct.pack(form, value)
    audio = read_audio(bytes(lying))
    assert audio.digest() == read_audio(wav()).digest()
    assert codes_of(audio.warnings) == ("wrong_header" if at == 32 else "")


def test_24_bits_in_frames_of_four_bytes_are_read() -> None:
    samples = np.arange(-8_000, 8_000, dtype="<i4") << 12  # the upper three bytes of each hold the sample
    header = struct.pack("<HHIIHH", 1, 1, RATE, 4 * RATE, 4, 24)
    body = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", samples.nbytes)
    wave = b"RIFF" + struct.pack("<I", len(body) + samples.nbytes) + body + samples.tobytes()
    np.testing.assert_allclose(read_audio(wave).samples, samples / 2**31, atol=1e-7)


def test_bw64_and_rf64_are_read_by_their_64_bit_length() -> None:
    rf64 = wav(format="RF64")
    assert read_audio(b"BW64" + rf64[4:]).digest() == read_audio(rf64).digest() == read_audio(wav()).digest()


@pytest.mark.parametrize("rest", [b"LIST\6\0\0\0abcdef", b"\0" * 40, b"\1"])
def test_what_may_follow_the_sound_is_passed_over(rest: bytes) -> None:
    followed = wav() + rest
    followed = followed[:4] + struct.pack("<I", len(followed) - 8) + followed[8:]
    assert read_audio(followed).digest() == read_audio(wav()).digest()


@pytest.mark.parametrize("thing", [None, 7, [0.1] * 20_000])
def test_what_is_no_sound_at_all_is_refused_in_a_short_sentence(thing: object) -> None:
    for rate in (None, RATE):
        with pytest.raises(AudioError, match="a path, bytes, an open file or a numpy array is wanted") as caught:
            read_audio(thing, rate)  # type: ignore[arg-type]
        assert len(str(caught.value)) < 120


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    samples = TONE.copy()
    samples[100] = bad
    expect_refusal(samples, "sample 100", RATE)
    expect_refusal(wav(samples, subtype="FLOAT"), "sample 100")


def test_impossible_samples_are_refused() -> None:
    expect_refusal(TONE, "without a rate")
    expect_refusal(TONE, "rate of 10 Hz", 10)
    expect_refusal(TONE * 32768, "scaled", RATE)
    expect_refusal(TONE[:800], "0.05 s", RATE)
    expect_refusal(TONE[:1_599], r"0\.0999 s of sound; a clip needs at least 0\.1 s", RATE)
    expect_refusal(TONE.astype(complex), "complex", RATE)
    expect_refusal(np.zeros((2, 2, 2)), "axes", RATE)
    expect_refusal(np.zeros(0, np.float32), "0 s of sound", RATE)
    expect_refusal(np.full(RATE, 1e300), "sample 0 is inf", RATE)


def test_a_file_does_not_take_a_rate() -> None:
    expect_refusal(wav(), "own rate", RATE)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav())
    path.chmod(0)
    expect_refusal(path, "permission")


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.full(RATE, 1 / 32768), np.full(RATE, 0.5)])
def test_silence_and_a_constant_are_heard_as_silence(samples: np.ndarray) -> None:
    with pytest.raises(AudioError, match="only silence"):
        refuse_silence(read_audio(samples, RATE))


def test_a_quiet_voice_is_not_silence() -> None:
    refuse_silence(read_audio(TONE / 1000, RATE))
    assert read_audio(TONE / 1000, RATE).peak_db == pytest.approx(-66, abs=0.1)


def test_resampling_keeps_pitch_and_length() -> None:
    changed = resample(TONE, RATE, 22_050)
    assert len(changed) == 22_050
    assert np.argmax(np.abs(np.fft.rfft(changed))) == 440


def test_files_are_listed_in_order_and_hidden_ones_and_texts_are_not(tmp_path: Path) -> None:
    for name in ("b/2.WAV", "b/1.flac", "a.opus", ".hidden.wav", ".git/x.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in audio_files(tmp_path)] == [
        "a.opus",
        "b/1.flac",
        "b/2.WAV",
    ]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such folder"):
        audio_files(tmp_path / "nowhere")


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(AudioError, match="this is a file; a folder is wanted here"):
        audio_files(tmp_path / "a.wav")


def test_links_in_a_circle_pipes_and_odd_names_do_not_stop_a_listing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "around").symlink_to(tmp_path)
    (folder / "self.wav").symlink_to("self.wav")
    (folder / "nowhere.wav").symlink_to("gone.wav")
    os.mkfifo(folder / "pipe.wav")
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.wav"))
    odd.write_bytes(wav())
    (folder / "linked.wav").symlink_to(odd.name)
    assert audio_files(tmp_path) == [folder / "linked.wav", odd]
    assert [read_audio(path).duration_s for path in audio_files(tmp_path)] == [1, 1]


def test_folders_deeper_than_python_calls_are_listed_and_deeper_than_paths_may_be_are_refused(tmp_path: Path) -> None:
    top = tmp_path / "dd"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    depth = 0
    try:
        while depth < 1_120:  # 7,300 bytes of path, of which a system takes 4,096
            name = "dd" if depth < 1_100 else 200 * "d"
            if depth == 1_100:
                os.close(os.open("a.wav", os.O_CREAT | os.O_WRONLY, dir_fd=here))
                assert [len(path.relative_to(tmp_path).parts) for path in audio_files(tmp_path)] == [1_102]
                os.unlink("a.wav", dir_fd=here)
            os.mkdir(name, dir_fd=here)
            depth += 1
            here = _into(name, here)
        with pytest.raises(AudioError, match="deeper than paths may be long") as caught:
            audio_files(tmp_path)
        assert len(str(caught.value)) < 300
    finally:
        for level in reversed(range(depth)):  # nothing removes so deep a tree in one go
            here = _into("..", here)
            os.rmdir("dd" if level < 1_100 else 200 * "d", dir_fd=here)
        os.close(here)


def _into(name: str, folder: int) -> int:
    inside = os.open(name, os.O_RDONLY, dir_fd=folder)
    os.close(folder)
    return inside


def test_published_files_with_odd_containers_are_read(corpora_home: Path) -> None:
    files = audio_files(corpora_home / "originals")
    audio = [read_audio(path) for path in files]
    assert {one.rate_hz for one in audio} == {24_414, 48_000, 96_000}
    assert sum(one.channels == 2 for one in audio) == 3


@pytest.mark.parametrize(("format", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS")])
def test_parts_put_together_are_the_whole_sound(format: str, subtype: str, tmp_path: Path) -> None:
    path = tmp_path / "long"
    noise = np.random.default_rng(0).normal(0, 0.1, (30 * RATE, 2)) + 0.1
    soundfile.write(path, noise, RATE, format=format, subtype=subtype)
    whole = read_audio(path)
    with open_audio(path) as reader:
        parts = list(reader.parts())
        assert reader.duration_s == whole.duration_s
        assert reader.peak_db == pytest.approx(whole.peak_db, abs=1e-6)
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate(parts), whole.samples)


def test_a_number_that_is_none_is_found_in_any_part() -> None:
    samples = np.zeros(20 * RATE, np.float32)
    samples[-5] = np.nan
    with open_audio(samples, RATE) as reader, pytest.raises(AudioError, match=f"sample {20 * RATE - 5} is nan"):
        list(reader.parts())


def test_a_constant_read_in_parts_is_heard_as_silence() -> None:
    with open_audio(np.full(20 * RATE, 0.3), RATE) as reader:
        assert sum(len(part) for part in reader.parts()) == 20 * RATE
        with pytest.raises(AudioError, match="only silence"):
            refuse_silence(reader)


def test_too_short_a_sound_is_refused_in_parts_as_it_is_whole() -> None:
    with open_audio(np.ones(RATE // 20), RATE) as reader, pytest.raises(AudioError, match="a clip needs at least"):
        list(reader.parts())


@pytest.mark.parametrize("promised", [0, 1, 90 * RATE, 40 << 30])
def test_whether_a_sound_is_long_is_heard_and_not_believed(promised: int) -> None:
    for seconds in (30, 90):
        parts = [np.full(RATE, number / 100, np.float32) for number in range(seconds)]
        reader = AudioReader(iter(parts), RATE, promised, channels=1, name="sound")
        assert reader.lasts_longer_than(60) is (seconds == 90)
        assert reader.samples_read == 0
        if seconds == 30:
            assert reader.duration_s == 30
        np.testing.assert_array_equal(np.concatenate(list(reader.parts())), np.concatenate(parts))
        assert reader.samples_read == seconds * RATE


def inverted(noise: float = 0.0, offset: float = 0.0) -> np.ndarray:
    """Two channels with the same tone, one of them upside down."""
    room = np.random.default_rng(1).standard_normal((2, RATE)) * noise
    return (np.stack([TONE, -0.9 * TONE]) + room + offset).astype(np.float32)


@pytest.mark.parametrize(("noise", "offset"), [(0.0, 0.0), (0.05, 0.0), (0.0, 0.3)])
def test_channels_that_would_cancel_are_not_mixed(noise: float, offset: float) -> None:
    sound = inverted(noise, offset)
    stored = io.BytesIO()
    soundfile.write(stored, sound.T, RATE, format="WAV", subtype="FLOAT")
    for audio in (read_audio(sound, RATE), read_audio(stored.getvalue())):
        assert codes_of(audio.warnings) == "channels_cancel"
        assert audio.warnings[0].numbers == {"channel": 0}
        np.testing.assert_array_equal(audio.samples, sound[0])
    assert codes_of(read_audio(sound, RATE, channel=1).warnings) == ""


def test_channels_that_would_cancel_are_noticed_behind_silence_and_in_long_sounds() -> None:
    silence, calm = np.zeros((2, 15 * RATE), np.float32), np.tile(inverted(), 20)
    sound = np.concatenate([silence, calm], axis=1)
    with open_audio(sound, RATE) as reader:
        parts = np.concatenate(list(reader.parts()))
        assert codes_of(reader.warnings) == "channels_cancel"
    np.testing.assert_array_equal(parts, sound[0])


@pytest.mark.parametrize("right", [TONE, 0 * TONE, np.roll(TONE, 400), -0.1 * TONE])
def test_channels_that_do_not_cancel_are_mixed(right: np.ndarray) -> None:
    sound = np.stack([TONE, right.astype(np.float32)])
    audio = read_audio(sound, RATE)
    assert audio.warnings == ()
    np.testing.assert_allclose(audio.samples, sound.mean(axis=0), atol=1e-7)


def test_a_sound_that_was_read_can_be_read_again() -> None:
    cut = read_audio(wav()[: 44 + 24_000])
    again = read_audio(cut)
    assert (again.digest(), again.warnings, again.rate_hz) == (cut.digest(), cut.warnings, RATE)
    assert read_audio(cut, RATE).digest() == cut.digest()
    expect_refusal(cut, "sound at 16000 Hz; leave the rate out", 8_000)  # type: ignore[arg-type]


def test_bytes_of_every_kind_and_paths_of_every_kind_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav())

    class Place:
        def __fspath__(self) -> str:
            return str(path)

    for sound in (bytearray(wav()), memoryview(wav()), Place(), str(path)):
        assert read_audio(sound).digest() == read_audio(wav()).digest()
    assert read_audio(TONE, 16_000.0).rate_hz == RATE  # type: ignore[arg-type]


def test_a_buffer_that_was_just_written_is_read_from_its_beginning() -> None:
    buffer = io.BytesIO()
    buffer.write(wav())
    assert read_audio(buffer).digest() == read_audio(wav()).digest()


def test_a_missing_file_is_a_file_not_found_error_too(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_audio(tmp_path / "nowhere.wav")
    with pytest.raises(AudioError, match="there is no such file"):
        read_audio(tmp_path / "nowhere.wav")


@pytest.mark.parametrize(("bits", "kind"), [(16, "float32"), (24, "float32"), (32, "float64")])
def test_floats_of_a_file_that_nobody_divided_are_divided_and_said(bits: int, kind: str) -> None:
    samples = (0.9 * TONE * 2.0 ** (bits - 1)).astype(kind)
    stored = io.BytesIO()
    soundfile.write(stored, samples, RATE, format="WAV", subtype="FLOAT" if kind == "float32" else "DOUBLE")
    audio = read_audio(stored.getvalue())
    assert codes_of(audio.warnings) == "not_scaled"
    np.testing.assert_allclose(audio.samples, 0.9 * TONE, atol=1e-6)


def test_hardly_any_clip_of_a_corpus_gets_a_warning(corpora_home: Path) -> None:
    for corpus in ("ravdess", "cremad", "tess", "emodb", "nemo", "other/read"):
        clips = audio_files(corpora_home / corpus)
        some = clips[:: max(1, len(clips) // 60)]
        counted = Counter(warning.code for clip in some for warning in read_audio(clip).warnings)
        assert all(count <= 0.01 * len(some) + 1 for count in counted.values()), (corpus, counted)


def test_emodb_made_too_loud_is_called_clipped_and_made_quiet_very_quiet(corpora_home: Path) -> None:
    for clip in audio_files(corpora_home / "emodb")[::40]:
        audio = read_audio(clip)
        loud = np.clip(4 * audio.samples, -1, 1)
        quiet = audio.samples * 10 ** (-55 / 20)
        assert codes_of(read_audio(loud, audio.rate_hz).warnings) == "clipped"
        assert codes_of(read_audio(quiet, audio.rate_hz).warnings) == "very_quiet"
