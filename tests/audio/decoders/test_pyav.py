from __future__ import annotations

import io
import struct
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from hearfelt.audio.decoders.pyav import Gaps, container_of
from hearfelt.audio.inputs import AudioTrack
from hearfelt.audio.reader import AUDIO_SUFFIXES, audio_files, open_audio, read_audio
from hearfelt.audio.warnings import codes_of
from hearfelt.errors import AudioError

TONE_HZ = 440.0


@dataclass(frozen=True)
class Kind:
    """What a file is made of: FFmpeg's names of the container, the sound's codec and perhaps the video's."""

    container: str
    codec: str = "aac"
    rate_hz: int = 16_000
    channels: int = 1
    video: str = ""
    options: tuple[tuple[str, str], ...] = ()


FRAGMENTED = (("movflags", "frag_keyframe+empty_moov+default_base_moof"), ("frag_duration", "200000"))
CENC = (
    ("encryption_scheme", "cenc-aes-ctr"),
    ("encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"),
    ("encryption_kid", "a7e61c373e219033c21091fa607bf3b8"),
)
KINDS = {
    "m4a": Kind("ipod"),
    "alac.m4a": Kind("ipod", "alac"),
    "stereo.mp4": Kind("mp4", "aac", 48_000, 2, "mpeg4"),
    "live.mp4": Kind("mp4", options=FRAGMENTED),
    "mov": Kind("mov", "pcm_s16le"),
    "3gp": Kind("3gp", "libopencore_amrnb", 8_000),
    "amr": Kind("amr", "libopencore_amrnb", 8_000),
    "aac": Kind("adts"),
    "webm": Kind("webm", "libopus", 48_000),
    "video.webm": Kind("webm", "libopus", 48_000, video="libvpx"),
    "live.webm": Kind("webm", "libopus", 48_000, options=(("live", "1"),)),
    "mkv": Kind("matroska", "flac", 22_050, 2, "mpeg4"),
    "wma": Kind("asf", "wmav2", 44_100),
    "ac3": Kind("ac3", "ac3", 48_000, 2),
    "eac3": Kind("eac3", "eac3", 48_000, 2),
    "flv": Kind("flv", "aac", 44_100),
    "avi": Kind("avi", "mp3", 44_100, video="mpeg4"),
    "ts": Kind("mpegts"),
    "mpg": Kind("mpeg", "mp2", 48_000, video="mpeg2video"),
    "ogv": Kind("ogg", "libopus", 48_000, video="libvpx"),
}


