from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest

from hearfelt.audio.integrity import declared_in_fragment, declared_too_many
from hearfelt.audio.reader import read_audio
from hearfelt.errors import AudioError

av = pytest.importorskip("av")
RATE_HZ = 16_000
REFUSED = "more samples than the file has room for"


def written(kind: str = "mp4", codec: str = "aac", **options: str) -> bytearray:
    """A second of a tone, stored by FFmpeg."""
    held = io.BytesIO()
    with av.open(held, "w", format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=RATE_HZ)
        stream.layout = "mono"
        tone = (8_000 * np.sin(np.arange(RATE_HZ) / 9)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return bytearray(held.getvalue())


def with_numbers(content: bytearray, **places: dict[int, int]) -> bytes:
    """Write numbers of four bytes into boxes, at places counted from the box's name."""
    for name, numbers in places.items():
        start = content.index(name.encode())
        for place, number in numbers.items():
            content[start + place : start + place + 4] = number.to_bytes(4)
    return bytes(content)


def test_a_short_file_that_declares_millions_of_samples_is_refused_before_ffmpeg_keeps_them() -> None:
    many = 50_000_000
    lying = with_numbers(written(), stsz={8: 1, 12: many}, stsc={16: many}, stts={12: many})
    with pytest.raises(AudioError, match=REFUSED):
        read_audio(lying)


def test_a_list_of_sizes_longer_than_its_box_is_refused() -> None:
    with pytest.raises(AudioError, match=REFUSED):
        read_audio(with_numbers(written(), stsz={12: 0x0FFFFFFF}))


def test_a_fragment_that_declares_millions_of_samples_is_refused() -> None:
    fragmented = written(movflags="frag_keyframe+empty_moov")
    assert read_audio(bytes(fragmented)).duration_s == pytest.approx(1, abs=0.1)
    with pytest.raises(AudioError, match=REFUSED):
        read_audio(with_numbers(fragmented, trun={8: 50_000_000}))


def test_chunks_of_more_ticks_than_there_are_are_refused() -> None:
    ticks = written("mov", "pcm_s16le")
    assert read_audio(bytes(ticks)).duration_s == pytest.approx(1)
    with pytest.raises(AudioError, match=REFUSED):
        read_audio(with_numbers(ticks, stsc={16: 0x7FFFFFFF}))


@pytest.mark.parametrize(
    ("kind", "codec"), [("mp4", "aac"), ("mov", "pcm_s16le"), ("mov", "adpcm_ima_qt"), ("mov", "alac")]
)
def test_what_ffmpeg_stores_is_read(kind: str, codec: str) -> None:
    content = bytes(written(kind, codec))
    assert re.search(b"stsz", content)
    assert read_audio(content).duration_s == pytest.approx(1, abs=0.15)


def test_no_tables_declare_nothing(tmp_path: Path) -> None:
    assert not declared_too_many(b"moovtrak", 100)
    assert declared_in_fragment(b"moof") == 0
