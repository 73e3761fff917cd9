"""Which decoder a file is for: told by its first bytes, whatever its name says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Final

import numpy as np

from hearfelt.containers import refuse_cut_short
from hearfelt.errors import AudioError
from hearfelt.pyav_file import container_of, is_installed, open_pyav_file
from hearfelt.sample_arrays import Samples
from hearfelt.sound_file import Block, Decoded, open_sound_file

__all__ = ["one_channel", "open_decoder"]

STEP_16_BIT: Final = np.float32(1 / 32_768)


@contextmanager
def open_decoder(file: BinaryIO, name: str) -> Iterator[Decoded]:
    """Open a file with whatever reads it: libsndfile in the base install, or PyAV.

    Args:
        file: at its beginning, and seekable.
        name: what messages call it.

    Raises:
        AudioError: if it was cut short or is encrypted, nothing reads it, or what reads it is not installed.
    """
    try:
        refuse_cut_short(file, name)
        file.seek(0)
        container = container_of(file)
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error
    with ExitStack() as stack:
        if container is not None:
            yield stack.enter_context(open_pyav_file(file, container, name))
            return
        try:
            decoded = stack.enter_context(open_sound_file(file, name))
        except AudioError:
            file.seek(0)
            container = container_of(file, shared=True)
            if container is None or not is_installed():
                raise
            decoded = stack.enter_context(open_pyav_file(file, container, name))
        yield decoded


def one_channel(blocks: Iterable[Block], channel: int | None) -> Iterator[Samples]:
    """Make one channel of blocks, and scale whole numbers to -1 to 1.

    Args:
        blocks: ``(n, channels)`` int16 or float32.
        channel: the one that is taken; None mixes all.

    Yields:
        ``(n,)`` float32.

    Example:
        >>> [part.tolist() for part in one_channel([np.array([[16384, 0]], np.int16)], None)]
        [[0.25]]
    """
    for block in blocks:
        if channel is not None and block.shape[1] > 1:
            block = block[:, channel : channel + 1]  # (n, channels) -> (n, 1)
        scaled = block * STEP_16_BIT if block.dtype == np.int16 else block
        yield scaled.mean(axis=1) if scaled.shape[1] > 1 else np.ascontiguousarray(scaled[:, 0])