@cache
def encoded(kind: Kind, seconds: float = 1.0, *, has_sound: bool = True) -> bytes:
    """Make a file with a tone of 440 Hz, in two channels half as loud on the right."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind.container, options=dict(kind.options)) as out:
        video = out.add_stream(kind.video, rate=10) if kind.video else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        layout = "mono" if kind.channels == 1 else "stereo"
        sound = out.add_stream(kind.codec, rate=kind.rate_hz, layout=layout) if has_sound else None
        if video is not None:
            for number in range(round(10 * seconds)):
                picture = np.full((32, 32, 3), number * 9 % 255, np.uint8)
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(video.encode(None))
        if sound is not None:
            sound.bit_rate = 12_200 if "amr" in kind.codec else 64_000
            time_s = np.arange(round(seconds * kind.rate_hz)) / kind.rate_hz
            tone = 0.3 * 32_767 * np.sin(2 * np.pi * TONE_HZ * time_s)
            sides = np.stack([tone, tone / 2][: kind.channels], axis=1).astype(np.int16)  # (n, channels)
            for start in range(0, len(sides), 4_096):
                part = sides[start : start + 4_096].reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
                frame.sample_rate, frame.pts = kind.rate_hz, start
                out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
    return file.getvalue()


def pitch_hz(samples: np.ndarray, rate_hz: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate_hz / len(samples))


def heard_by_parts(file: bytes) -> tuple[int, int]:
    """Read a file part by part; gives how many samples there are, and the most memory that it takes, in bytes."""
    tracemalloc.start()
    with open_audio(file) as reader:
        heard = sum(len(part) for part in reader.parts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return heard, peak


def refusal(sound: bytes | Path) -> str:
    with pytest.raises(AudioError) as caught:
        read_audio(sound)
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("name", KINDS)
def test_the_tone_comes_out_of_every_container_as_it_was_put_in(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    path = tmp_path / f"misnamed {name}.wav"
    path.write_bytes(encoded(kind))
    audio = read_audio(path)
    assert (audio.rate_hz, audio.channels) == (kind.rate_hz, kind.channels)
    assert audio.duration_s == pytest.approx(1, abs=0.1)
    assert pitch_hz(audio.samples, audio.rate_hz) == pytest.approx(TONE_HZ, abs=1.5)
    middle = audio.samples[audio.rate_hz // 4 : -audio.rate_hz // 4]
    mixed = 0.3 * (0.75 if kind.channels == 2 else 1)
    assert float(np.abs(middle).max()) == pytest.approx(mixed, rel=0.2)


@pytest.mark.parametrize("name", KINDS)
def test_the_length_is_known_beforehand_and_nearly_right(name: str) -> None:
    with open_audio(encoded(KINDS[name])) as reader:
        promised_s = reader.duration_s
        assert promised_s == pytest.approx(reader.whole().duration_s, abs=0.1)


@pytest.mark.parametrize("name", ["alac.m4a", "mov"])
def test_what_is_stored_without_loss_is_the_same_sound_as_a_wav(name: str) -> None:
    time_s = np.arange(16_000) / 16_000
    tone = (0.3 * 32_767 * np.sin(2 * np.pi * TONE_HZ * time_s)).astype(np.int16)
    assert read_audio(encoded(KINDS[name])).digest() == read_audio(tone, 16_000).digest()


def test_one_channel_is_taken_of_a_video() -> None:
    video = encoded(KINDS["stereo.mp4"])
    left, right = (read_audio(video, channel=channel).samples[5_000:-5_000] for channel in (0, 1))
    assert float(np.abs(left).max()) == pytest.approx(2 * float(np.abs(right).max()), rel=0.1)
    with pytest.raises(AudioError, match="no channel 2; this sound has 2, channels 0 to 1"):
        read_audio(video, channel=2)


@pytest.mark.parametrize(
    ("kind", "seconds", "times"),
    [(Kind("ipod", "alac", 48_000), 12.0, 1), (KINDS["webm"], 6.0, 1), (KINDS["aac"], 1.0, 20)],
)
def test_parts_put_together_are_the_whole_sound(kind: Kind, seconds: float, times: int) -> None:
    file = encoded(kind, seconds) * times
    with open_audio(file) as reader:
        parts = list(reader.parts())
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate(parts), read_audio(file).samples)


def test_a_long_file_takes_no_more_memory_than_its_parts() -> None:
    file = encoded(KINDS["aac"]) * 150  # 10 MB of float32
    heard, peak = heard_by_parts(file)
    assert heard / 16_000 == pytest.approx(163, abs=1)
    assert peak < 4e6


def test_without_pyav_the_error_names_the_extra_and_only_for_such_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS.values():
        encoded(kind)
    monkeypatch.setitem(sys.modules, "av", None)  # Python's own way of saying that a module is not there
    for name, kind in KINDS.items():
        if name == "ogv":  # an Ogg file is libsndfile's, as far as it goes
            continue
        said = refusal(encoded(kind))
        assert "PyAV" in said
        assert "pip install 'hearfelt[formats]'" in said
    assert "formats" not in refusal(b"hello, I am a letter\n" * 50)
    assert "PyAV may read it: pip install 'hearfelt[formats]'" in refusal(encoded(KINDS["ogv"]))


def test_libsndfile_is_asked_first_for_what_it_reads(tmp_path: Path) -> None:
    for form, ending in (("WAV", "wav"), ("FLAC", "flac"), ("OGG", "ogg"), ("MP3", "mp3"), ("AIFF", "aiff")):
        path = tmp_path / f"a.{ending}"
        soundfile.write(path, np.zeros(16_000), 16_000, format=form)
        with path.open("rb") as file:
            container = container_of(file)
            assert container is not None
            assert container.is_fallback
            assert file.tell() == 0


@pytest.mark.parametrize("codec", ["g722", "adpcm_g726", "adpcm_ima_wav", "libmp3lame"])
def test_a_wav_with_a_codec_that_libsndfile_lacks_is_read(codec: str) -> None:
    file = encoded(Kind("wav", codec, 8_000 if "g726" in codec else 16_000), 2.0)
    audio = read_audio(file)
    assert audio.duration_s == pytest.approx(2, abs=0.1)
    assert pitch_hz(audio.samples, audio.rate_hz) == pytest.approx(TONE_HZ, abs=1.5)
    assert audio.warnings == ()


def test_a_wav_with_aac_in_frames_is_read() -> None:
    aac = encoded(KINDS["aac"], 2.0)
    form = struct.pack("<HHIIHH", 0x1600, 1, 16_000, 8_000, 1, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(aac)) + aac
    audio = read_audio(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert (audio.digest(), audio.warnings) == (read_audio(aac).digest(), ())


def test_without_pyav_the_error_for_a_wav_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encoded(Kind("wav", "g722"))
    monkeypatch.setitem(sys.modules, "av", None)
    assert "PyAV may read it: pip install 'hearfelt[formats]'" in refusal(file)


@pytest.mark.parametrize(
    ("loud", "default", "chosen"),
    [((0,), (0,), 0), ((1,), (0,), 1), ((1,), (1,), 1), ((0, 1), (1,), 1), ((1, 2), (0,), 1), ((), (), 0)],
)
def test_of_several_tracks_the_default_one_is_taken_unless_it_is_silent(
    loud: tuple[int, ...], default: tuple[int, ...], chosen: int
) -> None:
    file = tracks(loud, default)
    audio = read_audio(file)
    (warning,) = (each for each in audio.warnings if each.code == "other_tracks")
    assert warning.numbers == {"tracks": 3, "track": chosen}
    np.testing.assert_array_equal(audio.samples, read_audio(AudioTrack(file, chosen)).samples)
    for number in range(3):
        asked = read_audio(AudioTrack(file, number))
        assert (np.abs(asked.samples).max() > 0.1) == (number in loud)
        assert "other_tracks" not in codes_of(asked.warnings)
    with pytest.raises(AudioError, match="there is no track 3; this file has 3, tracks 0 to 2"):
        read_audio(AudioTrack(file, 3))


def test_a_sound_without_tracks_has_track_0_only() -> None:
    wav = encoded(KINDS["mov"])
    assert read_audio(AudioTrack(wav, 0)).digest() == read_audio(wav).digest()
    file = io.BytesIO()
    soundfile.write(file, np.ones(16_000) / 4, 16_000, format="WAV")
    assert read_audio(AudioTrack(file.getvalue(), 0)).duration_s == 1
    with pytest.raises(AudioError, match="there is no track 1; this sound has one, track 0"):
        read_audio(AudioTrack(file.getvalue(), 1))


def tracks(loud: tuple[int, ...], default: tuple[int, ...]) -> bytes:
    """Make a film with three audio tracks of a second; those that are not loud are silent."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        streams = [out.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(3)]
        for number, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default if number in default else av.stream.Disposition(0)
        for number, stream in enumerate(streams):
            tone = (9_000 * np.sin(np.arange(16_000) * (number + 1) / 20)).astype(np.int16) * (number in loud)
            frame = av.AudioFrame.from_ndarray(tone.reshape(1, -1).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            out.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


def test_a_stream_behind_a_tag_is_found() -> None:
    tag = b"ID3\x04\0\0" + bytes([0, 0, 1, 0]) + bytes(128)
    assert read_audio(tag + encoded(KINDS["aac"])).duration_s == pytest.approx(1.09, abs=0.02)


def test_folders_list_them_by_their_endings(tmp_path: Path) -> None:
    for name in ("a.m4a", "b.WEBM", "c.wma", "d.mkv", "program.ts"):
        (tmp_path / name).touch()
    assert [path.name for path in audio_files(tmp_path)] == ["a.m4a", "b.WEBM", "c.wma", "d.mkv"]
    assert {".mp4", ".mov", ".aac", ".ac3", ".amr", ".wav"} <= AUDIO_SUFFIXES


def test_a_name_that_is_not_utf_8_is_no_obstacle(tmp_path: Path) -> None:
    path = Path(str(tmp_path) + "/gr\udcfc\udcdfe.m4a")
    path.write_bytes(encoded(KINDS["m4a"]))
    assert audio_files(tmp_path) == [path]
    assert read_audio(path).duration_s == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", [Kind("mp4", video="mpeg4"), Kind("webm", video="libvpx")])
def test_a_video_without_sound_says_so(kind: Kind) -> None:
    assert "a video without sound; a file with an audio track is wanted" in refusal(encoded(kind, has_sound=False))


def test_a_file_with_an_empty_track_says_so() -> None:
    file = encoded(KINDS["live.webm"])
    head = file[: file.index(bytes.fromhex("1f43b675"))]  # up to the first cluster
    assert "no sound in it" in refusal(head + element("1f43b675", element("e7", b"\0")))


def test_encrypted_files_say_so() -> None:
    assert "encrypted (DRM)" in refusal(encoded(Kind("mp4", options=CENC)))
    assert "encrypted (DRM)" in refusal(with_asf_encryption(encoded(KINDS["wma"])))
    assert "encrypted (DRM)" in refusal(with_matroska_encryption(encoded(KINDS["live.webm"])))


def with_asf_encryption(wma: bytes) -> bytes:
    """Put a content encryption object at the end of the header."""
    thing = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + struct.pack("<Q", 24 + 16) + bytes(16)
    size, count = struct.unpack("<QI", wma[16:28])
    grown = wma[:16] + struct.pack("<QI", size + len(thing), count + 1) + wma[28:size] + thing + wma[size:]
    properties = grown.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    return grown[: properties + 40] + struct.pack("<Q", len(grown)) + grown[properties + 48 :]


def with_matroska_encryption(webm: bytes) -> bytes:
    """Put a content encryption into the only track, and write the lengths around it anew."""
    encryption = element("47e1", b"\x05") + element("47e2", bytes(range(16)))
    encoding = element("5031", b"\0") + element("5032", b"\1") + element("5033", b"\1") + element("5035", encryption)
    contents = bytes.fromhex("53ab841654ae6b")  # the name of the tracks, where the list of contents has it
    tracks_at, tracks, after = found(webm, "1654ae6b", webm.find(contents) + len(contents))
    _, track, _ = found(tracks, "ae", 0)
    grown = element("1654ae6b", element("ae", track + element("6d80", element("6240", encoding))))
    return webm[:tracks_at] + grown + webm[after:]


def element(kind: str, inside: bytes) -> bytes:
    return bytes.fromhex(kind) + (1 << 56 | len(inside)).to_bytes(8) + inside


def found(data: bytes, kind: str, start: int) -> tuple[int, bytes, int]:
    place = data.index(bytes.fromhex(kind), start)
    begin = place + len(kind) // 2
    length_bytes = 9 - data[begin].bit_length()
    length = int.from_bytes(data[begin : begin + length_bytes]) & ((1 << 7 * length_bytes) - 1)
    begin += length_bytes
    return place, data[begin : begin + length], begin + length


def test_a_rate_that_changes_in_mid_stream_goes_on_at_the_first_rate() -> None:
    slow, fast, wide = (encoded(Kind("adts", "aac", *form)) for form in ((16_000,), (48_000,), (16_000, 2)))
    for rest, form in ((fast, "48000 Hz with 1 channel"), (wide, "16000 Hz with 2 channels")):
        heard = read_audio(slow + rest)
        assert heard.duration_s == pytest.approx(2.18, abs=0.1)
        behind = heard.samples[20_000:30_000]
        assert pitch_hz(behind, heard.rate_hz) == pytest.approx(TONE_HZ, abs=2)
        (warning,) = heard.warnings
        assert warning.text.endswith(f" s the format changes from 16000 Hz with 1 channel to {form}")
        assert warning.numbers["after_s"] == pytest.approx(1.09, abs=0.01)
    assert read_audio(slow + slow).duration_s == pytest.approx(2.18, abs=0.01)


@pytest.mark.parametrize("name", ["live.mp4", "webm", "mkv", "wma", "aac", "amr", "flv", "avi"])
def test_half_a_file_is_answered_and_not_taken_for_a_whole_one(name: str) -> None:
    file = encoded(KINDS[name], 4.0)
    half = read_audio(file[: len(file) // 2 + 5])
    assert half.duration_s == pytest.approx(2, abs=0.8)
    (warning,) = half.warnings
    assert warning.code == "cut_short"
    assert warning.numbers["there_s"] == pytest.approx(half.duration_s, abs=0.1)
    if "promised_s" in warning.numbers and name != "live.mp4":  # which promises a fragment at a time
        assert warning.numbers["promised_s"] == pytest.approx(4, abs=0.8)


def test_a_damaged_packet_is_left_out_and_said() -> None:
    file = bytearray(encoded(KINDS["aac"], 4.0))
    place = file.index(b"\xff\xf1", len(file) // 2) + 9  # inside a frame of AAC
    file[place : place + 60] = bytes(60)
    heard = read_audio(bytes(file))
    assert heard.duration_s == pytest.approx(4, abs=0.2)
    assert codes_of(heard.warnings) in ("damaged", "")


def test_a_recording_that_was_broken_off_is_told_from_a_damaged_one() -> None:
    file = encoded(KINDS["m4a"])
    assert "table of contents (moov) is missing" in refusal(file[: file.index(b"moov") - 4])


def test_a_box_that_promises_40_gigabytes_is_refused() -> None:
    huge = struct.pack(">I4sQ", 1, b"mdat", 40 << 30)
    assert "table of contents (moov) is missing" in refusal(encoded(KINDS["m4a"])[:28] + huge + bytes(1_000))


def test_a_playlist_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.aac").write_bytes(encoded(KINDS["aac"]))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{tmp_path}/a.aac\n#EXT-X-ENDLIST\n"
    assert "no sound that can be read" in refusal(playlist.encode())


@pytest.mark.parametrize("name", KINDS)
def test_whatever_is_broken_in_a_file_it_is_read_or_refused(
    name: str, is_read_or_refused: Callable[[bytes, str, int], bool]
) -> None:
    assert is_read_or_refused(encoded(KINDS[name], 0.3), name, 30)


@cache
def with_gaps(kind: Kind, *stretches: tuple[float, float], pictures: tuple[float, float] = (0, 0)) -> bytes:
    """Make a file whose sound is there only in some stretches: a tone of 440 Hz, and stamped times in between.

    Args:
        kind: what it is made of.
        stretches: when each begins and ends, in seconds.
        pictures: the same of a video's pictures.
    """
    file = io.BytesIO()
    with av.open(file, "w", format=kind.container, options=dict(kind.options)) as out:
        packets = []
        if kind.video:
            video = out.add_stream(kind.video, rate=10)
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        sound = out.add_stream(kind.codec, rate=kind.rate_hz, layout="mono")
        if kind.video:
            for number in range(round(10 * pictures[0]), round(10 * pictures[1])):
                picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number % 255, np.uint8), format="rgb24")
                picture.pts, picture.time_base = number, Fraction(1, 10)
                packets += video.encode(picture)
            packets += video.encode(None)
        out.start_encoding()
        for start_s, end_s in stretches:
            for packet in encoded_tone(kind, sound.codec_context.format, end_s - start_s):
                packet.pts = packet.dts = packet.pts + round(start_s * kind.rate_hz)
                packet.stream = sound
                packets.append(packet)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            out.mux(packet)
    return file.getvalue()


def encoded_tone(kind: Kind, form: av.AudioFormat, seconds: float) -> list[av.Packet]:
    context = av.CodecContext.create(kind.codec, "w")
    context.sample_rate, context.layout, context.format = kind.rate_hz, "mono", form
    context.time_base = Fraction(1, kind.rate_hz)
    context.open()
    tone = 0.3 * 32_767 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(seconds * kind.rate_hz)) / kind.rate_hz)
    frame = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = kind.rate_hz, 0, Fraction(1, kind.rate_hz)
    waiting = av.AudioFifo()
    for part in av.AudioResampler(format=form, layout="mono", rate=kind.rate_hz).resample(frame):
        waiting.write(part)
    packets = []
    while part := waiting.read(context.frame_size or 1_024) or waiting.read():
        packets += context.encode(part)
    packets += context.encode(None)
    for packet in packets:
        packet.time_base = Fraction(1, kind.rate_hz)
    return packets


