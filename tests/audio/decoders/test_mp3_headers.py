from __future__ import annotations

import struct

import pytest

from hearfelt.audio.decoders.mp3_headers import Kind, frame_lengths, is_free, kind_of, promised_frames, tag_length


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
