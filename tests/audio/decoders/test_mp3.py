from __future__ import annotations

import io
import random
import struct
import tracemalloc
from functools import cache

import numpy as np
import pytest
import soundfile

from hearfelt.audio.decoders.mp3 import (
    Kind,
    Mp3,
    Part,
    find_mp3,
    frame_lengths,
    is_free,
    kind_of,
    promised_frames,
    tag_length,
)
from hearfelt.errors import AudioError

RATE_HZ = 44_100
KIND = Kind(version=3, layer=1, rate=0, is_mono=True)  # MPEG-1, layer 3, 44.1 kHz
TAG = b"ID3\x04\0\0" + bytes([0, 2, 1, 0]) + bytes(2 * 16_384 + 128)
TAG_BEHIND = b"TAG" + bytes(125)


@cache
def stored(seconds: float, rate_hz: int = RATE_HZ, channels: int = 1, mode: str = "VARIABLE") -> bytes:
    """An MP3, the first frame of which says how many follow."""
    sound = 0.3 * np.random.default_rng(1).standard_normal((round(seconds * rate_hz), channels))
    held = io.BytesIO()
    kind = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": mode, "compression_level": 0.5}
    with soundfile.SoundFile(held, "w", rate_hz, channels, **kind) as file:
        file.write(sound)
    return held.getvalue()


def first_length(mp3: bytes) -> int:
    kind = kind_of(mp3)
    assert kind is not None
    return frame_lengths(kind)[mp3[1] << 8 | mp3[2]]


def bare(seconds: float) -> bytes:
    """An MP3 that says nowhere how many frames it has."""
    mp3 = stored(seconds)
    return mp3[first_length(mp3) :]


def found(data: bytes, *, search: bool = False) -> Mp3:
    mp3 = find_mp3(io.BytesIO(data), "a.mp3", search=search)
    assert mp3 is not None
    return mp3


def said(data: bytes) -> list[str]:
    return [warning.text for warning in found(data).warnings]


def frames_of(seconds: float) -> int:
    return found(stored(seconds)).parts[0].frames


@pytest.mark.parametrize(("mode", "seconds"), [("CONSTANT", 55), ("VARIABLE", 5)])  # 1.1 MB is more than is held
def test_as_many_frames_are_counted_as_the_encoder_says(mode: str, seconds: int) -> None:
    mp3 = stored(seconds, mode=mode)
    said = int.from_bytes(mp3[29:33])
    assert found(mp3).parts == [Part(KIND, [(0, len(mp3))], said, is_counted=True)]
    assert found(mp3).is_plain
    counted = found(mp3[first_length(mp3) :])
    assert counted.parts[0].frames == said
    assert not counted.is_plain


def test_joined_files_are_parts_and_tags_between_them_are_none() -> None:
    one, other = stored(1), stored(2)
    data = TAG + one + TAG_BEHIND + TAG + other + TAG_BEHIND
    begin = len(TAG + one + TAG_BEHIND + TAG)
    assert found(data).parts == [
        Part(KIND, [(len(TAG), len(TAG + one))], frames_of(1), is_counted=True),
        Part(KIND, [(begin, begin + len(other))], frames_of(2), is_counted=True),
    ]


@pytest.mark.parametrize("more", [-1, 3])
def test_a_count_that_is_too_low_or_counts_itself_is_not_believed(more: int) -> None:
    mp3 = bytearray(stored(1))
    mp3[29:33] = (frames_of(1) - more).to_bytes(4)
    assert found(bytes(mp3)).parts == [Part(KIND, [(first_length(mp3), len(mp3))], frames_of(1), is_counted=False)]


def test_what_was_cut_short_is_said_with_the_time() -> None:
    mp3 = stored(2)
    assert said(mp3) == said(mp3[:-100]) == []  # a frame more or less is what encoders differ by
    for cut in (mp3[: -3 * 1_200], mp3[: -3 * 1_200] + stored(1)):
        (text,) = said(cut)
        assert text.startswith("cut short: 1.")
        assert text.endswith(" s of 2.04 s are there")
    (text,) = said(bare(2)[:-100])
    assert text.startswith("cut short: 2.0")
    assert said(mp3 + TAG[:-100]) == []


def test_a_change_of_rate_or_channels_is_said_with_the_time() -> None:
    assert said(stored(2) + stored(1, 48_000)) == [
        "after 2.04 s the format changes from 44100 Hz with 1 channel to 48000 Hz with 1 channel"
    ]
    assert said(bare(2) + TAG + stored(1, channels=2))[0].endswith(" to 44100 Hz with 2 channels")
    parts = found(stored(2) + stored(1, 48_000)).parts
    assert [(part.kind.rate_hz, part.is_counted) for part in parts] == [(44_100, True), (48_000, True)]