def heard_between(samples: np.ndarray, rate_hz: int) -> list[float]:
    """Tell when something begins and stops to be heard; what breaks off for less than 40 ms goes on."""
    step = rate_hz // 50
    loud = np.abs(samples[: len(samples) // step * step]).reshape(-1, step).max(axis=1) > 0.1
    loud[1:-1] |= loud[:-2] & loud[2:]
    return (np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]]))) * step / rate_hz).tolist()


TIMED = {
    "webm": Kind("webm", "libopus", 48_000),
    "video.webm": Kind("webm", "libopus", 48_000, video="libvpx"),
    "m4a": Kind("mp4", "aac", 44_100),
    "mp4": Kind("mp4", "aac", 44_100, video="mpeg4"),
    "mov": Kind("mov", "aac", 44_100, video="mpeg4"),
    "mkv": Kind("matroska", "aac", 44_100, video="mpeg4"),
    "flac.mkv": Kind("matroska", "flac", 16_000, video="mpeg4"),
    "flv": Kind("flv", "aac", 44_100, video="flv1"),
    "ts": Kind("mpegts", "aac", 48_000, video="mpeg2video"),
    "mpg": Kind("mpeg", "mp2", 48_000, video="mpeg2video"),
}


@pytest.mark.parametrize("name", TIMED)
def test_a_gap_in_the_sound_is_silence_as_long(name: str) -> None:
    with open_audio(with_gaps(TIMED[name], (0, 2), (5, 6), pictures=(0, 6))) as reader:
        promised_s = reader.duration_s
        heard = reader.whole()
    assert promised_s == pytest.approx(6, abs=0.1)
    assert heard.duration_s == pytest.approx(6, abs=0.06)
    assert heard_between(heard.samples, heard.rate_hz) == pytest.approx([0, 2, 5, 6], abs=0.06)
    assert not heard.samples[round(2.2 * heard.rate_hz) : round(4.8 * heard.rate_hz)].any()


