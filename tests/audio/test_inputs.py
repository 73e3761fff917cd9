from __future__ import annotations

import io
import os
import socket
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile
import torch

from hearfelt.audio.inputs import open_source, saved, with_rate
from hearfelt.audio.reader import open_audio, read_audio
from hearfelt.errors import AudioError

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def wav(samples: np.ndarray = TONE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV")
    return file.getvalue()


class Pipe(io.RawIOBase):
    """Gives bytes one part after another, and cannot go back."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not size or not self._parts:
            return b""
        part = self._parts.pop(0)
        if 0 <= size < len(part):
            self._parts.insert(0, part[size:])
        return part[:size] if size >= 0 else part


def test_a_named_pipe_that_nobody_writes_into_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="this is a named pipe; a sound file is wanted, or - for what is piped in"):
        read_audio(tmp_path / "pipe.wav")


def test_devices_and_sockets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for device in ("/dev/zero", "/dev/null"):
        with pytest.raises(AudioError, match="this is a device"):
            read_audio(device)
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a.wav")
        with pytest.raises(AudioError, match="this is a socket"):
            read_audio("a.wav")


@pytest.mark.parametrize(
    "path", ["loop.wav", "folder.wav/a.wav", "x" * 300 + ".wav", "nul\0.wav", "~nobody-here/a.wav"]
)
def test_paths_that_lead_nowhere_are_one_short_sentence(path: str, tmp_path: Path) -> None:
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "folder.wav").touch()
    with pytest.raises(AudioError) as caught:
        read_audio(path if path.startswith("~") else f"{tmp_path}/{path}")
    said = str(caught.value)
    assert "\n" not in said
    assert "Errno" not in said


@pytest.mark.parametrize("name", ["~call.wav", "~$x.wav", "~backup/x.wav", "-x.wav", "-"])
def test_names_that_begin_with_a_tilde_or_a_dash_are_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(wav(np.full(RATE, 0.25)))
    with Path(name).open("rb") as file:
        for given in (name, Path(name), Path(name).read_bytes(), file):
            assert read_audio(given).samples.tolist() == [0.25] * RATE


def test_a_file_of_no_bytes_and_a_file_closed_before_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.m4a"
    path.touch()
    with pytest.raises(AudioError, match="the file is empty"):
        read_audio(path)
    with path.open("rb") as file:
        pass
    with pytest.raises(AudioError, match="closed file"):
        read_audio(file)


def test_an_open_file_is_used_as_it_is_and_put_back(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav())
    with path.open("rb") as file:
        with open_source(file, "a") as source:
            assert source is file
        assert read_audio(file).name == str(path)
        assert read_audio(file).duration_s == 1  # a second time


def test_a_file_that_is_elsewhere_is_read_from_there() -> None:
    file = io.BytesIO(b"header" + wav())
    file.seek(6)
    assert read_audio(file).digest() == read_audio(wav()).digest()


def test_a_pipe_is_heard_like_the_file(tmp_path: Path) -> None:
    data = wav()
    pipe = Pipe([data[:10], data[10:11], data[11:]])
    assert read_audio(pipe).digest() == read_audio(data).digest()  # type: ignore[arg-type]


def test_an_object_that_can_only_be_read_is_enough() -> None:
    class Body:  # as object stores give it
        def __init__(self) -> None:
            self._file = io.BytesIO(wav())

        def read(self, size: int = -1) -> bytes:
            return self._file.read(size)

    assert read_audio(Body()).duration_s == 1  # type: ignore[arg-type]


def test_a_file_opened_as_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav())
    with path.open(encoding="latin-1") as file, pytest.raises(AudioError, match="open it as bytes, with mode 'rb'"):
        read_audio(file)  # type: ignore[arg-type]


def test_a_pipe_without_end_is_refused_and_fills_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Pipe):
        def read(self, size: int = -1) -> bytes:
            return bytes(max(0, size))

    monkeypatch.setattr("hearfelt.audio.inputs.MOST_PIPED_BYTES", 3 << 20)
    with pytest.raises(AudioError, match="more than 3,145,728 bytes came through the pipe"):
        read_audio(Endless([]))  # type: ignore[arg-type]


def test_a_pipe_that_breaks_is_refused_with_the_reason() -> None:
    class Broken(Pipe):
        def read(self, size: int = -1) -> bytes:
            if size:
                raise OSError(5, "Input/output error")
            return b""

    with pytest.raises(AudioError, match=r"cannot be read \(Input/output error\)"):
        read_audio(Broken([]))  # type: ignore[arg-type]


def test_what_is_saved_can_be_read_twice_and_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearfelt.audio.inputs._IN_MEMORY", 1 << 20)
    pipe: BinaryIO = Pipe([wav(np.tile(TONE, 60))])  # type: ignore[assignment]
    with saved(pipe, "standard input") as file:  # 2 MB, more than is held in memory
        assert read_audio(file).duration_s == 60
        with open_audio(file) as reader:
            assert reader.name == "standard input"
            assert reader.duration_s == 60


def test_a_wav_that_grows_is_read_as_far_as_it_said(tmp_path: Path) -> None:
    path = tmp_path / "growing.wav"
    path.write_bytes(wav(np.tile(TONE, 40)))
    with open_audio(path) as reader:
        parts = reader.parts()
        heard = len(next(parts))
        with path.open("ab") as file:
            file.write(bytes(1 << 20))
        assert heard + sum(len(part) for part in parts) == 40 * RATE


TWO = np.stack([np.linspace(-0.5, 0.5, 4_000), np.zeros(4_000)]).astype(np.float32)  # (channels, n)


@pytest.mark.parametrize(
    "sound",
    [
        (8_000, TWO),
        (TWO, 8_000),
        (8_000, TWO.T),
        (TWO.T, 8_000.0),
        (torch.from_numpy(TWO), 8_000),
        (8_000, torch.from_numpy(TWO.T.copy()).requires_grad_()),
        {"array": TWO, "sampling_rate": 8_000},
        {"raw": TWO, "sampling_rate": 8_000},
    ],
    ids=["SciPy", "torchaudio", "Gradio", "soundfile", "tensor", "gradient", "datasets", "transformers"],
)
def test_samples_that_come_with_their_rate_are_the_same_sound(sound: object) -> None:
    audio = read_audio(sound)  # type: ignore[arg-type]
    assert (audio.rate_hz, audio.channels) == (8_000, 2)
    np.testing.assert_allclose(audio.samples, TWO.mean(axis=0), atol=1e-6)


def test_a_tensor_is_samples() -> None:
    expected = read_audio(TWO, 8_000).samples
    np.testing.assert_array_equal(read_audio(torch.from_numpy(TWO), 8_000).samples, expected)


@pytest.mark.parametrize(
    ("sound", "rate_hz", "fault"),
    [
        ((8_000, TWO), 16_000, "16000 Hz for samples at 8000 Hz"),
        ((TWO,), None, "a pair of samples and their rate"),
        ((8_000, 16_000), None, "a pair of samples and their rate"),
        ({"path": "a.wav"}, None, "a mapping with path; array and sampling_rate are wanted"),
        (torch.zeros(4_000, dtype=torch.bfloat16), 8_000, "bfloat16"),
    ],
)
def test_what_is_no_sound_is_refused(sound: object, rate_hz: int | None, fault: str) -> None:
    with pytest.raises(AudioError, match=fault):
        read_audio(sound, rate_hz)  # type: ignore[arg-type]


def test_everything_else_is_left_alone() -> None:
    assert with_rate("a.wav", None) == ("a.wav", None)