def test_a_frame_that_broke_off_before_the_next_file_is_left_out() -> None:
    one, other = bare(1), stored(2)
    mp3 = found(one[:-100] + other)
    assert [part.frames for part in mp3.parts] == [frames_of(1) - 1, frames_of(2)]
    assert mp3.parts[1].is_counted
    between = found(one[:-100] + TAG + other)
    assert [part.frames for part in between.parts] == [frames_of(1) - 1, frames_of(2)]


def test_a_recorded_stream_begins_and_ends_in_the_middle_of_a_frame() -> None:
    data = bare(2)[100:-100]
    assert find_mp3(io.BytesIO(data), "a.mp3") is None
    assert found(data, search=True).parts[0].frames == frames_of(2) - 2
    tagged = data[:300] + TAG + bare(2)
    assert found(tagged, search=True).parts[0].frames == frames_of(2)


def test_a_little_of_anything_is_passed_over_and_much_is_told() -> None:
    little, much = random.Random(1).randbytes(5_000), random.Random(1).randbytes(50_000)
    one, other = bare(1), stored(2)
    for junk in (little, bytes(5_000), b"\xff" * 5_000):
        assert [part.frames for part in found(one + junk + other).parts] == [frames_of(1), frames_of(2)]
        assert found(one + junk).parts[0].frames == frames_of(1)
    assert said(one + much)[0].startswith("damaged after 1.0")
    assert said(one + much + other)[0].startswith("damaged after 1.0")
    assert [part.frames for part in found(one + much + other).parts] == [frames_of(1), frames_of(2)]
    # behind a file that is whole by what it says
    assert found(other + much).is_plain
    assert [part.frames for part in found(other + much + other).parts] == [frames_of(2), frames_of(2)]


def test_a_title_every_16_000_bytes_costs_a_frame_each_and_not_the_rest() -> None:
    data = bare(20)
    title = b"\x05StreamTitle='a song';" + bytes(58)
    mixed = title.join(data[start : start + 16_000] for start in range(0, len(data), 16_000))
    titles = -(-len(data) // 16_000) - 1
    part = found(mixed).parts[0]
    assert frames_of(20) - titles <= part.frames <= frames_of(20)
    assert len(part.pieces) <= titles + 1


def test_frames_without_a_bit_rate_are_measured() -> None:
    data = bytearray(stored(1, mode="CONSTANT"))
    part = found(bytes(data)).parts[0]
    del data[: first_length(data)]
    place = 0
    while place < len(data):
        length = first_length(data[place : place + 4])
        data[place + 2] &= 0x0F
        place += length
    assert found(bytes(data)).parts == [Part(KIND, [(0, len(data))], part.frames)]
    assert find_mp3(io.BytesIO(bytes(data[:500])), "a.mp3") is None


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "AIFF", "AU", "CAF", "W64"])
def test_another_kind_of_file_is_none(form: str) -> None:
    held = io.BytesIO()
    soundfile.write(held, np.zeros(20_000), 16_000, format=form)
    assert find_mp3(held, "a") is None
    assert find_mp3(held, "a", search=True) is None


@pytest.mark.parametrize("beginning", [b"", stored(1)])
@pytest.mark.parametrize(
    "rest",
    [
        b"\xff" * 3_000_000,
        b"ID3\x04\0\0\0\0\0\0" * 300_000,
        b"APETAGEX" + bytes(24),
        b"\xff\xfb\x90" * 1_000_000,
        (bytes.fromhex("ffe318c4") + bytes(68)) * 2 + b"x",
        ((bytes.fromhex("ffe318c4") + bytes(68)) * 3 + b"x") * 30_000,
        (stored(1)[:29] + bytes(4) + stored(1)[33:417]) * 12_000,
        bytes(1 << 25),
        b"\xff\xfb",
        b"TAG",
    ],
)
def test_whatever_is_made_up_is_answered_soon(beginning: bytes, rest: bytes) -> None:
    answers = set()
    for search in (False, True):
        try:
            mp3 = find_mp3(io.BytesIO(beginning + rest), "a.mp3", search=search)
            answers.add(mp3 is None or len(mp3.parts) <= 10_000)
        except AudioError as error:
            answers.add("\n" not in str(error))
    assert answers == {True}


def test_a_long_file_takes_no_memory() -> None:
    file = io.BytesIO(bare(5) * 200)  # 8 MB, a quarter of an hour
    tracemalloc.start()
    mp3 = find_mp3(file, "a.mp3")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mp3 is not None
    assert mp3.parts[0].frames == 200 * frames_of(5)
    assert peak < 3e6