@pytest.mark.parametrize("name", [name for name, kind in TIMED.items() if kind.video])
def test_sound_that_begins_after_the_pictures_begins_with_silence(name: str) -> None:
    with open_audio(with_gaps(TIMED[name], (1.5, 3.5), pictures=(0, 3.5))) as reader:
        promised_s = reader.duration_s
        heard = reader.whole()
    assert promised_s == pytest.approx(3.5, abs=0.1)
    assert heard_between(heard.samples, heard.rate_hz) == pytest.approx([1.5, 3.5], abs=0.06)
    assert not heard.samples[: round(1.4 * heard.rate_hz)].any()


@pytest.mark.parametrize("name", ["webm", "m4a"])
def test_time_counts_from_where_the_container_begins(name: str) -> None:
    with open_audio(with_gaps(TIMED[name], (1.5, 3.5))) as reader:
        assert reader.duration_s == pytest.approx(2, abs=0.1)
        assert reader.whole().duration_s == pytest.approx(2, abs=0.06)


@pytest.mark.parametrize("name", KINDS)
def test_sound_without_gaps_gets_no_silence(name: str) -> None:
    heard = read_audio(encoded(KINDS[name], 4.0))
    start, end = heard_between(heard.samples, heard.rate_hz)  # one stretch: encoders begin it with less than 100 ms
    assert (start, end) == pytest.approx((0, 4), abs=0.11)


