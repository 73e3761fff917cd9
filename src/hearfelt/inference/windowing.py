"""Divide sound of any length into blocks for a network, and average the outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.audio.reader import BLOCK, SHORTEST_S, AudioReader, Samples, refuse_silence, resample

__all__ = ["RATE_HZ", "BlockOutput", "block_weights", "blocks_of", "centred", "frame_powers", "pooled", "resampled"]

Floats = npt.NDArray[np.float64]

RATE_HZ: Final = 16_000  # of every model that takes sound
FRAME: Final = RATE_HZ // 50  # 320 samples, 20 ms
QUIETER_DB: Final = 40.0  # a frame further than this below the clip's loudest is a pause
LONG_S: Final = 60.0  # a longer sound is resampled while it is read, and never held as a whole


@dataclass(frozen=True, eq=False)
class BlockOutput:
    """The network's output for one block, and how loud the block is.

    Attributes:
        output: ``(classes,)`` logits, or ``(d,)`` an embedding.
        powers: ``(frames,)`` power of each 20 ms.
    """

    output: Floats
    powers: Floats


def blocks_of(reader: AudioReader, window_s: float) -> Iterator[Samples]:
    """Read a sound to its end, at 16 kHz, in equal blocks as long as ``window_s`` allows.

    A sound of more than 60 s is decoded and resampled part by part: memory does not grow with its length, and the
    blocks are the same as if it had been read whole.

    Args:
        reader: an open sound.
        window_s: the longest block; 0 for one block, however long.

    Yields:
        ``(n,)`` float32, at least 0.1 s.

    Raises:
        AudioError: if the sound cannot be read to its end, is too short or silent.

    Example:
        >>> from hearfelt.audio.reader import open_audio
        >>> tone = np.sin(np.arange(40_000) / 9)
        >>> with open_audio(tone, 8_000) as reader:
        ...     [len(block) for block in blocks_of(reader, 2.0)]
        [26667, 26667, 26666]
    """
    if reader.lasts_longer_than(LONG_S):
        yield from _divided(resampled(reader), _block_length(reader.frames, reader.rate_hz, window_s))
        refuse_silence(reader)
        return
    audio = reader.whole()
    refuse_silence(audio)
    length = _block_length(len(audio.samples), audio.rate_hz, window_s)
    yield from _divided(iter([resample(centred(audio.samples), audio.rate_hz, RATE_HZ)]), length)


def frame_powers(block: Samples) -> Floats:
    """Measure the power of each 20 ms of a block, less its mean, so that an offset counts for nothing.

    Args:
        block: ``(n,)`` at 16 kHz, at least 20 ms; a rest of less than 20 ms at its end is left out.

    Example:
        >>> frame_powers(np.array([1, -1] * 160 + [5] * 320, np.float32)).tolist()
        [1.0, 0.0]
    """
    frames = block[: len(block) // FRAME * FRAME].reshape(-1, FRAME)  # (frames, samples)
    powers: Floats = frames.var(axis=1, dtype=np.float64)
    return powers


def pooled(outputs: Sequence[BlockOutput]) -> Floats:
    """Average the outputs of blocks, each weighted by how much sound is in it.

    A block weighs as many seconds as it has frames of 20 ms within 40 dB of the loudest frame of the whole clip. A
    block without any, a pause, is not counted.

    Example:
        >>> loud, pause = np.full(50, 1.0), np.full(50, 1e-9)
        >>> pooled([BlockOutput(np.array([2.0]), loud), BlockOutput(np.array([8.0]), pause)]).tolist()
        [2.0]
    """
    if len(outputs) == 1:
        return outputs[0].output
    weights = block_weights([one.powers for one in outputs])
    mean: Floats = np.average(np.stack([one.output for one in outputs]), axis=0, weights=weights)
    return mean


def block_weights(powers: Sequence[Floats]) -> Floats:
    """Measure how much sound is in each block, in seconds: ``(blocks,)``; 0 for a pause.

    Args:
        powers: of each block, as :func:`frame_powers` measures them.
    """
    least = max(float(one.max()) for one in powers) * 10 ** (-QUIETER_DB / 10)
    weights: Floats = np.array([np.count_nonzero(one >= least) for one in powers]) * (FRAME / RATE_HZ)
    return weights


def centred(samples: Samples) -> Samples:
    """Subtract the offset, the mean of the first 2¹⁸ samples.

    Resampled with an offset, a sound would begin and end with a click.

    Example:
        >>> centred(np.array([3.0, 5.0], np.float32)).tolist()
        [-1.0, 1.0]
    """
    moved: Samples = samples - samples[:BLOCK].mean(dtype=np.float64).astype(np.float32)
    return moved


def _centred_parts(parts: Iterator[Samples]) -> Iterator[Samples]:
    held: list[Samples] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= BLOCK:
            break
    first = np.concatenate([np.zeros(0, np.float32), *held])
    offset = first[:BLOCK].mean(dtype=np.float64).astype(np.float32) if len(first) else np.float32(0)
    yield first - offset
    for part in parts:
        yield part - offset


def _block_length(frames: int, rate_hz: int, window_s: float) -> int:
    if not frames and window_s:  # unknown length: then every block has the longest length
        return round(window_s * RATE_HZ)
    samples = max(1, math.ceil(frames * RATE_HZ / rate_hz))
    blocks = math.ceil(samples / round(window_s * RATE_HZ)) if window_s else 1
    return math.ceil(samples / blocks)


def resampled(reader: AudioReader, *, is_centred: bool = True) -> Iterator[Samples]:
    """Read a sound to its end at 16 kHz, in parts of some seconds.

    Args:
        reader: an open sound.
        is_centred: whether the offset is subtracted; in a stream it is not known beforehand.

    Yields:
        ``(n,)`` float32, one after another; together sample for sample what resampling the whole gives.

    Raises:
        AudioError: if the sound cannot be read to its end, or is too short.
    """
    import soxr

    parts = _centred_parts(reader.parts()) if is_centred else reader.parts()
    if reader.rate_hz == RATE_HZ:
        yield from parts
        return
    # In parts this gives, sample for sample, what hearfelt.audio.reader.resample gives for the whole.
    stream = soxr.ResampleStream(reader.rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
    for part in parts:
        yield stream.resample_chunk(np.ascontiguousarray(part))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _divided(parts: Iterator[Samples], length: int) -> Iterator[Samples]:
    held: list[Samples] = []
    size, given = 0, 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size < length:
            continue
        joined = held[0] if len(held) == 1 else np.concatenate(held)
        whole = size - size % length
        for start in range(0, whole, length):
            yield joined[start : start + length]
        given += whole
        held, size = [joined[whole:]], size - whole
    # A rest of less than 0.1 s is only there if the file holds more than its header says.
    if size >= SHORTEST_S * RATE_HZ or (size and not given):
        yield held[0] if len(held) == 1 else np.concatenate(held)
