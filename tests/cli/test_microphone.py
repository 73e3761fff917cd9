"""The microphone, with a stand-in for sounddevice: what it promises is taken from its documentation."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import numpy as np
import pytest

from hearfelt.cli import microphone as module
from hearfelt.cli.microphone import microphone
from hearfelt.errors import AudioError, ExtraMissingError


class PortAudioError(Exception):
    pass


class Stream:
    opened: list[Stream] = []  # noqa: RUF012

    def __init__(
        self, rate_hz: int, length: int, device: int, *, channels: int, dtype: str, callback: Callable
    ) -> None:
        self.arguments = (rate_hz, length, device, channels, dtype)
        self.is_open, self._callback = True, callback
        Stream.opened.append(self)

    def start(self) -> None:
        block = np.zeros((self.arguments[1], 1), np.float32)
        for number in range(3):
            block[:] = number  # the same array again, as the real one does
            self._callback(block, len(block), None, None)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    def query_devices(device: object, kind: str) -> dict[str, object]:
        assert kind == "input"
        if device == "nothing like it":
            raise ValueError("No input device matching 'nothing like it'")
        if device == 99:
            raise PortAudioError("Error querying device 99")
        return {"name": "a microphone", "index": 4, "default_samplerate": 44_100.0}

    stand_in = types.ModuleType("sounddevice")
    stand_in.__dict__.update(PortAudioError=PortAudioError, InputStream=Stream, query_devices=query_devices)
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    return stand_in


@pytest.mark.usefixtures("device")
def test_it_gives_blocks_of_a_tenth_of_a_second_at_the_devices_own_rate() -> None:
    with microphone() as (rate_hz, blocks):
        heard = [next(blocks) for _ in range(3)]
        assert Stream.opened[-1].arguments == (44_100, 4_410, 4, 1, "float32")
        assert Stream.opened[-1].is_open
    assert rate_hz == 44_100
    assert [(block.shape, block.dtype, block[0]) for block in heard] == [((4_410,), np.float32, n) for n in range(3)]
    assert not Stream.opened[-1].is_open


@pytest.mark.usefixtures("device")
def test_a_microphone_that_was_pulled_out_is_noticed() -> None:
    with microphone("4") as (_, blocks), pytest.raises(AudioError, match=r"^a microphone: no sound came for"):
        list(blocks)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(("name", "says"), [("nothing like it", "matching"), ("99", "querying device 99")])
def test_where_there_is_no_such_microphone_it_says_what_else_to_do(name: str, says: str) -> None:
    with pytest.raises(AudioError, match=f"{says}.*; connect one, or give --file$"), microphone(name):
        pass


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ExtraMissingError, match=r"hearfelt\[listen\]"), microphone():
        pass


def test_without_portaudio_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(ExtraMissingError, match=r"PortAudio is not installed.*apt install libportaudio2"), microphone():
        pass