@pytest.mark.parametrize("name", ["ts", "mpg"])
def test_joined_broadcasts_are_heard_one_after_another(name: str) -> None:
    one = with_gaps(TIMED[name], (0, 2), pictures=(0, 2))
    later = with_gaps(TIMED[name], (4_000, 4_001), pictures=(4_000, 4_001))
    for joined, seconds in ((one + one, 4), (one + later, 3), (later + one, 3)):
        with open_audio(joined) as reader:
            assert reader.duration_s == pytest.approx(seconds, abs=0.1)
            assert reader.whole().duration_s == pytest.approx(seconds, abs=0.1)


def test_hours_of_silence_take_no_memory() -> None:
    file = with_gaps(TIMED["webm"], (0, 1), (7_200, 7_201))
    heard, peak = heard_by_parts(file)
    assert heard / 48_000 == pytest.approx(7_201, abs=0.1)
    assert peak < 8e6


def test_a_time_stamp_that_cannot_be_right_is_refused() -> None:
    assert "a time stamp that cannot be right" in refusal(with_gaps(TIMED["webm"], (0, 1), (3.6e9, 3.6e9 + 1)))
    late = with_gaps(TIMED["mkv"], (3.6e9, 3.6e9 + 1), pictures=(0, 1))
    assert "a time stamp that cannot be right" in refusal(late)


