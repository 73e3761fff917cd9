from __future__ import annotations

import io
import random
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from hearfelt.audio.decoders.mp3 import frame_lengths, kind_of
from hearfelt.audio.reader import Samples, open_audio, read_audio
from hearfelt.audio.warnings import codes_of
from hearfelt.errors import AudioError

RATE = 16_000
KINDS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
    ("AU", "ULAW"),
    ("CAF", "ALAC_16"),
    ("W64", "PCM_24"),
    ("RF64", "PCM_16"),
]


def stored(form: str, subtype: str, seconds: float = 1.0) -> bytes:
    time_s = np.arange(round(seconds * RATE)) / RATE
    file = io.BytesIO()
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * 440 * time_s), RATE, format=form, subtype=subtype)
    return file.getvalue()


def test_a_flac_from_a_pipe_whose_length_nobody_knew_is_read() -> None:
    piped = bytearray(stored("FLAC", "PCM_16", 40.0))
    piped[21] &= 0xF0  # 36 bits of the first block's 18 bytes are the number of samples
    piped[22:26] = bytes(4)
    with open_audio(bytes(piped)) as reader:
        assert reader.frames == 0
        assert sum(len(part) for part in reader.parts()) == 40 * RATE
        assert reader.duration_s == 40


@pytest.mark.parametrize(
    ("form", "mark", "behind", "length"),
    [
        ("AIFF", b"FORM", 4, struct.pack(">I", 0xF0000000)),
        ("AU", b".snd", 8, struct.pack(">I", 0xF0000000)),
        ("W64", b"riff", 16, struct.pack("<Q", 40 << 30)),
        ("RF64", b"ds64", 8, struct.pack("<Q", 40 << 30)),
        ("CAF", b"data", 4, struct.pack(">Q", 40 << 30)),
        ("WAV", b"data", 4, struct.pack("<I", 0xF0000000)),
    ],
)
def test_a_header_that_promises_gigabytes_is_no_obstacle_and_takes_no_memory(
    form: str, mark: bytes, behind: int, length: bytes
) -> None:
    lying = bytearray(stored(form, "PCM_16"))
    place = lying.index(mark) + behind
    lying[place : place + len(length)] = length
    tracemalloc.start()
    heard = read_audio(bytes(lying))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert heard.duration_s == 1
    assert codes_of(heard.warnings) in ("cut_short", "")  # nothing where the length is a usual placeholder
    assert peak < 4e6


