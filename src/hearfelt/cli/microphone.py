"""The microphone, through the optional package sounddevice."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from hearfelt.errors import AudioError, ExtraMissingError, require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BLOCK_S", "microphone"]

BLOCK_S: Final = 0.1
"""How long one block of samples is."""

_PATIENCE_S: Final = 5.0  # without a block for this long, the microphone was unplugged


@contextmanager
def microphone(name: str | None = None) -> Iterator[tuple[int, Iterator[NDArray[np.float32]]]]:
    """Open a microphone; it is closed when this ends.

    Args:
        name: a number, or part of a name, as ``python -m sounddevice`` lists them; by default the system's.

    Yields:
        The rate in Hz, and blocks ``(n,)`` of 0.1 s, one channel, as they come.

    Raises:
        ExtraMissingError: if sounddevice, or the library PortAudio under it, is not installed.
        AudioError: if there is no microphone, it cannot be opened, or it gives nothing any more.
    """
    device = _sounddevice()
    blocks: queue.SimpleQueue[NDArray[np.float32]] = queue.SimpleQueue()

    def keep(samples: NDArray[np.float32], frames: int, times: object, status: object) -> None:
        blocks.put(samples[:, 0].copy())  # (n, 1) -> (n,); sounddevice uses its array again

    wanted = int(name) if name is not None and name.isdecimal() else name
    try:
        found = device.query_devices(wanted, "input")
        rate_hz = round(found["default_samplerate"])
        stream = device.InputStream(
            rate_hz, round(BLOCK_S * rate_hz), found["index"], channels=1, dtype="float32", callback=keep
        )
        stream.start()
    except (device.PortAudioError, ValueError) as error:
        called = "no microphone" if name is None else f"no microphone {name!r}"
        raise AudioError(f"{called} can be opened ({_reason(error)}); connect one, or give --file") from error
    with stream:
        yield rate_hz, _coming(blocks, str(found["name"]))


def _sounddevice() -> Any:
    try:
        return require("sounddevice", "listen")
    except OSError as error:  # its wheel for Linux comes without the library
        raise ExtraMissingError(
            "the library PortAudio is not installed; a microphone needs it: apt install libportaudio2, or give --file"
        ) from error


def _coming(blocks: queue.SimpleQueue[NDArray[np.float32]], name: str) -> Iterator[NDArray[np.float32]]:
    while True:
        try:
            yield blocks.get(timeout=_PATIENCE_S)
        except queue.Empty:
            raise AudioError(f"{name}: no sound came for {_PATIENCE_S:.0f} s; check that it is still there") from None


def _reason(error: Exception) -> str:
    return str(error.args[0] if error.args else error).strip().rstrip(".").lower()