# Gaps in time stamps


def silences(*frames: tuple[float | None, float], start_s: float | None = 0.0, restarts: bool = False) -> list[float]:
    gaps = Gaps(start_s, restarts=restarts, name="a.webm")
    return [round(gaps.before(at_s, lasts_s), 6) for at_s, lasts_s in frames]


def test_a_late_start_and_a_gap_are_silence() -> None:
    gaps = Gaps(10.0, restarts=False, name="a.webm")
    assert [gaps.before(at_s, 1.0) for at_s in (11.5, 12.5, 15.5)] == [1.5, 0.0, 2.0]
    assert gaps.total_s == 6.5


def test_time_stamps_that_tremble_add_nothing() -> None:
    trembling = [(0.02 * number + 0.04 * (number % 3 - 1), 0.02) for number in range(200)]
    assert sum(silences(*trembling)) == 0


def test_one_late_time_stamp_moves_what_follows_by_no_more_than_itself() -> None:
    frames = [(0.02 * number + 0.08 * (number % 10 == 5), 0.02) for number in range(500)]
    assert sum(silences(*frames)) == pytest.approx(0.08)


def test_many_short_gaps_are_not_closed_up() -> None:
    lost = [(0.02 * number, 0.02) for number in range(500) if number % 2]
    assert sum(silences(*lost)) + 0.02 * len(lost) == pytest.approx(10, abs=0.06)


