from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.decoders.raw import ENCODINGS, RawFormat, RawSound
from hearfelt.audio.reader import open_audio, read_audio
from hearfelt.errors import AudioError

RATE = 8_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
SUBTYPES = {
    "s8": ("PCM_S8", "FILE"),
    "u8": ("PCM_U8", "FILE"),
    "s16le": ("PCM_16", "LITTLE"),
    "s16be": ("PCM_16", "BIG"),
    "s24le": ("PCM_24", "LITTLE"),
    "s24be": ("PCM_24", "BIG"),
    "s32le": ("PCM_32", "LITTLE"),
    "s32be": ("PCM_32", "BIG"),
    "f32le": ("FLOAT", "LITTLE"),
    "f32be": ("FLOAT", "BIG"),
    "f64le": ("DOUBLE", "LITTLE"),
    "f64be": ("DOUBLE", "BIG"),
    "alaw": ("ALAW", "FILE"),
    "mulaw": ("ULAW", "FILE"),
}


def raw(encoding: str, samples: np.ndarray = TONE) -> bytes:
    subtype, endian = SUBTYPES[encoding]
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="RAW", subtype=subtype, endian=endian)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_read_as_libsndfile_reads_it(encoding: str) -> None:
    data = raw(encoding)
    subtype, endian = SUBTYPES[encoding]
    theirs, _ = soundfile.read(io.BytesIO(data), channels=1, samplerate=RATE, format="RAW", subtype=subtype,
                               endian=endian, dtype="float32")  # fmt: skip
    ours = read_audio(RawSound(data, RawFormat(encoding, RATE)))
    np.testing.assert_array_equal(ours.samples, theirs)
    assert ours.rate_hz == RATE


@pytest.mark.parametrize("encoding", ["alaw", "mulaw", "u8", "s8"])
def test_each_of_256_bytes_is_what_the_standard_says(encoding: str) -> None:
    data = bytes(range(256)) * 4
    theirs, _ = soundfile.read(io.BytesIO(data), channels=1, samplerate=RATE, format="RAW",
                               subtype=SUBTYPES[encoding][0], dtype="float32")  # fmt: skip
    np.testing.assert_array_equal(read_audio(RawSound(data, RawFormat(encoding, RATE))).samples, theirs)


def test_interleaved_channels_are_mixed_or_taken() -> None:
    data = raw("s16le", np.stack([TONE, TONE / 2], axis=1))
    sound = RawSound(data, RawFormat.parse("s16le:8000:2"))
    assert read_audio(sound).channels == 2
    np.testing.assert_allclose(read_audio(sound).samples, 0.75 * TONE, atol=1e-4)
    np.testing.assert_allclose(read_audio(sound, channel=1).samples, 0.5 * TONE, atol=1e-4)


def test_a_pipe_is_read_as_it_comes_and_its_length_is_not_known() -> None:
    theirs, ours = os.pipe()
    data = raw("s16le", np.tile(TONE, 120))  # 2 MB, far more than a pipe holds

    def write() -> None:
        with os.fdopen(ours, "wb") as pipe:
            for start in range(0, len(data), 77_777):  # ends within a sample
                pipe.write(data[start : start + 77_777])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(theirs, "rb") as pipe, open_audio(RawSound(pipe, RawFormat("s16le", RATE))) as reader:
        assert reader.frames == 0
        parts = list(reader.parts())
        assert reader.duration_s == 120
    writer.join()
    np.testing.assert_array_equal(np.concatenate(parts), read_audio(RawSound(data, RawFormat("s16le", RATE))).samples)


def test_a_path_and_an_open_file_are_read_too_and_the_file_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "a.pcm"
    path.write_bytes(b"ab" + raw("s16le"))
    assert read_audio(RawSound(path, RawFormat("s16le", RATE))).duration_s == pytest.approx(1, abs=0.001)
    with path.open("rb") as file:
        file.seek(2)
        sound = RawSound(file, RawFormat("s16le", RATE))
        with open_audio(sound) as reader:
            assert reader.duration_s == 1
            assert reader.name == str(path)
        np.testing.assert_allclose(read_audio(sound).samples, TONE, atol=1e-4)
        assert file.tell() == 2