def test_whatever_is_broken_in_a_file_an_end_is_found() -> None:
    whole = stored(1) + TAG_BEHIND + TAG[:200] + bare(1)
    chance = random.Random(2)
    answers = set()
    for _ in range(200):
        broken = bytearray(whole)
        for _ in range(chance.choice((1, 10, 100))):
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        try:
            mp3 = find_mp3(io.BytesIO(bytes(broken[chance.randrange(1_000) :])), "a.mp3", search=True)
            answers.add(mp3 is None or sum(part.frames for part in mp3.parts) <= 2 * frames_of(1) + 2)
        except AudioError as error:
            answers.add("\n" not in str(error))
    assert answers == {True}


# Headers


def head(text: str) -> Kind:
    kind = kind_of(bytes.fromhex(text))
    assert kind is not None
    return kind


@pytest.mark.parametrize(
    ("text", "rate_hz", "channels", "samples"),
    [
        ("fffb9064", 44_100, 2, 1152),
        ("fffb94c4", 48_000, 1, 1152),
        ("fff388c4", 16_000, 1, 576),  # MPEG-2
        ("ffe348c4", 8_000, 1, 576),  # MPEG-2.5
        ("fffd90c4", 44_100, 1, 1152),  # layer 2
        ("ffff9004", 44_100, 2, 384),  # layer 1
    ],
)
def test_a_header_says_rate_channels_and_samples(text: str, rate_hz: int, channels: int, samples: int) -> None:
    kind = head(text)
    assert (kind.rate_hz, kind.channels, kind.samples) == (rate_hz, channels, samples)


@pytest.mark.parametrize("text", ["fffbf0c4", "fffb9cc4", "ffeb90c4", "fff990c4", "00fb90c4", "ff7b90c4", "fffb90"])
def test_what_no_frame_begins_with_is_none(text: str) -> None:
    assert kind_of(bytes.fromhex(text)) is None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("fffb9064", 417),  # 144 x 128,000 / 44,100
        ("fffb9264", 418),  # and a byte of padding
        ("fffa9064", 417),  # with a checksum inside
        ("fffbe464", 960),  # 144 x 320,000 / 48,000
        ("fff388c4", 288),  # 72 x 64,000 / 16,000
        ("ffe318c4", 72),  # 72 x 8,000 / 8,000
        ("fffd14c4", 96),  # layer 2: 144 x 32,000 / 48,000
        ("ffff9204", 316),  # layer 1: 12 x 288,000 / 44,100 words of four bytes, and a word of padding
    ],
)
def test_the_length_of_a_frame_follows_from_its_bit_rate(text: str, length: int) -> None:
    data = bytes.fromhex(text)
    assert frame_lengths(head(text))[data[1] << 8 | data[2]] == length


def test_a_frame_without_a_bit_rate_is_as_long_as_it_was_measured() -> None:
    data = bytes.fromhex("fffb0264")
    assert is_free(data)
    assert 0xFB02 not in frame_lengths(head("fffb0264"))
    assert frame_lengths(head("fffb0264"), 400)[0xFB02] == 401


@pytest.mark.parametrize(
    ("text", "behind"), [("fffb9064", 36), ("fffb90c4", 21), ("fff38864", 21), ("fff388c4", 13), ("fffa90c4", 23)]
)
def test_how_many_frames_follow_is_read_where_encoders_write_it(text: str, behind: int) -> None:
    start = bytes.fromhex(text)
    frame = start + bytes(behind - 4) + b"Xing" + struct.pack(">II", 1, 77) + bytes(300)
    has_checksum = text.startswith("fffa")
    assert promised_frames(b"12345" + frame, 5, head(text)) == (77, not has_checksum)
    unsaid = start + bytes(behind - 4) + b"Info" + struct.pack(">II", 2, 77) + bytes(300)
    assert promised_frames(unsaid, 0, head(text)) == (0, not has_checksum)
    sound = start + bytes(behind - 5) + b"\1Xing" + struct.pack(">II", 1, 77) + bytes(300)
    assert promised_frames(sound, 0, head(text)) is None


def test_how_many_frames_follow_is_read_as_fraunhofer_wrote_it() -> None:
    frame = bytes.fromhex("fffb9064") + bytes(32) + b"VBRI" + bytes(10) + struct.pack(">I", 99) + bytes(300)
    assert promised_frames(frame, 0, head("fffb9064")) == (99, False)


def test_tags_say_their_length() -> None:
    assert tag_length(b"ID3\x04\0\0" + bytes([0, 0, 2, 1]) + bytes(100)) == 267
    assert tag_length(b"TAG" + bytes(50)) == 53  # the end of the file
    for flags, length in ((0xA0000000, 32 + 500), (0x80000000, 32)):  # before what it describes, or behind it
        assert tag_length(b"APETAGEX" + struct.pack("<IIII", 2_000, 500, 3, flags) + bytes(100)) == length
    assert tag_length(bytes.fromhex("fffb90c4") + bytes(124)) == 0