def test_time_before_the_beginning_is_no_silence() -> None:
    assert silences((-0.0065, 0.02), (0.0135, 0.02), (0.0335, 0.02)) == [0, 0, 0]


def test_a_container_that_does_not_say_when_it_begins_begins_with_its_first_frame() -> None:
    assert silences((5_000.0, 1.0), (5_003.0, 1.0), start_s=None) == [0, 2]
    assert silences((None, 1.0), (5_001.0, 1.0), (5_003.0, 1.0), start_s=None) == [0, 0, 1]


def test_frames_without_a_time_stamp_follow_on() -> None:
    assert silences((None, 1.0), (None, 1.0), (3.0, 1.0)) == [0, 0, 1]


def test_what_overlaps_is_heard_later_and_a_jump_back_is_another_recording() -> None:
    assert silences((0.0, 2.0), (1.5, 1.0), (2.5, 1.0), (5.0, 1.0)) == [0, 0, 0, 1]
    assert silences((100.0, 20.0), (0.0, 1.0), (3.0, 1.0), start_s=100.0) == [0, 0, 2]


def test_a_long_jump_forward_is_silence_unless_recordings_begin_anew() -> None:
    assert silences((0.0, 1.0), (3_601.0, 1.0), (3_604.0, 1.0)) == [0, 3_600, 2]
    assert silences((0.0, 1.0), (3_601.0, 1.0), (3_604.0, 1.0), restarts=True) == [0, 0, 2]


def test_more_than_a_day_of_silence_is_refused() -> None:
    assert silences((86_400.0, 1.0)) == [86_400]
    with pytest.raises(AudioError, match=r"a\.webm: after 1\.00 s a time stamp that cannot be right, 1,000,000 hours"):
        silences((0.0, 1.0), (3.6e9, 1.0))
    with pytest.raises(AudioError, match="cannot be right"):
        silences(*((40_000.0 * number, 1.0) for number in range(1, 4)))