def test_a_file_that_grows_is_read_as_far_as_it_was_when_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "growing.pcm"
    data = raw("s16le", np.tile(TONE, 80))
    path.write_bytes(data)
    with open_audio(RawSound(path, RawFormat("s16le", RATE))) as reader:
        parts = reader.parts()
        heard = len(next(parts))
        with path.open("ab") as file:
            file.write(data + b"x")
        heard += sum(len(part) for part in parts)
        assert heard / RATE == reader.duration_s == 80


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s16le", "such as s16le:8000:1"),
        ("", "such as s16le:8000:1"),
        ("s16le:8000:1:2", "such as s16le:8000:1"),
        ("s16le:fast", "such as s16le:8000:1"),
        ("s16le:-8000", "such as s16le:8000:1"),
        ("s16le:٨٠٠٠", "such as s16le:8000:1"),
        ("s16:8000", "one of s8, u8, s16le"),
        ("s16le:8000:0", "0 channels; 1 to 64"),
        ("s16le:8000:65", "65 channels"),
        ("s16le:99999999999999999999:1", "a rate in Hz"),
    ],
)
def test_a_wrong_format_is_told_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(AudioError, match=said):
        RawFormat.parse(text)


def test_what_is_parsed_is_written_in_the_same_way() -> None:
    for text in ("s16le:8000:1", "alaw:8000:2", "f64be:48000:64"):
        assert str(RawFormat.parse(text)) == text
    assert RawFormat.parse(" S16LE : 8000 ") == RawFormat("s16le", 8_000)


@pytest.mark.parametrize(
    ("data", "form", "said"),
    [
        (bytes(1_600), "s16le:8000:1", None),
        (bytes(1_598), "s16le:8000:1", "0.0998 s of sound; a clip needs at least 0.1 s"),
        (b"", "s16le:8000:1", ": 0 s of sound"),
        (bytes(9_000), "s16le:100:1", "a rate of 100 Hz"),
        (b"RIFF" + bytes(9_000), "s16le:8000:1", "this is a WAV file, which says itself how it is stored"),
        (np.full(8_000, np.nan, "<f4").tobytes(), "f32le:8000:1", "sample 0 is nan"),
        (np.full(8_000, 1e300, "<f8").tobytes(), "f64le:8000:1", "sample 0 is inf"),
    ],
)
def test_bytes_that_do_not_fit_are_refused_in_a_sentence(data: bytes, form: str, said: str | None) -> None:
    sound = RawSound(data, RawFormat.parse(form))
    if said is None:
        assert read_audio(sound).duration_s == 0.1
        return
    with pytest.raises(AudioError, match=said):
        read_audio(sound)


def test_half_a_sample_at_the_end_is_left_out_and_said() -> None:
    audio = read_audio(RawSound(bytes(16_001), RawFormat("s16le", 8_000)))
    assert audio.duration_s == 1
    assert [warning.code for warning in audio.warnings if warning.code != "very_quiet"] == ["cut_short"]
    assert "16,001 bytes are no whole number of samples of 2 bytes" in audio.warnings[0].text


def test_text_and_what_is_no_file_are_refused() -> None:
    form = RawFormat("s16le", RATE)
    with pytest.raises(AudioError, match="it gives no bytes"):
        read_audio(RawSound(io.StringIO("abc"), form))  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="a int; a path, bytes, an open file"):
        read_audio(RawSound(7, form))  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="own rate"):
        read_audio(RawSound(b"", form), 8_000)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("extra", [b"", b"\x01"])
def test_a_wave_file_of_16_bits_has_the_samples_that_libsndfile_reads(channels: int, extra: bytes) -> None:
    """They are read without it; samples that spell the head of a file are samples, and half a frame is none."""
    stored = np.random.default_rng(0).integers(-9_000, 9_000, (4_000, channels), dtype=np.int16)
    stored.reshape(-1)[:2] = np.frombuffer(b"RIFF", np.int16)
    written = io.BytesIO()
    soundfile.write(written, stored, 16_000, format="WAV", subtype="PCM_16")
    file = written.getvalue() + extra
    theirs, _ = soundfile.read(io.BytesIO(file), dtype="float32", always_2d=True)
    audio = read_audio(file)
    np.testing.assert_allclose(audio.samples, theirs.mean(axis=1), atol=1e-7)
    assert (audio.rate_hz, audio.channels, audio.warnings) == (16_000, channels, ())
