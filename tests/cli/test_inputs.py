"""The microphone, with a stand-in for sounddevice: what it promises is taken from its documentation."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

from hearfelt.audio.decoders.raw import RawFormat
from hearfelt.audio.reader import read_audio
from hearfelt.cli import inputs
from hearfelt.cli.inputs import Reading, check_standard_input, microphone, parse_raw, sound_of
from hearfelt.errors import AudioError, ExtraMissingError


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Lets bytes come through standard input."""

    def pipe(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return pipe


@pytest.fixture
def pcm(clip: Path) -> bytes:
    """The clip's samples, 16 bits, 16 kHz, without a header."""
    samples, _ = soundfile.read(clip, dtype="int16")
    return np.asarray(samples, "<i2").tobytes()


def test_a_file_and_what_is_piped_in_have_the_same_answer(
    here: Callable, piped: Callable, clip: Path, model: Path
) -> None:
    expected = json.loads(here("recognize", clip, "-m", model, "-f", "json")[1])
    piped(clip.read_bytes())
    code, out, err = here("recognize", "-", "-m", model, "-f", "json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {**expected, "source": "-"}


def test_raw_samples_have_the_same_answer_as_the_wav_they_come_from(
    here: Callable, piped: Callable, clip: Path, pcm: bytes, model: Path, tmp_path: Path
) -> None:
    expected = json.loads(here("recognize", clip, "-m", model, "-f", "json")[1])
    path = tmp_path / "line.pcm"
    path.write_bytes(pcm)
    piped(pcm)
    code, out, err = here("recognize", path, "-", "--raw", "s16le:16000:1", "-m", model, "-f", "json")
    assert (code, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        {**expected, "source": str(path)},
        {**expected, "source": "-"},
    ]


@pytest.mark.parametrize("raw", [False, True])
def test_what_is_piped_in_can_be_drawn_too(
    raw: bool, here: Callable, piped: Callable, clip: Path, pcm: bytes, model: Path, tmp_path: Path
) -> None:
    piped(pcm if raw else clip.read_bytes())
    picture = tmp_path / "a.png"
    options = ("--raw", "s16le:16000") if raw else ()
    assert here("recognize", "-", "-m", model, "--plot", picture, *options)[::2] == (0, "")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_real_pipe_into_the_real_program(clip: Path, model: Path) -> None:
    command = [sys.executable, "-m", "hearfelt", "recognize", "-", "-m", str(model), "-f", "json"]
    done = subprocess.run(command, input=clip.read_bytes(), capture_output=True, timeout=120, check=True)
    assert json.loads(done.stdout)["duration_s"] == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "the file is empty"), (b"a letter" * 99, "no sound that can be read")]
)
def test_what_is_piped_in_and_no_sound_is_one_sentence(
    data: bytes, said: str, here: Callable, piped: Callable, clip: Path, model: Path
) -> None:
    piped(data)
    code, out, err = here("recognize", "-", clip, "-m", model)
    assert code == 3
    assert "clip.wav" in out
    assert err.startswith("hearfelt: standard input: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-", "-"), "standard input can be read once"),
        (("a.pcm", "--raw", "s16:8000"), "one of s8, u8"),
        (("a.pcm", "--raw", "s16le"), "such as s16le:8000:1"),
        (("a.pcm", "--raw", "s16le:8000:none"), "such as s16le:8000:1"),
        ((".", "--raw", "s16le:8000"), "raw samples are read from files"),
    ],
)
def test_wrong_usage_says_what_would_be_right(
    arguments: tuple[str, ...], said: str, here: Callable, piped: Callable
) -> None:
    piped(b"")
    code, out, err = here("recognize", *arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.replace("│", "").split())


def test_a_terminal_is_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal, os.fdopen(ours, "wb"):
        monkeypatch.setattr(sys, "stdin", terminal)
        with pytest.raises(typer.BadParameter, match="nothing is piped into it"):
            check_standard_input(["-"])
        check_standard_input(["a.wav"])


def test_no_raw_format_is_none_and_a_path_stays_a_path() -> None:
    assert parse_raw(None) is None
    with sound_of("a.wav", Reading()) as sound:
        assert sound == "a.wav"


def test_a_sound_that_is_read_again_is_the_same_sound(piped: Callable, pcm: bytes) -> None:
    piped(pcm)
    with sound_of("-", Reading(RawFormat("s16le", 16_000)), is_read_again=True) as sound:
        first, second = read_audio(sound), read_audio(sound)
    assert first.digest() == second.digest()
    assert first.name == "standard input"


def test_strange_names_and_pipes_are_no_reason_to_stop(here: Callable, tmp_path: Path, clip: Path, model: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    odd = os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.wav")
    Path(odd).write_bytes(clip.read_bytes())
    Path(os.fsdecode(os.fsencode(folder) + b"/\xfc.wav")).write_bytes(b"")
    for form in ("json", "csv", "table"):
        code, out, err = here("recognize", tmp_path / "pipe.wav", folder, "-m", model, "-f", form)
        assert code == 3
        assert "named pipe" in out + err
        assert "the file is empty" in out + err


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
    monkeypatch.setattr(inputs, "_UNPLUGGED_S", 0.05)
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