@pytest.mark.parametrize("form", ["AIFF", "AU", "W64", "RF64", "CAF", "FLAC", "OGG", "MP3", "WAV"])
def test_half_a_file_is_answered_and_not_taken_for_a_whole_one(form: str) -> None:
    whole = stored(form, soundfile.default_subtype(form), 20.0)
    assert read_audio(whole).warnings == ()
    half = read_audio(whole[: len(whole) // 2])
    (warning,) = half.warnings
    assert warning.code == "cut_short"
    assert warning.numbers["there_s"] == pytest.approx(half.duration_s, abs=1e-3)
    assert half.duration_s == pytest.approx(10, abs=0.6 if form != "OGG" else 6)  # pages of a plain tone are long
    if form != "OGG":  # which says its length at its end
        assert warning.numbers["promised_s"] == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3"])
def test_strict_reading_refuses_what_is_cut_short(form: str) -> None:
    whole = stored(form, soundfile.default_subtype(form), 4.0)
    assert read_audio(whole, strict=True).duration_s == pytest.approx(4, abs=0.1)
    with pytest.raises(AudioError, match=r"cut short: [\d.]+ s of 4\.\d+ s are there; copy or record the file again"):
        read_audio(whole[: len(whole) // 2], strict=True)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_streams_one_after_another_are_one_sound(subtype: str) -> None:
    one, other = stored("OGG", subtype), stored("OGG", subtype, 2.0)
    joined = read_audio(one + other + one)
    assert joined.duration_s == 4
    assert joined.warnings == ()
    np.testing.assert_array_equal(joined.samples[:RATE], read_audio(one).samples)
    np.testing.assert_array_equal(joined.samples[RATE : 3 * RATE], read_audio(other).samples)


def test_an_ogg_stream_at_another_rate_behind_is_brought_to_the_rate_of_the_first() -> None:
    time_s = np.arange(2 * 8_000) / 8_000
    slower = io.BytesIO()
    soundfile.write(slower, 0.5 * np.sin(2 * np.pi * 440 * time_s), 8_000, format="OGG", subtype="VORBIS")
    joined = read_audio(stored("OGG", "VORBIS") + slower.getvalue())
    assert joined.duration_s == 3
    assert codes_of(joined.warnings) == "format_changes"
    assert joined.warnings[0].numbers == {"after_s": 1.0}
    behind = joined.samples[RATE + 1_000 : -1_000]
    assert np.argmax(np.abs(np.fft.rfft(behind))) * RATE / len(behind) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("form", ["FLAC", "OGG"])
def test_a_hole_in_a_file_costs_what_is_in_it(form: str) -> None:
    pytest.importorskip("av", reason="goes on behind the damage")
    whole = stored(form, soundfile.default_subtype(form), 20.0)
    holed = bytearray(whole)
    holed[len(whole) // 2 : len(whole) // 2 + 500] = bytes(500)
    heard = read_audio(bytes(holed))
    assert codes_of(heard.warnings) in ("damaged", "cut_short")
    assert heard.duration_s > 14


@pytest.mark.parametrize("behind", [b"\n", b"TAG" + bytes(125), b"APETAGEX" + bytes(24), bytes(999), b"\xff\xf8x" * 99])
def test_a_flac_followed_by_anything_is_the_same_sound(behind: bytes) -> None:
    whole = stored("FLAC", "PCM_16", 6.0)
    followed = read_audio(whole + behind)
    assert followed.warnings == ()
    np.testing.assert_array_equal(followed.samples, read_audio(whole).samples)


@pytest.mark.parametrize("seed", range(40))
def test_quiet_samples_without_a_header_are_not_taken_for_an_mp3(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    samples = np.random.default_rng(seed).normal(0, 2, 8_000).astype("<i2")
    samples[:2] = -1  # 0xFFFF, with which libsndfile thinks that frames of an MP3 begin
    with pytest.raises(AudioError, match="on the command line samples without a header"):
        read_audio(samples.tobytes(), name="call.pcm")
    assert capfd.readouterr() == ("", "")


def test_a_damaged_mp3_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    broken = bytearray(stored("MP3", "MPEG_LAYER_III", 10.0))
    chance = random.Random(3)
    for _ in range(200):
        broken[chance.randrange(1_000, len(broken))] ^= 0xFF
    assert read_audio(bytes(broken)).duration_s > 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["call.raw", "CALL.RAW"])
def test_a_file_called_raw_is_read_by_its_content(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(stored("WAV", "PCM_16"))
    named = io.BytesIO(path.read_bytes())
    named.name = name
    with path.open("rb") as opened:
        assert [read_audio(sound).duration_s for sound in (path, opened, named)] == [1, 1, 1]
    path.write_bytes(bytes(range(200)) * 99)
    with pytest.raises(AudioError, match="on the command line samples without a header"):
        read_audio(path)


@pytest.mark.parametrize(("form", "subtype"), KINDS)
def test_whatever_is_broken_in_a_file_it_is_read_or_refused(
    form: str, subtype: str, is_read_or_refused: Callable[[bytes, str, int], bool]
) -> None:
    assert is_read_or_refused(stored(form, subtype, 0.3), form + subtype, 40)


def test_a_file_that_is_no_sound_is_told_what_can_be_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="with PyAV more can be read")
    with pytest.raises(AudioError, match=r"WAV, FLAC, OGG, Opus, MP3, AIFF, M4A, WebM and videos can, and"):
        read_audio(b"no sound at all")
    monkeypatch.setitem(sys.modules, "av", None)  # Python's own way of saying that a module is not there
    with pytest.raises(AudioError, match=r"MP3 and AIFF can, and on the command line samples"):
        read_audio(b"no sound at all")


def voice(seconds: float, rate_hz: int, seed: int, channels: int = 1) -> npt.NDArray[np.float32]:
    """A tone that glides and swells, and is like itself at no other time."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch_hz = 300 + 150 * np.sin(2 * np.pi * (0.7 + 0.3 * seed) * time_s)
    tone = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch_hz) / rate_hz) * (0.6 + 0.4 * np.sin(7 * time_s + seed))
    return np.repeat(tone.astype(np.float32)[:, None], channels, axis=1)


def mp3(sound: npt.NDArray[np.float32], rate_hz: int, *, mode: str = "VARIABLE", is_bare: bool = False) -> bytes:
    """Store sound as an MP3; a bare one says nowhere how many frames it has, as of a live stream."""
    file = io.BytesIO()
    kind = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": mode, "compression_level": 0.5}
    with soundfile.SoundFile(file, "w", rate_hz, sound.shape[1], **kind) as opened:
        opened.write(sound)
    data = file.getvalue()
    kind_found = kind_of(data)
    assert kind_found is not None
    return data[frame_lengths(kind_found)[data[1] << 8 | data[2]] :] if is_bare else data


def starts_at(heard: Samples, sound: npt.NDArray[np.float32]) -> int:
    """Tell where in what is heard a sound begins, if it is there."""
    wanted = sound.mean(axis=1)
    size = len(heard) + len(wanted)
    alike = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    place = int(np.argmax(alike))
    there = heard[place : place + len(wanted)]
    assert np.corrcoef(there, wanted[: len(there)])[0, 1] > 0.97
    assert len(there) > 0.98 * len(wanted)
    return place


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("rate_hz", [44_100, 16_000])
def test_an_mp3_that_says_no_length_is_heard_to_its_end(mode: str, rate_hz: int) -> None:
    sound = voice(5, rate_hz, 1)
    with open_audio(mp3(sound, rate_hz, mode=mode, is_bare=True)) as reader:
        promised_s = reader.duration_s
        heard = reader.whole()
    assert heard.duration_s == promised_s == pytest.approx(5, abs=0.08)  # an encoder adds up to two frames
    assert starts_at(heard.samples, sound) < 0.08 * rate_hz


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("is_bare", "off_s"), [(False, 0.0), (True, 0.15)])
def test_joined_mp3_files_are_heard_one_after_another(mode: str, channels: int, is_bare: bool, off_s: float) -> None:
    sounds = [voice(seconds, 44_100, seed, channels) for seconds, seed in ((2.0, 1), (3.0, 2), (1.5, 3))]
    joined = b"".join(mp3(sound, 44_100, mode=mode, is_bare=is_bare) for sound in sounds)
    with open_audio(joined) as reader:
        promised_s = reader.duration_s
        heard = reader.whole()
    assert heard.channels == channels
    assert heard.duration_s == promised_s == pytest.approx(6.5, abs=off_s + 1e-9)
    for sound, begin_s in zip(sounds, (0, 2, 5), strict=True):
        assert starts_at(heard.samples, sound) / 44_100 == pytest.approx(begin_s, abs=off_s + 1e-3)


def test_joined_mp3_files_may_have_tags_and_come_through_a_path(tmp_path: Path) -> None:
    tag, behind = b"ID3\x04\0\0" + bytes([0, 0, 32, 0]) + bytes(4_096), b"TAG" + bytes(125)
    one, other = voice(2, 44_100, 1), voice(3, 44_100, 2)
    path = tmp_path / "joined.mp3"
    path.write_bytes(tag + mp3(one, 44_100) + behind + tag + mp3(other, 44_100) + behind)
    heard = read_audio(path)
    assert heard.duration_s == 5
    assert starts_at(heard.samples, other) == pytest.approx(2 * 44_100, abs=50)


def test_an_mp3_that_changes_in_its_middle_goes_on_in_the_form_of_its_beginning() -> None:
    one, slow, wide = mp3(voice(2, 44_100, 1), 44_100), voice(2, 16_000, 2), voice(2, 44_100, 2, channels=2)
    for rest, form in ((mp3(slow, 16_000), "16000 Hz with 1 channel"), (mp3(wide, 44_100), "44100 Hz with 2 channels")):
        heard = read_audio(one + rest)
        assert (heard.rate_hz, heard.channels) == (44_100, 1)
        assert heard.duration_s == pytest.approx(4, abs=0.01)
        (warning,) = heard.warnings
        assert (warning.code, warning.text.endswith(f"to {form}")) == ("format_changes", True)
    assert starts_at(read_audio(one + mp3(wide, 44_100)).samples, wide) == pytest.approx(2 * 44_100, abs=50)


def test_an_mp3_that_breaks_off_in_a_frame_says_so_wherever_it_stands() -> None:
    one, other = mp3(voice(2, 44_100, 1), 44_100), mp3(voice(2, 44_100, 2), 44_100)
    bare = mp3(voice(2, 44_100, 1), 44_100, is_bare=True)
    for cut in (one[:-900], bare[:-150], one + other[:-900], one[: len(one) // 2] + other, bare + other[:-900]):
        assert codes_of(read_audio(cut).warnings) == "cut_short"


def test_a_recorded_mp3_stream_is_heard_from_frame_to_frame() -> None:
    sound = voice(3, 44_100, 1)
    recorded = mp3(sound, 44_100, is_bare=True)[150:-150]
    assert read_audio(recorded).duration_s == pytest.approx(3, abs=0.08)


def test_the_elder_layers_are_heard_to_their_end() -> None:
    av = pytest.importorskip("av")
    sound = voice(3, 44_100, 1)
    file = io.BytesIO()
    with av.open(file, "w", format="mp2") as container:
        stream = container.add_stream("mp2", rate=44_100)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((32_000 * sound.T).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = 44_100
        container.mux([*stream.encode(frame), *stream.encode(None)])
    heard = read_audio(2 * file.getvalue())
    assert heard.duration_s == pytest.approx(6, abs=0.08)
    assert starts_at(heard.samples, sound) % (3 * 44_100) < 0.04 * 44_100


def test_a_long_mp3_without_a_length_takes_no_more_memory_than_its_parts() -> None:
    file = mp3(voice(5, 16_000, 1), 16_000, is_bare=True) * 40  # 13 MB of float32
    tracemalloc.start()
    with open_audio(file) as reader:
        heard = sum(len(part) for part in reader.parts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert heard / 16_000 == pytest.approx(40 * 5.05, abs=2)
    assert peak < 5e6
