from __future__ import annotations

import io
import random
import struct
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile

from hearfelt.audio import open_audio, read_audio
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
def test_a_header_that_promises_gigabytes_is_refused_and_takes_no_memory(
    form: str, mark: bytes, behind: int, length: bytes
) -> None:
    lying = bytearray(stored(form, "PCM_16"))
    place = lying.index(mark) + behind
    lying[place : place + len(length)] = length
    tracemalloc.start()
    with pytest.raises(AudioError, match=r"promised|no sound that can be read"):
        read_audio(bytes(lying))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


@pytest.mark.parametrize("form", ["AIFF", "AU", "W64", "RF64", "CAF", "FLAC", "OGG", "MP3", "WAV"])
def test_half_a_file_is_not_taken_for_a_whole_one(form: str) -> None:
    whole = stored(form, soundfile.default_subtype(form), 4.0)
    assert read_audio(whole).duration_s == pytest.approx(4, abs=0.1)
    with pytest.raises(AudioError, match=r"cut short|no sound that can be read"):
        read_audio(whole[: len(whole) // 2])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_streams_one_after_another_are_not_heard_as_the_first(subtype: str) -> None:
    one, other = stored("OGG", subtype), stored("OGG", subtype, 2.0)
    for chain in (one + other, one + one):
        with pytest.raises(AudioError, match="several Ogg streams, one after another"):
            read_audio(chain)


@pytest.mark.parametrize(("form", "subtype"), KINDS)
def test_whatever_is_broken_in_a_file_it_is_heard_or_refused(form: str, subtype: str) -> None:
    whole = stored(form, subtype, 0.3)
    chance = random.Random(form + subtype)
    outcomes = set()
    for _ in range(40):
        broken = bytearray(whole)
        for _ in range(chance.choice((1, 2, 5))):
            broken[chance.randrange(min(len(broken), 2_000))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            broken = broken[: chance.randrange(len(broken))]
        try:
            outcomes.add(read_audio(bytes(broken)).duration_s < 60)
        except AudioError as error:
            outcomes.add("\n" not in str(error))
    assert outcomes == {True}


def test_a_file_that_is_no_sound_is_told_what_can_be_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="with PyAV more can be read")
    with pytest.raises(AudioError, match=r"WAV, FLAC, OGG, Opus, MP3, AIFF, M4A, WebM and videos can$"):
        read_audio(b"no sound at all")
    monkeypatch.setitem(sys.modules, "av", None)  # Python's own way of saying that a module is not there
    with pytest.raises(AudioError, match=r"MP3 and AIFF can$"):
        read_audio(b"no sound at all")
